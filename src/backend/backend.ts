/**
 * The backend over one bbolt file. As etcd's server/storage/backend, with one thread and no locks:
 *
 *     put ─▶ write buffer ─(hooks, close the batch)─▶ bolt pages ─▶ fdatasync ─▶ meta ─▶ fdatasync ─▶ commit() resolves
 *                │                                        │
 *            next batch ◀──── puts go on ────────────  reads see it from here on
 *
 * Closing a batch, changing the tree and writing its pages happen in one synchronous step, so a read finds each entry
 * either in the buffer or in the file, never in neither. Only one commit is under way at a time; all that comes
 * meanwhile is one next batch.
 */
import type { Bolt } from '../bolt/bolt.js';
import { folderOf } from '../bolt/create.js';
import { BoltError } from '../bolt/errors.js';
import { type Caller, checkWanted } from '../lib/caller.js';
import { humanBytes } from '../lib/go/bytes.js';
import { formatMs } from '../lib/go/duration.js';
import { Batch } from './batch.js';
import { denseCopy } from './dense-copy.js';
import { openFile, removeLeftovers, temporaryPath } from './files.js';
import type { BackendOptions, FileBackend } from './options.js';
import { SharedBolt } from './shared-bolt.js';
import type { BackendReader, BackendSnapshot, BucketName, Scanner, Visit } from './types.js';
import { hashNow, openSnapshot, openView } from './views.js';

/** etcd's defaultBatchLimit and defaultBatchInterval. */
const BATCH_OPERATIONS = 10_000;
const BATCH_INTERVAL_MS = 100;

/** Opens (or creates) the database. Throws what `openBolt` throws. */
export function openBackend(options: BackendOptions): FileBackend {
  const bolt = openFile(options);
  removeLeftovers(options);
  return new BoltBackend(options, bolt);
}

class BoltBackend implements FileBackend {
  readonly #options: BackendOptions;
  #shared: SharedBolt;
  #bolt: Bolt;
  #batch: Batch;
  readonly #hooks: (() => void)[] = [];
  /** The commit under way. */
  #committing: Promise<void> | undefined;
  /** The one after it, for all who asked meanwhile. */
  #next: Promise<void> | undefined;
  #lastCommitMs: number | undefined;
  /**
   * While the file is being exchanged, by defragmentation or by another database: resolves when it is over. Commits
   * wait for it.
   */
  #exchange: Promise<void> | undefined;
  /** Resolves when the last defragmentation that was asked for is over. */
  #defrags: Promise<void> = Promise.resolve();
  /** Databases that wait to take this one's place: a defragmentation under way gives up. */
  #replacements = 0;
  #failure: Error | undefined;
  #closing: Promise<void> | undefined;
  /** The last commit has been made. */
  #closed = false;

  constructor(options: BackendOptions, bolt: Bolt) {
    this.#options = options;
    this.#bolt = bolt;
    this.#batch = new Batch(bolt);
    this.#shared = new SharedBolt(bolt);
  }

  get pendingOperations(): number {
    return this.#batch.pending;
  }

  get openReads(): number {
    return this.#bolt.openReads;
  }

  get sizeBytes(): number {
    return this.#bolt.meta.highWater * this.#bolt.pageSize;
  }

  get sizeInUseBytes(): number {
    return this.sizeBytes - this.#bolt.freePages.free * this.#bolt.pageSize;
  }

  createBucket(bucket: BucketName): void {
    this.#assertUsable();
    this.#batch.createBucket(bucket);
  }

  get(bucket: BucketName, key: Uint8Array): Uint8Array | undefined {
    return this.#batch.get(bucket, key);
  }

  scanner(bucket: BucketName): Scanner {
    return this.#batch.scanner(bucket);
  }

  range(bucket: BucketName, start: Uint8Array, end: Uint8Array | undefined, limit: number, visit: Visit): void {
    this.#batch.range(bucket, start, end, limit, visit);
  }

  put(bucket: BucketName, key: Uint8Array, value: Uint8Array, options?: { append?: boolean }): void {
    this.#assertUsable();
    this.#batch.put(bucket, key, value, options?.append === true);
  }

  delete(bucket: BucketName, key: Uint8Array): void {
    this.#assertUsable();
    this.#batch.delete(bucket, key);
  }

  onBeforeCommit(hook: () => void): void {
    this.#hooks.push(hook);
  }

  commit(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#next !== undefined) return this.#next;
    const before = this.#committing ?? this.#exchange;
    if (before === undefined) return this.#startCommit();
    this.#next = this.#commitAfter(before);
    return this.#next;
  }

  tick(nowMs: number): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#lastCommitMs ??= nowMs;
    if (this.#batch.pending === 0 || this.#committing !== undefined || this.#exchange !== undefined) return;
    const { batchLimit = BATCH_OPERATIONS, batchIntervalMs = BATCH_INTERVAL_MS } = this.#options;
    if (this.#batch.pending < batchLimit && nowMs - this.#lastCommitMs < batchIntervalMs) return;
    this.#lastCommitMs = nowMs;
    // The failure reaches the member through `onFailure` and every later call.
    this.commit().catch(() => {});
  }

  openView(): BackendReader & { close(): void } {
    this.#assertUsable();
    return openView(this.#shared);
  }

  async snapshot(caller?: Caller): Promise<BackendSnapshot> {
    await this.commit();
    this.#assertUsable();
    checkWanted(caller);
    return openSnapshot(this.#shared, this.#options.clock);
  }

  async hash(ignore: (bucket: string, key: Uint8Array) => boolean, caller?: Caller): Promise<number> {
    await this.commit();
    this.#assertUsable();
    return await hashNow(this.#shared, ignore, { clock: this.#options.clock, caller });
  }

  /**
   * Until the new file is renamed over the old one, everything is as before: a crash leaves a `db.tmp.*` that nobody
   * reads, and the entries put meanwhile are in the log. They wait in the buffer, since a commit to the old file would
   * be lost.
   */
  defrag(caller?: Caller): Promise<void> {
    // One at a time: commits get through between two of them.
    const work = this.#defrags.then(() => this.#defragWanted(caller));
    this.#defrags = work.catch(() => {});
    return work;
  }

  replace(path: string, replaced: () => void): Promise<void> {
    this.#assertUsable();
    this.#replacements++;
    const work = this.#replaceAfter([this.#exchange, this.#committing], path, replaced).finally(() => {
      this.#replacements--;
    });
    this.#exchanging(work);
    return work;
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeNow();
    return this.#closing;
  }

  #assertUsable(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closed) {
      throw new BoltError('ERR_BOLT_CLOSED', this.#options.path, 'the backend is closed');
    }
  }

  async #commitAfter(before: Promise<void>): Promise<void> {
    await before;
    // An exchange may have begun meanwhile, but no other commit: all who ask join this one.
    while (this.#exchange !== undefined) await this.#exchange;
    this.#next = undefined;
    await this.#startCommit();
  }

  #startCommit(): Promise<void> {
    try {
      const { clock, onCommit, failpoints } = this.#options;
      if (this.#failure !== undefined) throw this.#failure;
      failpoints?.hit('commitBeforePreCommitHook');
      for (const hook of this.#hooks) hook();
      failpoints?.hit('commitAfterPreCommitHook');
      if (this.#batch.pending === 0) return Promise.resolve();
      const beganMs = clock.monotonicMs();
      const durable = this.#writeBatch();
      const committing = durable.then(
        () => {
          this.#committing = undefined;
          failpoints?.hit('afterCommit');
          onCommit?.(clock.monotonicMs() - beganMs, this.#bolt.lastCommit);
        },
        (error: unknown) => {
          this.#committing = undefined;
          throw this.#fail(error);
        },
      );
      this.#committing = committing;
      return committing;
    } catch (error) {
      return Promise.reject(this.#fail(error));
    }
  }

  /** Closes the batch: from here on its entries are read from the file. */
  #writeBatch(): Promise<void> {
    const { failpoints } = this.#options;
    failpoints?.hit('beforeStartDBTxn');
    const tx = this.#bolt.beginWrite();
    failpoints?.hit('afterStartDBTxn');
    this.#batch.writeTo(tx);
    failpoints?.hit('beforeCommit');
    const durable = tx.commitAsync();
    this.#batch.clear();
    return durable;
  }

  #fail(error: unknown): Error {
    if (this.#failure === undefined) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      this.#options.logger.error('failed to commit tx', { error: this.#failure.message });
      this.#options.onFailure?.(this.#failure);
    }
    return this.#failure;
  }

  /** No commit begins before `work` is over, however it ends. */
  #exchanging(work: Promise<unknown>): void {
    const ended = (): void => {
      if (this.#exchange === exchange) this.#exchange = undefined;
    };
    const exchange = work.then(ended, ended);
    this.#exchange = exchange;
  }

  async #defragWanted(caller: Caller | undefined): Promise<void> {
    for (;;) {
      checkWanted(caller);
      await this.commit();
      checkWanted(caller);
      // As for a database that is to take this one's place: no commit begins from here on, however many are asked for.
      const work = this.#defragAfter([this.#exchange, this.#committing]);
      this.#exchanging(work);
      if (await work) return;
    }
  }

  async #defragAfter(before: readonly (Promise<void> | undefined)[]): Promise<boolean> {
    await Promise.allSettled(before);
    this.#assertUsable();
    return this.#defragNow();
  }

  /** False when it gave up, because another database is to take this one's place. */
  async #defragNow(): Promise<boolean> {
    const { disk, path, logger, clock } = this.#options;
    const before = { size: this.sizeBytes, inUse: this.sizeInUseBytes };
    const startMs = clock.monotonicMs();
    const temporary = temporaryPath(disk, path);
    logger.info('defragmenting', {
      path,
      'current-db-size-bytes': before.size,
      'current-db-size': humanBytes(before.size),
      'current-db-size-in-use-bytes': before.inUse,
      'current-db-size-in-use': humanBytes(before.inUse),
    });
    const replacement = await denseCopy(this.#bolt, temporary, this.#options, () => this.#replacements > 0);
    if (replacement === undefined) return false;
    this.#takeOver(replacement, temporary);
    logger.info('finished defragmenting directory', {
      path,
      'current-db-size-bytes-diff': this.sizeBytes - before.size,
      'current-db-size-bytes': this.sizeBytes,
      'current-db-size': humanBytes(this.sizeBytes),
      'current-db-size-in-use-bytes-diff': this.sizeInUseBytes - before.inUse,
      'current-db-size-in-use-bytes': this.sizeInUseBytes,
      'current-db-size-in-use': humanBytes(this.sizeInUseBytes),
      took: formatMs(clock.monotonicMs() - startMs),
    });
    return true;
  }

  /**
   * What was put and not yet committed goes: it belongs to the old database, whose place the other takes with all that
   * was ever put there. From the exchange to the end of `replaced` nobody else runs.
   */
  async #replaceAfter(
    before: readonly (Promise<void> | undefined)[],
    path: string,
    replaced: () => void,
  ): Promise<void> {
    await Promise.allSettled(before);
    this.#assertUsable();
    // Opening would make a file that is not there.
    if ((this.#options.disk.stat(path)?.size ?? 0) === 0)
      throw new BoltError('ERR_BOLT_FORMAT', path, 'file is missing or empty');
    const replacement = openFile(this.#options, { path, dense: false });
    this.#takeOver(replacement, path);
    this.#batch = new Batch(replacement);
    replaced();
  }

  /** Gives the open file at `path` the database's name. Readers of the old one go on with what they have. */
  #takeOver(replacement: Bolt, from: string): void {
    const { disk, path } = this.#options;
    try {
      disk.rename(from, path);
      disk.syncDir(folderOf(path));
    } catch (error) {
      replacement.close();
      throw this.#fail(error);
    }
    const old = this.#shared;
    this.#bolt = replacement;
    this.#batch.bolt = replacement;
    this.#shared = new SharedBolt(replacement);
    old.release();
  }

  async #closeNow(): Promise<void> {
    try {
      while (this.#exchange !== undefined) await this.#exchange;
      if (this.#failure === undefined) await this.commit();
    } finally {
      this.#closed = true;
      this.#shared.release();
    }
  }
}
