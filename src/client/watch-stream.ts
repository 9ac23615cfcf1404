/**
 * The stream that watches share. After a loss it is opened again, on another endpoint if need be, and every watch goes
 * on behind the last event that it was given: nothing is missed, nothing comes twice.
 *
 * Invariant: create requests are answered in the order they were sent, so `#starting` is a queue. Events wait for their
 * reader in the watch; while more than `MAX_QUEUED_EVENTS` wait anywhere on the stream, it is not read, which makes the
 * server hold back.
 */
import { contextCanceled } from '../grpc/context-errors.js';
import { type ClientStream, Code, GrpcError } from '../grpc/types.js';
import { Fifo } from '../lib/fifo.js';
import { wireErrors } from '../proto/errors.js';
import {
  type ResponseHeader,
  type WatchRequest,
  type WatchResponse,
  Watch as WatchService,
} from '../proto/gen/etcdserverpb.js';
import type { Event } from '../proto/gen/mvccpb.js';
import type { Caller } from './caller.js';
import { type EtcdError, fromGrpc, WatchCanceledError } from './errors.js';
import type { WatchBatch } from './watch-types.js';
import type { Watcher } from './watcher.js';

/** Enough to keep a reader busy, little enough not to matter: 10 000 events of etcd's usual size are a few MB. */
const MAX_QUEUED_EVENTS = 10_000;
const FIRST_REOPEN_DELAY_MS = 1;
const LONGEST_REOPEN_DELAY_MS = 100;
/** The watch id of what concerns all watches of a stream. */
const ALL_WATCHES = -1n;

const noHeader: ResponseHeader = { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 };

export class WatchStream {
  readonly #caller: Caller;
  readonly #requireLeader: boolean;
  readonly #stop = new AbortController();
  readonly #watches = new Set<Watcher>();
  readonly #byId = new Map<bigint, Watcher>();
  /**
   * Create requests sent and not answered, in the order they were sent; a canceled one stays until its answer has come.
   */
  readonly #starting = new Fifo<Watcher>();
  /** Events that wait in its watches for their readers. */
  #queuedEvents = 0;
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

  add(watch: Watcher): void {
    if (watch.isOver) return;
    watch.owner = this;
    this.#watches.add(watch);
    if (this.#stream !== undefined) this.#create(watch);
    this.#start();
  }

  remove(watch: Watcher): void {
    this.#watches.delete(watch);
    if (watch.id !== undefined) {
      this.#byId.delete(watch.id);
      this.#send({ requestUnion: { case: 'cancelRequest', value: { watchId: watch.id } } });
    }
    if (this.#watches.size === 0) this.close();
  }

  requestProgress(): void {
    if (this.#stream === undefined) this.#progressWanted++;
    else this.#send({ requestUnion: { case: 'progressRequest', value: {} } });
    this.#start();
  }

  /** In one of its watches so many more events wait, or fewer. */
  queued(change: number): void {
    this.#queuedEvents += change;
    if (this.#onRoom === undefined || this.#isFull) return;
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
          // A server that takes watches, and ends them at once, is asked less and less often.
          if (response.events.length > 0) delayMs = FIRST_REOPEN_DELAY_MS;
          this.#receive(response);
          if (this.#isFull) await this.#room();
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
    this.#starting.clear();
    for (const watch of this.#watches) {
      watch.id = undefined;
      this.#create(watch);
    }
    for (; this.#progressWanted > 0; this.#progressWanted--)
      this.#send({ requestUnion: { case: 'progressRequest', value: {} } });
  }

  #create(watch: Watcher): void {
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

  #endWatch(watch: Watcher, response: WatchResponse): void {
    this.#watches.delete(watch);
    if (watch.id !== undefined) this.#byId.delete(watch.id);
    const header = response.header ?? noHeader;
    if (response.compactRevision > 0) watch.deliver(toBatch(response, header, response.events));
    watch.end(cancelError(response));
    // What waits in it is its reader's alone.
    watch.owner = undefined;
    this.queued(-watch.queuedEvents);
    if (this.#watches.size === 0) this.close();
  }

  get #isFull(): boolean {
    return this.#queuedEvents > MAX_QUEUED_EVENTS;
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
