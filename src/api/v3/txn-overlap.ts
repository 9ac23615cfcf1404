/**
 * A transaction may not write one key twice: all its writes share one revision. Puts of one level and of the
 * transactions nested in it may not meet each other or a delete of any of them; the two branches of one nested
 * transaction may, since only one runs. Deletes may overlap deletes. As etcd's
 * server/etcdserver/api/v3rpc/key.go, checkIntervals.
 */

import { latin1Text } from '../../lib/latin1.js';
import { appendAll } from '../../lib/long-lists.js';
import type { RequestOp } from '../../proto/gen/etcdserverpb.js';

interface Interval {
  readonly start: string;
  /** Exclusive. */
  readonly end: string;
}

interface Writes {
  readonly puts: Set<string>;
  readonly deletes: Interval[];
}

/** True when `ops` would write some key twice. */
export function writesOverlap(ops: readonly RequestOp[]): boolean {
  if (ops.length === 0 || (ops.length === 1 && ops[0]?.request.case !== 'requestTxn')) return false;
  return collect(ops) === undefined;
}

/** undefined = overlap. Keys as latin1 strings: they compare in byte order. */
function collect(ops: readonly RequestOp[]): Writes | undefined {
  const puts = new Set<string>();
  const deletes: Interval[] = [];
  for (const { request } of ops) {
    if (request.case === 'requestDeleteRange') deletes.push(interval(request.value.key, request.value.rangeEnd));
  }
  for (const { request } of ops) {
    if (request.case !== 'requestTxn') continue;
    const success = collect(request.value.success);
    const failure = collect(request.value.failure);
    if (success === undefined || failure === undefined) return undefined;
    for (const key of success.puts) {
      if (puts.has(key) || covers(deletes, key)) return undefined;
    }
    for (const key of failure.puts) {
      if (puts.has(key) || covers(deletes, key)) return undefined;
    }
    for (const key of [...success.puts, ...failure.puts]) puts.add(key);
    appendAll(deletes, success.deletes);
    appendAll(deletes, failure.deletes);
  }
  for (const { request } of ops) {
    if (request.case !== 'requestPut') continue;
    const key = latin1Text(request.value.key);
    if (puts.has(key) || covers(deletes, key)) return undefined;
    puts.add(key);
  }
  return { puts, deletes };
}

function covers(deletes: readonly Interval[], key: string): boolean {
  return deletes.some(({ start, end }) => start <= key && key < end);
}

function interval(key: Uint8Array, rangeEnd: Uint8Array): Interval {
  const start = latin1Text(key);
  if (rangeEnd.length === 0) return { start, end: `${start}\0` };
  // Sic: "\0", which elsewhere means no upper limit, is taken as it is, so that a deletion from a key on meets no put.
  return { start, end: latin1Text(rangeEnd) };
}
