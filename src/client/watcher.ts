/**
 * One watch: what was asked for, what waits for its reader, and where it goes on after its stream was lost.
 *
 *   starting ──create──▶ open ──canceled by server──▶ ended
 *      ▲                  │
 *      └──stream lost─────┘
 *
 * Invariant: `nextRevision` is one behind everything it was given.
 */
import { WatchCreateRequest, WatchCreateRequest_FilterType } from '../proto/gen/etcdserverpb.js';
import type { Event } from '../proto/gen/mvccpb.js';
import { canceled, type EtcdError } from './errors.js';
import { type Bytes, selectRange } from './key-range.js';
import type { Watch, WatchBatch, WatchOptions } from './watch-types.js';

/** The stream that it is on. */
interface WatchOwner {
  remove(watch: Watcher): void;
  /** So many more events wait for its reader, or fewer. */
  queued(change: number): void;
}

export class Watcher implements Watch {
  readonly request: WatchCreateRequest;
  readonly started: Promise<number>;
  /** The server's number for it on the present stream; undefined while it is not taken up. */
  id: bigint | undefined;
  nextRevision: number;
  /** Parts of an answer that the server has split. */
  fragments: Event[] | undefined;
  owner: WatchOwner | undefined;
  /** Events that wait for its reader. */
  queuedEvents = 0;

  readonly #queue: WatchBatch[] = [];
  readonly #readers: { resolve(result: IteratorResult<WatchBatch>): void; reject(error: unknown): void }[] = [];
  #end: { error: EtcdError | undefined } | undefined;
  #onStarted: (revision: number) => void = () => undefined;
  #onNotStarted: (error: EtcdError) => void = () => undefined;
  #hasStarted = false;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = () => this.cancel();

  constructor(key: Bytes, options: WatchOptions) {
    const filters: WatchCreateRequest_FilterType[] = [];
    if (options.noPut === true) filters.push(WatchCreateRequest_FilterType.NOPUT);
    if (options.noDelete === true) filters.push(WatchCreateRequest_FilterType.NODELETE);
    this.request = WatchCreateRequest.create({
      ...selectRange(key, options),
      prevKv: options.prevKv ?? false,
      progressNotify: options.progressNotify ?? false,
      fragment: options.fragment ?? false,
      filters,
    });
    this.nextRevision = options.revision ?? 0;
    this.started = new Promise((resolve, reject) => {
      this.#onStarted = resolve;
      this.#onNotStarted = reject;
    });
    // Whoever reads the watch learns of it there.
    this.started.catch(() => {});
    this.#signal = options.signal;
    if (this.#signal?.aborted === true) this.end();
    else this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  get isOver(): boolean {
    return this.#end !== undefined;
  }

  start(id: bigint, revision: number): void {
    this.id = id;
    this.fragments = undefined;
    // Only the first time: a watch without a revision is one from here on, whatever happens to its stream.
    if (this.nextRevision === 0) this.nextRevision = revision + 1;
    if (!this.#hasStarted) {
      this.#hasStarted = true;
      this.#onStarted(revision);
    }
  }

  deliver(batch: WatchBatch): void {
    const last = batch.events.at(-1)?.kv?.modRevision;
    this.nextRevision = Math.max(this.nextRevision, (last ?? batch.header.revision) + 1);
    if (this.#end !== undefined) return;
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader.resolve({ done: false, value: batch });
      return;
    }
    this.#queue.push(batch);
    this.#queued(batch.events.length);
  }

  /** What is queued is still handed out; then the iteration ends, or throws `error`. */
  end(error?: EtcdError): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    if (!this.#hasStarted) this.#onNotStarted(error ?? canceled());
    this.#signal?.removeEventListener('abort', this.#onAbort);
    for (const reader of this.#readers.splice(0)) {
      if (error === undefined) reader.resolve({ done: true, value: undefined });
      else {
        this.#end = { error: undefined };
        reader.reject(error);
      }
    }
  }

  cancel(): void {
    const wasOver = this.isOver;
    this.#queue.length = 0;
    this.#queued(-this.queuedEvents);
    this.end();
    if (!wasOver) this.owner?.remove(this);
  }

  next(): Promise<IteratorResult<WatchBatch>> {
    const batch = this.#queue.shift();
    if (batch !== undefined) {
      this.#queued(-batch.events.length);
      return Promise.resolve({ done: false, value: batch });
    }
    if (this.#end !== undefined) {
      const { error } = this.#end;
      this.#end = { error: undefined };
      return error === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error);
    }
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<WatchBatch>> {
    this.cancel();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #queued(change: number): void {
    this.queuedEvents += change;
    this.owner?.queued(change);
  }
}
