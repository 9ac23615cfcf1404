/** Programs that run beside ours, in process groups of their own, so that a terminal's Ctrl-C reaches us alone. */
import type { Readable } from 'node:stream';

export interface ChildProcess {
  readonly pid: number;
  /** Lines of both outputs, as they come; ends with the program. */
  readonly lines: AsyncIterable<string>;
  /**
   * Resolves when it has ended, with what there is to say: `exit status 1`, `signal: SIGKILL`, `''` when all went well.
   */
  readonly ended: Promise<string>;
  signal(name: 'SIGTERM' | 'SIGKILL'): void;
}

/** The program's environment is `env` alone. Rejects when it cannot be started. */
export async function startChild(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<ChildProcess> {
  const { execa } = await import('execa');
  const child = execa(program, args, {
    env,
    extendEnv: false,
    stdin: 'ignore',
    all: true,
    buffer: false,
    reject: false,
    detached: true,
    cleanup: false,
  });
  const ended = child.then(({ exitCode, signal, message }) => {
    if (exitCode === 0) return '';
    if (exitCode !== undefined) return `exit status ${exitCode}`;
    return signal === undefined ? (message ?? 'failed') : `signal: ${signal}`;
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(await ended);
  return { pid, lines: linesOf(child.all), ended, signal: (name) => void child.kill(name) };
}

async function* linesOf(stream: Readable): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}
