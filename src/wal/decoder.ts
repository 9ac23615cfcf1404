/**
 * Reads the records of one segment in order, a piece of the file at a time, and tells apart the three ways it can end:
 *
 *     end       the file ends, or a length word of zero: nothing was written after the last record
 *     torn      (last segment only) a record of which some sectors never reached the disk: a crash before its sync, nobody was told of it
 *     corrupt   anything else: bytes that were durable have changed
 *
 * The rule for "torn" is etcd's: the file ends inside the record; or checksum or structure are wrong, and one of the record's pieces, cut at
 * the 512-byte sectors of the file, is all zero, as preallocated space is. Disks write a sector wholly or not at all.
 * etcd-diff: a length word is only believed when the record's own head agrees, and a zero one only when the rest of its sector is zero too.
 * Length words never span sectors, so a wrong one is no torn write; etcd takes it for one and cuts off every acknowledged entry after it.
 */
import { crc32c } from '../lib/crc32c.js';
import type { DiskFile } from '../lib/disk.js';
import { Record } from '../proto/gen/walpb.js';
import { WalCorruptError, WalTornError } from './errors.js';
import { lengthWordSize, parseLengthWord, recordType } from './frame.js';

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

const pieceSizeBytes = 1024 * 1024;
const sectorSizeBytes = 512;
const NOTHING = new Uint8Array(0);

export class SegmentReader {
  /** Where the next record begins; at the end, where the next one is to be written. */
  position = 0;
  readonly #size: number;
  #piece: Buffer = Buffer.alloc(0);
  /** Offset in the file of the first byte of the piece. */
  #pieceAt = 0;

  constructor(
    private readonly file: DiskFile,
    private readonly isLast: boolean,
    /** The rolling CRC so far; 0 when nothing was read before this segment. */
    public crc: number,
  ) {
    this.#size = file.size();
  }

  /** Undefined at the end. Throws WalTornError, WalCorruptError, system errors. */
  next(): WalRecord | undefined {
    const offset = this.position;
    const left = this.#size - offset;
    if (left <= 0) return undefined;
    if (left < lengthWordSize) throw this.#torn(offset, 'the file ends inside a length word');
    const word = this.#bytes(offset, lengthWordSize);
    if (isZero(word)) {
      const restOfSector = Math.min(left, sectorSizeBytes - (offset % sectorSizeBytes));
      if (!isZero(this.#bytes(offset, restOfSector)))
        throw this.#corrupt(offset, 'a zero length word in front of data');
      return undefined;
    }

    const length = parseLengthWord(word, 0);
    if (length === undefined) throw this.#corrupt(offset, `malformed length word ${word.toString('hex')}`);
    const { bodySize, padding } = length;
    const room = left - lengthWordSize;
    const bodyAt = offset + lengthWordSize;
    const head = this.#bytes(bodyAt, Math.min(room, headSizeBytes));
    const claimed = sizeByHead(head.subarray(0, sizeBeforeZeroSector(head, bodyAt)));
    if (claimed !== undefined && claimed !== bodySize) {
      throw this.#corrupt(offset, `the length word says ${bodySize} bytes, the record itself ${claimed}`);
    }
    if (bodySize + padding > room) {
      throw this.#torn(offset, `the file ends inside a record of ${bodySize} bytes`);
    }

    const frame = this.#bytes(bodyAt, bodySize + padding);
    const body = frame.subarray(0, bodySize);
    const record = decodeRecord(body);
    if (record === undefined) throw this.#damaged(offset, frame, 'malformed record');
    const data = record.data ?? NOTHING;
    if (record.type === recordType.crc) {
      // The first segment read may be any; from then on the chain must hold.
      if (this.crc !== 0 && record.crc !== this.crc) {
        throw this.#damaged(offset, frame, 'crc mismatch between segments');
      }
      this.crc = record.crc;
    } else {
      const crc = crc32c(this.crc, data);
      if (crc !== record.crc) throw this.#damaged(offset, frame, 'crc mismatch');
      this.crc = crc;
    }
    this.position = bodyAt + bodySize + padding;
    return { type: record.type, crc: record.crc, data, file: this.file.path, offset, end: this.position };
  }

  /** `[at, at + size)`, which lies inside the file. A view into a piece; a record longer than a piece gets one of its own. */
  #bytes(at: number, size: number): Buffer {
    const from = at - this.#pieceAt;
    if (from >= 0 && from + size <= this.#piece.length) return this.#piece.subarray(from, from + size);
    const piece = Buffer.allocUnsafeSlow(Math.min(this.#size - at, Math.max(size, pieceSizeBytes)));
    const count = this.file.read(piece, at);
    if (count < size) throw this.#corrupt(at, `read ${count} of ${size} bytes: the file became shorter`);
    this.#piece = piece.subarray(0, count);
    this.#pieceAt = at;
    return this.#piece.subarray(0, size);
  }

  #damaged(offset: number, frame: Buffer, reason: string): WalCorruptError {
    return hasZeroSector(frame, offset + lengthWordSize) ? this.#torn(offset, reason) : this.#corrupt(offset, reason);
  }

  #torn(offset: number, reason: string): WalCorruptError {
    return this.isLast
      ? new WalTornError(this.file.path, offset, `torn record: ${reason}`)
      : this.#corrupt(offset, reason);
  }

  #corrupt(offset: number, reason: string): WalCorruptError {
    return new WalCorruptError(this.file.path, offset, reason);
  }
}

function decodeRecord(body: Buffer): Record | undefined {
  try {
    return Record.decode(body);
  } catch {
    return undefined;
  }
}

/** Longest head: tag and type (2), tag and crc (6), tag and size (6). */
const headSizeBytes = 14;

/**
 * Size of a body by what its own head says; undefined when `head` is cut short or not in the order all versions write: type, crc, data.
 */
function sizeByHead(head: Buffer): number | undefined {
  if (head.length < 4 || head[0] !== 0x08 || head[2] !== 0x10) return undefined;
  const crc = varint(head, 3);
  if (crc === undefined) return undefined;
  if (head[1] === recordType.crc) return crc.end;
  if (head[crc.end] !== 0x1a) return undefined;
  const size = varint(head, crc.end + 1);
  return size && size.end + size.value;
}

function varint(bytes: Buffer, at: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let shift = 1; at < bytes.length && shift <= 2 ** 28; shift *= 128) {
    const byte = bytes[at++] as number;
    value += (byte & 0x7f) * shift;
    if (byte < 0x80) return { value, end: at };
  }
  return undefined;
}

function hasZeroSector(frame: Buffer, at: number): boolean {
  return sizeBeforeZeroSector(frame, at) < frame.length;
}

/** How many of the bytes, which stand at offset `at` of the file, come before the first sector in which they are all zero. */
function sizeBeforeZeroSector(bytes: Buffer, at: number): number {
  for (let from = 0; from < bytes.length; ) {
    const to = Math.min(bytes.length, from + sectorSizeBytes - ((at + from) % sectorSizeBytes));
    if (isZero(bytes.subarray(from, to))) return from;
    from = to;
  }
  return bytes.length;
}

function isZero(bytes: Buffer): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}
