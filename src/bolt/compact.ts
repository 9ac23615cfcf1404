/**
 * A dense copy of one state into a new file: same buckets, keys, values and sequences, no free pages. As bbolt's
 * Compact.
 */
import type { DiskFile } from '../lib/disk.js';
import { BucketBuilder, FileBuilder } from './builder.js';
import type { Meta } from './meta.js';
import type { ReadBucket } from './types.js';

/** Entries copied between two pauses: some hundred microseconds of work. */
const STEP_ENTRIES = 500;
/** … or bytes, whichever comes first. */
const STEP_BYTES = 256 << 10;

/**
 * Copies a pinned state step by step: run the generator to its end, doing other things between the steps as you like.
 * `file` must be empty; it is durable at the end.
 */
export function* compactInto(
  source: { readonly root: ReadBucket; readonly meta: Meta },
  file: DiskFile,
): Generator<void, void, void> {
  const builder = new FileBuilder(file, source.meta.pageSize);
  const top = new BucketBuilder(builder, source.root.sequence);
  yield* copyEntries(source.root, top, builder);
  builder.finish(top.finishTree(), source.root.sequence, source.meta.txid);
}

function* copyEntries(from: ReadBucket, to: BucketBuilder, file: FileBuilder): Generator<void, void, void> {
  let start: Uint8Array | undefined;
  for (;;) {
    let entries = 0;
    let bytes = 0;
    let nested: Uint8Array | undefined;
    let last: Uint8Array | undefined;
    const done = from.range(start, undefined, (key, value, isBucket) => {
      last = key;
      if (isBucket) nested = key;
      else to.add(key, value, false);
      entries++;
      bytes += key.length + value.length;
      return !isBucket && entries < STEP_ENTRIES && bytes < STEP_BYTES;
    });
    if (nested !== undefined) {
      const inner = from.bucket(nested);
      if (inner !== undefined) {
        const copy = new BucketBuilder(file, inner.sequence);
        yield* copyEntries(inner, copy, file);
        to.add(nested, copy.finish(), true);
      }
    }
    if (done || last === undefined) return;
    start = successor(last);
    yield;
  }
}

/** The smallest key after `key`. */
export function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
