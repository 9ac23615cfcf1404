/**
 * A Range request over a view of the store: fetch in key order → filter by revisions → sort → cut to the limit. The
 * common request (no filter, no sort) hands the stored bytes on without decoding them. Rules: etcd's
 * server/etcdserver/txn/range.go.
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
  const found = source.range(request.key, request.rangeEnd, {
    revision: request.revision > 0 ? request.revision : 0,
    limit: fetchLimit(request),
    countOnly: request.countOnly,
  });
  return shapeRange(request, found.kvs, { count: found.count, namesLeases: source.namesLeases });
}

/**
 * How many keys have to be looked at; 0 = all. One more than asked for tells whether there are more. A sort by
 * something else than the key that names no order sorts what the limit has left, as etcd does: only an order makes it
 * fetch all.
 */
export function fetchLimit(request: RangeRequest): number {
  const needsAll = hasFilter(request) || (isSorted(request) && request.sortOrder !== SortOrder.NONE);
  return request.limit <= 0 || needsAll ? 0 : request.limit + 1;
}

/**
 * The answer, from the `kvs` fetched in key order (which it may keep) and the number of keys in the range.
 * `namesLeases`: as `KeyReader` has it.
 */
export function shapeRange(
  request: RangeRequest,
  fetched: Uint8Array[],
  { count, namesLeases }: { readonly count: number; readonly namesLeases: boolean },
): SplicedRangeResponse {
  if (request.countOnly) return { header: undefined, kvs: [], more: false, count };
  const limit = request.limit > 0 ? request.limit : 0;
  if (!hasFilter(request) && !isSorted(request) && !request.keysOnly) {
    const more = limit > 0 && fetched.length > limit;
    return { header: undefined, kvs: more ? fetched.slice(0, limit) : fetched, more, count };
  }
  let kvs = fetched.map((bytes) => KeyValue.decode(bytes));
  if (hasFilter(request)) kvs = kvs.filter((kv) => passesFilter(request, kv));
  const isLess = orderOf(request);
  // Ties come in the order that etcd's sorting leaves them in: a limit cuts through them.
  if (isLess !== undefined) goSort(kvs, isLess);
  const more = limit > 0 && kvs.length > limit;
  if (more) kvs = kvs.slice(0, limit);
  if (request.keysOnly) {
    const leavesLease = namesLeasesOf(request, namesLeases);
    for (const kv of kvs) {
      kv.value = new Uint8Array(0);
      if (!leavesLease) kv.lease = 0n;
    }
  }
  return { header: undefined, kvs, more, count };
}

/** Whether the answer is the stored records in key order, with or without their values. */
export function isPlain(request: RangeRequest): boolean {
  return !hasFilter(request) && !isSorted(request);
}

function hasFilter(request: RangeRequest): boolean {
  return (
    request.maxModRevision !== 0 ||
    request.minModRevision !== 0 ||
    request.maxCreateRevision !== 0 ||
    request.minCreateRevision !== 0
  );
}

export function passesFilter(request: RangeRequest, kv: KeyValue): boolean {
  return (
    (request.maxModRevision === 0 || kv.modRevision <= request.maxModRevision) &&
    (request.minModRevision === 0 || kv.modRevision >= request.minModRevision) &&
    (request.maxCreateRevision === 0 || kv.createRevision <= request.maxCreateRevision) &&
    (request.minCreateRevision === 0 || kv.createRevision >= request.minCreateRevision)
  );
}

/**
 * Key order ascending is how the store answers; a target without an order means ascending, an order that nobody knows
 * none.
 */
function isSorted(request: RangeRequest): boolean {
  if (request.sortOrder < SortOrder.NONE || request.sortOrder > SortOrder.DESCEND) return false;
  return request.sortOrder === SortOrder.NONE ? request.sortTarget !== SortTarget.KEY : !isKeyAscending(request);
}

function isKeyAscending(request: RangeRequest): boolean {
  return request.sortTarget === SortTarget.KEY && request.sortOrder === SortOrder.ASCEND;
}

/** By what the keys are to be sorted, in the order of the store; undefined = not at all. */
export function orderOf(request: RangeRequest): ((a: KeyValue, b: KeyValue) => boolean) | undefined {
  const compare = isSorted(request) ? comparison(request.sortTarget) : undefined;
  if (compare === undefined) return undefined;
  return request.sortOrder === SortOrder.DESCEND ? (a, b) => compare(b, a) < 0 : (a, b) => compare(a, b) < 0;
}

/** Whether keys without values name their leases: what is sorted by value was read whole. `usually` as KeyReader. */
export const namesLeasesOf = (request: RangeRequest, usually: boolean): boolean =>
  usually || request.sortTarget === SortTarget.VALUE;

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
