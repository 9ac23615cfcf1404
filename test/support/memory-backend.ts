/** A Backend that keeps everything in memory and commits nowhere: for tests of the parts above it. */
import {
  type Backend,
  type BackendReader,
  type BackendSnapshot,
  type BucketName,
  LASTING_BYTES,
  type Scanner,
  type Visit,
} from '../../src/backend/types.js';

interface Bucket {
  /** Sorted, latin1. */
  keys: string[];
  values: Map<string, Uint8Array>;
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

export class MemoryBackend implements Backend {
  readonly buckets = new Map<BucketName, Bucket>();
  sizeBytes = 0;
  sizeInUseBytes = 0;
  readonly #lent = Buffer.alloc(LASTING_BYTES);

  createBucket(bucket: BucketName): void {
    if (!this.buckets.has(bucket)) this.buckets.set(bucket, { keys: [], values: new Map() });
  }

  private bucket(name: BucketName): Bucket {
    const found = this.buckets.get(name);
    if (found === undefined) throw new Error(`no bucket ${name}`);
    return found;
  }

  /** What it lends is overwritten by the next call, as far as it may be. */
  get(bucket: BucketName, key: Uint8Array): Uint8Array | undefined {
    const value = this.bucket(bucket).values.get(text(key));
    if (value === undefined || value.length >= LASTING_BYTES) return value;
    this.#lent.fill(0xee).set(value);
    const lent = this.#lent.subarray(0, value.length);
    return Buffer.isBuffer(value) ? lent : new Uint8Array(lent.buffer, lent.byteOffset, lent.length);
  }

  scanner(bucket: BucketName): Scanner {
    return (key) => this.get(bucket, key);
  }

  range(bucket: BucketName, start: Uint8Array, end: Uint8Array | undefined, limit: number, visit: Visit): void {
    const { keys, values } = this.bucket(bucket);
    const stop = end === undefined ? keys.length : lowerBound(keys, text(end));
    let seen = 0;
    for (let at = lowerBound(keys, text(start)); at < stop; at++) {
      const key = keys[at] as string;
      if (visit(Buffer.from(key, 'latin1'), values.get(key) as Uint8Array) === false) return;
      if (++seen === limit) return;
    }
  }

  put(bucket: BucketName, key: Uint8Array, value: Uint8Array, options: { append?: boolean } = {}): void {
    const { keys, values } = this.bucket(bucket);
    const name = text(key);
    const isNew = !values.has(name);
    const last = keys.at(-1);
    if (options.append === true && last !== undefined && last >= name)
      throw new Error(`append of ${name} behind ${last}`);
    if (isNew && (last === undefined || last < name)) keys.push(name);
    else if (isNew) keys.splice(lowerBound(keys, name), 0, name);
    values.set(name, value);
    this.sizeBytes += value.length;
  }

  delete(bucket: BucketName, key: Uint8Array): void {
    const { keys, values } = this.bucket(bucket);
    const name = text(key);
    if (values.delete(name)) keys.splice(lowerBound(keys, name), 1);
  }

  /** The same content, to go on apart from this one. */
  copy(): MemoryBackend {
    const copy = new MemoryBackend();
    for (const [name, { keys, values }] of this.buckets) {
      copy.buckets.set(name, { keys: [...keys], values: new Map(values) });
    }
    return copy;
  }

  onBeforeCommit(): void {}
  async commit(): Promise<void> {}
  tick(): void {}
  openView(): BackendReader & { close(): void } {
    const copy = this.copy();
    return Object.assign(copy, { close: async () => {} });
  }
  async snapshot(): Promise<BackendSnapshot> {
    throw new Error('a memory backend has no file');
  }
  async hash(): Promise<number> {
    throw new Error('a memory backend has no file');
  }
  async defrag(): Promise<void> {}
  async close(): Promise<void> {}
}

function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
