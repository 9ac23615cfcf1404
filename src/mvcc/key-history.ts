/**
 * What the index knows of one key: which changes it had since the last compaction. Values stay in the backend, found by
 * revision.
 *
 * Most keys of most stores were written once and never again. Such a key's history is a plain number, its revision (sub
 * 0, version 1); any other is a `KeyHistory`. With a million keys that is the difference between 55 and 170 bytes a
 * key.
 *
 * etcd keeps a list of generations, each from a creation to the tombstone that ends it. A flat list with marked
 * tombstones says the same. Source: etcd's server/storage/mvcc/key_index.go.
 */

import type { Revision } from './types.js';

/** A put's revision (sub 0) of a key with nothing else in its history, or more than that. */
export type History = number | KeyHistory;

/** The last change in fields of its own, all before it in `older`. Revisions strictly rise. */
export class KeyHistory {
  /** Older changes, oldest first, two numbers each: main, then sub * 2 + (1 if a tombstone). */
  older: number[] | undefined = undefined;

  constructor(
    public main: number,
    public sub: number,
    /** Main revision of the put that created the key as it is now; meaningless when deleted. */
    public created: number,
    /** 0 = the last change is a tombstone. */
    public version: number,
  ) {}

  /** A further change; `version` 0 for a tombstone. */
  push(main: number, sub: number, created: number, version: number): void {
    const packed = this.sub * 2 + (this.version === 0 ? 1 : 0);
    if (this.older === undefined) this.older = [this.main, packed];
    else {
      this.older = withRoom(this.older);
      this.older.push(this.main, packed);
    }
    this.main = main;
    this.sub = sub;
    this.created = created;
    this.version = version;
  }
}

const ROOM = 8;
const LITTLE = 4 * ROOM;

/**
 * V8 gives an array room for half as much again and 16 numbers more when something is pushed to it, which is several
 * times what most keys ever need. It keeps the room of an array that is cut by a few.
 */
function withRoom(older: number[]): number[] {
  const { length } = older;
  if (length >= LITTLE || (length !== 2 && length % ROOM !== 0)) return older;
  const roomy = older.concat(Array<number>(ROOM - (length % ROOM)).fill(0));
  roomy.length = length;
  return roomy;
}

/** The history with one more change, as read from disk in the order of revisions; `version` 0 = a tombstone. */
export function extended(
  history: History | undefined,
  change: { main: number; sub: number; created: number; version: number },
): History {
  const { main, sub, created, version } = change;
  if (history === undefined) {
    return version === 1 && sub === 0 && created === main ? main : new KeyHistory(main, sub, created, version);
  }
  const longer = typeof history === 'number' ? new KeyHistory(history, 0, history, 1) : history;
  longer.push(main, sub, created, version);
  return longer;
}

export function isAlive(history: History): boolean {
  return typeof history === 'number' || history.version !== 0;
}

/** A change found in a history. `sub` -1 = there is none. */
export interface Found {
  main: number;
  sub: number;
  tombstone: boolean;
}

/**
 * The newest change at or below `atMain` into `out`; false if there is none (the key did not exist yet, or what was
 * there is compacted). `out` is filled rather than made: this runs once per key of a range.
 */
export function findAt(history: History, atMain: number, out: Found): boolean {
  if (typeof history === 'number') {
    if (history > atMain) return false;
    out.main = history;
    out.sub = 0;
    out.tombstone = false;
    return true;
  }
  if (history.main <= atMain) {
    out.main = history.main;
    out.sub = history.sub;
    out.tombstone = history.version === 0;
    return true;
  }
  const { older } = history;
  if (older === undefined) return false;
  let low = 0;
  let high = older.length >> 1; // the answer is just before the first change above atMain
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((older[middle * 2] as number) <= atMain) low = middle + 1;
    else high = middle;
  }
  if (low === 0) return false;
  const packed = older[low * 2 - 1] as number;
  out.main = older[low * 2 - 2] as number;
  out.sub = Math.floor(packed / 2);
  out.tombstone = packed % 2 === 1;
  return true;
}

/**
 * Whether a compaction at `atMain` keeps this very change: it is the key's newest at or below `atMain`, and the key is
 * alive then. A tombstone exactly at `atMain` is kept too, so that a watch from there sees the deletion (#18089).
 */
export function isKept(history: History, atMain: number, change: Revision): boolean {
  if (!findAt(history, atMain, scratch)) return false;
  if (scratch.main !== change.main || scratch.sub !== change.sub) return false;
  return !scratch.tombstone || scratch.main === atMain;
}

/** Whether the key was deleted at exactly `main`, and something came behind it. */
export function hasOlderTombstoneAt(history: History, main: number): boolean {
  if (typeof history === 'number' || history.older === undefined) return false;
  const { older } = history;
  for (let at = older.length - 2; at >= 0 && (older[at] as number) >= main; at -= 2) {
    if (older[at] === main && (older[at + 1] as number) % 2 === 1) return true;
  }
  return false;
}

const scratch: Found = { main: 0, sub: 0, tombstone: false };

/** Drops what a compaction at `atMain` drops. Returns the history left, or undefined when nothing is. */
export function compacted(history: History, atMain: number): History | undefined {
  if (typeof history === 'number') return history;
  const { older } = history;
  if (history.main <= atMain) {
    history.older = undefined;
    if (history.version === 0) return history.main === atMain ? history : undefined;
    return simplified(history);
  }
  if (older === undefined || (older[0] as number) > atMain) return history;
  let keep = 0; // index of the newest change at or below atMain
  while (keep + 2 < older.length && (older[keep + 2] as number) <= atMain) keep += 2;
  const isTombstone = (older[keep + 1] as number) % 2 === 1;
  if (isTombstone && older[keep] !== atMain) keep += 2;
  if (keep === older.length) {
    history.older = undefined;
    return simplified(history);
  }
  // A copy, not a splice: it gives the spare room back.
  if (keep > 0) history.older = older.slice(keep);
  return history;
}

/** A history that fits a number becomes one again. */
function simplified(history: KeyHistory): History {
  return history.version === 1 && history.sub === 0 && history.created === history.main ? history.main : history;
}
