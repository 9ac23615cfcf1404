/**
 * The face of a bbolt file: buckets of ordered byte keys, one writer, any number of readers, each seeing one commit's
 * state unmoved. Opened by `openBolt` in `bolt.ts`.
 */

/**
 * Return `false` to stop. Bytes are borrowed: never written again, but they keep a whole page alive, so copy what you
 * keep for long.
 */
export type VisitEntry = (key: Uint8Array, value: Uint8Array, isBucket: boolean) => unknown;

/** A value of so many bytes is never on a page that a scanner reads over another: it stays as it is. */
export const LASTING_BYTES = 16 * 1024;

export interface ReadBucket {
  /** Borrowed bytes; undefined when absent or when `key` names a nested bucket. */
  get(key: Uint8Array): Uint8Array | undefined;
  /**
   * Visits `[start, end)` in byte order; undefined = from the first, to the last. A nested bucket is visited with its
   * stored header as value and `isBucket` true. Returns false when the visitor stopped it.
   */
  range(start: Uint8Array | undefined, end: Uint8Array | undefined, visit: VisitEntry): boolean;
  /** The nested bucket of that name, or undefined. */
  bucket(name: Uint8Array): ReadBucket | undefined;
  /** bbolt's per-bucket counter; etcd leaves it 0. */
  readonly sequence: bigint;
}

export interface WriteBucket extends ReadBucket {
  /**
   * Share of a page filled when a node is split: 0.1 … 1. 0.5 by default; 0.9 suits keys that only grow. Lives as long
   * as the transaction.
   */
  fillPercent: number;
  /**
   * Keeps both arrays until the commit. Throws ERR_BOLT_USAGE for an empty or too long key, or one that names a bucket.
   */
  put(key: Uint8Array, value: Uint8Array): void;
  /** Returns whether there was such a key. */
  delete(key: Uint8Array): boolean;
  bucket(name: Uint8Array): WriteBucket | undefined;
  /** The existing one when there is one. */
  createBucket(name: Uint8Array): WriteBucket;
  /** With all it holds; returns whether there was one. */
  deleteBucket(name: Uint8Array): boolean;
}

export interface ReadTx {
  readonly txid: number;
  /** Pages in the file as of this state, free ones included. */
  readonly highWaterPages: number;
  /** The bucket that holds the top-level buckets; plain keys cannot stand in it. */
  readonly root: ReadBucket;
  bucket(name: Uint8Array): ReadBucket | undefined;
  /** Lets go of the state, so that its pages may be reused. Closing twice is harmless. */
  close(): void;
}

export interface WriteTx {
  readonly txid: number;
  readonly root: WriteBucket;
  bucket(name: Uint8Array): WriteBucket | undefined;
  createBucket(name: Uint8Array): WriteBucket;
  deleteBucket(name: Uint8Array): boolean;
  /** Writes, syncs, writes the meta page, syncs. An error fails the handle for good. */
  commit(): void;
  /**
   * The same with the two syncs on the thread pool. New readers see the commit as soon as the call returns; the promise
   * resolves when it is durable, and only then may the next write transaction begin. Rejects when a write or sync
   * failed: the handle has then failed for good.
   */
  commitAsync(): Promise<void>;
  /** Throws the changes away. Nothing was written yet. */
  rollback(): void;
}

/** How long the parts of a commit took, as bbolt's TxStats tells them apart; `writeMs` includes both syncs. */
export interface CommitTimes {
  readonly rebalanceMs: number;
  readonly spillMs: number;
  readonly writeMs: number;
}

export interface BoltCheckProblem {
  readonly pageId: number;
  readonly offset: number;
  readonly problem: string;
}

export interface BoltCheckReport {
  /** Empty when the file is sound. Bounded: at most 1000 problems are listed. */
  readonly problems: readonly BoltCheckProblem[];
  readonly reachablePages: number;
  readonly freePages: number;
  readonly buckets: number;
  readonly entries: number;
}
