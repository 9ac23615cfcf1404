/**
 * What mvcc offers and what it needs of others. The pieces:
 *
 *     apply ──▶ WriteTxn ──▶ key index (latin1 key → revisions)      watchers ◀── WatchHub ◀── each finished WriteTxn
 *                     └────▶ backend bucket `key` (revision → KeyValue bytes) ◀── catch-up of slow watchers,
 *                     compaction, hashes
 *
 * All of it is synchronous and runs on the member's one thread. Long work (compaction, hashes) is cut into steps that
 * the member calls.
 */
import type { LeaseId } from '../lib/ids.js';

/**
 * One change's place in history: `main` is the transaction's revision, `sub` counts the changes inside it from 0.
 * The revision clients see is `main`. An empty store has revision 1; its first write makes 2.
 */
export interface Revision {
  readonly main: number;
  readonly sub: number;
}

/** What a range found. */
export interface RangeResult {
  /** Stored `KeyValue` bytes in key order; the caller owns them. Empty with `countOnly`. */
  readonly kvs: Uint8Array[];
  /** Number of keys in the range before the limit. */
  readonly count: number;
}

export interface RangeOptions {
  /** 0 = now; below the compacted revision throws CompactedError, above the current one FutureRevisionError. */
  readonly revision: number;
  /** 0 = all. */
  readonly limit: number;
  readonly countOnly: boolean;
}

/** Reads as one state of the store; both the store and a write transaction (which sees its own changes) are one. */
export interface KeyReader {
  /** Whether ranges of keys without values name the keys' leases. */
  readonly namesLeases: boolean;
  /**
   * `end` undefined or empty = the one key; `[0]` = all keys from `key` on; otherwise `[key, end)`, empty when `end <=
   * key`.
   */
  range(key: Uint8Array, end: Uint8Array | undefined, options: RangeOptions): RangeResult;
  /** Stored `KeyValue` bytes of one key as of now, owned by the caller; undefined when it does not exist. */
  get(key: Uint8Array): Uint8Array | undefined;
  /**
   * What the index knows of the keys of a range that there are now, in order, until `visit` answers false: nothing
   * stored is read.
   */
  visitNumbers(key: Uint8Array, end: Uint8Array | undefined, visit: VisitNumbers): void;
}

export type VisitNumbers = (createRevision: number, modRevision: number, version: number) => boolean;

/**
 * A write transaction: everything in it has one main revision. It is the only one open, and nothing but it writes until
 * `end`. Changes show in the store at once (its own reads see them), under a revision that other readers cannot name
 * before `end`.
 */
export interface WriteTransaction extends KeyReader {
  /** Current revision + 1 once something changed, else the current one. */
  readonly revision: number;
  /** Keeps nothing of `key` and `value`. `lease` 0n = none; it must exist. */
  put(key: Uint8Array, value: Uint8Array, lease: LeaseId): void;
  /** Same shapes as `range`; returns how many keys were deleted. */
  deleteRange(key: Uint8Array, end: Uint8Array | undefined): number;
  /** Finishes; returns the store's revision, which grew by one if something changed. Watchers are notified here. */
  end(): number;
}

/**
 * Which lease each key hangs on: mvcc tells it of every change. Keys are latin1 strings. Implemented by `src/lease`.
 */
export interface KeyLeases {
  /** 0n = none. */
  leaseOf(key: string): LeaseId;
  /** False where the lease does not exist: whoever applies has to check before. */
  attach(lease: LeaseId, key: string): boolean;
  /** Harmless for a lease that does not exist. */
  detach(lease: LeaseId, key: string): void;
}

/** A finished HashKV: the hash of `revision` on two members with the same `compactRevision` must agree. */
export interface KvHash {
  /** CRC-32C, unsigned. */
  readonly hash: number;
  readonly revision: number;
  /** -1 when nothing was ever compacted. For a stored compaction hash: the compaction before it. */
  readonly compactRevision: number;
  /** The store's revision when the hash was asked for. */
  readonly currentRevision: number;
}

/** One change of a finished transaction, as watchers get it. */
export interface Change {
  readonly kind: 'put' | 'delete';
  /** latin1. */
  readonly key: string;
  /** Stored bytes; a deletion's holds key and mod revision. */
  readonly kv: Uint8Array;
  /** A put that created its key has no previous value. */
  readonly isCreate: boolean;
}

/** Called for what happens in the store; the watch hub is one. */
export interface StoreListener {
  /** A transaction ended that changed something. `changes` is in execution order and never empty. */
  written(revision: number, changes: readonly Change[]): void;
  /** The whole content was replaced (a snapshot came from the leader). */
  restored(): void;
}
