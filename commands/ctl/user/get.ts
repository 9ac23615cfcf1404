import { ExitCode, fail } from '../../../src/cli/exit.js';
import { flag } from '../../../src/cli/flags.js';
import { CtlCommand } from '../../../src/ctl/command.js';

export default class UserGet extends CtlCommand {
  static override summary = 'Print the roles of a user';
  static override usage = '<user name> [options] [flags]';
  static override flags = {
    detail: flag.bool('print what the roles may, too'),
  };

  override async run(): Promise<void> {
    const { args, flags } = this.input(UserGet);
    const [name] = args;
    if (name === undefined || args.length !== 1) {
      fail(ExitCode.badArgs, 'user get command requires user name as its argument');
    }
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    const { client, printer } = session;
    const answer = await client.auth.userGet(name);
    if (!flags.detail) {
      printer.print('userGet', { user: name, answer });
      return;
    }
    this.print(`User: ${name}`);
    for (const role of answer.roles) {
      this.print('');
      printer.print('roleGet', { role, answer: await client.auth.roleGet(role) });
    }
  }
}
