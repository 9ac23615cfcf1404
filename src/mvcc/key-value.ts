/**
 * Stored `KeyValue` bytes: small pieces that save decoding a whole record where its key is all that matters.
 *
 *     1 key (bytes)  2 create_revision  3 mod_revision  4 version  5 value (bytes)  6 lease      zero fields are left
 *                                                                                                out
 */
import { latin1Text } from '../lib/latin1.js';
import { type KeyValue, readKeyValue } from '../proto/gen/mvccpb.js';
import { NO_BYTES, Reader, writer } from '../proto/wire.js';

/** A tombstone's record: the key alone. */
export function tombstoneRecord(key: Uint8Array): Uint8Array {
  const w = writer.begin();
  if (key.length !== 0) {
    w.bytes(key);
    w.byte(0x0a);
  }
  return w.finish();
}

/** What a watcher sees of a deletion: key and mod revision. `record` is the tombstone's. */
export function deletedKeyValue(record: Uint8Array, modRevision: number): Uint8Array {
  const w = writer.begin();
  w.int64(modRevision);
  w.byte(0x18);
  w.raw(record);
  return w.finish();
}

/** The key in a stored record; '' in an empty one (a restore with a bumped revision writes such a record). */
export function keyOfRecord(record: Uint8Array): string {
  if (record[0] !== 0x0a) return '';
  const reader = new Reader(record);
  reader.pos = 1;
  const stop = reader.stop(record.length);
  return latin1Text(record, reader.pos, stop);
}

export function decodeRecord(record: Uint8Array): KeyValue {
  return readKeyValue(new Reader(record), record.length);
}

/** A copy that outlives the store's next call. */
export function owned(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) return NO_BYTES;
  const copy = Buffer.allocUnsafe(bytes.length);
  copy.set(bytes);
  return copy;
}
