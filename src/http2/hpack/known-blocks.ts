/**
 * Blocks of headers that came before. A client's requests say the same in a few bytes, all of which stand for entries
 * of the table: while those stay what they are, so does the list, and it is made once.
 */
import type { Field } from './field.js';

export interface KnownBlock {
  readonly bytes: Buffer;
  /** Frozen: it is that of every message which says the same. */
  readonly fields: readonly Field[];
  readonly listBytes: number;
}

/** More than methods that one client calls in turn. */
const BLOCKS = 8;
const LONGEST = 64;

export class KnownBlocks {
  #blocks: KnownBlock[] = [];
  /** Whose place is next. */
  #next = 0;

  get(bytes: Buffer, start: number, end: number): KnownBlock | undefined {
    const length = end - start;
    for (let at = 0; at < this.#blocks.length; at++) {
      const block = this.#blocks[at] as KnownBlock;
      if (block.bytes.length === length && isAt(bytes, start, block.bytes)) return block;
    }
    return undefined;
  }

  add(bytes: Buffer, start: number, end: number, list: Omit<KnownBlock, 'bytes'>): void {
    if (end - start > LONGEST) return;
    Object.freeze(list.fields);
    this.#blocks[this.#next] = { bytes: Buffer.from(bytes.subarray(start, end)), ...list };
    this.#next = (this.#next + 1) % BLOCKS;
  }

  /** The table has changed. */
  forget(): void {
    if (this.#blocks.length === 0) return;
    this.#blocks = [];
    this.#next = 0;
  }
}

function isAt(bytes: Buffer, start: number, wanted: Buffer): boolean {
  for (let at = 0; at < wanted.length; at++) if (bytes[start + at] !== wanted[at]) return false;
  return true;
}
