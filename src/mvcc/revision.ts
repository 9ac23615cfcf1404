/**
 * Keys of the backend's `key` bucket: big-endian main (8 bytes), `_`, big-endian sub (8 bytes); a tombstone has a `t`
 * behind that. So byte order is the order of changes. Source: etcd's server/storage/mvcc/revision.go.
 */
export const revisionKeyBytes = 17;
const tombstoneKeyBytes = 18;
const separator = 0x5f; // _
const tombstoneMark = 0x74; // t

/** The key of one change; a new array. */
export function revisionKey(main: number, sub: number, tombstone: boolean): Uint8Array {
  const out = Buffer.allocUnsafe(tombstone ? tombstoneKeyBytes : revisionKeyBytes);
  writeRevisionKey(out, main, sub);
  if (tombstone) out[17] = tombstoneMark;
  return out;
}

/** Writes the first 17 bytes into `into`. */
export function writeRevisionKey(into: Uint8Array, main: number, sub: number): void {
  writeUint64(into, 0, main);
  into[8] = separator;
  writeUint64(into, 9, sub);
}

export function mainOf(key: Uint8Array): number {
  return readUint64(key, 0);
}

export function subOf(key: Uint8Array): number {
  return readUint64(key, 9);
}

export function isTombstone(key: Uint8Array): boolean {
  return key.length === tombstoneKeyBytes && key[17] === tombstoneMark;
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
