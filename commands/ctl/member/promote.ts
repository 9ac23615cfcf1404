import { CtlCommand } from '../../../src/ctl/command.js';
import { memberOf } from '../../../src/ctl/ids.js';

export default class MemberPromote extends CtlCommand {
  static override summary = 'Let a learner vote';
  static override usage = '<memberID> [flags]';

  override async run(): Promise<void> {
    const { args } = this.input(MemberPromote);
    const member = memberOf(args);
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    const answer = await session.client.cluster.promote(member, session.limits);
    session.printer.print('memberPromote', { member, answer });
  }
}
