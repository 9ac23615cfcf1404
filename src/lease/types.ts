/**
 * What the lessor offers and what it needs. Rules: etcd's server/lease/lessor.go.
 *
 * Time never stands in here: whoever calls hands in `nowMs` of a clock that does not go back. Granting and revoking
 * come from apply and must not depend on the time; only the leader ("primary") holds deadlines.
 */
import type { LeaseId } from '../lib/ids.js';

/** How the lessor deletes the keys of a revoked lease: in one write transaction. mvcc's transactions are such. */
export interface LeaseKeyDeleter {
  deleteRange(key: Uint8Array, end: undefined): number;
  end(): number;
}

export interface LessorOptions {
  /** Granted TTLs below it are raised to it: 1.5 election timeouts, in whole seconds, rounded up. */
  readonly minTtlSeconds: number;
  /** What a promotion adds to every lease, so that its owner can find the new leader: one election timeout. */
  readonly electionTimeoutMs: number;
  /** Undefined = no checkpoints are scheduled. */
  readonly checkpointIntervalSeconds?: number;
  /**
   * Whether remaining TTLs are written to disk (3.5: by flag; from cluster version 3.6 on). Asked at each checkpoint.
   */
  readonly persistCheckpoints?: () => boolean;
  /**
   * A lease that expired and was handed out, but is still there, is handed out again after this long: the server's
   * request timeout.
   */
  readonly expiredRetryMs: number;
}

/** A lease as clients may see it. */
export interface LeaseInfo {
  readonly id: LeaseId;
  /** Effective TTL, after raising. */
  readonly ttlSeconds: number;
}

export type Renewal =
  | { readonly t: 'renewed'; readonly ttlSeconds: number }
  /** Propose a LeaseCheckpoint with remaining TTL 0 for it, wait until it is applied, then renew again. */
  | { readonly t: 'checkpoint-first' }
  /** Expired but not yet revoked: wait for `onGone`, then answer TTL 0. */
  | { readonly t: 'expired' };

export interface LeaseRemaining {
  readonly id: LeaseId;
  readonly grantedTtlSeconds: number;
  /** Whole seconds left, truncated; Infinity on others than the leader. */
  readonly remainingSeconds: number;
  /** latin1, in no order. */
  readonly keys: readonly string[];
}

export interface LeaseCheckpointItem {
  readonly id: LeaseId;
  readonly remainingTtlSeconds: number;
}
