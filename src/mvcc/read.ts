/**
 * Reads of the key index and the backend together, as of one revision. Source: etcd's mvcc/kvstore_txn.go, rangeKeys.
 */
import { REVISION_KEY_BYTES, writeRevisionKey } from '../backend/schema/key.js';
import type { Backend, Scanner } from '../backend/types.js';
import { latin1Text } from '../lib/latin1.js';
import { CompactedError, FutureRevisionError } from './errors.js';
import { type Found, findAt, type History } from './key-history.js';
import type { KeyIndex } from './key-index.js';
import { owned } from './key-value.js';
import type { RangeOptions, RangeResult, VisitNumbers } from './types.js';

/** `[start, end)` as the index takes it; `end` undefined = to the last key. */
export interface Interval {
  readonly start: string;
  readonly end: string | undefined;
}

/** The interval of a key and its range end; undefined for a single key. */
export function intervalOf(key: Uint8Array, end: Uint8Array | undefined): Interval | undefined {
  if (end === undefined || end.length === 0) return undefined;
  return { start: latin1Text(key), end: end.length === 1 && end[0] === 0 ? undefined : latin1Text(end) };
}

/** The state a reader looks at: `current` is the newest revision it may name, `compacted` the oldest (-1 = none). */
export interface Horizon {
  readonly current: number;
  readonly compacted: number;
}

/** True for a deleted key as well: whoever visits goes on. */
function numbersOf(history: History, visit: VisitNumbers): boolean {
  if (typeof history === 'number') return visit(history, history, 1);
  return history.version === 0 || visit(history.created, history.main, history.version);
}

export class RecordReader {
  readonly #found: Found = { main: 0, sub: 0, tombstone: false };
  /** The backend does not keep what `get` is given. */
  readonly #recordKey = new Uint8Array(REVISION_KEY_BYTES);
  readonly #index: KeyIndex;
  readonly #backend: Pick<Backend, 'get' | 'scanner'>;

  constructor(
    index: KeyIndex,
    backend: Pick<Backend, 'get' | 'scanner'>,
    readonly namesLeases: boolean,
  ) {
    this.#index = index;
    this.#backend = backend;
  }

  /** Stored bytes of a key as of `atMain`, owned by the caller. */
  get(key: string, atMain: number): Uint8Array | undefined {
    const history = this.#index.get(key);
    return history === undefined ? undefined : this.#record(history, atMain);
  }

  range(key: Uint8Array, end: Uint8Array | undefined, options: RangeOptions, horizon: Horizon): RangeResult {
    if (options.revision > horizon.current) throw new FutureRevisionError(options.revision, horizon.current);
    const atMain = options.revision <= 0 ? horizon.current : options.revision;
    if (atMain < horizon.compacted) throw new CompactedError(atMain, horizon.compacted);

    const interval = intervalOf(key, end);
    if (interval === undefined) {
      const history = this.#index.get(latin1Text(key));
      if (history === undefined || !findAt(history, atMain, this.#found) || this.#found.tombstone)
        return { kvs: [], count: 0 };
      return { kvs: options.countOnly ? [] : [this.#load(this.#found)], count: 1 };
    }
    if (interval.end !== undefined && interval.end <= interval.start) return { kvs: [], count: 0 };

    const kvs: Uint8Array[] = [];
    if (atMain === horizon.current) {
      // The index holds no change beyond the current revision, so its counts of living keys are the answer.
      const count = this.#index.countAlive(interval.start, interval.end);
      if (options.countOnly) return { kvs, count };
      const wanted = options.limit === 0 ? count : Math.min(options.limit, count);
      this.#index.range(interval.start, interval.end, (_key, history) => {
        const kv = this.#record(history, atMain);
        if (kv !== undefined) kvs.push(kv);
        return kvs.length < wanted;
      });
      return { kvs, count };
    }
    let count = 0;
    this.#index.range(interval.start, interval.end, (_key, history) => {
      if (!findAt(history, atMain, this.#found) || this.#found.tombstone) return;
      count++;
      if (options.countOnly || (options.limit > 0 && kvs.length >= options.limit)) return;
      kvs.push(this.#load(this.#found));
    });
    return { kvs, count };
  }

  /**
   * Up to `limit` records of the interval as of `atMain`, until `visit` answers false; `last` is the key of the last
   * one. They are borrowed as by `Backend.get`, or, where `isScan`, as by `Backend.scanner`.
   */
  visit(
    interval: Interval,
    atMain: number,
    limit: number,
    visit: (record: Uint8Array) => unknown,
    isScan: boolean,
  ): { seen: number; last: string | undefined } {
    const found = this.#found;
    const scan = isScan ? this.#backend.scanner('key') : undefined;
    let seen = 0;
    let last: string | undefined;
    this.#index.range(interval.start, interval.end, (key, history) => {
      if (!findAt(history, atMain, found) || found.tombstone) return true;
      last = key;
      seen++;
      return visit(this.#borrow(found, scan)) !== false && seen < limit;
    });
    return { seen, last };
  }

  /** As `KeyReader.visitNumbers`. */
  visitNumbers(key: Uint8Array, end: Uint8Array | undefined, visit: VisitNumbers): void {
    const interval = intervalOf(key, end);
    if (interval === undefined) {
      const history = this.#index.get(latin1Text(key));
      if (history !== undefined) numbersOf(history, visit);
    } else if (interval.end === undefined || interval.end > interval.start)
      this.#index.range(interval.start, interval.end, (_key, history) => numbersOf(history, visit));
  }

  #record(history: History, atMain: number): Uint8Array | undefined {
    if (!findAt(history, atMain, this.#found) || this.#found.tombstone) return undefined;
    return this.#load(this.#found);
  }

  #load(found: Found): Uint8Array {
    return owned(this.#borrow(found));
  }

  #borrow(found: Found, scan?: Scanner): Uint8Array {
    writeRevisionKey(this.#recordKey, found.main, found.sub);
    const record = scan === undefined ? this.#backend.get('key', this.#recordKey) : scan(this.#recordKey);
    if (record === undefined)
      throw new Error(`the index names revision ${found.main}.${found.sub}, the backend has no such record`);
    return record;
  }
}
