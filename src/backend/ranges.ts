/** Reading a bucket in order: what the file has, with what has been put since laid over it. */
import { compareBytes } from '../bolt/page.js';
import type { ReadBucket } from '../bolt/types.js';
import type { Visit } from './types.js';

interface Span {
  readonly start: Uint8Array;
  readonly end: Uint8Array | undefined;
  /** 0 = all. */
  readonly limit: number;
}

export function rangeStored(stored: ReadBucket, { start, end, limit }: Span, visit: Visit): void {
  let visited = 0;
  stored.range(start, end, (key, value, isBucket) => {
    if (isBucket) return true;
    if (visit(key, value) === false) return false;
    return ++visited !== limit;
  });
}

/** The buffer's entries laid over the stored ones. */
export function rangeMerged(
  stored: ReadBucket | undefined,
  over: { readonly keys: readonly Uint8Array[]; readonly values: readonly (Uint8Array | undefined)[] },
  { start, end, limit }: Span,
  visit: Visit,
): void {
  let next = 0;
  let visited = 0;
  /** Visits the buffered entry at `next`; false to stop. */
  const takeBuffered = (): boolean => {
    const key = over.keys[next] as Uint8Array;
    const value = over.values[next++];
    if (value === undefined) return true;
    if (visit(key, value) === false) return false;
    return ++visited !== limit;
  };
  const all = stored?.range(start, end, (key, value, isBucket) => {
    if (isBucket) return true;
    while (next < over.keys.length) {
      const order = compareBytes(over.keys[next] as Uint8Array, key);
      if (order > 0) break;
      if (!takeBuffered()) return false;
      if (order === 0) return true;
    }
    if (visit(key, value) === false) return false;
    return ++visited !== limit;
  });
  if (all === false) return;
  while (next < over.keys.length && takeBuffered());
}
