/**
 * One page of a bbolt file, as it lies on disk: little-endian, read in place, never changed.
 *
 *     header (16 bytes):  id u64 | flags u16 | count u16 | overflow u32      overflow: following pages that belong to
 *                                                                            this one
 *     leaf element i   at 16+16i:  flags u32 (1 = bucket) | pos u32 | ksize u32 | vsize u32      key at element start +
 *                                                                                                pos, value after it
 *     branch element i at 16+16i:  pos u32 | ksize u32 | child id u64                            key <= every key under
 *                                                                                                the child
 *
 * A `Page` has passed its check: every element lies inside the page's bytes, so the accessors need none. Order of keys
 * is not checked here (`check.ts` does); a wrong order can give wrong answers but never an endless walk
 * (`read-bucket.ts` guards that). Source of the format: bbolt's page.go, as of 1.3.
 */
import { BoltError } from './errors.js';

export const PAGE_HEADER_BYTES = 16;
export const ELEMENT_BYTES = 16;
export const FLAG_BRANCH = 0x01;
export const FLAG_LEAF = 0x02;
export const FLAG_META = 0x04;
export const FLAG_FREELIST = 0x10;
/** Leaf element flag: the value is a bucket header. */
export const ELEMENT_BUCKET = 0x01;

export const readU16 = (data: Uint8Array, at: number): number => (data[at] as number) | ((data[at + 1] as number) << 8);

export const readU32 = (data: Uint8Array, at: number): number =>
  ((data[at] as number) |
    ((data[at + 1] as number) << 8) |
    ((data[at + 2] as number) << 16) |
    ((data[at + 3] as number) << 24)) >>>
  0;

/**
 * Page and transaction ids are far below 2^53 in any file that can exist; a larger value comes out inexact, and fails
 * the range checks.
 */
export const readU64 = (data: Uint8Array, at: number): number => readU32(data, at) + readU32(data, at + 4) * 4294967296;

function writeU16(data: Uint8Array, at: number, value: number): void {
  data[at] = value;
  data[at + 1] = value >>> 8;
}

export function writeU32(data: Uint8Array, at: number, value: number): void {
  data[at] = value;
  data[at + 1] = value >>> 8;
  data[at + 2] = value >>> 16;
  data[at + 3] = value >>> 24;
}

export function writeU64(data: Uint8Array, at: number, value: number): void {
  writeU32(data, at, value % 4294967296);
  writeU32(data, at + 4, Math.floor(value / 4294967296));
}

export function writePageHeader(
  data: Uint8Array,
  header: { id: number; flags: number; count: number; overflow: number },
): void {
  writeU64(data, 0, header.id);
  writeU16(data, 8, header.flags);
  writeU16(data, 10, header.count);
  writeU32(data, 12, header.overflow);
}

/** Byte order; negative, 0 or positive. A loop in JS beats `Buffer.compare` on the short keys this store has. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** First index whose key is >= `key`. The last key is tried first: the stores mostly append. */
export function lowerBound(keys: readonly Uint8Array[], key: Uint8Array): number {
  let high = keys.length;
  if (high === 0 || compareBytes(keys[high - 1] as Uint8Array, key) < 0) return high;
  let low = 0;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareBytes(keys[middle] as Uint8Array, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** `data[at, at+size)` against `key`. */
function compareAt(data: Uint8Array, at: number, size: number, key: Uint8Array): number {
  const length = Math.min(size, key.length);
  for (let i = 0; i < length; i++) {
    const difference = (data[at + i] as number) - (key[i] as number);
    if (difference !== 0) return difference;
  }
  return size - key.length;
}

export class Page {
  /** 0 for an inline page, which lives in its bucket's value. */
  readonly id: number;
  readonly leaf: boolean;
  readonly count: number;
  /** The page with its overflow pages; for an inline page at least its used part. */
  readonly data: Uint8Array;

  /** Only for bytes that passed `parsePage` or were written by us. */
  constructor(id: number, leaf: boolean, count: number, data: Uint8Array) {
    this.id = id;
    this.leaf = leaf;
    this.count = count;
    this.data = data;
  }

  key(index: number): Uint8Array {
    const element = PAGE_HEADER_BYTES + index * ELEMENT_BYTES;
    if (this.leaf) {
      const at = element + readU32(this.data, element + 4);
      return this.data.subarray(at, at + readU32(this.data, element + 8));
    }
    const at = element + readU32(this.data, element);
    return this.data.subarray(at, at + readU32(this.data, element + 4));
  }

  /** Leaf pages only. */
  value(index: number): Uint8Array {
    const element = PAGE_HEADER_BYTES + index * ELEMENT_BYTES;
    const at = element + readU32(this.data, element + 4) + readU32(this.data, element + 8);
    return this.data.subarray(at, at + readU32(this.data, element + 12));
  }

  /** Leaf pages only. */
  isBucket(index: number): boolean {
    return ((this.data[PAGE_HEADER_BYTES + index * ELEMENT_BYTES] as number) & ELEMENT_BUCKET) !== 0;
  }

  /** Branch pages only. */
  child(index: number): number {
    return readU64(this.data, PAGE_HEADER_BYTES + index * ELEMENT_BYTES + 8);
  }

  /** Compares the element's key with `key` without making a view of it. */
  compare(index: number, key: Uint8Array): number {
    const element = PAGE_HEADER_BYTES + index * ELEMENT_BYTES;
    const data = this.data;
    return this.leaf
      ? compareAt(data, element + readU32(data, element + 4), readU32(data, element + 8), key)
      : compareAt(data, element + readU32(data, element), readU32(data, element + 4), key);
  }

  /** Index of the first element whose key is >= `key`; `count` when there is none. */
  lowerBound(key: Uint8Array): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.compare(middle, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Index of the child under which `key` belongs: the last whose key is <= it, or the first child. Branch pages only.
   */
  childFor(key: Uint8Array): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.compare(middle, key) <= 0) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? 0 : low - 1;
  }
}

/** Who the page is, for the error; `offset` is where its first byte lies in the file. */
export interface PagePlace {
  readonly path: string;
  readonly id: number;
  readonly offset: number;
}

const corrupt = (place: PagePlace, reason: string): BoltError =>
  new BoltError('ERR_BOLT_CORRUPT', place.path, reason, { pageId: place.id, offset: place.offset });

/** The header of the tree page `place.id`, or the error that says why it is none. */
export function parseHeader(data: Uint8Array, place: PagePlace): { leaf: boolean; count: number; overflow: number } {
  if (data.length < PAGE_HEADER_BYTES) throw corrupt(place, `page is cut short: ${data.length} bytes`);
  const id = readU64(data, 0);
  if (id !== place.id) throw corrupt(place, `page says it is page ${id}`);
  const flags = readU16(data, 8);
  if (flags !== FLAG_LEAF && flags !== FLAG_BRANCH) {
    throw corrupt(place, `page of the tree has flags 0x${flags.toString(16)}, neither branch nor leaf`);
  }
  return { leaf: flags === FLAG_LEAF, count: readU16(data, 10), overflow: readU32(data, 12) };
}

/**
 * Checks that all of the page's elements lie within `data` (the page with its overflow). `highWater` bounds the
 * children. `place.id` is 0 for an inline page.
 */
export function parsePage(data: Uint8Array, place: PagePlace, highWater: number): Page {
  const { leaf, count } = parseHeader(data, place);
  const size = data.length;
  const elementsEnd = PAGE_HEADER_BYTES + count * ELEMENT_BYTES;
  if (elementsEnd > size) throw corrupt(place, `${count} elements do not fit into ${size} bytes`);
  if (!leaf && count === 0) throw corrupt(place, 'branch page has no children');
  for (let i = 0; i < count; i++) {
    const element = PAGE_HEADER_BYTES + i * ELEMENT_BYTES;
    let end: number;
    let start: number;
    if (leaf) {
      start = element + readU32(data, element + 4);
      end = start + readU32(data, element + 8) + readU32(data, element + 12);
    } else {
      start = element + readU32(data, element);
      end = start + readU32(data, element + 4);
      const child = readU64(data, element + 8);
      if (child < 2 || child >= highWater) throw corrupt(place, `element ${i} points to page ${child} of ${highWater}`);
    }
    if (start < elementsEnd || end > size) {
      throw corrupt(place, `element ${i} spans bytes ${start} to ${end} of a page of ${size}`);
    }
  }
  return new Page(place.id, leaf, count, data);
}

/** A bucket's stored value: where its tree starts. `rootId` 0 = the whole bucket is the one leaf page in `inline`. */
export interface BucketHeader {
  readonly rootId: number;
  readonly sequence: bigint;
  readonly inline: Page | undefined;
}

export const BUCKET_HEADER_BYTES = 16;

/** `place` names the page that holds the value. */
export function parseBucketHeader(value: Uint8Array, place: PagePlace, highWater: number): BucketHeader {
  if (value.length < BUCKET_HEADER_BYTES) throw corrupt(place, `bucket header is ${value.length} bytes long`);
  const rootId = readU64(value, 0);
  const sequence = BigInt(readU32(value, 8)) | (BigInt(readU32(value, 12)) << 32n);
  if (rootId !== 0) {
    if (rootId < 2 || rootId >= highWater) throw corrupt(place, `bucket starts at page ${rootId} of ${highWater}`);
    return { rootId, sequence, inline: undefined };
  }
  const data = value.subarray(BUCKET_HEADER_BYTES);
  if (data.length < PAGE_HEADER_BYTES) throw corrupt(place, `inline bucket is cut short: ${data.length} bytes`);
  if (readU64(data, 0) !== 0) throw corrupt(place, 'inline bucket has a page id');
  const inline = parsePage(data, { path: place.path, id: 0, offset: place.offset }, highWater);
  if (!inline.leaf) throw corrupt(place, 'inline bucket is not a leaf');
  return { rootId: 0, sequence, inline };
}
