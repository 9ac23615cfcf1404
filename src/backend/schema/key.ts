/**
 * The bucket `key`: every change of a key, by its revision. Byte order is the order of changes.
 *
 *     main, uint64, big-endian  `_`  sub, uint64, big-endian   mvccpb.KeyValue
 *     the same, with a `t` behind it                           a tombstone: mvccpb.KeyValue, nothing but the key
 *
 * Records are read and written in place by mvcc (`key-value.ts`). Source: etcd's server/storage/mvcc/revision.go.
 */
export const REVISION_KEY_BYTES = 17;
const TOMBSTONE_KEY_BYTES = 18;
const SEPARATOR = 0x5f; // _
const TOMBSTONE_MARK = 0x74; // t

/** The key of one change; a new array. */
export function revisionKey(main: number, sub: number, tombstone: boolean): Uint8Array {
  const out = Buffer.allocUnsafe(tombstone ? TOMBSTONE_KEY_BYTES : REVISION_KEY_BYTES);
  writeRevisionKey(out, main, sub);
  if (tombstone) out[17] = TOMBSTONE_MARK;
  return out;
}

/** Writes the first 17 bytes into `into`. */
export function writeRevisionKey(into: Uint8Array, main: number, sub: number): void {
  writeUint64(into, 0, main);
  into[8] = SEPARATOR;
  writeUint64(into, 9, sub);
}

export function mainOf(key: Uint8Array): number {
  return readUint64(key, 0);
}

export function subOf(key: Uint8Array): number {
  return readUint64(key, 9);
}

export function isTombstone(key: Uint8Array): boolean {
  return key.length === TOMBSTONE_KEY_BYTES && key[17] === TOMBSTONE_MARK;
}

function writeUint64(into: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / 0x1_0000_0000);
  const low = value >>> 0;
  into[at] = high >>> 24;
  into[at + 1] = high >>> 16;
  into[at + 2] = high >>> 8;
  into[at + 3] = high;
  into[at + 4] = low >>> 24;
  into[at + 5] = low >>> 16;
  into[at + 6] = low >>> 8;
  into[at + 7] = low;
}

function readUint64(from: Uint8Array, at: number): number {
  return uint32(from, at) * 0x1_0000_0000 + uint32(from, at + 4);
}

function uint32(from: Uint8Array, at: number): number {
  return (
    (((from[at] as number) << 24) |
      ((from[at + 1] as number) << 16) |
      ((from[at + 2] as number) << 8) |
      (from[at + 3] as number)) >>>
    0
  );
}
