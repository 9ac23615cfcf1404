import { ExitCode, fail } from '../../../src/cli/exit.js';
import { CtlCommand } from '../../../src/ctl/command.js';

export default class AlarmDisarm extends CtlCommand {
  static override summary = 'Switch all alarms off';

  override async run(): Promise<void> {
    const { args } = this.input(AlarmDisarm);
    if (args.length !== 0) fail(ExitCode.badArgs, 'alarm disarm command accepts no arguments');
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    session.printer.print('alarm', await session.client.maintenance.disarm(undefined, session.limits));
  }
}
