import { ExitCode, fail } from '../../../src/cli/exit.js';
import { CtlCommand } from '../../../src/ctl/command.js';

export default class AuthDisable extends CtlCommand {
  static override summary = 'Let everybody in';

  override async run(): Promise<void> {
    const { args } = this.input(AuthDisable);
    if (args.length !== 0) fail(ExitCode.badArgs, 'auth disable command does not accept any arguments');
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    await session.client.auth.disable(session.limits);
    this.print('Authentication Disabled');
  }
}
