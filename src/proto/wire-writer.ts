/**
 * Writes the protobuf wire format, from the last byte to the first. So a sub-message's length is known when its prefix
 * is due, and neither a size pass nor a guess is needed. One scratch buffer serves all messages (encoding is
 * synchronous and never calls out); the finished bytes are copied out of it.
 */
import { rawBytes } from '../lib/raw-text.js';

// One 64-bit cell seen as two halves. All machines Node runs on are little-endian.
const cell = new BigInt64Array(1);
const half = new Uint32Array(cell.buffer);

const SCRATCH_SIZE_BYTES = 64 * 1024;
/**
 * A scratch buffer grown by a large message is kept up to this size, so that one huge answer does not stay in memory.
 */
const KEPT_SCRATCH_SIZE_BYTES = 4 * 1024 * 1024;

export class Writer {
  #buf = Buffer.allocUnsafeSlow(SCRATCH_SIZE_BYTES);
  /** First byte written so far. */
  pos = SCRATCH_SIZE_BYTES;

  begin(): this {
    if (this.#buf.length > KEPT_SCRATCH_SIZE_BYTES) this.#buf = Buffer.allocUnsafeSlow(SCRATCH_SIZE_BYTES);
    this.pos = this.#buf.length;
    return this;
  }

  /** A copy of what was written since `begin`. */
  finish(): Uint8Array {
    const { pos } = this;
    const buf = this.#buf;
    const size = buf.length - pos;
    const out = Buffer.allocUnsafe(size);
    if (size <= 48) {
      for (let index = 0; index < size; index++) out[index] = buf[pos + index] as number;
    } else {
      buf.copy(out, 0, pos, buf.length);
    }
    return out;
  }

  #reserve(size: number): number {
    if (this.pos < size) {
      const used = this.#buf.length - this.pos;
      const grown = Buffer.allocUnsafeSlow(Math.max(this.#buf.length * 2, used + size + SCRATCH_SIZE_BYTES));
      this.#buf.copy(grown, grown.length - used, this.pos);
      this.#buf = grown;
      this.pos = grown.length - used;
    }
    this.pos -= size;
    return this.pos;
  }

  /** A tag or length below 128. */
  byte(value: number): void {
    const at = this.#reserve(1);
    this.#buf[at] = value;
  }

  /** `value` in `[0, 2^32)`. */
  uint32(value: number): void {
    if (value < 0x80) {
      this.byte(value);
      return;
    }
    const size = value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
    let at = this.#reserve(size);
    const buf = this.#buf;
    while (value >= 0x80) {
      buf[at++] = (value & 0x7f) | 0x80;
      value >>>= 7;
    }
    buf[at] = value;
  }

  #halves(low: number, high: number): void {
    if (high === 0) {
      this.uint32(low);
      return;
    }
    let size = 5;
    for (let rest = high >>> 3; rest !== 0; rest >>>= 7) size++;
    let at = this.#reserve(size);
    const buf = this.#buf;
    for (let index = 0; index < 4; index++) {
      buf[at++] = (low & 0x7f) | 0x80;
      low >>>= 7;
    }
    // 4 bits of `low` are left; the first 3 of `high` join them.
    let rest = high >>> 3;
    const joint = low | ((high & 7) << 4);
    buf[at++] = rest === 0 ? joint : joint | 0x80;
    while (rest !== 0) {
      const next = rest >>> 7;
      buf[at++] = next === 0 ? rest : (rest & 0x7f) | 0x80;
      rest = next;
    }
  }

  /** int64 or uint64 as a number: a safe integer, or the encoder throws RangeError. */
  int64(value: number): void {
    const low = value >>> 0;
    if (low === value) {
      this.uint32(low);
      return;
    }
    if (!Number.isSafeInteger(value)) throw new RangeError(`not a safe integer: ${value}`);
    this.#halves(low, Math.floor(value / 0x1_0000_0000) >>> 0);
  }

  /** int64 or uint64 as a bigint, modulo 2^64. */
  big(value: bigint): void {
    cell[0] = value;
    this.#halves(half[0] as number, half[1] as number);
  }

  bool(value: boolean): void {
    this.byte(value ? 1 : 0);
  }

  /** Enum or int32: negative numbers take ten bytes. */
  int32(value: number): void {
    this.int64(value | 0);
  }

  /** The bytes and their length before them. */
  bytes(value: Uint8Array): void {
    const size = value.length;
    const at = this.#reserve(size);
    if (size <= 24) {
      const buf = this.#buf;
      for (let index = 0; index < size; index++) buf[at + index] = value[index] as number;
    } else {
      this.#buf.set(value, at);
    }
    this.uint32(size);
  }

  /** Bytes as they are, without a length: fields that are encoded already. */
  raw(value: Uint8Array): void {
    // First: it may replace the buffer.
    const at = this.#reserve(value.length);
    this.#buf.set(value, at);
  }

  string(value: string): void {
    if (!value.isWellFormed()) {
      this.bytes(rawBytes(value));
      return;
    }
    const size = Buffer.byteLength(value, 'utf8');
    const at = this.#reserve(size);
    this.#buf.write(value, at, size, 'utf8');
    this.uint32(size);
  }

  /** Text that is bytes as latin1, with its length before it. */
  latin1(value: string): void {
    const size = value.length;
    const at = this.#reserve(size);
    if (size > 0) this.#buf.write(value, at, size, 'latin1');
    this.uint32(size);
  }

  /** Position as a distance from the end: it survives growth of the buffer. */
  mark(): number {
    return this.#buf.length - this.pos;
  }

  /** Prefixes the length of what was written since `mark()` gave `mark`. */
  length(mark: number): void {
    this.uint32(this.#buf.length - this.pos - mark);
  }
}

/** Shared by all codecs of the process: it holds nothing between two calls of `encode`. */
export const writer = new Writer();
