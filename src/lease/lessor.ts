/**
 * All leases of the store: how long each lives, which keys hang on it, and — on the leader alone — when it ends.
 *
 *     grant, revoke, checkpoint, attach, detach    from apply, on every member alike, never dependent on the time
 *     promote, demote                              this member became the leader, or is it no more
 *     renew, takeExpired, takeCheckpoints          the leader's business; expiry only proposes a revoke, which comes
 *                                                  back through apply
 *
 * Invariants: `leaseOf(key)` is `id` exactly when the lease `id` holds the key; a deadline is finite exactly while
 * primary; the deadline heap is empty on all but the primary (#11731: on followers it once grew for ever).
 * On disk a lease is its id, TTL and remaining TTL at the last checkpoint, never a deadline: clocks of members differ.
 * Source: etcd's server/lease/lessor.go.
 */

import { deleteLease, putLease, readLeases } from '../backend/schema/lease.js';
import type { Backend, BackendReader } from '../backend/types.js';
import type { LeaseId } from '../lib/ids.js';
import { LargeMap } from '../lib/large-map.js';
import type { Lease as StoredLease } from '../proto/gen/leasepb.js';
import { Deadlines, type TimedLease } from './deadlines.js';
import { LeaseExistsError, LeaseNotFoundError, LeaseTtlTooLargeError, NotPrimaryError } from './errors.js';
import { GoneListeners, type WhyGone } from './gone-listeners.js';
import type {
  LeaseCheckpointItem,
  LeaseInfo,
  LeaseKeyDeleter,
  LeaseRemaining,
  LessorOptions,
  Renewal,
} from './types.js';

export const MAX_LEASE_TTL_SECONDS = 9_000_000_000;
const LEASES_BEFORE_PAUSE = 2000;

interface Lease extends TimedLease {
  readonly keys: Set<string>;
}

/** Read before they are used: `Lessor.readInSteps`. */
export interface StoredLeases {
  readonly leases: Map<LeaseId, Lease>;
}

export class Lessor {
  #leases = new Map<LeaseId, Lease>();
  readonly #leaseOfKey = new LargeMap<string, LeaseId>();
  readonly #deadlines: Deadlines;
  readonly #gone = new GoneListeners();
  #openDeleter: (() => LeaseKeyDeleter) | undefined;
  #backend: Backend;
  readonly #options: LessorOptions;

  /** Reads the `lease` bucket (and creates it). Keys are attached afterwards by the store's own restore. */
  constructor(backend: Backend, options: LessorOptions) {
    this.#backend = backend;
    this.#options = options;
    this.#deadlines = new Deadlines((id) => this.#leases.get(id), options);
    this.#load();
  }

  /**
   * How revoked leases' keys are deleted. Set once, before anything is applied: the store needs the lessor, the lessor
   * the store.
   */
  setKeyDeleter(open: () => LeaseKeyDeleter): void {
    this.#openDeleter = open;
  }

  /**
   * Goes on with another backend (a snapshot from the leader). `found` is what `readInSteps` has read of the same
   * backend before; it is the lessor's from now on.
   */
  restore(backend: Backend, found?: StoredLeases): void {
    this.#backend = backend;
    this.#leaseOfKey.clear();
    this.#deadlines.clear();
    this.#load(found);
  }

  /** The leases of a database that is to take the place of ours, with pauses for others. */
  *readInSteps(backend: BackendReader): Generator<undefined, StoredLeases> {
    const leases: Map<LeaseId, Lease> = new Map();
    for (let next: Uint8Array | undefined = new Uint8Array(0); next !== undefined; ) {
      next = readLeases(backend, { start: next, limit: LEASES_BEFORE_PAUSE }, (record) => this.#add(leases, record));
      yield;
    }
    return { leases };
  }

  get isPrimary(): boolean {
    return this.#deadlines.isKept;
  }

  get size(): number {
    return this.#leases.size;
  }

  /** How many leases wait for their end: none on a follower, one for each lease on the leader. */
  get deadlines(): number {
    return this.#deadlines.size;
  }

  lookup(id: LeaseId): LeaseInfo | undefined {
    return this.#leases.get(id);
  }

  // ---- from apply

  /** Throws LeaseNotFoundError for id 0, LeaseTtlTooLargeError, LeaseExistsError; then nothing has changed. */
  grant(id: LeaseId, ttlSeconds: number, nowMs: number): LeaseInfo {
    if (id === 0n) throw new LeaseNotFoundError(id);
    if (ttlSeconds > MAX_LEASE_TTL_SECONDS) throw new LeaseTtlTooLargeError(ttlSeconds, MAX_LEASE_TTL_SECONDS);
    if (this.#leases.has(id)) throw new LeaseExistsError(id);
    const lease: Lease = {
      id,
      ttlSeconds: Math.max(ttlSeconds, this.#options.minTtlSeconds),
      remainingTtlSeconds: 0,
      deadlineMs: Number.POSITIVE_INFINITY,
      keys: new Set(),
    };
    this.#leases.set(id, lease);
    this.#persist(lease);
    this.#deadlines.begin(lease, nowMs);
    return lease;
  }

  /** Deletes its keys in byte order, in one transaction, and the lease with them. Throws LeaseNotFoundError. */
  revoke(id: LeaseId): void {
    const lease = this.#mustFind(id);
    if (this.#openDeleter === undefined) throw new Error('the lessor has no key deleter');
    const deleter = this.#openDeleter();
    for (const key of [...lease.keys].sort()) deleter.deleteRange(Buffer.from(key, 'latin1'), undefined);
    this.#leases.delete(id);
    this.#deadlines.delete(id);
    deleteLease(this.#backend, id);
    deleter.end();
    this.#gone.tell(id, 'revoked');
  }

  /** A LeaseCheckpoint entry; an unknown lease is passed over. `remainingTtlSeconds` 0 = the whole TTL again. */
  checkpoint(id: LeaseId, remainingTtlSeconds: number, nowMs: number): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    lease.remainingTtlSeconds = remainingTtlSeconds;
    if (this.#options.persistCheckpoints?.() === true) this.#persist(lease);
    this.#deadlines.checkpointed(lease, nowMs);
  }

  /** False where the lease does not exist. A key hangs on one lease at most: whoever moves it detaches it first. */
  attach(id: LeaseId, key: string): boolean {
    const lease = this.#leases.get(id);
    if (lease === undefined) return false;
    lease.keys.add(key);
    this.#leaseOfKey.set(key, id);
    return true;
  }

  detach(id: LeaseId, key: string): void {
    this.#leases.get(id)?.keys.delete(key);
    if (this.#leaseOfKey.get(key) === id) this.#leaseOfKey.delete(key);
  }

  /** 0n = none. */
  leaseOf(key: string): LeaseId {
    return this.#leaseOfKey.get(key) ?? 0n;
  }

  /** The keys of a lease, latin1, in no order; permission checks walk them. */
  keysOf(id: LeaseId): Iterable<string> {
    return this.#leases.get(id)?.keys ?? [];
  }

  keyCountOf(id: LeaseId): number {
    return this.#leases.get(id)?.keys.size ?? 0;
  }

  // ---- the leader's

  /**
   * This member leads from now on: every lease gets its (remaining) TTL anew, plus an election timeout for its owner to
   * find the new leader. Leases that would end in one heap are spread, so that their revocation does not starve
   * everything else.
   */
  promote(nowMs: number): void {
    this.#deadlines.keep([...this.#leases.values()], nowMs);
  }

  /** This member does not lead any more: no lease ends here, and no renewal succeeds. */
  demote(): void {
    this.#deadlines.drop(this.#leases.values());
    this.#gone.tellAll('demoted');
  }

  /** Throws NotPrimaryError, LeaseNotFoundError. Not through raft: only the leader's deadline moves. */
  renew(id: LeaseId, nowMs: number): Renewal {
    if (!this.#deadlines.isKept) throw new NotPrimaryError();
    const lease = this.#mustFind(id);
    // Expired means that its revocation may be on its way already: a success now would promise what the next entry
    // takes back (#20615).
    if (lease.deadlineMs <= nowMs) return { t: 'expired' };
    if (this.#options.checkpointIntervalSeconds !== undefined && lease.remainingTtlSeconds > 0)
      return { t: 'checkpoint-first' };
    this.#deadlines.begin(lease, nowMs);
    return { t: 'renewed', ttlSeconds: lease.ttlSeconds };
  }

  /**
   * `gone` is called once: when the lease is revoked, or this member stops leading. The returned function calls it off.
   */
  onGone(id: LeaseId, gone: (why: WhyGone) => void): () => void {
    return this.#gone.add(id, gone);
  }

  /**
   * undefined for an unknown lease. On a member that does not lead, nothing has run yet (`remainingSeconds` is Infinity
   * there).
   */
  remaining(id: LeaseId, nowMs: number): LeaseRemaining | undefined {
    const lease = this.#leases.get(id);
    if (lease === undefined) return undefined;
    return {
      id,
      grantedTtlSeconds: lease.ttlSeconds,
      remainingSeconds: Math.trunc((lease.deadlineMs - nowMs) / 1000),
      keys: [...lease.keys],
    };
  }

  /** All leases, the one that ends first first. */
  list(): LeaseInfo[] {
    return [...this.#leases.values()].sort((a, b) => (a.deadlineMs === b.deadlineMs ? 0 : a.deadlineMs - b.deadlineMs));
  }

  /**
   * Leases to revoke through raft; call it every 500 ms. At most 500 at a time, and each again after `expiredRetryMs`
   * if it is still there (its revocation may have been lost with a leader).
   */
  takeExpired(nowMs: number): LeaseId[] {
    return this.#deadlines.takeExpired(nowMs);
  }

  /** Batches to propose as LeaseCheckpoint entries, so that a new leader does not start long leases from the top. */
  takeCheckpoints(nowMs: number): LeaseCheckpointItem[][] {
    return this.#deadlines.takeCheckpoints(nowMs);
  }

  // ---- inside

  #mustFind(id: LeaseId): Lease {
    const lease = this.#leases.get(id);
    if (lease === undefined) throw new LeaseNotFoundError(id);
    return lease;
  }

  #persist(lease: Lease): void {
    putLease(this.#backend, { ID: lease.id, TTL: lease.ttlSeconds, RemainingTTL: lease.remainingTtlSeconds });
  }

  #load(found?: StoredLeases): void {
    this.#backend.createBucket('lease');
    const leases: Map<LeaseId, Lease> = found?.leases ?? new Map();
    if (found === undefined) readLeases(this.#backend, {}, (record) => this.#add(leases, record));
    this.#leases = leases;
  }

  #add(leases: Map<LeaseId, Lease>, { ID, TTL, RemainingTTL }: StoredLease): void {
    leases.set(ID, {
      id: ID,
      ttlSeconds: Math.max(TTL, this.#options.minTtlSeconds),
      remainingTtlSeconds: RemainingTTL,
      deadlineMs: Number.POSITIVE_INFINITY,
      keys: new Set(),
    });
  }
}
