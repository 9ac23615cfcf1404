import { CtlCommand } from '../../../src/cli/ctl-command.js';
import { ExitCode, fail } from '../../../src/cli/exit.js';
import { parseLeaseArg } from '../../../src/cli/ids.js';

export default class LeaseRevoke extends CtlCommand {
  static override summary = 'End a lease and delete its keys';
  static override usage = '<leaseID> [flags]';

  override async run(): Promise<void> {
    const { args } = this.input(LeaseRevoke);
    const [text] = args;
    if (text === undefined || args.length !== 1) fail(ExitCode.badArgs, 'lease revoke command needs 1 argument');
    const lease = parseLeaseArg(text);
    const globals = this.globals();
    const { openSession } = await import('../../../src/start/ctl-session.js');
    await using session = await openSession(globals, this.io);
    const { wrapError } = await import('../../../src/cli/wrap-error.js');
    const revoked = session.client.lease.revoke(lease, session.limits);
    session.printer.revoke(lease, await wrapError(revoked, (why) => `failed to revoke lease (${why})`));
  }
}
