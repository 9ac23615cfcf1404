/** Keys and ranges of keys as callers give them, turned into what crosses the wire. */
import { rawBytes } from '../lib/raw-text.js';

/** Text is sent as UTF-8; bytes in it that are none (see `lib/raw-text.ts`) as they are. */
export type Bytes = string | Uint8Array;

export const toBytes = (value: Bytes): Uint8Array => (typeof value === 'string' ? rawBytes(value) : value);

/**
 * One key, or with one of the options a range: `[key, end)`, all keys that begin with `key`, all keys from `key` on.
 */
export interface RangeSelection {
  readonly end?: Bytes | undefined;
  readonly prefix?: boolean | undefined;
  readonly fromKey?: boolean | undefined;
}

const noEnd = new Uint8Array(0);
/** As an end: no upper limit. As a key: the lowest there can be. */
export const zeroKey: Uint8Array = Uint8Array.of(0);

/** The wire's key and range end; the empty prefix and the empty first key mean the whole keyspace. */
export function selectRange(key: Bytes, selection: RangeSelection): { key: Uint8Array; rangeEnd: Uint8Array } {
  const bytes = toBytes(key);
  if (selection.prefix === true) {
    if (bytes.length === 0) return { key: zeroKey, rangeEnd: zeroKey };
    return { key: bytes, rangeEnd: prefixEnd(bytes) };
  }
  if (selection.fromKey === true) return { key: bytes.length === 0 ? zeroKey : bytes, rangeEnd: zeroKey };
  return { key: bytes, rangeEnd: selection.end === undefined ? noEnd : toBytes(selection.end) };
}

/** The first key behind all those that begin with `prefix`; `zeroKey` when there is none (all bytes are 0xff). */
export function prefixEnd(prefix: Uint8Array): Uint8Array {
  for (let last = prefix.length - 1; last >= 0; last--) {
    const byte = prefix[last] ?? 0xff;
    if (byte === 0xff) continue;
    // A copy: `slice` of a Buffer is none.
    const end = new Uint8Array(prefix.subarray(0, last + 1));
    end[last] = byte + 1;
    return end;
  }
  return zeroKey;
}
