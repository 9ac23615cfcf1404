import { ExitCode, fail } from '../../../src/cli/exit.js';
import { CtlCommand } from '../../../src/ctl/command.js';

export default class RoleDelete extends CtlCommand {
  static override summary = 'Delete a role';
  static override usage = '<role name> [flags]';

  override async run(): Promise<void> {
    const { args } = this.input(RoleDelete);
    const [name] = args;
    if (name === undefined || args.length !== 1) {
      fail(ExitCode.badArgs, 'role delete command requires role name as its argument');
    }
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    const answer = await session.client.auth.roleDelete(name);
    session.printer.print('roleDelete', { role: name, answer });
  }
}
