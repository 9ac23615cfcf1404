import { ExitCode, fail } from '../../../src/cli/exit.js';
import { type FlagValues, flag } from '../../../src/cli/flags.js';
import { CtlCommand } from '../../../src/ctl/command.js';

const flags = {
  interactive: flag.bool('ask for the password; with =false it is read from standard input', { default: true }),
  'new-user-password': flag.string('', 'the password'),
  'no-password': flag.bool('make a user that comes in by certificate only'),
} as const;

export default class UserAdd extends CtlCommand {
  static override summary = 'Make a user';
  static override usage = '<user name or user:password> [options] [flags]';
  static override flags = flags;

  override async run(): Promise<void> {
    const input = this.input(UserAdd);
    const [text] = input.args;
    if (text === undefined || input.args.length !== 1) {
      fail(ExitCode.badArgs, 'user add command requires user name as its argument');
    }
    const { user, password } = await this.#credentials(text, input.flags);
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    const answer = await session.client.auth.userAdd(user, password);
    session.printer.print('userAdd', { user, answer });
  }

  /** No password at all is something else than an empty one. */
  async #credentials(
    text: string,
    given: FlagValues<typeof flags>,
  ): Promise<{ user: string; password: string | undefined }> {
    if (given['no-password']) return { user: text, password: undefined };
    if (given['new-user-password'] !== '') return { user: text, password: given['new-user-password'] };
    const colon = text.indexOf(':');
    if (colon === 0) fail(ExitCode.badArgs, 'empty user name is not allowed');
    if (colon > 0) return { user: text.slice(0, colon), password: text.slice(colon + 1) };
    const { newPassword } = await import('../../../src/ctl/new-password.js');
    return { user: text, password: await newPassword(this.io, text, given) };
  }
}
