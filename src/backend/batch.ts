/**
 * What has been put since the last commit: read before the file, in whose next write transaction it goes there.
 */
import type { Bolt } from '../bolt/bolt.js';
import type { WriteTx } from '../bolt/types.js';
import { bucketBytes } from './buckets.js';
import { rangeMerged, rangeStored } from './ranges.js';
import type { BucketName, Scanner, Visit } from './types.js';
import { WriteBuffer } from './write-buffer.js';

/** Revisions only grow, so pages of the `key` bucket are filled rather than left half empty for insertions. */
const KEY_FILL_PERCENT = 0.9;

export class Batch {
  /** How many operations it holds. */
  pending = 0;
  #buffers = new Map<BucketName, WriteBuffer>();
  /** Buckets that exist, in the file or by this batch. */
  readonly #known = new Set<BucketName>();
  #created: BucketName[] = [];

  /** `bolt` may be exchanged for another with the same content. */
  constructor(public bolt: Bolt) {}

  createBucket(bucket: BucketName): void {
    if (this.#exists(bucket)) return;
    this.#known.add(bucket);
    this.#created.push(bucket);
    this.pending++;
  }

  get(bucket: BucketName, key: Uint8Array): Uint8Array | undefined {
    const buffer = this.#buffers.get(bucket);
    if (buffer !== undefined) {
      const index = buffer.find(key);
      if (index >= 0) return buffer.values[index];
    }
    return this.bolt.latestBucket(bucketBytes(bucket), bucket)?.peek(key);
  }

  scanner(bucket: BucketName): Scanner {
    const buffer = this.#buffers.get(bucket);
    const scanStored = this.bolt.latestBucket(bucketBytes(bucket), bucket)?.scanner();
    return (key) => {
      const index = buffer?.find(key) ?? -1;
      return index >= 0 ? buffer?.values[index] : scanStored?.(key);
    };
  }

  range(bucket: BucketName, start: Uint8Array, end: Uint8Array | undefined, limit: number, visit: Visit): void {
    const stored = this.bolt.latestBucket(bucketBytes(bucket), bucket);
    const buffer = this.#buffers.get(bucket);
    if (buffer !== undefined) {
      const from = buffer.lowerBound(start);
      const to = end === undefined ? buffer.size : buffer.lowerBound(end);
      if (from < to) {
        // Copies, so that the visitor may put and delete.
        const over = { keys: buffer.keys.slice(from, to), values: buffer.values.slice(from, to) };
        rangeMerged(stored, over, { start, end, limit }, visit);
        return;
      }
    }
    if (stored !== undefined) rangeStored(stored, { start, end, limit }, visit);
  }

  /** `append`: the key comes behind all of its bucket. */
  put(bucket: BucketName, key: Uint8Array, value: Uint8Array, append: boolean): void {
    const buffer = this.#bufferFor(bucket);
    if (append) buffer.append(key, value);
    else buffer.set(key, value);
    this.pending++;
  }

  delete(bucket: BucketName, key: Uint8Array): void {
    this.#bufferFor(bucket).set(key, undefined);
    this.pending++;
  }

  writeTo(tx: WriteTx): void {
    for (const name of this.#created) tx.createBucket(bucketBytes(name));
    for (const [name, buffer] of this.#buffers) {
      const bucket = tx.bucket(bucketBytes(name));
      if (bucket === undefined) throw new Error(`bucket ${name} is not in the file`);
      if (name === 'key') bucket.fillPercent = KEY_FILL_PERCENT;
      const { keys, values } = buffer;
      for (let i = 0; i < keys.length; i++) {
        const key = keys[i] as Uint8Array;
        const value = values[i];
        if (value === undefined) bucket.delete(key);
        else bucket.put(key, value);
      }
    }
  }

  /** All of it is in the file. */
  clear(): void {
    this.#buffers = new Map();
    this.#created = [];
    this.pending = 0;
  }

  #exists(bucket: BucketName): boolean {
    if (this.#known.has(bucket)) return true;
    if (this.bolt.latestBucket(bucketBytes(bucket), bucket) === undefined) return false;
    this.#known.add(bucket);
    return true;
  }

  #bufferFor(bucket: BucketName): WriteBuffer {
    const known = this.#buffers.get(bucket);
    if (known !== undefined) return known;
    if (!this.#exists(bucket)) throw new Error(`bucket ${bucket} was never created`);
    const buffer = new WriteBuffer();
    this.#buffers.set(bucket, buffer);
    return buffer;
  }
}
