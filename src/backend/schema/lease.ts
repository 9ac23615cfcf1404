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

export function readLeases(backend: BackendReader, visit: (lease: Lease) => void): void {
  backend.range('lease', new Uint8Array(0), undefined, 0, (_key, value) => visit(decodeLease(value)));
}

export const decodeLease = (value: Uint8Array): Lease => Lease.decode(value);

function leaseKey(id: LeaseId): Uint8Array {
  const key = Buffer.allocUnsafe(8);
  key.writeBigUInt64BE(BigInt.asUintN(64, id));
  return key;
}
