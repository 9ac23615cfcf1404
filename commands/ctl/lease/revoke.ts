import { ExitCode, fail } from '../../../src/cli/exit.js';
import { CtlCommand } from '../../../src/ctl/command.js';
import { parseLeaseArg } from '../../../src/ctl/ids.js';

export default class LeaseRevoke extends CtlCommand {
  static override summary = 'End a lease and delete its keys';
  static override usage = '<leaseID> [flags]';

  override async run(): Promise<void> {
    const { args } = this.input(LeaseRevoke);
    const [text] = args;
    if (text === undefined || args.length !== 1) fail(ExitCode.badArgs, 'lease revoke command needs 1 argument');
    const lease = parseLeaseArg(text);
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    const { wrapError } = await import('../../../src/ctl/wrap-error.js');
    const revoked = session.client.lease.revoke(lease, session.limits);
    const answer = await wrapError(revoked, (why) => `failed to revoke lease (${why})`);
    session.printer.print('revoke', { lease, answer });
  }
}
