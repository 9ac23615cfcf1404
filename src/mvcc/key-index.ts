/**
 * All keys in byte order, each with its history: a row of leaves, each a sorted run of at most `LEAF_SIZE` keys.
 *
 *     firsts   a ............ k ............ t ......        first key of each leaf (binary search here …)
 *     leaves  [a b d e . .]  [k l m . . .]  [t v w x y .]    (… then inside the leaf)
 *
 * Two levels suffice: a million keys are about ten thousand leaves, and inserting a leaf moves that many pointers once
 * per some dozens of keys. Each leaf counts its living keys, so counting a range at the current revision reads leaves,
 * not keys.
 *
 * Keys are latin1 strings: they sort in byte order and compare at native speed. Keys must be flat strings, not slices
 * of larger ones.
 *
 * Measured against sorted-btree, and why this one: docs/decisions/0002-key-index.md.
 */
import { sortedInSteps } from '../lib/sorted-in-steps.js';
import { type History, isAlive, KeyHistory } from './key-history.js';

const LEAF_SIZE = 128;
/** A loaded leaf leaves room for keys to come. */
const LOADED_LEAF_SIZE = 96;
const LOADED_KEYS_BEFORE_PAUSE = 100 * LOADED_LEAF_SIZE;

class Leaf {
  /** Keys with an alive history. */
  alive = 0;
  constructor(
    readonly keys: string[],
    readonly histories: History[],
  ) {}
}

/** What a put means to its key. */
export interface Placed {
  /** Main revision of the key's creation. */
  created: number;
  version: number;
}

/** Of many keys, each once, in no order. */
export interface Histories {
  keys(): Iterable<string>;
  get(key: string): History | undefined;
}

/** Called per key in order; return false to stop. */
export type VisitKey = (key: string, history: History) => unknown;

export class KeyIndex {
  #leaves: Leaf[] = [new Leaf([], [])];
  /** Of the first leaf: '' whatever its first key is. */
  #firsts: string[] = [''];
  #keyCount = 0;
  readonly #placed: Placed = { created: 0, version: 0 };

  /** All at once: sorting a million keys takes a third of what inserting them one by one does. */
  static of(histories: Histories): KeyIndex {
    const index = new KeyIndex();
    index.#load([...histories.keys()].sort(), histories);
    return index;
  }

  /** The same with pauses for others. */
  static *inSteps(histories: Histories): Generator<undefined, KeyIndex> {
    const index = new KeyIndex();
    const keys = yield* sortedInSteps([...histories.keys()]);
    for (let from = 0; from < keys.length; from += LOADED_KEYS_BEFORE_PAUSE) {
      index.#load(keys.slice(from, from + LOADED_KEYS_BEFORE_PAUSE), histories);
      yield;
    }
    return index;
  }

  /** Keys in order, all behind those that are there. */
  #load(keys: readonly string[], histories: Histories): void {
    if (keys.length === 0) return;
    if (this.#keyCount === 0) {
      this.#leaves = [];
      this.#firsts = [];
    }
    for (let from = 0; from < keys.length; from += LOADED_LEAF_SIZE) {
      const leafKeys = keys.slice(from, from + LOADED_LEAF_SIZE);
      const leaf = new Leaf(
        leafKeys,
        leafKeys.map((key) => histories.get(key) as History),
      );
      for (const history of leaf.histories) if (isAlive(history)) leaf.alive++;
      this.#firsts.push(this.#leaves.length === 0 ? '' : (leafKeys[0] as string));
      this.#leaves.push(leaf);
    }
    this.#keyCount += keys.length;
  }

  /** Keys known, deleted ones that are not compacted yet included. */
  get size(): number {
    return this.#keyCount;
  }

  get(key: string): History | undefined {
    const leaf = this.#leaves[this.#leafOf(key)] as Leaf;
    const at = lowerBound(leaf.keys, key);
    return leaf.keys[at] === key ? leaf.histories[at] : undefined;
  }

  /**
   * Records a put at `main`, `sub`. What the stored KeyValue has to say of it goes into `placed`; the answer is kept in
   * one object, since this runs once per put.
   */
  put(key: string, main: number, sub: number): Placed {
    const leafAt = this.#leafOf(key);
    const leaf = this.#leaves[leafAt] as Leaf;
    const at = lowerBound(leaf.keys, key);
    const placed = this.#placed;
    if (leaf.keys[at] !== key) {
      placed.created = main;
      placed.version = 1;
      this.#insertAt(leafAt, at, key, sub === 0 ? main : new KeyHistory(main, sub, main, 1));
      return placed;
    }
    let history = leaf.histories[at] as History;
    if (typeof history === 'number') {
      history = new KeyHistory(history, 0, history, 1);
      leaf.histories[at] = history;
    }
    if (history.version === 0) {
      leaf.alive++;
      placed.created = main;
    } else placed.created = history.created;
    placed.version = history.version + 1;
    history.push(main, sub, placed.created, placed.version);
    return placed;
  }

  /** Records a deletion of a living key; false (and nothing recorded) where there is none. */
  tombstone(key: string, main: number, sub: number): boolean {
    const leaf = this.#leaves[this.#leafOf(key)] as Leaf;
    const at = lowerBound(leaf.keys, key);
    if (leaf.keys[at] !== key) return false;
    let history = leaf.histories[at] as History;
    if (!isAlive(history)) return false;
    if (typeof history === 'number') {
      history = new KeyHistory(history, 0, history, 1);
      leaf.histories[at] = history;
    }
    history.push(main, sub, 0, 0);
    leaf.alive--;
    return true;
  }

  #insertAt(leafAt: number, at: number, key: string, history: History): void {
    this.#keyCount++;
    let leaf = this.#leaves[leafAt] as Leaf;
    if (leaf.keys.length === LEAF_SIZE) {
      // Keys in rising order fill their leaves to the brim: the new leaf begins empty instead of with one half.
      const splitAt = at === LEAF_SIZE && leafAt === this.#leaves.length - 1 ? LEAF_SIZE : LEAF_SIZE >> 1;
      const right = new Leaf(leaf.keys.slice(splitAt), leaf.histories.slice(splitAt));
      for (const it of right.histories) if (isAlive(it)) right.alive++;
      leaf.keys.length = splitAt;
      leaf.histories.length = splitAt;
      leaf.alive -= right.alive;
      this.#leaves.splice(leafAt + 1, 0, right);
      this.#firsts.splice(leafAt + 1, 0, right.keys[0] ?? key);
      // A key between the two halves goes to the end of the left one: it lies before the first of the right one.
      if (at > splitAt || splitAt === LEAF_SIZE) {
        leaf = right;
        at -= splitAt;
      }
    }
    const { keys, histories } = leaf;
    for (let index = keys.length; index > at; index--) {
      keys[index] = keys[index - 1] as string;
      histories[index] = histories[index - 1] as History;
    }
    keys[at] = key;
    histories[at] = history;
    if (isAlive(history)) leaf.alive++;
  }

  /** Visits `[start, end)`; `end` undefined = to the last key. The index must not change meanwhile. */
  range(start: string, end: string | undefined, visit: VisitKey): void {
    let leafAt = this.#leafOf(start);
    let at = lowerBound((this.#leaves[leafAt] as Leaf).keys, start);
    for (; leafAt < this.#leaves.length; leafAt++, at = 0) {
      const { keys, histories } = this.#leaves[leafAt] as Leaf;
      // A leaf that ends before `end` needs no comparison per key.
      const stop = end === undefined ? keys.length : lowerBound(keys, end);
      for (; at < stop; at++) {
        if (visit(keys[at] as string, histories[at] as History) === false) return;
      }
      if (stop < keys.length) return;
    }
  }

  /** Living keys in `[start, end)`. */
  countAlive(start: string, end: string | undefined): number {
    const last = this.#leaves.length - 1;
    const fromLeaf = this.#leafOf(start);
    const toLeaf = end === undefined ? last : this.#leafOf(end);
    let count = 0;
    for (let leafAt = fromLeaf; leafAt <= toLeaf; leafAt++) {
      const leaf = this.#leaves[leafAt] as Leaf;
      if (leafAt !== fromLeaf && (leafAt !== toLeaf || end === undefined)) {
        count += leaf.alive;
        continue;
      }
      const from = leafAt === fromLeaf ? lowerBound(leaf.keys, start) : 0;
      const to = leafAt === toLeaf && end !== undefined ? lowerBound(leaf.keys, end) : leaf.keys.length;
      for (let at = from; at < to; at++) if (isAlive(leaf.histories[at] as History)) count++;
    }
    return count;
  }

  /**
   * Compaction, a leaf at a time: gives each history of the leaf that holds `from` (or follows it) to `change`, and
   * returns where to go on, or undefined at the end. Keys whose history becomes undefined are removed.
   */
  sweepLeaf(from: string, change: (history: History) => History | undefined): string | undefined {
    const leafAt = this.#leafOf(from);
    const leaf = this.#leaves[leafAt] as Leaf;
    const next = this.#firsts[leafAt + 1];
    let kept = 0;
    let alive = 0;
    for (let at = 0; at < leaf.keys.length; at++) {
      const after = change(leaf.histories[at] as History);
      if (after === undefined) continue;
      leaf.keys[kept] = leaf.keys[at] as string;
      leaf.histories[kept] = after;
      kept++;
      if (isAlive(after)) alive++;
    }
    this.#keyCount -= leaf.keys.length - kept;
    leaf.keys.length = kept;
    leaf.histories.length = kept;
    leaf.alive = alive;
    if (kept === 0 && this.#leaves.length > 1) {
      this.#leaves.splice(leafAt, 1);
      this.#firsts.splice(leafAt, 1);
      this.#firsts[0] = '';
    }
    return next;
  }

  /** The leaf that holds `key`, or would. */
  #leafOf(key: string): number {
    const firsts = this.#firsts;
    let low = 1;
    let high = firsts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((firsts[middle] as string) <= key) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
