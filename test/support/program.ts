/**
 * Programs as processes of their own: run to their end, or started, listened to and ended by process id. Of this
 * process's environment they have PATH alone, besides what they are given: `ETCD_…` variables are flags, and a
 * certificate file to read costs time at each start.
 */
import { StringDecoder } from 'node:string_decoder';
import { execa, execaSync } from 'execa';

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: this process's. */
  readonly cwd?: string;
  /** Standard input is kept open for what is typed later, `child.stdin.write`; default nothing. */
  readonly stdin?: 'pipe' | 'ignore';
}

interface RunOptions extends ProgramOptions {
  /** On its standard input; default nothing. */
  readonly input?: string;
  /** Ended after it; default never. */
  readonly timeoutMs?: number;
}

export interface ProgramEnd {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const execaOptions = ({
  env,
  cwd,
  input,
  stdin = 'ignore',
  timeoutMs,
}: RunOptions & { stdin?: 'pipe' | 'ignore' }) => ({
  env: { PATH: process.env.PATH, ...env },
  extendEnv: false,
  stripFinalNewline: false,
  ...(cwd !== undefined && { cwd }),
  ...(input === undefined ? { stdin } : { input }),
  ...(timeoutMs !== undefined && { timeout: timeoutMs }),
});

/** Resolves however it ends; rejects when it cannot be started. */
export async function runProgram(
  file: string,
  words: readonly string[],
  options: RunOptions = {},
): Promise<ProgramEnd> {
  const end = await execa(file, words, { ...execaOptions(options), reject: false });
  const { exitCode = null, signal = null, stdout, stderr } = end;
  if (exitCode === null && signal === null) throw end;
  return { code: exitCode, signal, stdout, stderr };
}

/** Its standard output; rejects with execa's error, which has the exit code and both outputs, unless all went well. */
export const outputOf = async (file: string, words: readonly string[], options: RunOptions = {}): Promise<string> =>
  (await execa(file, words, execaOptions(options))).stdout;

/** The same while nothing else happens in this process. */
export const outputOfSync = (file: string, words: readonly string[], options: RunOptions = {}): string =>
  execaSync(file, words, execaOptions(options)).stdout;

/** A program that runs for long: a member, a watch. Killed when the test is done. */
export class RunningProgram implements AsyncDisposable {
  /** All it wrote, and what of it came on either way. */
  output = '';
  stdout = '';
  stderr = '';
  readonly child;
  readonly #closed: Promise<unknown>;

  constructor(file: string, words: readonly string[], options: ProgramOptions = {}) {
    this.child = execa(file, words, {
      ...execaOptions(options),
      buffer: false,
      reject: false,
      // A stop takes the time that it takes.
      forceKillAfterDelay: false,
    });
    this.#closed = this.child;
    for (const name of ['stdout', 'stderr'] as const) {
      const decoder = new StringDecoder();
      this.child[name].on('data', (chunk: Buffer) => {
        const text = decoder.write(chunk);
        this[name] += text;
        this.output += text;
      });
    }
  }

  get pid(): number {
    const { pid } = this.child;
    if (pid === undefined) throw new Error('it never ran');
    return pid;
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Rejects with what it said when it ends before, or says nothing of the kind in a minute. */
  async untilSays(text: string | RegExp): Promise<void> {
    const isSaid = (): boolean => (typeof text === 'string' ? this.output.includes(text) : text.test(this.output));
    for (let attempt = 0; !isSaid(); attempt++) {
      if (this.hasEnded) throw new Error(`the program ended:\n${this.output.slice(-40_000)}`);
      if (attempt === 1200) throw new Error(`the program did not say "${text}":\n${this.output.slice(-4000)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Sends a signal, whatever it does with it. */
  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Stands still until `resume`, as on a machine that hangs. */
  pause(): void {
    this.signal('SIGSTOP');
  }

  resume(): void {
    this.signal('SIGCONT');
  }

  /** Its exit code; null when a signal ended it. */
  async ended(): Promise<number | null> {
    await this.#closed;
    return this.child.exitCode;
  }

  /** At once, with no chance to do anything. */
  async kill(): Promise<void> {
    if (!this.hasEnded) this.signal('SIGKILL');
    await this.#closed;
  }

  /** In order. */
  async stop(): Promise<void> {
    if (!this.hasEnded) this.signal('SIGTERM');
    await this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}
