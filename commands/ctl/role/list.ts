import { ExitCode, fail } from '../../../src/cli/exit.js';
import { CtlCommand } from '../../../src/ctl/command.js';

export default class RoleList extends CtlCommand {
  static override summary = 'Print all roles';

  override async run(): Promise<void> {
    const { args } = this.input(RoleList);
    if (args.length !== 0) fail(ExitCode.badArgs, 'role list command requires no arguments');
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    session.printer.print('roleList', await session.client.auth.roleList());
  }
}
