/**
 * Who waits for changes of which path. A change goes to watchers of its key, and to recursive ones of every
 * directory above it; each has room for a hundred events that it has not taken yet. One that is further behind is let
 * go, and costs nobody else anything.
 */
import type { Event } from './event.js';
import { EventHistory } from './history.js';
import { isHiddenTo } from './path.js';

const WATCHER_CAPACITY = 100;

export class Watcher {
  readonly #events: Event[] = [];
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(
    readonly hub: WatcherHub,
    readonly key: string,
    readonly recursive: boolean,
    readonly stream: boolean,
    readonly sinceIndex: bigint,
    /** The store's index when it was made. */
    readonly startIndex: number,
  ) {}

  /** Resolves with the next event; with undefined once nothing more will come. One caller at a time. */
  async next(): Promise<Event | undefined> {
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined || this.#ended) return event;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** What is there already; undefined also when that is nothing. */
  take(): Event | undefined {
    return this.#events.shift();
  }

  /** False when there is no room: the watcher has missed something. */
  offer(event: Event): boolean {
    if (this.#events.length >= WATCHER_CAPACITY) return false;
    this.#events.push(event);
    this.#wakeUp();
    return true;
  }

  /** Nothing more comes; what is there may still be taken. */
  end(): void {
    this.#ended = true;
    this.#wakeUp();
  }

  /** To be called by whoever made it, when it is no longer wanted. */
  remove(): void {
    this.hub.remove(this);
    this.end();
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

export interface WatchOptions {
  readonly recursive: boolean;
  readonly stream: boolean;
  readonly sinceIndex: bigint;
  readonly storeIndex: number;
}

export class WatcherHub {
  readonly history = new EventHistory();
  readonly #byKey = new Map<string, Set<Watcher>>();
  #count = 0;
  /** No watched key is longer: changes deep below need not be looked up at every level. */
  #longestKey = 0;

  /** How many wait. */
  get count(): number {
    return this.#count;
  }

  /** Throws V2Error when `sinceIndex` is out of the history. One that finds its event there gets that alone. */
  watch(key: string, options: WatchOptions): Watcher {
    const { recursive, stream, sinceIndex, storeIndex } = options;
    const found = this.history.scan(key, recursive, sinceIndex, storeIndex);
    const watcher = new Watcher(this, key, recursive, stream, sinceIndex, storeIndex);
    if (found !== undefined) {
      watcher.offer(found);
      return watcher;
    }
    const watchers = this.#byKey.get(key);
    if (watchers === undefined) this.#byKey.set(key, new Set([watcher]));
    else watchers.add(watcher);
    this.#longestKey = Math.max(this.#count === 0 ? 0 : this.#longestKey, key.length);
    this.#count++;
    return watcher;
  }

  remove(watcher: Watcher): void {
    const watchers = this.#byKey.get(watcher.key);
    if (watchers === undefined || !watchers.delete(watcher)) return;
    this.#count--;
    if (watchers.size === 0) this.#byKey.delete(watcher.key);
  }

  /** Remembers the event and notifies all watchers along its path. */
  notify(event: Event): void {
    this.history.add(event);
    if (this.#count === 0) return;
    const { key } = event.node;
    this.#notifyAt(event, '/', { deleted: false });
    for (let at = key.indexOf('/', 1); at > 0 && at <= this.#longestKey; at = key.indexOf('/', at + 1)) {
      this.#notifyAt(event, key.slice(0, at), { deleted: false });
    }
    this.#notifyAt(event, key, { deleted: false });
  }

  /** `path` goes with what `event` removes: all watchers of it are notified. */
  notifyRemoved(event: Event, path: string): void {
    if (this.#count > 0) this.#notifyAt(event, path, { deleted: true });
  }

  /** Ends all watchers. */
  close(): void {
    for (const watchers of this.#byKey.values()) for (const watcher of watchers) watcher.end();
    this.#byKey.clear();
    this.#count = 0;
  }

  #notifyAt(event: Event, path: string, { deleted }: { deleted: boolean }): void {
    const watchers = this.#byKey.get(path);
    if (watchers === undefined) return;
    const isOwn = event.node.key === path;
    if (!isOwn && isHiddenTo(path, event.node.key)) return;
    const index = BigInt(event.node.modifiedIndex);
    for (const watcher of watchers) {
      if (!(watcher.recursive || isOwn || deleted) || index < watcher.sinceIndex) continue;
      const taken = watcher.offer(event);
      if (watcher.stream && taken) continue;
      watchers.delete(watcher);
      this.#count--;
      if (!taken) watcher.end();
    }
    if (watchers.size === 0) this.#byKey.delete(path);
  }
}
