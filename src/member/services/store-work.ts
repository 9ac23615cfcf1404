/**
 * The store's long work in steps: compaction in batches with a commit and a pause after each, so that puts in between
 * are not held up; hashes by a time budget. One step a turn of the event loop at most.
 */
import type { Backend } from '../../backend/types.js';
import type { Clock } from '../../lib/clock.js';
import type { Failpoints } from '../../lib/failpoints/failpoints.js';
import { humanBytes } from '../../lib/go/bytes.js';
import { formatMs } from '../../lib/go/duration.js';
import type { Logger } from '../../lib/logger.js';
import type { MvccStore } from '../../mvcc/store.js';
import type { MemberConfig } from '../world/types.js';

const HASH_RECORDS_PER_STEP = 500;

export interface StoreWorkDeps {
  readonly store: MvccStore;
  readonly backend: Backend;
  readonly clock: Clock;
  readonly config: Pick<MemberConfig, 'compactionBatchLimit' | 'compactionSleepIntervalMs'>;
  readonly logger: Logger;
  readonly failpoints?: Failpoints | undefined;
  readonly fail: (cause: unknown) => void;
}

/** Called for what compactions cost; durations in milliseconds. */
export interface CompactionObserver {
  /** What held everybody else up, of records or of the index. */
  onPause(what: 'records' | 'index', tookMs: number): void;
  onDone(tookMs: number): void;
}

export class StoreWork {
  observer: CompactionObserver | undefined;
  /** Unix time of the last one that came to its end, since the start. */
  lastCompactionSeconds = 0;
  #recordsBefore = 0;
  #compactionBeganMs: number | undefined;
  readonly #compactions = new Map<number, Promise<boolean>>();
  #busy = false;
  /** A compaction was scheduled, and no commit has written that down yet. */
  #isNew = false;
  #stopped = false;

  constructor(readonly deps: StoreWorkDeps) {}

  /** The compaction of `revision` was scheduled; `done` resolves when its records are gone. */
  track(revision: number, done: Promise<boolean>): void {
    this.#compactions.set(revision, done);
    this.#isNew = true;
    done.finally(() => this.#compactions.delete(revision)).catch(() => {});
    this.wake();
  }

  /**
   * Resolves when the compaction of `revision` (scheduled by an entry already applied) has been carried out and is on
   * disk.
   */
  async compacted(revision: number): Promise<void> {
    await this.#compactions.get(revision);
    await this.deps.backend.commit();
  }

  /** There may be something to do. */
  wake(): void {
    if (this.#busy || this.#stopped || this.deps.store.pendingWork === 'none') return;
    this.#busy = true;
    this.#next();
  }

  stop(): void {
    this.#stopped = true;
  }

  #next(): void {
    this.deps.clock.soon(() => {
      this.#step().catch((cause: unknown) => {
        if (!this.#stopped) this.deps.fail(cause);
      });
    });
  }

  async #step(): Promise<void> {
    const { store, backend, clock, config, failpoints } = this.deps;
    if (this.#stopped) return;
    const kind = store.pendingWork;
    if (kind === 'none') {
      this.#busy = false;
      return;
    }
    if (kind === 'hash') {
      store.work(HASH_RECORDS_PER_STEP);
      this.#next();
      return;
    }
    await failpoints?.wait('compactAfterAcquiredBatchTxLock');
    const { compactions } = store.counts;
    this.#compact(config.compactionBatchLimit);
    // A compaction of one batch is done at once, as in etcd: so the next one finds it finished, and its hash counts.
    if (store.isSweepingIndex) this.#compact(config.compactionBatchLimit);
    const isDone = store.counts.compactions > compactions;
    failpoints?.hit('compactBeforeCommitBatch');
    await backend.commit();
    failpoints?.hit('compactAfterCommitBatch');
    if (this.#isNew) {
      this.#isNew = false;
      failpoints?.hit('compactAfterCommitScheduledCompact');
    }
    if (store.pendingWork === 'none') this.#busy = false;
    else if (isDone) this.#next();
    else clock.after(config.compactionSleepIntervalMs, () => this.#next());
  }

  #compact(limit: number): void {
    const { store, clock } = this.deps;
    const { compactions } = store.counts;
    const what = store.isSweepingIndex ? 'index' : 'records';
    const beganMs = clock.monotonicMs();
    if (this.#compactionBeganMs === undefined) {
      this.#compactionBeganMs = beganMs;
      this.#recordsBefore = store.counts.compactedRecords;
      this.deps.logger.info('compact tree index', { revision: store.compactRevision });
    }
    store.work(limit);
    const endedMs = clock.monotonicMs();
    this.observer?.onPause(what, endedMs - beganMs);
    if (store.counts.compactions === compactions) return;
    this.lastCompactionSeconds = Math.floor(clock.wallMs() / 1000);
    this.observer?.onDone(endedMs - this.#compactionBeganMs);
    this.#tellDone(endedMs - this.#compactionBeganMs);
    this.#compactionBeganMs = undefined;
  }

  #tellDone(tookMs: number): void {
    const { store, backend, logger } = this.deps;
    const last = store.compactionHashes().reduce<Stored | undefined>(newest, undefined);
    logger.info('finished scheduled compaction', {
      'compact-revision': last?.revision ?? store.compactRevision,
      took: formatMs(tookMs),
      'number-of-keys-compacted': store.counts.compactedRecords - this.#recordsBefore,
      ...(last !== undefined && { hash: last.hash }),
      'current-db-size-bytes': backend.sizeBytes,
      'current-db-size': humanBytes(backend.sizeBytes),
      'current-db-size-in-use-bytes': backend.sizeInUseBytes,
      'current-db-size-in-use': humanBytes(backend.sizeInUseBytes),
    });
    if (last === undefined) return;
    const { hash, revision, compactRevision } = last;
    logger.info('storing new hash', { hash, revision, 'compact-revision': compactRevision });
  }
}

type Stored = ReturnType<MvccStore['compactionHashes']>[number];

const newest = (a: Stored | undefined, b: Stored): Stored => (a === undefined || b.revision > a.revision ? b : a);
