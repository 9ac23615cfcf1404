/**
 * Reads the protobuf wire format. Refusals follow the codec that etcd 3.4–3.6 are built with (gogo/protobuf), texts
 * included.
 */
import { isUtf8 } from 'node:buffer';
import { ProtoDecodeError } from '../lib/codec.js';
import { rawText } from '../lib/raw-text.js';

/** What an absent bytes field is; never written to, being empty. */
export const NO_BYTES: Uint8Array = new Uint8Array(0);
/**
 * What an end that is given, and empty, is read as: to the last key. Told from one that a client wrote out by being
 * this very array.
 */
export const OPEN_END: Uint8Array = Uint8Array.of(0);

// One 64-bit cell seen as two halves. All machines Node runs on are little-endian.
const cell = new BigUint64Array(1);
const cellSigned = new BigInt64Array(cell.buffer);
const half = new Uint32Array(cell.buffer);

/**
 * Transactions and their operations, two levels each. etcd allows 128 operations, so at most that many nested
 * transactions.
 */
const MAX_DEPTH = 1000;

export const NOT_UTF8 = 'string field contains invalid UTF-8';
let isStrict = false;

/**
 * Runs `decode`, which must not wait for anything, and refuses what the codec of 3.7 (google.golang.org/protobuf) does
 * beyond that of earlier ones: strings that are no text, numbers of more than 64 bits, fields above the highest number.
 */
export function strictly<T>(decode: () => T): T {
  isStrict = true;
  try {
    return decode();
  } finally {
    isStrict = false;
  }
}

export class Reader {
  pos = 0;
  #low = 0;
  #high = 0;
  #depth = 0;

  constructor(readonly buf: Uint8Array) {}

  /**
   * A message that may hold itself begins: a megabyte of nested transactions must be an error, not an overflow of the
   * stack.
   */
  enter(): void {
    if (++this.#depth > MAX_DEPTH) throw new ProtoDecodeError('proto: exceeded maximum recursion depth');
  }

  leave(): void {
    this.#depth--;
  }

  /** The next tag: field number * 8 + wire type. */
  tag(end: number): number {
    const first = this.buf[this.pos] as number;
    if (first < 0x80) {
      this.pos++;
      return first;
    }
    this.#varint(end);
    // Of a number of 32 bits three are the wire type, and 29 the highest field.
    if (isStrict && this.#high !== 0) throw new ProtoDecodeError('proto: illegal field number');
    // Go's field number has 32 bits: three more count.
    return (this.#high & 7) * 0x1_0000_0000 + this.#low;
  }

  #varint(end: number): void {
    const { buf } = this;
    let { pos } = this;
    let low = 0;
    let high = 0;
    for (let shift = 0; ; shift += 7) {
      if (shift >= 64) throw new ProtoDecodeError('proto: integer overflow');
      if (pos >= end) throw new ProtoDecodeError('unexpected EOF');
      const byte = buf[pos++] as number;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else {
        if (isStrict && bits > 1) throw new ProtoDecodeError('proto: integer overflow');
        high |= (bits & 1) << 31;
      }
      if (byte < 0x80) break;
    }
    this.pos = pos;
    this.#low = low >>> 0;
    this.#high = high >>> 0;
  }

  uint64(end: number): number {
    const first = this.buf[this.pos] as number;
    if (first < 0x80 && this.pos < end) {
      this.pos++;
      return first;
    }
    this.#varint(end);
    return this.#high > 0x1f_ffff ? Number.MAX_SAFE_INTEGER : this.#high * 0x1_0000_0000 + this.#low;
  }

  int64(end: number): number {
    const first = this.buf[this.pos] as number;
    if (first < 0x80 && this.pos < end) {
      this.pos++;
      return first;
    }
    this.#varint(end);
    const high = this.#high | 0;
    if (high > 0x1f_ffff) return Number.MAX_SAFE_INTEGER;
    if (high < -0x20_0000 || (high === -0x20_0000 && this.#low === 0)) return Number.MIN_SAFE_INTEGER;
    return high * 0x1_0000_0000 + this.#low;
  }

  uint64Big(end: number): bigint {
    this.#varint(end);
    half[0] = this.#low;
    half[1] = this.#high;
    return cell[0] as bigint;
  }

  int64Big(end: number): bigint {
    this.#varint(end);
    half[0] = this.#low;
    half[1] = this.#high;
    return cellSigned[0] as bigint;
  }

  bool(end: number): boolean {
    this.#varint(end);
    return this.#low !== 0 || this.#high !== 0;
  }

  int32(end: number): number {
    this.#varint(end);
    return this.#low | 0;
  }

  uint32(end: number): number {
    this.#varint(end);
    return this.#low;
  }

  /** Reads a length and returns where what follows ends. */
  stop(end: number): number {
    let size = this.buf[this.pos] as number;
    if (size < 0x80 && this.pos < end) this.pos++;
    else {
      this.#varint(end);
      size = this.#low;
      // Go reads the length as a signed 64-bit number.
      if (this.#high >= 0x8000_0000) throw new ProtoDecodeError('proto: negative length found during unmarshaling');
      if (this.#high !== 0) throw new ProtoDecodeError('unexpected EOF');
    }
    const stop = this.pos + size;
    if (stop > end) throw new ProtoDecodeError('unexpected EOF');
    return stop;
  }

  /** A view into the message's bytes. */
  bytes(end: number): Uint8Array {
    const stop = this.stop(end);
    const start = this.pos;
    this.pos = stop;
    return start === stop ? NO_BYTES : this.buf.subarray(start, stop);
  }

  /** Go tells an empty slice from none: its range ends nowhere. */
  rangeEnd(end: number): Uint8Array {
    const bytes = this.bytes(end);
    return bytes.length === 0 ? OPEN_END : bytes;
  }

  /**
   * Up to 3.6 etcd takes any bytes in a string, and stores them: they come as lone surrogates, see `lib/raw-text.ts`.
   * Within `strictly` they are refused, as by 3.7.
   */
  string(end: number): string {
    const stop = this.stop(end);
    const start = this.pos;
    this.pos = stop;
    const { buf } = this;
    const view = Buffer.from(buf.buffer, buf.byteOffset + start, stop - start);
    if (isUtf8(view)) return view.toString('utf8');
    if (isStrict) throw new ProtoDecodeError(NOT_UTF8);
    return rawText(view);
  }

  /** proto2 strings are not validated; what is not UTF-8 in them becomes U+FFFD. */
  looseString(end: number): string {
    const stop = this.stop(end);
    const start = this.pos;
    this.pos = stop;
    const { buf } = this;
    return Buffer.from(buf.buffer, buf.byteOffset + start, stop - start).toString('utf8');
  }

  /**
   * Passes over an unknown field. A known field with another wire type ends up here too and is refused. `fields` lists
   * the known ones as `number name number name …`, in Go's spelling, for the error alone.
   */
  skipUnknown(tag: number, end: number, message: string, fields: string): void {
    const low = tag < 0x80 ? tag : this.#low;
    const type = low & 7;
    if (type === 4) throw new ProtoDecodeError(`proto: ${message}: wiretype end group for non-group`);
    // Go's tag is the whole varint, the number its next 32 bits with their sign.
    const high = tag < 0x80 ? 0 : this.#high;
    const number = (high << 29) | (low >>> 3) | 0;
    if (number <= 0) {
      const whole = (BigInt(high) << 32n) | BigInt(low);
      throw new ProtoDecodeError(`proto: ${message}: illegal tag ${number} (wire type ${whole})`);
    }
    const words = fields.split(' ');
    const known = words.indexOf(String(number));
    if (known !== -1) throw new ProtoDecodeError(`proto: wrong wireType = ${type} for field ${words[known + 1]}`);
    let depth = 0;
    let next = low;
    for (;;) {
      switch (next & 7) {
        case 0:
          this.#varint(end);
          break;
        case 1:
          this.pos += 8;
          break;
        case 2:
          this.pos = this.stop(end);
          break;
        case 3:
          depth++;
          break;
        case 4:
          if (depth === 0) throw new ProtoDecodeError('proto: unexpected end of group');
          depth--;
          break;
        case 5:
          this.pos += 4;
          break;
        default:
          throw new ProtoDecodeError(`proto: illegal wireType ${next & 7}`);
      }
      if (this.pos > end || (depth > 0 && this.pos >= end)) throw new ProtoDecodeError('unexpected EOF');
      if (depth === 0) return;
      next = this.tag(end);
    }
  }
}
