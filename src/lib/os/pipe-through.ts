/** What another program makes of bytes. */
import { endOf } from './run-command.js';

/** Its standard error is ours. Rejects in Go's words when it cannot be run, or ends badly. */
export async function pipeThrough(
  program: string,
  { input, env }: { readonly input: Uint8Array; readonly env: Readonly<Record<string, string | undefined>> },
): Promise<Uint8Array> {
  const { execa } = await import('execa');
  const ended = await execa(program, [], {
    env: env as Record<string, string>,
    extendEnv: false,
    input,
    encoding: 'buffer',
    stderr: 'inherit',
    stripFinalNewline: false,
    maxBuffer: Number.MAX_SAFE_INTEGER,
    reject: false,
  });
  const { failure } = endOf(program, ended);
  if (failure !== undefined) throw new Error(failure);
  return ended.stdout;
}
