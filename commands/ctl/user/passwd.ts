import { ExitCode, fail } from '../../../src/cli/exit.js';
import { flag } from '../../../src/cli/flags.js';
import { CtlCommand } from '../../../src/ctl/command.js';

export default class UserPasswd extends CtlCommand {
  static override summary = "Change a user's password";
  static override usage = '<user name> [options] [flags]';
  static override flags = {
    interactive: flag.bool('ask for the password; with =false it is read from standard input', { default: true }),
  };

  override async run(): Promise<void> {
    const { args, flags } = this.input(UserPasswd);
    const [user] = args;
    if (user === undefined || args.length !== 1) {
      fail(ExitCode.badArgs, 'user passwd command requires user name as its argument');
    }
    const { newPassword } = await import('../../../src/ctl/new-password.js');
    const password = await newPassword(this.io, user, flags);
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    session.printer.print('userChangePassword', await session.client.auth.userChangePassword(user, password));
  }
}
