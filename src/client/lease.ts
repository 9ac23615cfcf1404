/**
 * Leases: grant, revoke, look at, keep alive.
 *
 * All kept-alive leases share one stream. Each is renewed when a third of its time has passed, and given up when it has
 * not been answered for as long as it lives (it is expired then, whatever the server thinks). A renewal that is not
 * answered is asked for again after another third, and at once on another stream: a server that stands still must not
 * be asked by thousands of leases each half second, as clientv3 does.
 */

import { contextCanceled } from '../grpc/context-errors.js';
import { type ClientStream, Code, GrpcError } from '../grpc/types.js';
import type { LeaseId } from '../lib/ids.js';
import { wireErrors } from '../proto/errors.js';
import {
  Lease,
  type LeaseGrantResponse,
  type LeaseKeepAliveRequest,
  type LeaseKeepAliveResponse,
  type LeaseLeasesResponse,
  type LeaseRevokeResponse,
  type LeaseTimeToLiveResponse,
} from '../proto/gen/etcdserverpb.js';
import type { Caller } from './caller.js';
import { EtcdError, fromGrpc } from './errors.js';
import { isKnownError } from './known-errors.js';
import type { CallLimits } from './options.js';
import { limitsOf } from './retry.js';

/** As clientv3: how often due leases are looked for, and how long after a loss the stream is opened again. */
const ROUND_MS = 500;
/** A reader that lags behind misses renewals rather than the process growing. As clientv3. */
const MAX_QUEUED_RENEWALS = 16;

/** One element per renewal; ends when the lease has expired or was revoked. */
export interface KeepAlive extends AsyncIterableIterator<LeaseKeepAliveResponse> {
  cancel(): void;
}

export class LeaseClient {
  readonly #caller: Caller;
  readonly #firstAnswerMs: number;
  readonly #kept = new Map<LeaseId, KeptLease>();
  #stop: AbortController | undefined;
  #isClosed = false;

  /** `firstAnswerMs`: how long a lease is tried to be kept before the first answer. */
  constructor(caller: Caller, options: { firstAnswerMs: number }) {
    this.#caller = caller;
    this.#firstAnswerMs = options.firstAnswerMs;
  }

  /** `ttlSeconds` is at least what the server allows; `id` 0n lets the server choose. */
  grant(ttlSeconds: number, options: { id?: LeaseId } & CallLimits = {}): Promise<LeaseGrantResponse> {
    return this.#caller.unary(
      Lease.leaseGrant,
      { TTL: ttlSeconds, ID: options.id ?? 0n },
      limitsOf(options, 'repeatable'),
    );
  }

  /** Ends the lease and deletes its keys. */
  revoke(id: LeaseId, options: CallLimits = {}): Promise<LeaseRevokeResponse> {
    return this.#caller.unary(Lease.leaseRevoke, { ID: id }, limitsOf(options, 'repeatable'));
  }

  /** `TTL` -1 in the answer: there is no such lease. */
  timeToLive(id: LeaseId, options: { keys?: boolean } & CallLimits = {}): Promise<LeaseTimeToLiveResponse> {
    return this.#caller.unary(
      Lease.leaseTimeToLive,
      { ID: id, keys: options.keys ?? false },
      limitsOf(options, 'repeatable'),
    );
  }

  list(options: CallLimits = {}): Promise<LeaseLeasesResponse> {
    return this.#caller.unary(Lease.leaseLeases, {}, limitsOf(options, 'repeatable'));
  }

  /** Renews once; throws EtcdError(NotFound) when there is no such lease. */
  async keepAliveOnce(id: LeaseId, options: CallLimits = {}): Promise<LeaseKeepAliveResponse> {
    for (;;) {
      try {
        const answer = await this.#renewOnce(id, options);
        if (answer.TTL <= 0) throw new EtcdError(Code.NotFound, wireErrors.leaseNotFound.message);
        return answer;
      } catch (thrown) {
        const error = fromGrpc(thrown);
        // What etcd refuses by name ends it, Unavailable or not, as in clientv3: of a learner, or without a leader.
        const isLost = error.code === Code.Unavailable || error.code === Code.Internal;
        if (!isLost || isKnownError(error.message)) throw error;
        await this.#caller.pause(1, options.signal);
      }
    }
  }

  /** Keeps the lease alive until it ends or is canceled. Several for one lease cost one renewal. */
  keepAlive(id: LeaseId): KeepAlive {
    if (this.#isClosed) {
      const ended = new RenewalReader(() => {});
      ended.end();
      return ended;
    }
    const now = this.#caller.clock.monotonicMs();
    let kept = this.#kept.get(id);
    if (kept === undefined) {
      kept = {
        id,
        nextMs: now,
        deadlineMs: now + this.#firstAnswerMs,
        thirdMs: this.#firstAnswerMs / 3,
        isAwaited: false,
        readers: new Set(),
      };
      this.#kept.set(id, kept);
    }
    const lease = kept;
    const reader = new RenewalReader(() => {
      lease.readers.delete(reader);
      if (lease.readers.size === 0) this.#drop(lease);
    });
    lease.readers.add(reader);
    if (this.#stop === undefined) this.#start();
    return reader;
  }

  /** Nothing is kept alive any more; whoever reads renewals sees their end. */
  close(): void {
    this.#isClosed = true;
    this.#stopKeeping();
  }

  #stopKeeping(): void {
    for (const lease of this.#kept.values()) endReaders(lease);
    this.#kept.clear();
    this.#stop?.abort(contextCanceled());
    this.#stop = undefined;
  }

  async #renewOnce(id: LeaseId, options: CallLimits): Promise<LeaseKeepAliveResponse> {
    const stream = await this.#caller.stream(Lease.leaseKeepAlive, { signal: options.signal });
    stream.headers.catch(() => undefined);
    try {
      stream.send({ ID: id });
      for await (const answer of stream.messages) return answer;
      throw new GrpcError(Code.Unavailable, 'EOF');
    } finally {
      stream.cancel();
    }
  }

  #start(): void {
    const stop = new AbortController();
    this.#stop = stop;
    this.#run(stop.signal).catch(() => this.#stopKeeping());
  }

  async #run(signal: AbortSignal): Promise<void> {
    // Beside the stream: there may be no server to open it with.
    const cancelDeadlines = this.#caller.clock.every(ROUND_MS, () => this.#dropExpired());
    try {
      await this.#renew(signal);
    } finally {
      cancelDeadlines();
    }
  }

  async #renew(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const stream = await this.#caller.stream(Lease.leaseKeepAlive, { signal, requireLeader: true });
        stream.headers.catch(() => undefined);
        const cancelRounds = this.#caller.clock.every(ROUND_MS, () => this.#round(stream));
        for (const lease of this.#kept.values()) if (lease.isAwaited) lease.nextMs = 0;
        this.#round(stream);
        try {
          for await (const answer of stream.messages) this.#receive(answer);
        } finally {
          cancelRounds();
          stream.cancel();
        }
      } catch {
        // Whatever it was: the next stream may do better, and a lease that is not renewed in time ends by its deadline.
      }
      if (signal.aborted) return;
      await this.#caller.pause(ROUND_MS, signal).catch(() => undefined);
    }
  }

  #round(stream: ClientStream<LeaseKeepAliveRequest, LeaseKeepAliveResponse>): void {
    this.#dropExpired();
    const now = this.#caller.clock.monotonicMs();
    for (const lease of this.#kept.values()) {
      if (lease.nextMs > now) continue;
      stream.send({ ID: lease.id });
      lease.isAwaited = true;
      lease.nextMs = now + lease.thirdMs;
    }
  }

  #receive(answer: LeaseKeepAliveResponse): void {
    const lease = this.#kept.get(answer.ID);
    if (lease === undefined) return;
    if (answer.TTL <= 0) {
      endReaders(lease);
      this.#drop(lease);
      return;
    }
    const now = this.#caller.clock.monotonicMs();
    lease.isAwaited = false;
    lease.thirdMs = (answer.TTL * 1000) / 3;
    lease.nextMs = now + lease.thirdMs;
    lease.deadlineMs = now + answer.TTL * 1000;
    for (const reader of lease.readers) reader.deliver(answer);
  }

  #dropExpired(): void {
    const now = this.#caller.clock.monotonicMs();
    for (const lease of this.#kept.values()) {
      if (lease.deadlineMs >= now) continue;
      endReaders(lease);
      this.#drop(lease);
    }
  }

  #drop(lease: KeptLease): void {
    if (this.#kept.get(lease.id) === lease) this.#kept.delete(lease.id);
    if (this.#kept.size === 0) this.#stopKeeping();
  }
}

interface KeptLease {
  readonly id: LeaseId;
  /** When to renew next, and when it is expired for want of an answer. */
  nextMs: number;
  deadlineMs: number;
  /** Of its time. */
  thirdMs: number;
  /** Asked for, and not answered. */
  isAwaited: boolean;
  readonly readers: Set<RenewalReader>;
}

function endReaders(lease: KeptLease): void {
  for (const reader of [...lease.readers]) reader.end();
}

class RenewalReader implements KeepAlive {
  readonly #queue: LeaseKeepAliveResponse[] = [];
  readonly #waiting: ((result: IteratorResult<LeaseKeepAliveResponse>) => void)[] = [];
  readonly #onCancel: () => void;
  #isOver = false;

  constructor(onCancel: () => void) {
    this.#onCancel = onCancel;
  }

  deliver(answer: LeaseKeepAliveResponse): void {
    const reader = this.#waiting.shift();
    if (reader !== undefined) reader({ done: false, value: answer });
    else if (this.#queue.length < MAX_QUEUED_RENEWALS) this.#queue.push(answer);
  }

  end(): void {
    this.#isOver = true;
    for (const reader of this.#waiting.splice(0)) reader({ done: true, value: undefined });
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#queue.length = 0;
    this.end();
    this.#onCancel();
  }

  next(): Promise<IteratorResult<LeaseKeepAliveResponse>> {
    const answer = this.#queue.shift();
    if (answer !== undefined) return Promise.resolve({ done: false, value: answer });
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<IteratorResult<LeaseKeepAliveResponse>> {
    this.cancel();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
