/**
 * What was put or deleted in one bucket since the last commit closed, in key order, laid over the file by reads.
 *
 * Two parallel arrays, ascending keys; an undefined value is a deletion. `key` records come in order, so the common put
 * is a push; anything else costs one move of at most some ten thousand pointers. Arrays of the caller are kept, not
 * copied.
 */
import { compareBytes, lowerBound } from '../bolt/page.js';

export class WriteBuffer {
  readonly keys: Uint8Array[] = [];
  readonly values: (Uint8Array | undefined)[] = [];

  get size(): number {
    return this.keys.length;
  }

  /** Without a comparison: `key` is greater than all in the bucket. */
  append(key: Uint8Array, value: Uint8Array): void {
    this.keys.push(key);
    this.values.push(value);
  }

  set(key: Uint8Array, value: Uint8Array | undefined): void {
    const index = this.lowerBound(key);
    const found = this.keys[index];
    if (found === undefined) {
      this.keys.push(key);
      this.values.push(value);
    } else if (compareBytes(found, key) === 0) {
      this.values[index] = value;
    } else {
      this.keys.splice(index, 0, key);
      this.values.splice(index, 0, value);
    }
  }

  /** Index of `key`, or -1. */
  find(key: Uint8Array): number {
    const index = this.lowerBound(key);
    const found = this.keys[index];
    return found !== undefined && compareBytes(found, key) === 0 ? index : -1;
  }

  /** First index whose key is >= `key`; the end is tried first. */
  lowerBound(key: Uint8Array): number {
    return lowerBound(this.keys, key);
  }
}
