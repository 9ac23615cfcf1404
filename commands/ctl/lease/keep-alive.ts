import { ExitCode, fail } from '../../../src/cli/exit.js';
import { flag } from '../../../src/cli/flags.js';
import { CtlCommand } from '../../../src/ctl/command.js';
import { parseLeaseArg } from '../../../src/ctl/ids.js';

export default class LeaseKeepAlive extends CtlCommand {
  static override summary = 'Keep a lease alive, again and again or once';
  static override usage = '[options] <leaseID> [flags]';
  static override flags = {
    once: flag.bool('renew it once and end'),
  };

  override async run(): Promise<void> {
    const { args, flags } = this.input(LeaseKeepAlive);
    const [text] = args;
    if (text === undefined || args.length !== 1) {
      fail(ExitCode.badArgs, 'lease keep-alive command needs lease ID as argument');
    }
    const lease = parseLeaseArg(text);
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    const { client, printer } = session;
    if (flags.once) {
      const { orBadConnection } = await import('../../../src/ctl/wrap-error.js');
      printer.print('keepAlive', await orBadConnection(client.lease.keepAliveOnce(lease)));
      return;
    }
    for await (const renewal of client.keepAlive(lease)) printer.print('keepAlive', renewal);
    if (printer.format === 'simple') {
      const { leaseText } = await import('../../../src/ctl/print/go-text.js');
      this.print(`lease ${leaseText(lease)} expired or revoked.`);
    }
  }
}
