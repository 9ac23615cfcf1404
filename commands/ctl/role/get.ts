import { ExitCode, fail } from '../../../src/cli/exit.js';
import { CtlCommand } from '../../../src/ctl/command.js';

export default class RoleGet extends CtlCommand {
  static override summary = 'Print what a role may';
  static override usage = '<role name> [flags]';

  override async run(): Promise<void> {
    const { args } = this.input(RoleGet);
    const [name] = args;
    if (name === undefined || args.length !== 1) {
      fail(ExitCode.badArgs, 'role get command requires role name as its argument');
    }
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    const answer = await session.client.auth.roleGet(name);
    session.printer.print('roleGet', { role: name, answer });
  }
}
