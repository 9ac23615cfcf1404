/**
 * Tells watchers what happens in the store.
 *
 *     a transaction ends ──▶ synced watchers of its keys ──▶ their streams' buffers ──take()──▶ senders
 *                                  │    ▲                          │ full
 *                                  │    │ caught up                ▼
 *     watch() in the past ──▶ unsynced, read history in rounds ◀── blocked, until the sender drains the buffer
 *
 * Invariants: a watcher gets every event of its keys from its start revision on exactly once and in order, or a cancel
 * that names the compacted revision; the events of one revision never come in two messages (but for `fragment`).
 * `minRevision` says where each stands that is not synced, and from where on one for the future is told.
 *
 * etcd-diff: etcd keeps the batch a full buffer refused (a "victim") and offers it again every 10 ms. Here such a
 * watcher just falls back to history, which holds the same events, and goes on when its sender has room. The one
 * difference a client can see: a compaction meanwhile cancels the watch. Source: etcd's
 * server/storage/mvcc/watchable_store.go.
 */
import type { MvccStore } from '../store.js';
import type { Change, StoreListener } from '../types.js';
import { WatchEvent } from './event.js';
import { readHistory } from './history.js';
import { WatchStream } from './stream.js';
import type { WatchStreamHandle, WatchStreamOptions } from './types.js';
import { WatcherGroup, type Watcher as WatcherOf } from './watcher.js';

type Watcher = WatcherOf<WatchStream>;
/** Encoded events for a watcher, in order. */
type Hit = readonly [Watcher, readonly Uint8Array[]];

/** Watchers of one round of catching up, and those looked at for it, that have nothing to read included. */
const ROUND_WATCHERS = 512;
const ROUND_LOOKED_AT = 10_000;
/** Watchers of streams that are gone, taken out by round: a client may leave hundreds of thousands. */
const ROUND_DISMISSED = 2000;
/**
 * So many events by watchers of one transaction are told as it ends, some 30 ms. Where there are more, all watchers
 * read it from history, in rounds: apply and other clients go on in between.
 */
const TOLD_HITS = 20_000;

export interface WatchHubOptions {
  /** Unsynced watchers can go on: call `sync()` soon. May be called inside apply: only take note. */
  readonly wake: () => void;
  /**
   * From 3.5.30 on a negative start revision is refused as compacted; before, the watch is made and reads from the
   * beginning.
   */
  readonly refuseNegativeStart?: boolean;
}

export class WatchHub implements StoreListener {
  readonly refusesNegativeStart: boolean;
  #synced = new WatcherGroup<WatchStream>();
  readonly #unsynced = new Set<Watcher>();
  #compactedCount = 0;
  readonly #streams = new Set<WatchStream>();
  /** Closed ones that still have watchers. */
  readonly #leaving = new Set<WatchStream>();
  /** Events that wait in streams' buffers, and those that senders took. */
  readonly events = { pending: 0, sent: 0 };
  /** The last revision synced watchers have seen. */
  #revision: number;
  readonly #stopListening: () => void;
  readonly #store: MvccStore;
  readonly #options: WatchHubOptions;

  constructor(store: MvccStore, options: WatchHubOptions) {
    this.#store = store;
    this.#options = options;
    this.refusesNegativeStart = options.refuseNegativeStart ?? true;
    this.#revision = store.currentRevision;
    this.#stopListening = store.listen(this);
  }

  openStream(options: WatchStreamOptions): WatchStreamHandle {
    const stream = new WatchStream(this, options);
    this.#streams.add(stream);
    return stream;
  }

  /** Ends all streams and stops listening. */
  close(): void {
    this.#stopListening();
    for (const stream of [...this.#streams]) stream.close();
  }

  get currentRevision(): number {
    return this.#store.currentRevision;
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  get watcherCount(): number {
    let count = 0;
    for (const stream of this.#streams) count += stream.watchers.size;
    return count;
  }

  /** Watchers that are behind, blocked ones included: etcd's slow_watcher_total. */
  get slowWatcherCount(): number {
    return this.watcherCount - this.#synced.size - this.#compactedCount;
  }

  // ---- called by streams

  admit(watcher: Watcher): void {
    const current = this.#store.currentRevision;
    if (watcher.startRevision === 0 || watcher.startRevision > current) {
      watcher.minRevision = Math.max(watcher.startRevision, current + 1);
      this.#becomeSynced(watcher);
    } else this.#becomeUnsynced(watcher);
  }

  /** Takes a watcher out for good. */
  dismiss(watcher: Watcher): void {
    this.#leave(watcher);
    watcher.state = 'cancelled';
    watcher.stream.watchers.delete(watcher.id);
  }

  /** The stream's buffer has room again. */
  unblock(stream: WatchStream): void {
    for (const watcher of [...stream.blocked]) this.#becomeUnsynced(watcher);
  }

  /** The stream is closed: its watchers are taken out, many of them in rounds. */
  forget(stream: WatchStream): void {
    if (stream.watchers.size > ROUND_DISMISSED) {
      this.#leaving.add(stream);
      this.#options.wake();
      return;
    }
    for (const watcher of [...stream.watchers.values()]) this.dismiss(watcher);
    this.#streams.delete(stream);
  }

  // ---- called by the store

  written(revision: number, changes: readonly Change[]): void {
    this.#revision = revision;
    if (this.#synced.size === 0) return;
    const [only] = changes;
    const hits =
      changes.length === 1 && only !== undefined ? this.#hitsOfOne(revision, only) : this.#hitsOf(revision, changes);
    if (hits === undefined) {
      this.#allFallBehind(revision - 1);
      return;
    }
    // Only now may watchers change groups: the walk above is over.
    for (const [watcher, events] of hits) {
      const message = eventsMessage(watcher.id, revision, events);
      if (watcher.stream.offer(watcher, message)) continue;
      watcher.minRevision = revision;
      this.#becomeBlocked(watcher);
    }
  }

  /** Who is to be told what; undefined where that is too much for one step. */
  #hitsOf(revision: number, changes: readonly Change[]): Iterable<Hit> | undefined {
    const hits = new Map<Watcher, Uint8Array[]>();
    let hitCount = 0;
    for (const { kind, key, kv, isCreate } of changes) {
      const event = new WatchEvent(kind, key, revision, kv, isCreate);
      this.#synced.at(key, (watcher) => {
        if (revision < watcher.minRevision || !watcher.wants[kind]) return true;
        if (++hitCount > TOLD_HITS) return false;
        const encoded = event.encoded(watcher.wants.prevKv, this.#previous);
        const events = hits.get(watcher);
        if (events === undefined) hits.set(watcher, [encoded]);
        else events.push(encoded);
        return true;
      });
      if (hitCount > TOLD_HITS) return undefined;
    }
    return hits;
  }

  /** The same of one change, which most transactions are: nobody is met twice, and all share their lists of events. */
  #hitsOfOne(revision: number, { kind, key, kv, isCreate }: Change): Iterable<Hit> | undefined {
    const hits: Hit[] = [];
    const event = new WatchEvent(kind, key, revision, kv, isCreate);
    let plain: readonly Uint8Array[] | undefined;
    let withPrevious: readonly Uint8Array[] | undefined;
    this.#synced.at(key, (watcher) => {
      if (revision < watcher.minRevision || !watcher.wants[kind]) return true;
      if (watcher.wants.prevKv) {
        withPrevious ??= [event.encoded(true, this.#previous)];
        hits.push([watcher, withPrevious]);
      } else {
        plain ??= [event.encoded(false, this.#previous)];
        hits.push([watcher, plain]);
      }
      return hits.length <= TOLD_HITS;
    });
    return hits.length <= TOLD_HITS ? hits : undefined;
  }

  /**
   * Everything may have changed: all that were synced read on from what they have seen (#15271), not from where they
   * began.
   */
  restored(): void {
    const seen = this.#revision;
    this.#revision = this.#store.currentRevision;
    this.#allFallBehind(seen);
  }

  // ---- catching up

  /**
   * One round for the watchers that are behind: at most 512 of them, over at most 1000 revisions. True when another
   * round is due at once; else the next `wake` says so. etcd has a round every 100 ms.
   */
  sync(): boolean {
    this.#dismissLeaving();
    const current = this.#store.currentRevision;
    const batch = this.#chooseBatch(current);
    if (batch.length > 0) this.#syncBatch(batch, current);
    return this.#unsynced.size > 0 || this.#leaving.size > 0;
  }

  #dismissLeaving(): void {
    let left = ROUND_DISMISSED;
    for (const stream of this.#leaving) {
      for (const watcher of stream.watchers.values()) {
        if (left-- === 0) return;
        this.dismiss(watcher);
      }
      this.#leaving.delete(stream);
      this.#streams.delete(stream);
    }
  }

  #chooseBatch(current: number): Watcher[] {
    const compacted = this.#store.compactRevision;
    const batch: Watcher[] = [];
    let lookedAt = 0;
    for (const watcher of this.#unsynced) {
      // A watch for the future, from before a restore (#9281): nothing to read for it yet.
      if (watcher.minRevision > current) this.#becomeSynced(watcher);
      else if (watcher.minRevision < compacted) this.#cancelCompacted(watcher, compacted);
      else if (watcher.stream.isFull) this.#becomeBlocked(watcher);
      else batch.push(watcher);
      if (batch.length === ROUND_WATCHERS || ++lookedAt === ROUND_LOOKED_AT) break;
    }
    return batch;
  }

  #syncBatch(batch: readonly Watcher[], current: number): void {
    const group = new WatcherGroup<WatchStream>();
    let from = current;
    for (const watcher of batch) {
      group.add(watcher);
      from = Math.min(from, watcher.minRevision);
    }
    const { hits, upTo } = readHistory(this.#store.backend, group, Math.max(from, 1), current);
    for (const watcher of batch) {
      const events = hits.get(watcher);
      if (events !== undefined) {
        const encoded = events.map((event) => event.encoded(watcher.wants.prevKv, this.#previous));
        if (!watcher.stream.offer(watcher, eventsMessage(watcher.id, current, encoded))) {
          this.#becomeBlocked(watcher);
          continue;
        }
      }
      watcher.minRevision = Math.max(watcher.minRevision, upTo + 1);
      if (watcher.minRevision > current) this.#becomeSynced(watcher);
      else {
        // To the end of the line.
        this.#unsynced.delete(watcher);
        this.#unsynced.add(watcher);
      }
    }
  }

  /** A watcher asks for what is compacted: it ends with that error. */
  #cancelCompacted(watcher: Watcher, compactRevision: number): void {
    const message = { ...eventsMessage(watcher.id, 0, []), compactRevision, canceled: true };
    if (watcher.stream.offer(watcher, message)) this.#becomeCompacted(watcher);
    else this.#becomeBlocked(watcher);
  }

  /** Stored bytes of a key as of a revision, for `prev_kv`; undefined when compacted (the event then goes without). */
  readonly #previous = (key: string, atRevision: number): Uint8Array | undefined =>
    atRevision < this.#store.compactRevision ? undefined : this.#store.reader.get(key, atRevision);

  // ---- states

  #leave(watcher: Watcher): void {
    switch (watcher.state) {
      case 'synced':
        this.#synced.delete(watcher);
        break;
      case 'unsynced':
        this.#unsynced.delete(watcher);
        break;
      case 'blocked':
        watcher.stream.blocked.delete(watcher);
        break;
      case 'compacted':
        this.#compactedCount--;
        break;
      case 'cancelled':
        break;
      default:
        watcher.state satisfies never;
    }
  }

  /** Those that were synced read history from behind `seen` on. */
  #allFallBehind(seen: number): void {
    // Not taken out one by one: there may be a hundred thousand.
    this.#synced = new WatcherGroup();
    for (const stream of this.#streams) {
      for (const watcher of stream.watchers.values()) {
        if (watcher.state !== 'synced') continue;
        watcher.minRevision = Math.max(watcher.minRevision, seen + 1);
        watcher.state = 'unsynced';
        this.#unsynced.add(watcher);
      }
    }
    if (this.#unsynced.size > 0) this.#options.wake();
  }

  /** It keeps its id, as etcd has it, until its client gives it up as well. */
  #becomeCompacted(watcher: Watcher): void {
    this.#leave(watcher);
    watcher.state = 'compacted';
    this.#compactedCount++;
  }

  #becomeSynced(watcher: Watcher): void {
    this.#leave(watcher);
    watcher.state = 'synced';
    this.#synced.add(watcher);
  }

  #becomeUnsynced(watcher: Watcher): void {
    this.#leave(watcher);
    watcher.state = 'unsynced';
    this.#unsynced.add(watcher);
    this.#options.wake();
  }

  #becomeBlocked(watcher: Watcher): void {
    this.#leave(watcher);
    watcher.state = 'blocked';
    watcher.stream.blocked.add(watcher);
  }
}

function eventsMessage(watchId: bigint, revision: number, events: readonly Uint8Array[]) {
  return { watchId, revision, events, fragment: false, compactRevision: 0, canceled: false };
}
