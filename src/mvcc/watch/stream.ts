/**
 * The watches of one client stream and what waits to be sent to it. Pull, not push: the sender takes a message when it
 * can send one, and a full buffer makes watchers fall back to reading history, so a client that does not read costs at
 * most `BUFFERED_MESSAGES` messages.
 */
import { Fifo } from '../../lib/fifo.js';
import { latin1Text } from '../../lib/latin1.js';
import type { WatchHub } from './hub.js';
import { NO_END } from './interval-set.js';
import type { WatchMade, WatchMessage, WatchOptions, WatchStreamHandle, WatchStreamOptions } from './types.js';
import { Watcher } from './watcher.js';

/** As etcd's per-stream channel. */
const BUFFERED_MESSAGES = 128;
/**
 * Blocked watchers go on when the buffer has drained to here: half, so that a slow reader does not cause a round per
 * message.
 */
const GO_ON_AT = BUFFERED_MESSAGES / 2;
/** … and no more than these bytes and a message: a message may hold megabytes. */
const BUFFERED_BYTES = 2 * 1024 * 1024;
/** Header, ids and flags of a response, at most; counts against `maxResponseBytes`. */
const ENVELOPE_BYTES = 64;

/** Whom a requested progress is for. */
const ALL_WATCHES = -1n;

interface Waiting {
  /** Whose events these are: dropped when it was cancelled meanwhile. undefined = sent in any case. */
  readonly watcher: Watcher<WatchStream> | undefined;
  readonly message: WatchMessage;
}

export class WatchStream implements WatchStreamHandle {
  readonly watchers = new Map<bigint, Watcher<WatchStream>>();
  /** Watchers whose next message found the buffer full. */
  readonly blocked = new Set<Watcher<WatchStream>>();
  readonly #queue = new Fifo<Waiting>();
  #queuedBytes = 0;
  #nextId = 0n;
  #closed = false;
  readonly #hub: WatchHub;
  readonly #options: WatchStreamOptions;

  constructor(hub: WatchHub, options: WatchStreamOptions) {
    this.#hub = hub;
    this.#options = options;
  }

  get size(): number {
    return this.watchers.size;
  }

  get isFull(): boolean {
    return this.#queue.length >= BUFFERED_MESSAGES || this.#queuedBytes >= BUFFERED_BYTES;
  }

  watch(options: WatchOptions): WatchMade {
    if (this.#closed) throw new Error('the watch stream is closed');
    const start = options.key.length === 0 ? '\0' : latin1Text(options.key);
    const end = endOf(options.rangeEnd);
    if (end !== undefined && end <= start) return { t: 'refused', reason: 'empty-range' };
    if (options.startRevision < 0 && this.#hub.refusesNegativeStart) return { t: 'refused', reason: 'compacted' };
    if (options.watchId !== 0n && this.watchers.has(options.watchId)) return { t: 'refused', reason: 'duplicate-id' };
    const watchId = options.watchId === 0n ? this.#freeId() : options.watchId;

    const watcher = new Watcher<WatchStream>(this, watchId, start, end, options.startRevision, options.startRevision, {
      put: options.noPut !== true,
      delete: options.noDelete !== true,
      prevKv: options.prevKv === true,
      progress: options.progressNotify === true,
      fragment: options.fragment === true,
    });
    this.watchers.set(watchId, watcher);
    this.#hub.admit(watcher);
    return { t: 'created', watchId };
  }

  cancel(watchId: bigint): boolean {
    const watcher = this.watchers.get(watchId);
    if (watcher === undefined) return false;
    this.#hub.dismiss(watcher);
    return true;
  }

  requestProgress(options: { always?: boolean } = {}): void {
    const revision = this.#hub.currentRevision;
    if (options.always === true || this.#isAt(revision)) this.offer(undefined, progress(ALL_WATCHES, revision));
  }

  /**
   * Whether all watches that go on, of which there are some, have been told all. `etcd-diff:` in etcd one that a
   * compaction has ended is never there, and keeps all others from their progress.
   */
  #isAt(revision: number): boolean {
    let isAny = false;
    for (const watcher of this.watchers.values()) {
      if (watcher.state === 'compacted') continue;
      if (!isAt(watcher, revision)) return false;
      isAny = true;
    }
    return isAny;
  }

  notifyProgress(): void {
    const revision = this.#hub.currentRevision;
    for (const watcher of this.watchers.values()) {
      if (!watcher.wants.progress) continue;
      if (watcher.idle && isAt(watcher, revision)) this.offer(watcher, progress(watcher.id, revision));
      watcher.idle = true;
    }
  }

  take(): WatchMessage | undefined {
    for (;;) {
      const next = this.#queue.shift();
      if (next === undefined) return undefined;
      const { watcher, message } = next;
      this.#queuedBytes -= sizeOf(message);
      this.#hub.events.pending -= message.events.length;
      if (this.blocked.size > 0 && this.#queue.length <= GO_ON_AT && this.#queuedBytes < BUFFERED_BYTES)
        this.#hub.unblock(this);
      if (watcher?.state === 'cancelled') continue;
      if (watcher === undefined || message.events.length === 0) return message;
      watcher.idle = false;
      const [first, rest] = watcher.wants.fragment ? this.#split(message) : [message, undefined];
      if (rest !== undefined) {
        this.#queue.unshift({ watcher, message: rest });
        this.#queuedBytes += sizeOf(rest);
        this.#hub.events.pending += rest.events.length;
      }
      this.#hub.events.sent += first.events.length;
      return first;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { message } of this.#queue) this.#hub.events.pending -= message.events.length;
    this.#queue.clear();
    this.#queuedBytes = 0;
    this.#hub.forget(this);
  }

  /** Queues a message; false when the buffer is full. Once closed it drops all. */
  offer(watcher: Watcher<WatchStream> | undefined, message: WatchMessage): boolean {
    if (this.#closed) return true;
    if (this.isFull) return false;
    this.#queue.push({ watcher, message });
    this.#queuedBytes += sizeOf(message);
    this.#hub.events.pending += message.events.length;
    if (this.#queue.length === 1) this.#options.onReady();
    return true;
  }

  #freeId(): bigint {
    while (this.watchers.has(this.#nextId)) this.#nextId++;
    return this.#nextId++;
  }

  /** As many events as fit, at least one; and the rest, if any. */
  #split(message: WatchMessage): [WatchMessage, WatchMessage | undefined] {
    let size = ENVELOPE_BYTES;
    for (let count = 0; count < message.events.length; count++) {
      size += encodedSize(message.events[count] as Uint8Array);
      if (count > 0 && size >= this.#options.maxResponseBytes) {
        return [
          { ...message, events: message.events.slice(0, count), fragment: true },
          { ...message, events: message.events.slice(count) },
        ];
      }
    }
    return [message, undefined];
  }
}

function sizeOf({ events }: WatchMessage): number {
  let size = ENVELOPE_BYTES;
  for (const event of events) size += event.length;
  return size;
}

/** Wire form to the watcher's: undefined = one key. */
function endOf(rangeEnd: Uint8Array): string | undefined {
  if (rangeEnd.length === 0) return undefined;
  return rangeEnd.length === 1 && rangeEnd[0] === 0 ? NO_END : latin1Text(rangeEnd);
}

/** A watcher that waits for a future revision gets no progress below it (#20221). */
function isAt(watcher: Watcher<WatchStream>, revision: number): boolean {
  return watcher.state === 'synced' && watcher.startRevision <= revision;
}

function progress(watchId: bigint, revision: number): WatchMessage {
  return { watchId, revision, events: [], fragment: false, compactRevision: 0, canceled: false };
}

/** Tag, length and bytes of an event inside a response. */
function encodedSize(event: Uint8Array): number {
  return 1 + (event.length < 0x80 ? 1 : event.length < 0x4000 ? 2 : event.length < 0x200000 ? 3 : 4) + event.length;
}
