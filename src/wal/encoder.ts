/**
 * Gathers the records of one save in one buffer, for one write, and carries the rolling CRC on.
 *
 * Every record holds the CRC-32C of the data of all records up to and including itself, over all segments: record i has
 * `crc32c(crc of record i - 1, data of record i)`. The CRC record that heads a segment repeats the value reached,
 * without adding to it.
 *
 * The hot path of every write to the cluster, so entries go straight into the buffer: 0.5 µs for one of 300 bytes, most
 * of it CRC. Bytes are those of etcd 3.4–3.6, which write zero-valued fields (3.7 reads them all the same).
 */
import { crc32c } from '../lib/crc32c.js';
import { varintSize } from '../raftpb/sizes.js';
import type { Entry } from '../raftpb/types.js';
import { LENGTH_WORD_SIZE, paddingOf, putLengthWord, recordType } from './frame.js';

/** A buffer that one huge save made grow is given back. */
const KEPT_SIZE_BYTES = 1024 * 1024;
const NOTHING = new Uint8Array(0);

export class Encoder {
  #buffer = Buffer.allocUnsafeSlow(64 * 1024);
  #used = 0;
  #crc: number;
  /** The protobuf head of the data being written: what stands before the bytes that were handed in. */
  readonly #head = Buffer.allocUnsafeSlow(64);

  constructor(crc: number) {
    this.#crc = crc;
  }

  /** The rolling CRC after the last record. */
  get crc(): number {
    return this.#crc;
  }

  get size(): number {
    return this.#used;
  }

  /** Borrowed until the next call. */
  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#used);
  }

  clear(): void {
    this.#used = 0;
    if (this.#buffer.length > KEPT_SIZE_BYTES) this.#buffer = Buffer.allocUnsafeSlow(64 * 1024);
  }

  entry(entry: Entry): void {
    const head = this.#head;
    head[0] = 0x08;
    head[1] = entry.type;
    head[2] = 0x10;
    let at = putVarint(head, 3, entry.term);
    head[at++] = 0x18;
    at = putVarint(head, at, entry.index);
    if (entry.data.length > 0) {
      head[at++] = 0x22;
      at = putVarint(head, at, entry.data.length);
    }
    this.#record(recordType.entry, at, entry.data);
  }

  metadata(metadata: Uint8Array): void {
    this.#record(recordType.metadata, 0, metadata);
  }

  /** `state`: marshalled raftpb.HardState. */
  state(state: Uint8Array): void {
    this.#record(recordType.state, 0, state);
  }

  /** `snapshot`: marshalled walpb.Snapshot. */
  snapshot(snapshot: Uint8Array): void {
    this.#record(recordType.snapshot, 0, snapshot);
  }

  /** The head of a segment: repeats the CRC reached. */
  crcRecord(): void {
    this.#frame(recordType.crc, undefined, NOTHING);
  }

  #record(type: number, headSize: number, rest: Uint8Array): void {
    this.#crc = crc32c(crc32c(this.#crc, this.#head, 0, headSize), rest);
    this.#frame(type, headSize, rest);
  }

  /** `headSize` undefined: a record without data. */
  #frame(type: number, headSize: number | undefined, rest: Uint8Array): void {
    const crc = this.#crc;
    const dataSize = (headSize ?? 0) + rest.length;
    const bodySize = 3 + varintSize(crc) + (headSize === undefined ? 0 : 1 + varintSize(dataSize) + dataSize);
    const padding = paddingOf(bodySize);
    const frameSize = LENGTH_WORD_SIZE + bodySize + padding;
    this.#reserve(frameSize);
    const buffer = this.#buffer;
    let at = this.#used;
    this.#used += frameSize;
    putLengthWord(buffer, at, bodySize);
    at += LENGTH_WORD_SIZE;
    buffer[at++] = 0x08;
    buffer[at++] = type;
    buffer[at++] = 0x10;
    at = putVarint(buffer, at, crc);
    if (headSize !== undefined) {
      buffer[at++] = 0x1a;
      at = putVarint(buffer, at, dataSize);
      for (let i = 0; i < headSize; i++) buffer[at + i] = this.#head[i] as number;
      buffer.set(rest, at + headSize);
      at += dataSize;
    }
    buffer.fill(0, at, at + padding);
  }

  #reserve(size: number): void {
    if (this.#used + size <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#used + size));
    this.#buffer.copy(grown, 0, 0, this.#used);
    this.#buffer = grown;
  }
}

/** `value`: a safe integer, not negative. Returns the offset after it. */
function putVarint(into: Buffer, at: number, value: number): number {
  for (; value >= 0x8000_0000; value = Math.floor(value / 0x80)) into[at++] = (value % 0x80) | 0x80;
  for (; value >= 0x80; value >>>= 7) into[at++] = (value & 0x7f) | 0x80;
  into[at++] = value;
  return at;
}
