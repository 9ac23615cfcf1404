import { ExitCode, fail } from '../../../src/cli/exit.js';
import { CtlCommand } from '../../../src/ctl/command.js';

export default class AuthStatus extends CtlCommand {
  static override summary = 'Say whether authentication is on';

  override async run(): Promise<void> {
    const { args } = this.input(AuthStatus);
    if (args.length !== 0) fail(ExitCode.badArgs, 'auth status command does not accept any arguments');
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    session.printer.print('authStatus', await session.client.auth.status(session.limits));
  }
}
