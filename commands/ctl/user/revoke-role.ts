import { ExitCode, fail } from '../../../src/cli/exit.js';
import { CtlCommand } from '../../../src/ctl/command.js';

export default class UserRevokeRole extends CtlCommand {
  static override summary = 'Take a role from a user';
  static override usage = '<user name> <role name> [flags]';

  override async run(): Promise<void> {
    const { args } = this.input(UserRevokeRole);
    const [user, role] = args;
    if (user === undefined || role === undefined || args.length !== 2) {
      fail(ExitCode.badArgs, 'user revoke-role requires user name and role name as its argument');
    }
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    const answer = await session.client.auth.userRevokeRole(user, role);
    session.printer.print('userRevokeRole', { user, role, answer });
  }
}
