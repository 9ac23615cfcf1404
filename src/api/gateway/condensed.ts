/**
 * A body that is larger than any message can be, made small as it arrives: runs of white space become one, and long
 * strings that could be base64 lose their middle, of which the length is remembered. So what is wrong with the body,
 * and how large its message would be, can be told in etcd's words without holding it.
 */
import { Gathered } from '../../lib/gathered.js';
import type { HttpBody } from '../../lib/http.js';
import { latin1Text } from '../../lib/latin1.js';
import { ValueTooLargeError } from './body.js';
import type { CutStrings } from './json/size.js';

/** Characters of a string that stay; some more for each that was cut before, so that each is known by its length. */
const KEPT_CHARS = 65_536;
const KEPT_STEP = 16;
/** Of the last ones, so that what comes behind the cut stands as it stood, in whole groups of base64. */
const TAIL_CHARS = 8;

export interface BodyText {
  /** latin1 */
  readonly text: string;
  readonly sizeBytes: number;
  /** There where the text is not all of the body. */
  readonly cut?: CutStrings;
}

/**
 * All of a body, or what is left of one of more than `limit` bytes. Throws ValueTooLargeError where that is still more;
 * then too the body has been read to its end, so that whoever sends it gets to read the answer.
 */
export async function bodyText(body: HttpBody, limit: number): Promise<BodyText> {
  const { whole } = body;
  if (whole !== undefined && whole.length <= limit) return { text: latin1Text(whole), sizeBytes: whole.length };
  const chunks = new Gathered();
  let sizeBytes = 0;
  let condensed: CondensedBody | undefined;
  for await (const chunk of body) {
    sizeBytes += chunk.length;
    chunks.push(chunk);
    if (sizeBytes <= limit) continue;
    condensed ??= new CondensedBody();
    const come = chunks.take();
    if (condensed.length <= limit) condensed.push(come);
  }
  if (condensed === undefined) return { text: latin1Text(chunks.take()), sizeBytes };
  if (condensed.length > limit) throw new ValueTooLargeError(sizeBytes);
  return { text: condensed.finish(), sizeBytes, cut: condensed };
}

class CondensedBody implements CutStrings {
  readonly text = new Map<number, number>();
  readonly base64 = new Map<number, number>();
  readonly #parts: string[] = [];
  #length = 0;
  #inString = false;
  #escaped = false;
  /** Of the string that is being read: how much of it is kept, was cut, and may still be. */
  #kept = 0;
  #cut = 0;
  #tail = '';
  #padding = 0;

  /** What is left of it. */
  finish(): string {
    this.#flush();
    return this.#parts.join('');
  }

  get length(): number {
    return this.#length;
  }

  push(chunk: Uint8Array): void {
    const text = latin1Text(chunk);
    for (let at = 0; at < text.length; ) at = this.#inString ? this.#within(text, at) : this.#outside(text, at);
  }

  #outside(text: string, from: number): number {
    const quote = text.indexOf('"', from);
    const end = quote < 0 ? text.length : quote + 1;
    this.#emit(text.slice(from, end).replace(/[ \t\r\n]{2,}/g, ' '));
    if (quote >= 0) {
      this.#inString = true;
      this.#kept = this.#cut = this.#padding = 0;
    }
    return end;
  }

  #within(text: string, from: number): number {
    if (this.#escaped) {
      this.#escaped = false;
      this.#keep(text.charAt(from));
      return from + 1;
    }
    alphabet.lastIndex = from;
    alphabet.test(text);
    const { lastIndex: end } = alphabet;
    if (end > from) this.#take(text.slice(from, end));
    if (end === text.length) return end;
    const char = text.charAt(end);
    this.#flush();
    if (char === '"') this.#endString();
    else {
      this.#escaped = char === '\\';
      if (char === '=') this.#padding++;
      this.#keep(char);
    }
    return end + 1;
  }

  #take(run: string): void {
    const room = Math.max(0, KEPT_CHARS + KEPT_STEP * this.text.size - this.#kept);
    if (room > 0) this.#keep(run.slice(0, room));
    if (run.length <= room) return;
    const rest = this.#tail + run.slice(room);
    const cut = Math.max(0, Math.floor((rest.length - TAIL_CHARS) / 4) * 4);
    this.#cut += cut;
    this.#tail = rest.slice(cut);
  }

  #flush(): void {
    const tail = this.#tail;
    this.#tail = '';
    if (tail !== '') this.#keep(tail);
  }

  #endString(): void {
    this.#inString = false;
    this.#emit('"');
    if (this.#cut === 0) return;
    this.text.set(this.#kept, this.#cut);
    this.base64.set(Math.floor(((this.#kept - this.#padding) * 3) / 4), (this.#cut / 4) * 3);
  }

  #keep(text: string): void {
    this.#kept += text.length;
    this.#emit(text);
  }

  #emit(text: string): void {
    this.#parts.push(text);
    this.#length += text.length;
  }
}

const alphabet = /[A-Za-z0-9+/_-]*/y;
