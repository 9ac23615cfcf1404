/**
 * A Range request over a view of the store: fetch in key order → filter by revisions → sort → cut to the limit. The common request (no
 * filter, no sort) hands the stored bytes on without decoding them. Rules: etcd's apply_v3 / txn.Range, facts "semantics 2".
 */
import { goSort } from '../../lib/go/sort.js';
import type { KeyReader } from '../../mvcc/types.js';
import {
  type RangeRequest,
  RangeRequest_SortOrder as SortOrder,
  RangeRequest_SortTarget as SortTarget,
  type SplicedRangeResponse,
} from '../../proto/gen/etcdserverpb.js';
import { KeyValue } from '../../proto/gen/mvccpb.js';

export function executeRange(source: KeyReader, request: RangeRequest): SplicedRangeResponse {
  const filtered = hasFilter(request);
  const sorted = isSorted(request);
  const limit = Math.max(request.limit, 0);
  // A sort by something else than the key that names no order sorts what the limit has left, as etcd does: only an order makes it fetch all.
  const needsAll = filtered || (sorted && request.sortOrder !== SortOrder.NONE);
  const found = source.range(request.key, request.rangeEnd, {
    revision: Math.max(request.revision, 0),
    limit: needsAll || limit === 0 ? 0 : limit + 1,
    countOnly: request.countOnly,
  });
  if (request.countOnly) return { header: undefined, kvs: [], more: false, count: found.count };
  if (!filtered && !sorted && !request.keysOnly) {
    const more = limit > 0 && found.kvs.length > limit;
    return { header: undefined, kvs: more ? found.kvs.slice(0, limit) : found.kvs, more, count: found.count };
  }
  let kvs = found.kvs.map((bytes) => KeyValue.decode(bytes));
  if (filtered) kvs = kvs.filter((kv) => passesFilter(request, kv));
  if (sorted) sortKvs(kvs, request);
  const more = limit > 0 && kvs.length > limit;
  if (more) kvs = kvs.slice(0, limit);
  if (request.keysOnly) for (const kv of kvs) kv.value = new Uint8Array(0);
  return { header: undefined, kvs, more, count: found.count };
}

function hasFilter(request: RangeRequest): boolean {
  return (
    request.maxModRevision !== 0 ||
    request.minModRevision !== 0 ||
    request.maxCreateRevision !== 0 ||
    request.minCreateRevision !== 0
  );
}

function passesFilter(request: RangeRequest, kv: KeyValue): boolean {
  return (
    (request.maxModRevision === 0 || kv.modRevision <= request.maxModRevision) &&
    (request.minModRevision === 0 || kv.modRevision >= request.minModRevision) &&
    (request.maxCreateRevision === 0 || kv.createRevision <= request.maxCreateRevision) &&
    (request.minCreateRevision === 0 || kv.createRevision >= request.minCreateRevision)
  );
}

/** Key order ascending is how the store answers; a target without an order means ascending. */
function isSorted(request: RangeRequest): boolean {
  return request.sortOrder === SortOrder.NONE ? request.sortTarget !== SortTarget.KEY : !isKeyAscending(request);
}

function isKeyAscending(request: RangeRequest): boolean {
  return request.sortTarget === SortTarget.KEY && request.sortOrder === SortOrder.ASCEND;
}

function sortKvs(kvs: KeyValue[], request: RangeRequest): void {
  const compare = comparison(request.sortTarget);
  if (compare === undefined) return;
  // Ties come in the order that etcd's sorting leaves them in: a limit cuts through them.
  if (request.sortOrder === SortOrder.DESCEND) goSort(kvs, (a, b) => compare(b, a) < 0);
  else goSort(kvs, (a, b) => compare(a, b) < 0);
}

/** undefined for a target number that no etcd knows: 3.5 and before leave such a result as it is. */
function comparison(target: number): ((a: KeyValue, b: KeyValue) => number) | undefined {
  switch (target) {
    case SortTarget.KEY:
      return (a, b) => Buffer.compare(a.key, b.key);
    case SortTarget.VERSION:
      return (a, b) => a.version - b.version;
    case SortTarget.CREATE:
      return (a, b) => a.createRevision - b.createRevision;
    case SortTarget.MOD:
      return (a, b) => a.modRevision - b.modRevision;
    case SortTarget.VALUE:
      return (a, b) => Buffer.compare(a.value, b.value);
    default:
      return undefined;
  }
}
