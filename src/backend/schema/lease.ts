/**
 * The bucket `lease`.
 *
 *     id, int64, big-endian   leasepb.Lease { ID, TTL, RemainingTTL }
 *
 * Which keys hang on a lease stands with the keys. Source: etcd's server/storage/schema/lease.go.
 */
import type { LeaseId } from '../../lib/ids.js';
import { Lease } from '../../proto/gen/leasepb.js';
import type { BackendReader, BackendWriter } from '../types.js';

export function putLease(backend: BackendWriter, lease: Lease): void {
  backend.put('lease', leaseKey(lease.ID), Lease.encode(lease));
}

export function deleteLease(backend: BackendWriter, id: LeaseId): void {
  backend.delete('lease', leaseKey(id));
}

/**
 * From the key `start` on, `limit` at most (0 = all). Returns where the next ones start; undefined when that was all.
 */
export function readLeases(
  backend: BackendReader,
  { start = new Uint8Array(0), limit = 0 }: { readonly start?: Uint8Array; readonly limit?: number },
  visit: (lease: Lease) => void,
): Uint8Array | undefined {
  let read = 0;
  let next: Uint8Array | undefined;
  backend.range('lease', start, undefined, limit, (key, value) => {
    visit(decodeLease(value));
    // The next key there can be.
    if (++read === limit) next = Buffer.concat([key, Buffer.alloc(1)]);
  });
  return next;
}

export const decodeLease = (value: Uint8Array): Lease => Lease.decode(value);

function leaseKey(id: LeaseId): Uint8Array {
  const key = Buffer.allocUnsafe(8);
  key.writeBigUInt64BE(BigInt.asUintN(64, id));
  return key;
}
