/**
 * Reading the file as it was at one commit, while writes go on: views, the stream of a snapshot, the hash of all that
 * is in it. Each holds the file until it is done, even where another has replaced it.
 */
import { BoltError } from '../bolt/errors.js';
import { streamState } from '../bolt/stream.js';
import type { ReadBucket } from '../bolt/types.js';
import { type Caller, checkWanted } from '../lib/caller.js';
import type { Clock } from '../lib/clock.js';
import { bucketBytes } from './buckets.js';
import { hashOf } from './hash.js';
import { rangeStored } from './ranges.js';
import type { SharedBolt } from './shared-bolt.js';
import { pauses } from './slices.js';
import type { BackendReader, BackendSnapshot, BucketName } from './types.js';

/** etcd's send size for snapshots. */
const SNAPSHOT_CHUNK_BYTES = 32 << 10;

export function openView(shared: SharedBolt): BackendReader & { close(): void } {
  shared.hold();
  const tx = shared.bolt.beginRead();
  const buckets = new Map<BucketName, ReadBucket | undefined>();
  const bucketOf = (name: BucketName) => {
    if (!buckets.has(name)) buckets.set(name, tx.bucket(bucketBytes(name)));
    return buckets.get(name);
  };
  let open = true;
  return {
    get: (bucket, key) => bucketOf(bucket)?.get(key),
    range: (bucket, start, end, limit, visit) => {
      const stored = bucketOf(bucket);
      if (stored !== undefined) rangeStored(stored, { start, end, limit }, visit);
    },
    close: () => {
      if (!open) return;
      open = false;
      tx.close();
      shared.release();
    },
  };
}

export function openSnapshot(shared: SharedBolt, clock: Clock): BackendSnapshot {
  shared.hold();
  const { bolt } = shared;
  const tx = bolt.beginRead();
  let open = true;
  const close = () => {
    if (!open) return;
    open = false;
    tx.close();
    shared.release();
  };
  const pause = pauses(clock);
  return {
    sizeBytes: tx.meta.highWater * tx.meta.pageSize,
    async *chunks() {
      try {
        for (const chunk of streamState(bolt.pager, tx.meta, SNAPSHOT_CHUNK_BYTES)) {
          yield chunk;
          await pause();
          if (!open) throw new BoltError('ERR_BOLT_CLOSED', bolt.path, 'the snapshot is closed');
        }
      } finally {
        close();
      }
    },
    close,
  };
}

export async function hashNow(
  shared: SharedBolt,
  ignore: (bucket: string, key: Uint8Array) => boolean,
  { clock, caller }: { readonly clock: Clock; readonly caller: Caller | undefined },
): Promise<number> {
  shared.hold();
  const tx = shared.bolt.beginRead();
  const pause = pauses(clock);
  try {
    return await hashOf(tx, ignore, async () => {
      await pause();
      checkWanted(caller);
    });
  } finally {
    tx.close();
    shared.release();
  }
}
