/** Standard input, whole or by the line. */
import type { Readable } from 'node:stream';
import { rawText } from '../lib/raw-text.js';

/** Everything up to the end of input. */
export async function readAll(stdin: Readable): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stdin) chunks.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  return Buffer.concat(chunks);
}

/**
 * Lines without their `\n`, in latin1 (each char one byte, so that keys and values of any bytes pass through). The last
 * one may have no `\n`; `complete` tells, since bufio's readers treat it as the end of input.
 */
export async function* readLines(
  stdin: Readable,
): AsyncGenerator<{ readonly text: string; readonly complete: boolean }> {
  let rest = '';
  for await (const chunk of stdin) {
    rest += typeof chunk === 'string' ? Buffer.from(chunk).toString('latin1') : Buffer.from(chunk).toString('latin1');
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
      yield { text: rest.slice(0, end), complete: true };
      rest = rest.slice(end + 1);
    }
  }
  if (rest !== '') yield { text: rest, complete: false };
}

/**
 * The first word of the first line, as Go's `Scanf("%s")`: nothing is read beyond the blank that ends it, and an empty
 * line has none. Bytes that are no UTF-8 are kept.
 */
export async function readWord(stdin: Readable): Promise<string> {
  let typed = '';
  for await (const chunk of stdin) {
    typed += (typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk)).toString('latin1');
    if (/^[ \t\v\f\r]*(?:\n|\S[\s\S]*?\s)/.test(typed)) break;
  }
  const [, word = ''] = /^[ \t\v\f\r]*([^ \t\v\f\r\n]*)/.exec(typed) ?? [];
  return rawText(Buffer.from(word, 'latin1'));
}
