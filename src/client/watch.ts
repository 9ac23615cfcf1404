/**
 * Watches. All watches of a client share one gRPC stream (two, when some require a leader and some do not); after a
 * loss the stream is opened again, on another endpoint if need be, and every watch goes on behind the last event that
 * it was given: nothing is missed, nothing comes twice.
 *
 *   starting ──create──▶ open ──canceled by server──▶ ended
 *      ▲                  │
 *      └──stream lost─────┘
 *
 * Invariants: create requests are answered in the order they were sent, so `#starting` is a queue; `nextRevision` of a
 * watch is one behind everything it was told. Events wait for their reader in the watch; while more than
 * `MAX_QUEUED_EVENTS` wait anywhere on the stream, it is not read, which makes the server hold back.
 */

import { contextCanceled } from '../grpc/context-errors.js';
import { type ClientStream, Code, GrpcError } from '../grpc/types.js';
import { wireErrors } from '../proto/errors.js';
import {
  type ResponseHeader,
  WatchCreateRequest,
  WatchCreateRequest_FilterType,
  type WatchRequest,
  type WatchResponse,
  Watch as WatchService,
} from '../proto/gen/etcdserverpb.js';
import type { Event } from '../proto/gen/mvccpb.js';
import type { Caller } from './caller.js';
import { canceled, type EtcdError, fromGrpc, WatchCanceledError } from './errors.js';
import { type Bytes, type RangeSelection, selectRange } from './key-range.js';

export interface WatchOptions extends RangeSelection {
  /** First revision to report; 0 or nothing = from now on. */
  readonly revision?: number | undefined;
  readonly prevKv?: boolean | undefined;
  /** The server reports its revision now and then when nothing happens. */
  readonly progressNotify?: boolean | undefined;
  /** Let the server split answers that are too large for one message; they are joined here. */
  readonly fragment?: boolean | undefined;
  /** Leave out puts, or deletions. */
  readonly noPut?: boolean | undefined;
  readonly noDelete?: boolean | undefined;
  /** End the watch when the member that serves it has no leader. */
  readonly requireLeader?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What one message of the server told: events of one or more revisions, or (no events) progress up to the header's
 * revision.
 */
export interface WatchBatch {
  readonly header: ResponseHeader;
  readonly events: readonly Event[];
  readonly compactRevision: number;
  readonly canceled: boolean;
}

/**
 * `for await (const { events } of watch)`. Ends after `cancel()` (leaving the loop cancels too); throws
 * WatchCanceledError when the server ended it, and EtcdError when it cannot go on.
 */
export interface Watch extends AsyncIterableIterator<WatchBatch> {
  /**
   * Resolves with the revision at which the server took the watch up for the first time; rejects when the watch ends
   * before.
   */
  readonly started: Promise<number>;
  cancel(): void;
}

/** Enough to keep a reader busy, little enough not to matter: 10 000 events of etcd's usual size are a few MB. */
const MAX_QUEUED_EVENTS = 10_000;
const FIRST_REOPEN_DELAY_MS = 1;
const LONGEST_REOPEN_DELAY_MS = 100;
/** The watch id of what concerns all watches of a stream. */
const ALL_WATCHES = -1n;

const noHeader: ResponseHeader = { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 };

export class WatchClient {
  readonly #caller: Caller;
  readonly #streams = new Map<boolean, SharedStream>();
  #isClosed = false;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  watch(key: Bytes, options: WatchOptions = {}): Watch {
    const watch = new OneWatch(key, options);
    if (this.#isClosed) watch.end();
    else this.#streamFor(options.requireLeader === true).add(watch);
    return watch;
  }

  /** Asks the server for a progress report to all watches of the stream. */
  requestProgress(options: { requireLeader?: boolean } = {}): void {
    this.#streamFor(options.requireLeader === true).requestProgress();
  }

  close(): void {
    this.#isClosed = true;
    for (const stream of this.#streams.values()) stream.close();
    this.#streams.clear();
  }

  #streamFor(requireLeader: boolean): SharedStream {
    let stream = this.#streams.get(requireLeader);
    if (stream === undefined || stream.isOver) {
      stream = new SharedStream(this.#caller, requireLeader);
      this.#streams.set(requireLeader, stream);
    }
    return stream;
  }
}

class OneWatch implements Watch {
  readonly request: WatchCreateRequest;
  readonly started: Promise<number>;
  /** The server's number for it on the present stream; undefined while it is not taken up. */
  id: bigint | undefined;
  nextRevision: number;
  /** Parts of an answer that the server has split. */
  fragments: Event[] | undefined;
  owner: SharedStream | undefined;
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
    this.queuedEvents += batch.events.length;
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
    this.queuedEvents = 0;
    this.end();
    if (!wasOver) this.owner?.remove(this);
  }

  next(): Promise<IteratorResult<WatchBatch>> {
    const batch = this.#queue.shift();
    if (batch !== undefined) {
      this.queuedEvents -= batch.events.length;
      this.owner?.onRead();
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
}

class SharedStream {
  readonly #caller: Caller;
  readonly #requireLeader: boolean;
  readonly #stop = new AbortController();
  readonly #watches = new Set<OneWatch>();
  readonly #byId = new Map<bigint, OneWatch>();
  /**
   * Create requests sent and not answered, in the order they were sent; a canceled one stays until its answer has come.
   */
  #starting: OneWatch[] = [];
  #stream: ClientStream<WatchRequest, WatchResponse> | undefined;
  #progressWanted = 0;
  #isRunning = false;
  #onRoom: (() => void) | undefined;

  constructor(caller: Caller, requireLeader: boolean) {
    this.#caller = caller;
    this.#requireLeader = requireLeader;
  }

  get isOver(): boolean {
    return this.#stop.signal.aborted;
  }

  add(watch: OneWatch): void {
    if (watch.isOver) return;
    watch.owner = this;
    this.#watches.add(watch);
    if (this.#stream !== undefined) this.#create(watch);
    this.#start();
  }

  remove(watch: OneWatch): void {
    this.#watches.delete(watch);
    if (watch.id !== undefined) {
      this.#byId.delete(watch.id);
      this.#send({ requestUnion: { case: 'cancelRequest', value: { watchId: watch.id } } });
    }
    this.onRead();
    if (this.#watches.size === 0) this.close();
  }

  requestProgress(): void {
    if (this.#stream === undefined) this.#progressWanted++;
    else this.#send({ requestUnion: { case: 'progressRequest', value: {} } });
    this.#start();
  }

  /** A reader has taken something: room for more. */
  onRead(): void {
    if (this.#onRoom === undefined || this.#isFull()) return;
    const resume = this.#onRoom;
    this.#onRoom = undefined;
    resume();
  }

  close(): void {
    this.#finish(undefined);
  }

  #start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#run().catch((error: unknown) => this.#finish(fromGrpc(error)));
  }

  async #run(): Promise<void> {
    let delayMs = FIRST_REOPEN_DELAY_MS;
    while (!this.isOver) {
      try {
        const stream = await this.#caller.stream(WatchService.watch, {
          signal: this.#stop.signal,
          requireLeader: this.#requireLeader,
        });
        this.#open(stream);
        for await (const response of stream.messages) {
          delayMs = FIRST_REOPEN_DELAY_MS;
          this.#receive(response);
          if (this.#isFull()) await this.#room();
        }
      } catch (thrown) {
        if (this.isOver) return;
        const error = thrown instanceof GrpcError ? thrown : fromGrpc(thrown);
        if (isHopeless(error)) throw error;
      } finally {
        this.#stream = undefined;
      }
      if (this.isOver) return;
      await this.#caller.pause(delayMs, this.#stop.signal).catch(() => undefined);
      delayMs = Math.min(delayMs * 1.25, LONGEST_REOPEN_DELAY_MS);
    }
  }

  #open(stream: ClientStream<WatchRequest, WatchResponse>): void {
    // A failure shows in the messages; the headers are not looked at.
    stream.headers.catch(() => undefined);
    this.#stream = stream;
    this.#byId.clear();
    this.#starting = [];
    for (const watch of this.#watches) {
      watch.id = undefined;
      this.#create(watch);
    }
    for (; this.#progressWanted > 0; this.#progressWanted--)
      this.#send({ requestUnion: { case: 'progressRequest', value: {} } });
  }

  #create(watch: OneWatch): void {
    this.#starting.push(watch);
    this.#send({
      requestUnion: { case: 'createRequest', value: { ...watch.request, startRevision: watch.nextRevision } },
    });
  }

  /** Requests are few and small: the transport's buffer is the queue, its fullness is not waited for. */
  #send(request: WatchRequest): void {
    this.#stream?.send(request);
  }

  #receive(response: WatchResponse): void {
    const header = response.header ?? noHeader;
    if (response.created) {
      const watch = this.#starting.shift();
      if (watch === undefined) return;
      if (response.canceled) {
        this.#endWatch(watch, response);
        return;
      }
      if (watch.isOver) {
        this.#send({ requestUnion: { case: 'cancelRequest', value: { watchId: response.watchId } } });
        return;
      }
      watch.start(response.watchId, header.revision);
      this.#byId.set(response.watchId, watch);
      return;
    }
    if (response.watchId === ALL_WATCHES && response.events.length === 0 && !response.canceled) {
      for (const watch of this.#byId.values()) watch.deliver(toBatch(response, header, []));
      return;
    }
    const watch = this.#byId.get(response.watchId);
    if (watch === undefined) return;
    if (response.canceled) {
      this.#endWatch(watch, response);
      return;
    }
    const events = watch.fragments === undefined ? response.events : [...watch.fragments, ...response.events];
    watch.fragments = response.fragment ? events : undefined;
    if (!response.fragment) watch.deliver(toBatch(response, header, events));
  }

  #endWatch(watch: OneWatch, response: WatchResponse): void {
    this.#watches.delete(watch);
    if (watch.id !== undefined) this.#byId.delete(watch.id);
    const header = response.header ?? noHeader;
    if (response.compactRevision > 0) watch.deliver(toBatch(response, header, response.events));
    watch.end(cancelError(response));
    if (this.#watches.size === 0) this.close();
  }

  #isFull(): boolean {
    let queued = 0;
    for (const watch of this.#watches) queued += watch.queuedEvents;
    return queued > MAX_QUEUED_EVENTS;
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#onRoom = resolve;
    });
  }

  #finish(error: EtcdError | undefined): void {
    if (this.isOver) return;
    this.#stop.abort(contextCanceled());
    this.#stream?.cancel();
    this.#onRoom?.();
    for (const watch of this.#watches) watch.end(error);
    this.#watches.clear();
    this.#byId.clear();
  }
}

function toBatch(response: WatchResponse, header: ResponseHeader, events: readonly Event[]): WatchBatch {
  return { header, events, compactRevision: response.compactRevision, canceled: response.canceled };
}

/**
 * Unavailable passes; Internal may be a connection's last gasp. Anything else will not get better. As clientv3's
 * isHaltErr, plus `no leader`.
 */
function isHopeless(error: GrpcError | EtcdError): boolean {
  if (error.message === wireErrors.noLeader.message) return true;
  return error.code !== Code.Unavailable && error.code !== Code.Internal;
}

/** As clientv3's WatchResponse.Err. */
function cancelError(response: WatchResponse): WatchCanceledError {
  if (response.compactRevision > 0)
    return new WatchCanceledError(Code.OutOfRange, wireErrors.compacted.message, response.compactRevision);
  if (response.cancelReason !== '') return new WatchCanceledError(Code.FailedPrecondition, response.cancelReason, 0);
  return new WatchCanceledError(Code.OutOfRange, wireErrors.futureRevision.message, 0);
}
