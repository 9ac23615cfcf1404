import { ExitCode, fail } from '../../../src/cli/exit.js';
import { CtlCommand } from '../../../src/ctl/command.js';

export default class UserGrantRole extends CtlCommand {
  static override summary = 'Give a role to a user';
  static override usage = '<user name> <role name> [flags]';

  override async run(): Promise<void> {
    const { args } = this.input(UserGrantRole);
    const [user, role] = args;
    if (user === undefined || role === undefined || args.length !== 2) {
      fail(ExitCode.badArgs, 'user grant command requires user name and role name as its argument');
    }
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    const answer = await session.client.auth.userGrantRole(user, role);
    session.printer.print('userGrantRole', { user, role, answer });
  }
}
