import { ExitCode, fail } from '../../../src/cli/exit.js';
import { flag } from '../../../src/cli/flags.js';
import { CtlCommand } from '../../../src/ctl/command.js';
import { parseLeaseArg } from '../../../src/ctl/ids.js';

export default class LeaseTimeToLive extends CtlCommand {
  static override summary = 'Print how long a lease has to live';
  static override usage = '<leaseID> [options] [flags]';
  static override flags = {
    keys: flag.bool('print the keys that hang on it, too'),
  };

  override async run(): Promise<void> {
    const { args, flags } = this.input(LeaseTimeToLive);
    const [text] = args;
    if (text === undefined || args.length !== 1) {
      fail(ExitCode.badArgs, 'lease timetolive command needs lease ID as argument');
    }
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    const lease = parseLeaseArg(text);
    const { orBadConnection } = await import('../../../src/ctl/wrap-error.js');
    const answer = await orBadConnection(session.client.lease.timeToLive(lease, { keys: flags.keys }));
    session.printer.print(flags.keys ? 'timeToLiveKeys' : 'timeToLive', answer);
  }
}
