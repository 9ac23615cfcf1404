import { ExitCode, fail } from '../../../src/cli/exit.js';
import { CtlCommand } from '../../../src/ctl/command.js';

export default class UserList extends CtlCommand {
  static override summary = 'Print all users';

  override async run(): Promise<void> {
    const { args } = this.input(UserList);
    if (args.length !== 0) fail(ExitCode.badArgs, 'user list command requires no arguments');
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    session.printer.print('userList', await session.client.auth.userList());
  }
}
