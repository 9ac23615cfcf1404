/**
 * A long range, read in slices between which the event loop runs: heartbeats and other clients do not wait for it. All slices are as of one revision.
 */
import type { Clock } from '../../lib/clock.js';
import type { MvccStore } from '../../mvcc/store.js';
import type { RangeRequest, SplicedRangeResponse } from '../../proto/gen/etcdserverpb.js';
import { fetchLimit, shapeRange } from '../apply/range.js';

/** About 2 ms of work. */
const SLICE_KEYS = 1000;

/** Whether the answer may take more than a slice. A count alone never does. */
export function mayBeLong(request: RangeRequest): boolean {
  if (request.rangeEnd.length === 0 || request.countOnly) return false;
  const limit = fetchLimit(request);
  return limit === 0 || limit > SLICE_KEYS;
}

/** Throws like `MvccStore.range`; the header is the caller's to set. */
export async function rangeInSlices(
  store: MvccStore,
  clock: Clock,
  request: RangeRequest,
): Promise<SplicedRangeResponse> {
  const cursor = store.openRange(request.key, request.rangeEnd, request.revision > 0 ? request.revision : 0);
  try {
    const wanted = fetchLimit(request) === 0 ? cursor.count : Math.min(cursor.count, fetchLimit(request));
    const kvs = cursor.read(Math.min(SLICE_KEYS, wanted));
    while (kvs.length < wanted) {
      await new Promise<void>((resolve) => clock.soon(resolve));
      const slice = cursor.read(Math.min(SLICE_KEYS, wanted - kvs.length));
      if (slice.length === 0) break;
      for (const kv of slice) kvs.push(kv);
    }
    return shapeRange(request, kvs, cursor.count);
  } finally {
    cursor.close();
  }
}
