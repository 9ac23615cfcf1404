/** One watch, and groups of them that are asked who watches a key. */
import { IntervalSet } from './interval-set.js';

/**
 * Where a watcher stands:
 *
 *     synced     has seen all up to the current revision; new transactions are handed to it as they end
 *     unsynced   has to read history from `minRevision` first; the hub's rounds do that
 *     blocked    as unsynced, but its stream's buffer is full: nothing is read for it until the stream is drained
 *                (etcd's "victim")
 *     compacted  ended because history it had not read is gone; what waits in its stream's buffer is still sent, and
 *                its id is taken until the client cancels it
 *     cancelled  ended by the client; nothing is sent any more
 */
export type WatcherState = 'synced' | 'unsynced' | 'blocked' | 'compacted' | 'cancelled';

export class Watcher<Stream = unknown> {
  state: WatcherState = 'unsynced';
  /** No event since the last progress tick. */
  idle = true;

  constructor(
    readonly stream: Stream,
    readonly id: bigint,
    /** latin1. */
    readonly start: string,
    /** Exclusive; undefined = the one key. `noEnd` = to the last key. */
    readonly end: string | undefined,
    readonly startRevision: number,
    /** The next event for it has at least this revision. Only grows. */
    public minRevision: number,
    readonly wants: {
      readonly put: boolean;
      readonly delete: boolean;
      readonly prevKv: boolean;
      readonly progress: boolean;
      readonly fragment: boolean;
    },
  ) {}
}

export class WatcherGroup<Stream = unknown> {
  readonly #byKey = new Map<string, Set<Watcher<Stream>>>();
  readonly #byInterval = new IntervalSet<Watcher<Stream>>();
  #count = 0;

  get size(): number {
    return this.#count;
  }

  add(watcher: Watcher<Stream>): void {
    this.#count++;
    if (watcher.end !== undefined) {
      this.#byInterval.add(watcher.start, watcher.end, watcher);
      return;
    }
    const set = this.#byKey.get(watcher.start);
    if (set === undefined) this.#byKey.set(watcher.start, new Set([watcher]));
    else set.add(watcher);
  }

  /** The watcher must be in the group. */
  delete(watcher: Watcher<Stream>): void {
    this.#count--;
    if (watcher.end !== undefined) {
      this.#byInterval.delete(watcher.start, watcher.end, watcher);
      return;
    }
    const set = this.#byKey.get(watcher.start);
    set?.delete(watcher);
    if (set?.size === 0) this.#byKey.delete(watcher.start);
  }

  /** Visits who watches `key`, until `visit` answers false. */
  at(key: string, visit: (watcher: Watcher<Stream>) => unknown): void {
    const set = this.#byKey.get(key);
    if (set !== undefined) for (const watcher of set) if (visit(watcher) === false) return;
    if (!this.#byInterval.isEmpty) this.#byInterval.at(key, visit);
  }
}
