/**
 * The multi-version store: every change ever made (since the last compaction) under its revision, and an index from
 * keys to revisions.
 *
 * Invariants: `compactRevision <= currentRevision`; the index names a record of the backend for every change it holds
 * from the compacted revision on; at most one write transaction is open. Source: etcd's server/storage/mvcc/kvstore.go.
 */

import {
  finishedCompactKey,
  readCompactRevision,
  scheduledCompactKey,
  writeCompactRevision,
} from '../backend/schema/meta.js';
import type { Backend } from '../backend/types.js';
import { AbandonedError, type Caller } from '../lib/caller.js';
import type { Failpoints } from '../lib/failpoints/failpoints.js';
import type { LeaseId } from '../lib/ids.js';
import { latin1Text } from '../lib/latin1.js';
import { CompactedError, FutureRevisionError, InterruptedError } from './errors.js';
import { CompactionHashes } from './hash.js';
import { JobQueue } from './job-queue.js';
import { CompactionJob, HashJob } from './jobs.js';
import type { KeyIndex } from './key-index.js';
import { RangeCursor, type StoreView } from './range-cursor.js';
import { type Interval, intervalOf, RecordReader } from './read.js';
import { type Restored, restore } from './restore.js';
import type {
  Change,
  KeyLeases,
  KeyReader,
  KvHash,
  RangeOptions,
  RangeResult,
  StoreListener,
  VisitNumbers,
  WriteTransaction,
} from './types.js';
import { type OperationCounts, type WriteTarget, WriteTxn } from './write-txn.js';

export interface MvccOptions {
  readonly backend: Backend;
  /** Restored before the store: keys are attached to leases that exist. */
  readonly leases: KeyLeases;
  /** A key names a lease that does not exist; etcd logs it and goes on. */
  readonly onLostLease?: (lease: LeaseId, key: string) => void;
  readonly failpoints?: Failpoints | undefined;
  /** Whether ranges of keys without values name the keys' leases; true by default. */
  readonly keysOnlyNamesLeases?: boolean;
}

export class MvccStore implements KeyReader, WriteTarget {
  backend: Backend;
  index: KeyIndex;
  reader: RecordReader;
  readonly leases: KeyLeases;
  #current: number;
  #compactedAt: number;
  #writing = false;
  readonly #listeners: StoreListener[] = [];
  readonly #jobs = new JobQueue();
  #hashes = new CompactionHashes();
  /** Ranges being read in slices. */
  readonly #cursors = new Set<RangeCursor>();

  /** Reads the whole `key` bucket; takes seconds for millions of keys. Creates its buckets where they are missing. */
  static open(options: MvccOptions): MvccStore {
    return new MvccStore(options);
  }
  readonly #options: MvccOptions;

  private constructor(options: MvccOptions) {
    this.#options = options;
    this.leases = options.leases;
    ({
      backend: this.backend,
      index: this.index,
      reader: this.reader,
      current: this.#current,
      compactedAt: this.#compactedAt,
    } = this.#load(options.backend));
    this.#resumeCompaction();
  }

  /** 1 in an empty store. */
  get currentRevision(): number {
    return this.#current;
  }

  get namesLeases(): boolean {
    return this.reader.namesLeases;
  }

  /** -1 when nothing was ever compacted. */
  get compactRevision(): number {
    return this.#compactedAt;
  }

  /** Of the operations on it. */
  readonly counts: OperationCounts = {
    puts: 0,
    putBytes: 0,
    deletes: 0,
    ranges: 0,
    txns: 0,
    compactedRecords: 0,
    compactions: 0,
  };

  /** Keys that there are; deleted ones are not. */
  get keyCount(): number {
    return this.index.countAlive('', undefined);
  }

  /** Keys in `[key, end)` now, as `range` counts them; for a guess at what a request costs. */
  keysIn(key: Uint8Array, end: Uint8Array): number {
    const interval = intervalOf(key, end);
    if (interval === undefined) return 1;
    if (interval.end !== undefined && interval.end <= interval.start) return 0;
    return this.index.countAlive(interval.start, interval.end);
  }

  range(key: Uint8Array, end: Uint8Array | undefined, options: RangeOptions): RangeResult {
    this.counts.ranges++;
    return this.reader.range(key, end, options, { current: this.#current, compacted: this.#compactedAt });
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.counts.ranges++;
    return this.reader.get(latin1Text(key), this.#current);
  }

  visitNumbers(key: Uint8Array, end: Uint8Array | undefined, visit: VisitNumbers): void {
    this.counts.ranges++;
    this.reader.visitNumbers(key, end, visit);
  }

  /**
   * `range` in slices: checks and counts as it does (except that a single key is a range of one), and pins the
   * revision. Close it when done.
   */
  openRange(key: Uint8Array, end: Uint8Array | undefined, revision: number): RangeCursor {
    return this.#openRange(key, end, revision <= 0 ? this.#current : revision, this.#compactedAt);
  }

  /**
   * For ranges that are opened one after another and are all as of now, or of revisions from `lowest` on. Close it when
   * the last one is open.
   */
  openView(lowest = this.#current): StoreView {
    const [revision, compacted] = [this.#current, this.#compactedAt];
    const pin = this.#opened({ start: '', end: '' }, Math.max(lowest, compacted), 0);
    return {
      revision,
      open: (key, end, at) => {
        pin.checkOpen();
        return this.#openRange(key, end, at <= 0 ? revision : at, compacted);
      },
      close: () => pin.close(),
    };
  }

  #openRange(key: Uint8Array, end: Uint8Array | undefined, revision: number, compacted: number): RangeCursor {
    this.counts.ranges++;
    const options = { revision, limit: 0, countOnly: true };
    const { count } = this.reader.range(key, end, options, { current: this.#current, compacted });
    const start = latin1Text(key);
    return this.#opened(intervalOf(key, end) ?? { start, end: `${start}\0` }, revision, count);
  }

  #opened(interval: Interval, revision: number, count: number): RangeCursor {
    const cursor = new RangeCursor(this.reader, interval, revision, count, (it) => this.#cursors.delete(it));
    this.#cursors.add(cursor);
    return cursor;
  }

  /** Opens the one write transaction. */
  write(): WriteTransaction {
    if (this.#writing) throw new Error('a write transaction is open already');
    this.#writing = true;
    return new WriteTxn(this);
  }

  finishWrite(changes: readonly Change[]): number {
    this.#writing = false;
    if (changes.length > 0) {
      const { failpoints } = this.#options;
      // Where a write becomes visible to reads, as etcd's does when its buffer is handed to them.
      failpoints?.hit('beforeWritebackBuf');
      this.#current++;
      failpoints?.hit('afterWritebackBuf');
      for (const listener of this.#listeners) listener.written(this.#current, changes);
    }
    return this.#current;
  }

  /** The returned function ends it. */
  listen(listener: StoreListener): () => void {
    this.#listeners.push(listener);
    return () => {
      const at = this.#listeners.indexOf(listener);
      if (at !== -1) this.#listeners.splice(at, 1);
    };
  }

  /**
   * From now on revisions below `revision` are gone; the space is won back by `work`. The promise is for those who wait
   * for that ("physical"): true when finished, false when closed or restored before. Throws CompactedError at or below
   * the compacted revision, FutureRevisionError above the current one.
   */
  compact(revision: number): Promise<boolean> {
    if (revision <= this.#compactedAt) throw new CompactedError(revision, this.#compactedAt);
    if (revision > this.#current) throw new FutureRevisionError(revision, this.#current);
    return this.#startCompaction(revision);
  }

  #startCompaction(revision: number): Promise<boolean> {
    const { backend, index } = this;
    const previousCompactRevision = this.#compactedAt;
    const scheduled = readCompactRevision(backend, scheduledCompactKey) ?? 0;
    const previousFinished = scheduled === (readCompactRevision(backend, finishedCompactKey) ?? 0);
    this.#compactedAt = revision;
    writeCompactRevision(backend, scheduledCompactKey, revision);
    const { failpoints } = this.#options;
    failpoints?.hit('compactBeforeCommitScheduledCompact');
    return new Promise((resolve) => {
      this.#jobs.add(
        new CompactionJob({
          backend,
          index,
          revision,
          previousCompactRevision,
          removed: (records) => {
            this.counts.compactedRecords += records;
          },
          done: (hash) => {
            failpoints?.hit('compactBeforeSetFinishedCompact');
            this.counts.compactions++;
            writeCompactRevision(backend, finishedCompactKey, revision);
            failpoints?.hit('compactAfterSetFinishedCompact');
            // Of an interrupted compaction some records were gone before hashing began: its hash says nothing.
            if (previousFinished) this.#hashes.store({ hash, revision, compactRevision: previousCompactRevision });
            resolve(true);
          },
          interrupted: () => resolve(false),
        }),
      );
    });
  }

  /**
   * The hash members compare; given up once `caller` is gone. `revision` 0 = now, below it = of nothing at all, as in
   * etcd. At exactly the last compactions' revisions it is the one stored then, unless `computed` asks for the hash of
   * what is there: after a compaction at 0, which etcd allows as the first, 0 no longer means now. Needs `work` to go
   * on; rejects with InterruptedError or BusyError, and like `range`.
   */
  async hashKV(revision: number, options: { caller?: Caller | undefined; computed?: boolean } = {}): Promise<KvHash> {
    const { caller } = options;
    const stored = options.computed ? undefined : this.#hashes.at(revision);
    if (stored !== undefined) return { ...stored, currentRevision: this.#current };
    if (revision > 0 && revision < this.#compactedAt) throw new CompactedError(revision, this.#compactedAt);
    if (revision > this.#current) throw new FutureRevisionError(revision, this.#current);
    this.#jobs.assertRoom();
    const at = revision === 0 ? this.#current : revision;
    const { backend, index } = this;
    const compactRevision = this.#compactedAt;
    const currentRevision = this.#current;
    return new Promise((resolve, reject) => {
      this.#jobs.add(
        new HashJob({
          backend,
          index,
          revision: at,
          compactRevision,
          done: (hash) => resolve({ hash, revision: at, compactRevision, currentRevision }),
          caller,
          interrupted: () => reject(new InterruptedError()),
          abandoned: () => reject(new AbandonedError('the caller is gone')),
        }),
      );
    });
  }

  /** Hashes stored by compactions, oldest first: what the compact hash check compares with peers. */
  compactionHashes(): readonly Omit<KvHash, 'currentRevision'>[] {
    return this.#hashes.all();
  }

  /**
   * What `work` would go on with. etcd commits and sleeps (10 ms) after each batch of a compaction; hashes run through.
   */
  get pendingWork(): 'none' | 'compaction' | 'hash' {
    return this.#jobs.pending;
  }

  /**
   * The step that `work` would make is one of a compaction's sweep over the index, which follows that over the records.
   */
  get isSweepingIndex(): boolean {
    return this.#jobs.isSweepingIndex;
  }

  /**
   * Handles up to `limit` records of the first job in the queue; false when there is nothing left to do. A compaction
   * waits (and the answer is true) while a range below its revision is being read in slices.
   */
  work(limit: number): boolean {
    return this.#jobs.work(limit, this.#cursors);
  }

  /**
   * Goes on with another backend (a snapshot from the leader). What was under way is interrupted; listeners learn it.
   * `found` is what `restoreInSteps` has read of the same backend before.
   */
  restore(backend: Backend, found?: Restored): void {
    if (this.#writing) throw new Error('a write transaction is open');
    this.close();
    this.#hashes = new CompactionHashes();
    ({
      backend: this.backend,
      index: this.index,
      reader: this.reader,
      current: this.#current,
      compactedAt: this.#compactedAt,
    } = this.#load(backend, found));
    this.#resumeCompaction();
    for (const listener of this.#listeners) listener.restored();
  }

  /** Interrupts what is under way. The backend is its opener's to close. */
  close(): void {
    this.#jobs.interrupt();
    for (const cursor of [...this.#cursors]) cursor.interrupt();
  }

  #load(backend: Backend, prepared?: Restored) {
    backend.createBucket('key');
    backend.createBucket('meta');
    const found = prepared ?? restore(backend);
    for (const [key, lease] of found.leased) {
      if (!this.leases.attach(lease, key)) this.#options.onLostLease?.(lease, key);
    }
    return {
      backend,
      index: found.index,
      reader: new RecordReader(found.index, backend, this.#options.keysOnlyNamesLeases ?? true),
      current: found.currentRevision,
      compactedAt: found.compactRevision,
    };
  }

  #resumeCompaction(): void {
    const scheduled = readCompactRevision(this.backend, scheduledCompactKey);
    if (scheduled !== undefined && scheduled > this.#compactedAt) void this.#startCompaction(scheduled);
  }
}
