import { ExitCode, fail } from '../../../src/cli/exit.js';
import { CtlCommand } from '../../../src/ctl/command.js';

export default class AlarmList extends CtlCommand {
  static override summary = 'Print all active alarms';

  override async run(): Promise<void> {
    const { args } = this.input(AlarmList);
    if (args.length !== 0) fail(ExitCode.badArgs, 'alarm list command accepts no arguments');
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    session.printer.print('alarm', await session.client.maintenance.alarms(session.limits));
  }
}
