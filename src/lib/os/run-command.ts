/** Runs another program on our own output, as Go's exec.Cmd.Run. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { goQuote } from '../go/quote.js';
import { pathErrorText } from '../go/system-error.js';

export interface CommandEnd {
  /** 0 = it went well; -1 = it was ended by a signal or never ran. */
  readonly exitCode: number;
  /** In Go's words: `exit status 3`, `signal: killed`, `exec: "x": executable file not found in $PATH`. Undefined = it went well. */
  readonly failure: string | undefined;
}

/** Resolves when the program has ended. `input` says whether it may read our standard input. */
export function runCommand(
  argv: readonly string[],
  options: { readonly env: Readonly<Record<string, string | undefined>>; readonly input: 'none' | 'ours' },
): Promise<CommandEnd> {
  const [program = '', ...args] = argv;
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      env: options.env,
      stdio: [options.input === 'ours' ? 'inherit' : 'ignore', 'inherit', 'inherit'],
    });
    child.once('error', (error) => resolve({ exitCode: -1, failure: startFailure(program, error) }));
    child.once('exit', (code, signal) => {
      if (code === 0) resolve({ exitCode: 0, failure: undefined });
      else if (code !== null) resolve({ exitCode: code, failure: `exit status ${code}` });
      else resolve({ exitCode: -1, failure: `signal: ${signalText(signal)}` });
    });
  });
}

function startFailure(program: string, error: Error): string {
  const isMissing = 'code' in error && error.code === 'ENOENT';
  if (isMissing && !program.includes('/')) return `exec: ${goQuote(program)}: executable file not found in $PATH`;
  return pathErrorText('fork/exec', program, error);
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

function signalText(signal: NodeJS.Signals | null): string {
  if (signal === null) return 'unknown';
  return signalTexts[signal] ?? `signal ${constants.signals[signal]}`;
}
