import { ExitCode, fail } from '../../../src/cli/exit.js';
import { CtlCommand } from '../../../src/ctl/command.js';

export default class UserDelete extends CtlCommand {
  static override summary = 'Delete a user';
  static override usage = '<user name> [flags]';

  override async run(): Promise<void> {
    const { args } = this.input(UserDelete);
    const [name] = args;
    if (name === undefined || args.length !== 1) {
      fail(ExitCode.badArgs, 'user delete command requires user name as its argument');
    }
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    const answer = await session.client.auth.userDelete(name);
    session.printer.print('userDelete', { user: name, answer });
  }
}
