/** Runs another program on our own output, as Go's exec.Cmd.Run. */
import { constants } from 'node:os';
import { goQuote } from '../go/quote.js';
import { pathErrorText } from '../go/system-error.js';
import { rawBytes } from '../raw-text.js';

export interface CommandEnd {
  /** 0 = it went well; -1 = it was ended by a signal or never ran. */
  readonly exitCode: number;
  /**
   * In Go's words: `exit status 3`, `signal: killed`, `exec: "x": executable file not found in $PATH`. Undefined = it
   * went well.
   */
  readonly failure: string | undefined;
  readonly wasSignaled: boolean;
}

/** Resolves when the program has ended. `input` says whether it may read our standard input. */
export async function runCommand(
  argv: readonly string[],
  options: { readonly env: Readonly<Record<string, string | undefined>>; readonly input: 'none' | 'ours' },
): Promise<CommandEnd> {
  const { execa } = await import('execa');
  const raw = Object.entries(options.env).filter(
    (entry): entry is [string, string] => NAME.test(entry[0]) && entry[1]?.isWellFormed() === false,
  );
  const isText = raw.length === 0 && argv.every((word) => word.isWellFormed());
  const [program = '', ...args] = isText ? argv : throughShell(argv, raw);
  const ended = await execa(program, args, {
    env: options.env as Record<string, string>,
    extendEnv: false,
    stdin: options.input === 'ours' ? 'inherit' : 'ignore',
    stdout: 'inherit',
    stderr: 'inherit',
    reject: false,
    // What etcdctl starts is not ended with it.
    cleanup: false,
  });
  return endOf(argv[0] ?? '', ended);
}

interface Ended {
  readonly exitCode?: number | undefined;
  readonly signal?: NodeJS.Signals | undefined;
  readonly code?: string | undefined;
  readonly cause?: unknown;
}

/** In Go's words. */
export function endOf(program: string, { exitCode, signal, code, cause }: Ended): CommandEnd {
  if (exitCode === 0) return { exitCode: 0, failure: undefined, wasSignaled: false };
  if (exitCode !== undefined) return { exitCode, failure: `exit status ${exitCode}`, wasSignaled: false };
  if (signal !== undefined) return { exitCode: -1, failure: `signal: ${signalText(signal)}`, wasSignaled: true };
  return { exitCode: -1, failure: startFailure(program, code, cause), wasSignaled: false };
}

/** What a shell takes for the name of a variable. */
const NAME = /^[A-Za-z_]\w*$/;

/**
 * Node passes on words and variables only as UTF-8. Others reach the program through the shell, which can write any
 * byte and then becomes the program itself; the final `x` keeps line ends that a substitution would cut off.
 */
function throughShell(
  argv: readonly string[],
  variables: readonly (readonly [name: string, value: string])[],
): readonly string[] {
  const octal = (word: string): string =>
    [...rawBytes(word)].map((byte) => `\\0${byte.toString(8).padStart(3, '0')}`).join('');
  const assign = (name: string, word: string): string =>
    `${name}=$(printf %b '${octal(word)}x'); ${name}=\${${name}%x}`;
  const steps = [
    ...argv.map((word, at) => assign(`w${at}`, word)),
    ...variables.map(([name, value]) => `${assign(name, value)}; export ${name}`),
  ];
  const words = argv.map((_, at) => `"$w${at}"`);
  return ['/bin/sh', '-c', `${steps.join('; ')}; exec ${words.join(' ')}`];
}

function startFailure(program: string, code: string | undefined, cause: unknown): string {
  if (code === 'ENOENT' && !program.includes('/'))
    return `exec: ${goQuote(program)}: executable file not found in $PATH`;
  return pathErrorText('fork/exec', program, cause instanceof Error ? cause : Object.assign(new Error(), { code }));
}

const signalTexts: Readonly<Record<string, string>> = {
  SIGABRT: 'aborted',
  SIGHUP: 'hangup',
  SIGINT: 'interrupt',
  SIGKILL: 'killed',
  SIGPIPE: 'broken pipe',
  SIGQUIT: 'quit',
  SIGSEGV: 'segmentation fault',
  SIGTERM: 'terminated',
};

function signalText(signal: NodeJS.Signals): string {
  return signalTexts[signal] ?? `signal ${constants.signals[signal]}`;
}
