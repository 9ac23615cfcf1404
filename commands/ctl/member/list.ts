import { flag } from '../../../src/cli/flags.js';
import { CtlCommand } from '../../../src/ctl/command.js';
import { isSerializable } from '../../../src/ctl/kv-operations.js';

export default class MemberList extends CtlCommand {
  static override summary = 'Print all members of the cluster';
  static override description =
    `The simple output has, separated by commas: ID, status, name, peer addresses, client addresses, is learner.`;
  static override flags = {
    consistency: flag.string('l', 'linearizable (l) or serializable (s)'),
  };

  override async run(): Promise<void> {
    const { flags } = this.input(MemberList);
    const linearizable = !isSerializable(flags.consistency);
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    session.printer.print('memberList', await session.client.cluster.list({ linearizable, ...session.limits }));
  }
}
