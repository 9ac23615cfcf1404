/** A new password: asked for twice on a terminal, or the first word of standard input, which may stay open. */
import { ExitCode, fail } from '../cli/exit.js';
import { askPassword } from '../cli/prompt.js';
import { readWord } from '../cli/stdin.js';
import type { Terminal } from '../cli/terminal.js';

export async function newPassword(
  io: Terminal,
  user: string,
  options: { readonly interactive: boolean },
): Promise<string> {
  if (!options.interactive) {
    return readWord(io.stdin);
  }
  const first = await askPassword(io, `Password of ${user}: `);
  if (first === '') fail(ExitCode.badArgs, 'empty password');
  const second = await askPassword(io, `Type password of ${user} again for confirmation: `);
  return first === second ? first : fail(ExitCode.badArgs, 'given passwords are different');
}
