/** Where a request's head ends in what has come so far. */
import type { HttpPeer } from '../lib/http.js';
import { RefusedRequest, refusals } from './refusals.js';
import { readRequestLine } from './request-head.js';

/** As Go's, with the same allowance for what is read ahead. */
const MAX_HEAD_BYTES = 1024 * 1024 + 4096;
/** As etcd's cmux looks for HTTP/1, in as much of the first line: whatever the words are. */
const http1Line = /^[^ \n]* [^ \n]* HTTP\/1\.\d+\r?\n/;
const MAX_FIRST_LINE_BYTES = 4096;
/** As many as Go looks at. */
const MAX_BLANK_BYTES = 4;
const LF = 0x0a;
const CR = 0x0d;

export class HeadSearch {
  /** Where the end is looked for next. */
  #searched = 0;
  #isLineRead = false;
  #isFirst = true;
  /** How many line breaks' bytes may still come before the next head. */
  #blankBytes = 0;

  /** Behind the empty line; undefined while it has not come. Throws RefusedRequest for a head that is too large. */
  end(bytes: Buffer): number | undefined {
    const end = headEnd(bytes, this.#searched);
    if (end !== undefined && end > MAX_HEAD_BYTES) throw new RefusedRequest(refusals.headTooLarge);
    return end;
  }

  /** How much is passed over: old clients send an empty line behind the body of a POST, which has no place there. */
  blank(bytes: Buffer): number {
    let count = 0;
    while (count < this.#blankBytes && (bytes[count] === CR || bytes[count] === LF)) count++;
    this.#blankBytes = count < bytes.length ? 0 : this.#blankBytes - count;
    return count;
  }

  /** What comes next is another head. */
  found({ method }: { readonly method: string }): void {
    this.#blankBytes = method === 'POST' ? MAX_BLANK_BYTES : 0;
    this.#searched = 0;
    this.#isLineRead = false;
    this.#isFirst = false;
  }

  /** What cannot become a request is refused before the rest has come. */
  checkPart(bytes: Buffer): void {
    const from = this.#searched;
    this.#searched = Math.max(0, bytes.length - 3);
    if (bytes.length > MAX_HEAD_BYTES) throw new RefusedRequest(refusals.headTooLarge);
    if (this.#isLineRead) return;
    const lineEnd = bytes.indexOf(LF, from);
    if (lineEnd < 0) {
      // The first byte of a TLS connection, say.
      if ((bytes[0] ?? 0) <= 0x20 || (bytes[0] ?? 0) >= 0x7f) throw new RefusedRequest(refusals.malformed);
      return;
    }
    readRequestLine(bytes.toString('latin1', 0, bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd));
    this.#isLineRead = true;
  }

  /** etcd's cmux finds nobody to hand a connection to whose first line is no HTTP/1. */
  isSpokenTo(bytes: Buffer, { tls }: HttpPeer): boolean {
    if (!this.#isFirst || tls !== undefined) return true;
    return http1Line.test(bytes.toString('latin1', 0, MAX_FIRST_LINE_BYTES)) || bytes.length > MAX_HEAD_BYTES;
  }
}

/** Behind the empty line that ends a head; undefined when it has not come. Lines before `from` were looked at. */
function headEnd(bytes: Buffer, from: number): number | undefined {
  // Looked at one by one: a head is short, and a call for each of its lines costs more.
  for (let at = from; at < bytes.length; at++) {
    if (bytes[at] !== LF) continue;
    if (bytes[at + 1] === LF) return at + 2;
    if (bytes[at + 1] === CR && bytes[at + 2] === LF) return at + 3;
    if (at > MAX_HEAD_BYTES) return undefined;
  }
  return undefined;
}
