/**
 * When leases end, and when their remaining time is written into the log: kept by the leader alone. Expiry only names
 * leases to revoke.
 */
import type { LeaseId } from '../lib/ids.js';
import { DeadlineHeap } from './deadline-heap.js';
import { spreadPileUps } from './pile-ups.js';
import type { LeaseCheckpointItem, LessorOptions } from './types.js';

/**
 * Revocations a second the expiry of leases may cause; half of them per call of `takeExpired`, which comes twice a
 * second.
 */
const REVOKE_RATE = 1000;
const CHECKPOINT_BATCH_SIZE = 1000;
const CHECKPOINT_BATCHES_PER_LOOP = 500;

/** What of a lease has to do with time. */
export interface TimedLease {
  readonly id: LeaseId;
  readonly ttlSeconds: number;
  /** As of the last checkpoint; 0 = none, the whole TTL. */
  remainingTtlSeconds: number;
  /** Infinity on all but the primary. */
  deadlineMs: number;
}

export class Deadlines {
  readonly #expiries = new DeadlineHeap();
  readonly #checkpoints = new DeadlineHeap();
  readonly #find: (id: LeaseId) => TimedLease | undefined;
  readonly #options: LessorOptions;
  #isKept = false;

  constructor(find: (id: LeaseId) => TimedLease | undefined, options: LessorOptions) {
    this.#find = find;
    this.#options = options;
  }

  /** This member leads. */
  get isKept(): boolean {
    return this.#isKept;
  }

  get size(): number {
    return this.#expiries.size;
  }

  clear(): void {
    this.#expiries.clear();
    this.#checkpoints.clear();
  }

  delete(id: LeaseId): void {
    this.#expiries.delete(id);
    this.#checkpoints.delete(id);
  }

  /** From now on. */
  keep(leases: readonly TimedLease[], nowMs: number): void {
    const { electionTimeoutMs } = this.#options;
    this.#isKept = true;
    for (const lease of leases) this.#refresh(lease, electionTimeoutMs, nowMs);
    if (leases.length < REVOKE_RATE) return;
    spreadPileUps(leases, nowMs, (3 * REVOKE_RATE) / 4, (lease, byMs) =>
      this.#refresh(lease, byMs + electionTimeoutMs, nowMs),
    );
  }

  drop(leases: Iterable<TimedLease>): void {
    this.#isKept = false;
    for (const lease of leases) lease.deadlineMs = Number.POSITIVE_INFINITY;
    this.clear();
  }

  /** The lease has its (remaining) TTL anew. */
  begin(lease: TimedLease, nowMs: number): void {
    if (this.#isKept) this.#refresh(lease, 0, nowMs);
  }

  checkpointed(lease: TimedLease, nowMs: number): void {
    if (this.#isKept) this.#scheduleCheckpoint(lease, nowMs);
  }

  takeExpired(nowMs: number): LeaseId[] {
    const taken: LeaseId[] = [];
    while (this.#isKept && taken.length < REVOKE_RATE / 2) {
      const first = this.#expiries.first();
      if (first === undefined || first.atMs > nowMs) break;
      this.#expiries.set(first.id, nowMs + this.#options.expiredRetryMs);
      const lease = this.#find(first.id);
      if (lease !== undefined && lease.deadlineMs <= nowMs) taken.push(first.id);
    }
    return taken;
  }

  takeCheckpoints(nowMs: number): LeaseCheckpointItem[][] {
    const batches: LeaseCheckpointItem[][] = [];
    while (this.#isKept && batches.length < CHECKPOINT_BATCHES_PER_LOOP) {
      const batch: LeaseCheckpointItem[] = [];
      while (batch.length < CHECKPOINT_BATCH_SIZE) {
        const first = this.#checkpoints.first();
        if (first === undefined || first.atMs > nowMs) break;
        this.#checkpoints.delete(first.id);
        const lease = this.#find(first.id);
        if (lease === undefined || lease.deadlineMs <= nowMs) continue;
        const remainingTtlSeconds = Math.ceil((lease.deadlineMs - nowMs) / 1000);
        if (remainingTtlSeconds < lease.ttlSeconds) batch.push({ id: lease.id, remainingTtlSeconds });
      }
      if (batch.length > 0) batches.push(batch);
      if (batch.length < CHECKPOINT_BATCH_SIZE) break;
    }
    return batches;
  }

  #refresh(lease: TimedLease, extraMs: number, nowMs: number): void {
    const ttlSeconds = lease.remainingTtlSeconds > 0 ? lease.remainingTtlSeconds : lease.ttlSeconds;
    lease.deadlineMs = nowMs + extraMs + ttlSeconds * 1000;
    this.#expiries.set(lease.id, lease.deadlineMs);
    this.#scheduleCheckpoint(lease, nowMs);
  }

  #scheduleCheckpoint(lease: TimedLease, nowMs: number): void {
    const interval = this.#options.checkpointIntervalSeconds;
    if (interval === undefined) return;
    const ttlSeconds = lease.remainingTtlSeconds > 0 ? lease.remainingTtlSeconds : lease.ttlSeconds;
    if (ttlSeconds > interval) this.#checkpoints.set(lease.id, nowMs + interval * 1000);
  }
}
