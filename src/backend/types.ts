/**
 * The store under mvcc, lease, auth and membership: buckets of ordered byte keys in one bbolt file.
 *
 *     put/delete ──▶ write buffer ──commit──▶ bolt transaction ──2 fsyncs──▶ file
 *     get/range  ──▶ write buffer, then what is being committed, then the file (all three are seen as one)
 *
 * Everything runs on the member's one thread, so there are no locks and no separate read and write transactions: a
 * reader between two calls sees all that was put. Only syncing waits, and never blocks a reader or writer.
 */
import type { Caller } from '../lib/caller.js';

export type BucketName =
  | 'key'
  | 'meta'
  | 'lease'
  | 'alarm'
  | 'auth'
  | 'authUsers'
  | 'authRoles'
  | 'members'
  | 'members_removed'
  | 'cluster';

/**
 * Return `false` to stop early. Both byte arrays are borrowed: valid until the next call on the backend; copy what you
 * keep.
 */
export type Visit = (key: Uint8Array, value: Uint8Array) => unknown;

export { LASTING_BYTES } from '../bolt/types.js';

export interface BackendReader {
  /** Bytes borrowed until the next call, those of `LASTING_BYTES` for good; undefined where there are none. */
  get(bucket: BucketName, key: Uint8Array): Uint8Array | undefined;
  /** Visits `[start, end)` in byte order; `end` undefined = to the last key; `limit` 0 = all. */
  range(bucket: BucketName, start: Uint8Array, end: Uint8Array | undefined, limit: number, visit: Visit): void;
}

export interface BackendWriter {
  /**
   * Keeps both arrays: the caller must not change them afterwards. `append`: the key is greater than all in the bucket
   * (the hot path).
   */
  put(bucket: BucketName, key: Uint8Array, value: Uint8Array, options?: { append?: boolean }): void;
  delete(bucket: BucketName, key: Uint8Array): void;
}

/** Bytes borrowed until the next call, those of `LASTING_BYTES` for good; undefined where there are none. */
export type Scanner = (key: Uint8Array) => Uint8Array | undefined;

export interface Backend extends BackendReader, BackendWriter {
  /** As `get`, for whoever looks at very many records in one turn, and for that turn: what it reads is not cached. */
  scanner(bucket: BucketName): Scanner;
  createBucket(bucket: BucketName): void;
  /**
   * `hook` runs right before every commit closes its batch; what it puts is in the same bolt transaction (consistent
   * index, conf state).
   */
  onBeforeCommit(hook: () => void): void;
  /** Resolves when all that was put before the call is durable. Rejects, for good, on any write or sync error. */
  commit(): Promise<void>;
  /**
   * Starts a commit when 10 000 operations or 100 ms have gathered since the last one. The member calls it at least
   * every 100 ms.
   */
  tick(nowMs: number): void;

  /** A consistent view as of the last commit, unmoved by later commits; must be closed. */
  openView(): BackendReader & { close(): void };
  /**
   * Commits, then streams the database file (high-water * page size bytes, no trailer) as of that moment while writes
   * go on. Rejects with AbandonedError when the caller is gone before.
   */
  snapshot(caller?: Caller): Promise<BackendSnapshot>;
  /**
   * CRC-32C over bucket names, keys and values in order, without the `(bucket, key)` pairs in `ignore`; sliced. As
   * etcd's server/storage/backend/backend.go, Hash.
   */
  hash(ignore: (bucket: string, key: Uint8Array) => boolean, caller?: Caller): Promise<number>;

  /** High-water mark * page size: what clients see and what the quota counts. */
  readonly sizeBytes: number;
  readonly sizeInUseBytes: number;
  /**
   * Rewrites the file densely into `db.tmp.*`, then renames it over; commits before. One at a time: one that waits for
   * another rejects with AbandonedError when its caller is gone, one that has begun goes on.
   */
  defrag(caller?: Caller): Promise<void>;
  /** Commits and closes. */
  close(): Promise<void>;
}

export interface BackendSnapshot {
  readonly sizeBytes: number;
  /** Chunks of at most 32 KiB. Ends after `sizeBytes`; close early with `close()`. */
  chunks(): AsyncIterable<Uint8Array>;
  close(): void;
}
