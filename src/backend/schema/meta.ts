/**
 * Keys of the bucket `meta` that say how far the database has got, and their values. mvcc keeps its own marks there besides.
 *
 *     consistent_index  uint64, big-endian     index of the last entry whose effects are in the database
 *     term              uint64, big-endian     of that entry
 *     confState         JSON                   the configuration as of there
 *     storageVersion    text, `3.6.0`          the oldest etcd that can read it; absent before 3.6
 *
 * Source: etcd's server/storage/schema (cindex.go, confstate.go, migration.go).
 */
export const consistentIndexKey: Uint8Array = Buffer.from('consistent_index');
export const termKey: Uint8Array = Buffer.from('term');
export const confStateKey: Uint8Array = Buffer.from('confState');
export const storageVersionKey: Uint8Array = Buffer.from('storageVersion');

/** An index or term as it is stored. */
export function encodeCounter(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
