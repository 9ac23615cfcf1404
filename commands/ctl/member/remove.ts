import { CtlCommand } from '../../../src/ctl/command.js';
import { memberOf } from '../../../src/ctl/ids.js';

export default class MemberRemove extends CtlCommand {
  static override summary = 'Remove a member from the cluster';
  static override usage = '<memberID> [flags]';

  override async run(): Promise<void> {
    const { args } = this.input(MemberRemove);
    const member = memberOf(args);
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    const answer = await session.client.cluster.remove(member, session.limits);
    session.printer.print('memberRemove', { member, answer });
  }
}
