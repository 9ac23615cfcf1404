/**
 * Reads a transaction from lines: conditions, then what to do when they hold, then what to do otherwise, each part
 * ended by an empty line. Input that ends before the third empty line is refused.
 */

import { ExitCode, fail } from '../../cli/exit.js';
import type { Compare, RequestOp } from '../../proto/gen/etcdserverpb.js';
import { parseCompare } from './compare.js';
import { type ParsedRequest, parseRequest } from './request.js';

export interface TransactionText {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}

export type Line = { readonly text: string; readonly complete: boolean };

/** `prompt` is called before each part; `onDoubt` for deletions of a range that may be a slip. */
export async function readTransaction(
  lines: AsyncIterator<Line>,
  hooks: { prompt(text: string): void; onDoubt(range: { key: string; end: string }): Promise<void> },
): Promise<TransactionText> {
  hooks.prompt('compares:');
  const conditions: Compare[] = [];
  for await (const line of part(lines)) conditions.push(parseCompare(line));
  const requests = async (prompt: string): Promise<RequestOp[]> => {
    hooks.prompt(prompt);
    const ops: RequestOp[] = [];
    for await (const line of part(lines)) {
      const request: ParsedRequest = parseRequest(line);
      if (request.doubtful !== undefined) await hooks.onDoubt(request.doubtful);
      ops.push(request.op);
    }
    return ops;
  };
  const success = await requests('success requests (get, put, del):');
  const failure = await requests('failure requests (get, put, del):');
  return { compare: conditions, success, failure };
}

/** The lines up to the next empty one, without blanks around them. */
async function* part(lines: AsyncIterator<Line>): AsyncGenerator<string> {
  for (;;) {
    const next = await lines.next();
    if (next.done === true || !next.value.complete) fail(ExitCode.invalidInput, 'EOF');
    const line = next.value.text.replace(/^[\t\n\v\f\r ]+|[\t\n\v\f\r ]+$/g, '');
    if (line === '') return;
    yield line;
  }
}
