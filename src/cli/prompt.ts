/** Asking for a password: on a terminal nothing typed is shown; otherwise a line of standard input is read. */
import { CliError, ExitCode } from './exit.js';
import type { Terminal } from './terminal.js';

interface RawMode {
  setRawMode(on: boolean): unknown;
}
const hasRawMode = (stream: object): stream is RawMode => 'setRawMode' in stream;

const enter = /[\r\n]/;
const INTERRUPT = '\x03';
const END_OF_INPUT = '\x04';
const erase = new Set(['\x7f', '\b']);

/** The line without its end, empty when input ends before it; throws CliError when it is interrupted. */
export async function askPassword(io: Terminal, prompt: string): Promise<string> {
  const { stdin, stdout } = io;
  stdout.write(prompt);
  const isTerminal = stdin.isTTY === true && hasRawMode(stdin);
  if (isTerminal) stdin.setRawMode(true);
  try {
    return await readSecret(stdin, isTerminal);
  } finally {
    if (isTerminal) stdin.setRawMode(false);
    stdout.write('\n');
  }
}

function readSecret(stdin: Terminal['stdin'], isTerminal: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed = '';
    const finish = (settle: () => void): void => {
      stdin.off('data', onData);
      stdin.off('end', onEnd);
      // Now, not later: a flowing stream without a reader throws away what it has.
      stdin.pause();
      settle();
    };
    const onEnd = (): void => finish(() => resolve(typed));
    const onData = (chunk: Buffer | string): void => {
      const text = chunk.toString();
      for (let at = 0; at < text.length; at++) {
        const char = text[at] ?? '';
        if (enter.test(char)) {
          // What was typed ahead belongs to the next question.
          const rest = text.slice(at + 1);
          finish(() => {
            if (rest !== '') stdin.unshift(Buffer.from(rest));
            resolve(typed);
          });
          return;
        }
        if (isTerminal && char === INTERRUPT) {
          finish(() => reject(new CliError(ExitCode.error, 'interrupted')));
          return;
        }
        if (isTerminal && char === END_OF_INPUT) {
          onEnd();
          return;
        }
        typed = isTerminal && erase.has(char) ? typed.slice(0, -1) : typed + char;
      }
    };
    stdin.on('data', onData);
    stdin.on('end', onEnd);
    stdin.resume();
  });
}
