/**
 * Encoded sizes, as the limits of the core count them: those of etcd 3.4–3.6, which write zero-valued fields. Source:
 * etcd-io/raft util.go.
 */
import type { Entry } from './types.js';

/** Bytes of `value` as a varint; `0 <= value <= 2^53`. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}

export function entrySize(entry: Entry): number {
  const length = entry.data.length;
  const size = 4 + varintSize(entry.term) + varintSize(entry.index);
  return length === 0 ? size : size + 1 + varintSize(length) + length;
}

export function entriesSize(entries: readonly Entry[]): number {
  let size = 0;
  for (const entry of entries) size += entrySize(entry);
  return size;
}

/** Bytes of the data alone: 0 for the entry a new leader appends, which no limit may therefore refuse. */
export function payloadsSize(entries: readonly Entry[]): number {
  let size = 0;
  for (const entry of entries) size += entry.data.length;
  return size;
}

/** The longest prefix of `entries` of at most `maxSizeBytes`, but at least one entry. May return `entries` itself. */
export function limitSize(entries: readonly Entry[], maxSizeBytes: number): readonly Entry[] {
  if (entries.length <= 1 || maxSizeBytes === Number.POSITIVE_INFINITY) return entries;
  let size = 0;
  for (let index = 0; index < entries.length; index++) {
    size += entrySize(entries[index] as Entry);
    if (size > maxSizeBytes && index > 0) return entries.slice(0, index);
  }
  return entries;
}
