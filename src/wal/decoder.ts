/**
 * Reads the records of one segment in order, a piece of the file at a time, and tells apart the three ways it can end:
 *
 *     end       the file ends, or a length word of zero: nothing was written after the last record
 *     torn      (last segment only) a record of which some sectors never reached the disk: a crash before its sync,
 *               nobody relies on it
 *     corrupt   anything else: bytes that were durable have changed
 *
 * The rule for "torn" is etcd's: the file ends inside the record; or checksum or structure are wrong, and one of the
 * record's pieces, cut at the 512-byte sectors of the file, is all zero, as preallocated space is. Disks write a sector
 * wholly or not at all. etcd-diff: a length word is only believed when the record's own head agrees, and a zero one
 * only when the rest of its sector is zero too. Length words never span sectors, so a wrong one is no torn write; etcd
 * takes it for one and cuts off every acknowledged entry after it.
 */
import { crc32c } from '../lib/crc32c.js';
import type { DiskFile } from '../lib/disk.js';
import { Record } from '../proto/gen/walpb.js';
import { WalCorruptError, WalTornError } from './errors.js';
import { LENGTH_WORD_SIZE, parseLengthWord, recordType } from './frame.js';

export interface WalRecord {
  readonly type: number;
  /** As stored: the rolling CRC after this record. */
  readonly crc: number;
  /** A view into a piece of the file that is never written to again. */
  readonly data: Uint8Array;
  readonly file: string;
  /** Of the length word. */
  readonly offset: number;
  /** Where the next record begins. */
  readonly end: number;
}

const PIECE_SIZE_BYTES = 1024 * 1024;
const SECTOR_SIZE_BYTES = 512;
const NOTHING = new Uint8Array(0);

export class SegmentReader {
  /** Where the next record begins; at the end, where the next one is to be written. */
  position = 0;
  readonly #size: number;
  #piece: Buffer = Buffer.alloc(0);
  /** Offset in the file of the first byte of the piece. */
  #pieceAt = 0;
  readonly #file: DiskFile;
  readonly #isLast: boolean;

  constructor(
    file: DiskFile,
    isLast: boolean,
    /** The rolling CRC so far; 0 when nothing was read before this segment. */
    public crc: number,
  ) {
    this.#file = file;
    this.#isLast = isLast;
    this.#size = file.size();
  }

  /** Undefined at the end. Throws WalTornError, WalCorruptError, system errors. */
  next(): WalRecord | undefined {
    const offset = this.position;
    const left = this.#size - offset;
    if (left <= 0) return undefined;
    if (left < LENGTH_WORD_SIZE) throw this.#torn(offset, 'the file ends inside a length word');
    const wordAt = this.#load(offset, LENGTH_WORD_SIZE);
    if (isZero(this.#piece, wordAt, wordAt + LENGTH_WORD_SIZE)) {
      const restOfSector = Math.min(left, SECTOR_SIZE_BYTES - (offset % SECTOR_SIZE_BYTES));
      const from = this.#load(offset, restOfSector);
      if (isZero(this.#piece, from, from + restOfSector)) return undefined;
      throw this.#corrupt(offset, 'a zero length word in front of data');
    }

    const length = parseLengthWord(this.#piece, wordAt);
    if (length === undefined) {
      const word = this.#piece.toString('hex', wordAt, wordAt + LENGTH_WORD_SIZE);
      throw this.#corrupt(offset, `malformed length word ${word}`);
    }
    const { bodySize, padding } = length;
    const room = left - LENGTH_WORD_SIZE;
    const headSize = Math.min(room, LONGEST_HEAD_SIZE);
    const headAt = this.#load(offset + LENGTH_WORD_SIZE, headSize);
    const head = parseHead(this.#piece, headAt, headAt + headSize);
    const claimed = head && head.dataAt - headAt + head.dataSize;
    if (claimed !== undefined && claimed !== bodySize && !this.#isZeroSectorIn(offset, headSize)) {
      throw this.#corrupt(offset, `the length word says ${bodySize} bytes, the record itself ${claimed}`);
    }
    if (bodySize + padding > room) {
      throw this.#torn(offset, `the file ends inside a record of ${bodySize} bytes`);
    }

    const bodyAt = this.#load(offset + LENGTH_WORD_SIZE, bodySize + padding);
    const piece = this.#piece;
    let record: Pick<WalRecord, 'type' | 'crc' | 'data'> | undefined;
    if (head !== undefined && claimed === bodySize) {
      const dataAt = bodyAt + head.dataAt - headAt;
      record = { type: head.type, crc: head.crc, data: piece.subarray(dataAt, dataAt + head.dataSize) };
    } else {
      record = decodeRecord(piece.subarray(bodyAt, bodyAt + bodySize));
      if (record === undefined) throw this.#damaged(offset, bodySize + padding, 'malformed record');
    }
    if (record.type === recordType.crc) {
      // The first segment read may be any; from then on the chain must hold.
      if (this.crc !== 0 && record.crc !== this.crc) {
        throw this.#damaged(offset, bodySize + padding, 'crc mismatch between segments');
      }
      this.crc = record.crc;
    } else {
      const crc = crc32c(this.crc, record.data);
      if (crc !== record.crc) throw this.#damaged(offset, bodySize + padding, 'crc mismatch');
      this.crc = crc;
    }
    this.position = offset + LENGTH_WORD_SIZE + bodySize + padding;
    const { type, crc, data } = record;
    return { type, crc, data, file: this.#file.path, offset, end: this.position };
  }

  /**
   * Has bytes `[at, at + size)` of the file, which are inside it, in the piece, and returns where in the piece. A
   * record longer than a piece gets one of its own.
   */
  #load(at: number, size: number): number {
    const from = at - this.#pieceAt;
    if (from >= 0 && from + size <= this.#piece.length) return from;
    const piece = Buffer.allocUnsafeSlow(Math.min(this.#size - at, Math.max(size, PIECE_SIZE_BYTES)));
    const count = this.#file.read(piece, at);
    if (count < size) throw this.#corrupt(at, `read ${count} of ${size} bytes: the file became shorter`);
    this.#piece = piece.subarray(0, count);
    this.#pieceAt = at;
    return 0;
  }

  /** Whether a piece of the record's frame, cut at the sectors of the file, is all zero. */
  #isZeroSectorIn(offset: number, frameSize: number): boolean {
    const at = offset + LENGTH_WORD_SIZE;
    const start = this.#load(at, frameSize);
    for (let from = 0; from < frameSize; ) {
      const to = Math.min(frameSize, from + SECTOR_SIZE_BYTES - ((at + from) % SECTOR_SIZE_BYTES));
      if (isZero(this.#piece, start + from, start + to)) return true;
      from = to;
    }
    return false;
  }

  #damaged(offset: number, frameSize: number, reason: string): WalCorruptError {
    return this.#isZeroSectorIn(offset, frameSize) ? this.#torn(offset, reason) : this.#corrupt(offset, reason);
  }

  #torn(offset: number, reason: string): WalCorruptError {
    return this.#isLast
      ? new WalTornError(this.#file.path, offset, `torn record: ${reason}`)
      : this.#corrupt(offset, reason);
  }

  #corrupt(offset: number, reason: string): WalCorruptError {
    return new WalCorruptError(this.#file.path, offset, reason);
  }
}

function decodeRecord(body: Buffer): Pick<WalRecord, 'type' | 'crc' | 'data'> | undefined {
  try {
    const { type, crc, data } = Record.decode(body);
    return { type, crc, data: data ?? NOTHING };
  } catch {
    return undefined;
  }
}

/** Tag and type (2), tag and crc (6), tag and data size (6). */
const LONGEST_HEAD_SIZE = 14;

/**
 * What stands before the data. Undefined when `[at, end)` is cut short or not in the order in which all versions write:
 * type, crc, data. By hand, since it is read for every record: a log of 100 000 entries is read in half the time.
 */
function parseHead(
  bytes: Buffer,
  at: number,
  end: number,
): { type: number; crc: number; dataAt: number; dataSize: number } | undefined {
  if (end - at < 4 || bytes[at] !== 0x08 || bytes[at + 2] !== 0x10) return undefined;
  const type = bytes[at + 1] as number;
  const crcEnd = varintEnd(bytes, at + 3, end);
  if (crcEnd === undefined) return undefined;
  const crc = varint(bytes, at + 3, crcEnd);
  if (type === recordType.crc) return { type, crc, dataAt: crcEnd, dataSize: 0 };
  const sizeEnd = bytes[crcEnd] === 0x1a ? varintEnd(bytes, crcEnd + 1, end) : undefined;
  return sizeEnd === undefined
    ? undefined
    : { type, crc, dataAt: sizeEnd, dataSize: varint(bytes, crcEnd + 1, sizeEnd) };
}

/** Where a varint of at most five bytes ends. */
function varintEnd(bytes: Buffer, at: number, end: number): number | undefined {
  for (let i = at; i < end && i < at + 5; i++) if ((bytes[i] as number) < 0x80) return i + 1;
  return undefined;
}

function varint(bytes: Buffer, at: number, end: number): number {
  let value = 0;
  for (let i = end - 1; i >= at; i--) value = value * 0x80 + ((bytes[i] as number) & 0x7f);
  return value;
}

function isZero(bytes: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] !== 0) return false;
  return true;
}
