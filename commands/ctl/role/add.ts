import { ExitCode, fail } from '../../../src/cli/exit.js';
import { CtlCommand } from '../../../src/ctl/command.js';

export default class RoleAdd extends CtlCommand {
  static override summary = 'Make a role';
  static override usage = '<role name> [flags]';

  override async run(): Promise<void> {
    const { args } = this.input(RoleAdd);
    const [name] = args;
    if (name === undefined || args.length !== 1) {
      fail(ExitCode.badArgs, 'role add command requires role name as its argument');
    }
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    const answer = await session.client.auth.roleAdd(name);
    session.printer.print('roleAdd', { role: name, answer });
  }
}
