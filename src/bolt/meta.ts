/**
 * The two meta pages, 0 and 1, that say where everything is.
 *
 *     from byte 16 of the page: magic u32 | version u32 | page size u32 | flags u32 | root page u64 | root sequence u64
 *     | freelist page u64 (all ones = not stored) | high-water page u64 | txid u64 | FNV-1a 64 of the 56 bytes before
 *     it
 *
 * Transaction n writes page n mod 2, so the one before it survives a torn write; the valid one with the higher txid
 * counts. Source: bbolt's db.go (meta) and bucket.go.
 */
import { BoltError } from './errors.js';
import { FLAG_META, PAGE_HEADER_BYTES, readU32, readU64, writePageHeader, writeU32, writeU64 } from './page.js';

const MAGIC = 0xed0cdaed;
export const VERSION = 2;
/** Meta fields with their checksum. */
const META_BYTES = 64;
const META_END = PAGE_HEADER_BYTES + META_BYTES;
const CHECKSUMMED_BYTES = 56;
const MIN_PAGE_SIZE = 1024;
const MAX_PAGE_SIZE = 65536;

export interface Meta {
  readonly pageSize: number;
  readonly rootId: number;
  readonly rootSequence: bigint;
  /** undefined: not stored, to be rebuilt from what is reachable (etcd's NoFreelistSync). */
  readonly freelistId: number | undefined;
  /** Pages `[0, highWater)` exist. */
  readonly highWater: number;
  readonly txid: number;
}

/** FNV-1a over the checksummed meta bytes. */
function checksum(data: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (let i = 0; i < CHECKSUMMED_BYTES; i++) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(data[PAGE_HEADER_BYTES + i] as number)) * 0x100000001b3n);
  }
  return hash;
}

const readBigU64 = (data: Uint8Array, at: number): bigint =>
  BigInt(readU32(data, at)) | (BigInt(readU32(data, at + 4)) << 32n);

function writeBigU64(data: Uint8Array, at: number, value: bigint): void {
  writeU32(data, at, Number(value & 0xffffffffn));
  writeU32(data, at + 4, Number(value >> 32n));
}

/**
 * A whole meta page; `pageId` 0 or 1 is given apart from the txid because a streamed copy writes one state into both.
 */
export function encodeMeta(meta: Meta, pageId: 0 | 1): Uint8Array {
  const data = new Uint8Array(meta.pageSize);
  writePageHeader(data, { id: pageId, flags: FLAG_META, count: 0, overflow: 0 });
  writeU32(data, 16, MAGIC);
  writeU32(data, 20, VERSION);
  writeU32(data, 24, meta.pageSize);
  writeU64(data, 32, meta.rootId);
  writeBigU64(data, 40, meta.rootSequence);
  if (meta.freelistId === undefined) data.fill(0xff, 48, 56);
  else writeU64(data, 48, meta.freelistId);
  writeU64(data, 56, meta.highWater);
  writeU64(data, 64, meta.txid);
  writeBigU64(data, 72, checksum(data));
  return data;
}

interface InvalidMeta {
  readonly invalid: string;
  /** It is no database, or none of a version that we know. */
  readonly foreign: boolean;
  readonly bboltText: string | undefined;
}

const foreign = (invalid: string, bboltText = 'invalid database'): InvalidMeta => ({
  invalid,
  foreign: true,
  bboltText,
});
const damaged = (invalid: string, bboltText?: string): InvalidMeta => ({ invalid, foreign: false, bboltText });

/**
 * What one meta page says, or in words why it cannot be believed. `data` holds at least `META_END` bytes of the page.
 */
export function decodeMeta(data: Uint8Array): Meta | InvalidMeta {
  if (data.length < META_END) return foreign(`meta page is cut short: ${data.length} bytes`);
  if (readU32(data, 16) !== MAGIC) return foreign('not a bbolt database (wrong magic number)');
  const version = readU32(data, 20);
  if (version !== VERSION)
    return foreign(`format version ${version}, this program knows ${VERSION}`, 'version mismatch');
  if (readBigU64(data, 72) !== checksum(data)) return damaged('meta page has a wrong checksum', 'checksum error');
  const pageSize = readU32(data, 24);
  if (pageSize < MIN_PAGE_SIZE || pageSize > MAX_PAGE_SIZE || (pageSize & (pageSize - 1)) !== 0) {
    return damaged(`page size ${pageSize}`);
  }
  const highWater = readU64(data, 56);
  const rootId = readU64(data, 32);
  const txid = readU64(data, 64);
  const stored = readBigU64(data, 48);
  if (!Number.isSafeInteger(txid + 1)) return damaged(`transaction id ${txid}`);
  if (highWater < 3 || !Number.isSafeInteger(highWater * pageSize)) {
    return damaged(`high-water page ${highWater}`);
  }
  if (rootId < 2 || rootId >= highWater) return damaged(`root page ${rootId} of ${highWater}`);
  const freelistId = stored === 0xffffffffffffffffn ? undefined : readU64(data, 48);
  if (freelistId !== undefined && (freelistId < 2 || freelistId >= highWater)) {
    return damaged(`freelist page ${freelistId} of ${highWater}`);
  }
  return { pageSize, rootId, rootSequence: readBigU64(data, 40), freelistId, highWater, txid };
}

/**
 * The newer valid meta of a file. `readAt` returns up to `size` bytes, fewer at the file's end. Where page 0 is
 * unreadable, the page size is not known, so page 1 is looked for at every size there is.
 */
export function readMetas(path: string, readAt: (position: number, size: number) => Uint8Array): Meta {
  const first = decodeMeta(readAt(0, META_END));
  let second: ReturnType<typeof decodeMeta> | undefined;
  if ('invalid' in first) {
    for (let size = MIN_PAGE_SIZE; size <= MAX_PAGE_SIZE; size *= 2) {
      const candidate = decodeMeta(readAt(size, META_END));
      if ('invalid' in candidate) continue;
      if (candidate.pageSize === size) {
        second = candidate;
        break;
      }
    }
  } else {
    second = decodeMeta(readAt(first.pageSize, META_END));
  }
  const firstMeta = 'invalid' in first ? undefined : first;
  const secondMeta = second === undefined || 'invalid' in second ? undefined : second;
  if (firstMeta !== undefined && secondMeta !== undefined) {
    if (firstMeta.pageSize !== secondMeta.pageSize) {
      throw new BoltError('ERR_BOLT_CORRUPT', path, 'the two meta pages differ in page size', { pageId: 1, offset: 0 });
    }
    return firstMeta.txid > secondMeta.txid ? firstMeta : secondMeta;
  }
  const only = firstMeta ?? secondMeta;
  if (only !== undefined) return only;
  const { invalid, foreign: isForeign, bboltText } = first as InvalidMeta;
  throw new BoltError(isForeign ? 'ERR_BOLT_FORMAT' : 'ERR_BOLT_CORRUPT', path, invalid, {
    pageId: 0,
    offset: 0,
    ...(bboltText !== undefined && { bboltText }),
  });
}
