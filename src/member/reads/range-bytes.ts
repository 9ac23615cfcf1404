/**
 * A RangeResponse as bytes, put together from stored records as they are read: `0x12 | length | KeyValue` each. A
 * record is copied once, from its page into a piece; a large one not at all. Pieces are no longer than a heap block, so
 * that many answers after another reuse the same memory.
 */
import { LASTING_BYTES } from '../../backend/types.js';
import { Pieces } from '../../lib/pieces.js';
import { RangeResponse, type ResponseHeader } from '../../proto/gen/etcdserverpb.js';

const FIRST_PIECE_BYTES = 4 * 1024;
const PIECE_BYTES = 64 * 1024;
const KVS_TAG = 0x12;
/** Of an answer of which more than this is to come, so much gets its memory at once. */
const LARGE_BYTES = 4 * 1024 * 1024;
const LARGEST_BYTES = 256 * 1024 * 1024;
/** Tag and length, at most. */
const PREFIX_BYTES = 6;
const VALUE_FIELD = 5;
const LEASE_FIELD = 6;

/** An answer whose figures are known without looking into it again. */
export class RangeAnswer extends Pieces {
  constructor(
    list: readonly Uint8Array[],
    size: number,
    /** `found` keys are in it, of `count` in the range. */
    readonly figures: { readonly found: number; readonly count: number; readonly revision: number },
  ) {
    super(list, size);
  }
}

export class RangeBytes {
  /** So far. */
  size = 0;
  /** Of it, what stays where it lies. */
  #lentBytes = 0;
  #found = 0;
  readonly #list: Uint8Array[] = [];
  #piece: Buffer = Buffer.allocUnsafe(FIRST_PIECE_BYTES);
  #start = 0;
  #pos = 0;

  constructor(
    readonly header: ResponseHeader,
    /** `namesLeases`: of keys without values, as `KeyReader` has it. */
    readonly shown: { readonly keysOnly: boolean; readonly namesLeases: boolean },
  ) {
    this.#write(RangeResponse.encode({ header, kvs: [], more: false, count: 0 }));
  }

  /**
   * There will be `times` as much again, or nearly. Memory that is asked for piece by piece starts a collection of
   * garbage every 64 MB, each of which stops the member for longer the more keys there are.
   */
  expect(times: number): void {
    const bytes = Math.ceil((this.size - this.#lentBytes) * times);
    if (bytes < LARGE_BYTES || this.#piece.length - this.#pos > PIECE_BYTES) return;
    this.#cut();
    this.#piece = Buffer.allocUnsafeSlow(Math.min(bytes, LARGEST_BYTES));
    this.#start = this.#pos = 0;
  }

  /** `record` is a stored KeyValue, borrowed from the store's pages. */
  add(record: Uint8Array): void {
    this.#found++;
    if (this.shown.keysOnly) this.#addWithoutValue(record);
    else if (record.length >= LASTING_BYTES) {
      // Sent from where it lies: its page is never written again.
      this.#prefix(record.length);
      this.#cut();
      this.#list.push(record);
      this.size += record.length;
      this.#lentBytes += record.length;
    } else {
      this.#reserve(PREFIX_BYTES + record.length);
      this.#prefix(record.length);
      this.#piece.set(record, this.#pos);
      this.#pos += record.length;
      this.size += record.length;
    }
  }

  /** Nothing may be added any more. */
  finish(fields: { more: boolean; count: number }): RangeAnswer {
    this.#write(RangeResponse.encode({ header: undefined, kvs: [], ...fields }));
    this.#cut();
    const figures = { found: this.#found, count: fields.count, revision: this.header.revision };
    return new RangeAnswer(this.#list, this.size, figures);
  }

  #addWithoutValue(record: Uint8Array): void {
    const [from, to] = fieldOf(record, VALUE_FIELD);
    // The last one.
    const end = this.shown.namesLeases ? record.length : fieldOf(record, LEASE_FIELD)[0];
    const length = end - (Math.min(to, end) - Math.min(from, end));
    this.#reserve(PREFIX_BYTES + length);
    this.#prefix(length);
    const piece = this.#piece;
    let pos = this.#pos;
    for (let at = 0; at < from && at < end; at++) piece[pos++] = record[at] as number;
    for (let at = to; at < end; at++) piece[pos++] = record[at] as number;
    this.#pos = pos;
    this.size += length;
  }

  #prefix(length: number): void {
    this.#reserve(PREFIX_BYTES);
    const piece = this.#piece;
    const before = this.#pos;
    piece[this.#pos++] = KVS_TAG;
    let left = length;
    while (left >= 0x80) {
      piece[this.#pos++] = (left & 0x7f) | 0x80;
      left >>>= 7;
    }
    piece[this.#pos++] = left;
    this.size += this.#pos - before;
  }

  #write(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#piece.set(bytes, this.#pos);
    this.#pos += bytes.length;
    this.size += bytes.length;
  }

  #reserve(count: number): void {
    if (this.#pos + count <= this.#piece.length) {
      if (this.#pos - this.#start >= PIECE_BYTES) this.#cut();
      return;
    }
    this.#cut();
    const next = Math.max(count, Math.min(PIECE_BYTES, this.#piece.length * 2));
    this.#piece = Buffer.allocUnsafe(next);
    this.#start = this.#pos = 0;
  }

  /** What is written becomes a piece of its own. */
  #cut(): void {
    if (this.#pos > this.#start) this.#list.push(this.#piece.subarray(this.#start, this.#pos));
    this.#start = this.#pos;
  }
}

/** Where a field stands in a stored KeyValue, tag included; an empty interval at the end where there is none. */
function fieldOf(record: Uint8Array, field: number): [number, number] {
  for (let at = 0; at < record.length; ) {
    const tag = record[at] as number;
    let pos = at + 1;
    let number = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = record[pos++] as number;
      // Lengths fit into 28 bits, other numbers are passed over.
      if (shift < 28) number |= (byte & 0x7f) << shift;
      if (byte < 0x80 || pos > record.length) break;
    }
    const end = (tag & 7) === 2 ? pos + number : pos;
    if (tag >>> 3 === field) return [at, end];
    at = end;
  }
  return [record.length, record.length];
}
