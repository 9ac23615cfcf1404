/**
 * A bbolt file, open.
 *
 * A commit, in the order that makes it survive a crash at any point:
 *   1. changed pages go to pages that neither the last durable state nor a reader reaches; new readers see them from
 *      here on
 *   2. fdatasync: all of the new tree is on disk, still reached from nowhere
 *   3. the meta page of the other parity is written: at worst torn, and then its checksum is wrong and the old one
 *      counts
 *   4. fdatasync: the commit is durable; only now may pages that it freed be used again
 * An error anywhere in it leaves the file at the last durable commit and this handle failed for good: after a failed
 * sync nobody knows what the kernel still holds.
 *
 * The free list is never written (bbolt's and etcd's NoFreelistSync): it is rebuilt from what is reachable when the
 * file is opened.
 */
import type { Disk, DiskFile } from '../lib/disk.js';
import type { Failpoints } from '../lib/failpoints/failpoints.js';
import { syncName } from '../lib/sync-name.js';
import { createBoltFile } from './create.js';
import { BoltError } from './errors.js';
import { findFreePages, storedFreelist } from './find-free-pages.js';
import { FreePages } from './free-pages.js';
import { encodeMeta, type Meta, readMetas } from './meta.js';
import type { Page } from './page.js';
import { Pager } from './pager.js';
import { type Guard, PageBucket } from './read-bucket.js';
import { PinnedTx } from './read-tx.js';
import type { CommitTimes, ReadTx, WriteTx } from './types.js';
import { NodeTx, type PageRun } from './write-tx.js';

export interface BoltOptions {
  /** Opens without the right to change anything, with a shared lock. False by default. */
  readonly readOnly?: boolean;
  /** Bound of the page cache; 32 MiB by default. */
  readonly cacheBytes?: number;
  /** The name errors give, where the file is about to be renamed to it. */
  readonly path?: string;
  /** Known to have no free page, because `compactInto` just made it: saves looking for them. */
  readonly dense?: boolean;
  /** Times commits. Without it they take no time. */
  readonly nowMs?: () => number;
  readonly failpoints?: Failpoints | undefined;
}

const DEFAULT_CACHE_BYTES = 32 << 20;
/** The file grows ahead of need, so that not every commit changes its size. bbolt's AllocSize. */
const GROW_BYTES = 16 << 20;
/** Pages given to one write call. */
const WRITE_CHUNKS = 256;

/**
 * Opens the database at `path`, creating it (4096-byte pages) when it is absent or empty, unless `readOnly`. Throws
 * BoltError: ERR_BOLT_LOCKED, ERR_BOLT_FORMAT, ERR_BOLT_CORRUPT; or the disk's error.
 */
export function openBolt(disk: Disk, path: string, options: BoltOptions = {}): Bolt {
  const readOnly = options.readOnly ?? false;
  const existing = disk.stat(path);
  if (!readOnly && (existing === undefined || existing.size === 0)) createBoltFile(disk, path);
  const file = disk.open(path, readOnly ? 'read' : 'write');
  try {
    if (!file.tryLock('db', { shared: readOnly })) {
      throw new BoltError('ERR_BOLT_LOCKED', path, 'another process uses the database');
    }
    if (!readOnly && options.dense !== true) {
      // A process that was killed in a commit may have left the new meta page in the page cache alone. Taken for
      // durable, its free pages would be written to, which the state that a power failure goes back to still uses.
      file.sync();
      syncName(disk, path);
    }
    return new Bolt(options.path ?? path, file, {
      readOnly,
      cacheBytes: options.cacheBytes ?? DEFAULT_CACHE_BYTES,
      dense: options.dense ?? false,
      nowMs: options.nowMs ?? (() => 0),
      failpoints: options.failpoints,
    });
  } catch (error) {
    file.close();
    throw error;
  }
}

/** One commit's state, as readers see it. */
class State {
  readonly meta: Meta;
  /** Readers that hold it. */
  pins = 0;
  readonly #root: PageBucket;
  readonly #buckets = new Map<string, PageBucket | undefined>();

  constructor(meta: Meta, pager: Pager, guard: Guard) {
    this.meta = meta;
    this.#root = new PageBucket(pager, guard, { rootId: meta.rootId, sequence: meta.rootSequence, inline: undefined });
  }

  bucket(name: Uint8Array, key: string): PageBucket | undefined {
    const known = this.#buckets.get(key);
    if (known !== undefined) return known;
    const bucket = this.#root.bucket(name);
    this.#buckets.set(key, bucket);
    return bucket;
  }
}

interface Opening {
  readonly readOnly: boolean;
  readonly cacheBytes: number;
  readonly dense: boolean;
  readonly nowMs: () => number;
  readonly failpoints: Failpoints | undefined;
}

export class Bolt {
  readonly path: string;
  readonly pager: Pager;
  readonly readOnly: boolean;
  readonly #file: DiskFile;
  readonly #failpoints: Failpoints | undefined;
  #fileSize: number;
  /** undefined when read-only. */
  readonly #free: FreePages | undefined;
  #state: State;
  /** A list that another program stored and the next commit frees. */
  #storedFreelist: PageRun | undefined;
  readonly #pinned = new Set<State>();
  readonly #nowMs: () => number;
  #lastCommit: CommitTimes = { rebalanceMs: 0, spillMs: 0, writeMs: 0 };
  /** From the beginning of a write transaction until it is durable or rolled back. */
  #writing = false;
  #failed: BoltError | undefined;
  #closed = false;

  /** Takes over `file`. Use `openBolt`. */
  constructor(path: string, file: DiskFile, options: Opening) {
    this.path = path;
    this.#failpoints = options.failpoints;
    this.#nowMs = options.nowMs;
    this.#file = file;
    this.readOnly = options.readOnly;
    const meta = readMetas(path, (position, size) => {
      const data = new Uint8Array(size);
      return data.subarray(0, file.read(data, position));
    });
    this.#fileSize = file.size();
    if (this.#fileSize < meta.highWater * meta.pageSize) {
      throw new BoltError(
        'ERR_BOLT_CORRUPT',
        path,
        `file is cut short: ${this.#fileSize} bytes of ${meta.highWater * meta.pageSize}`,
        { pageId: Math.floor(this.#fileSize / meta.pageSize), offset: this.#fileSize },
      );
    }
    this.pager = new Pager(path, file, {
      pageSize: meta.pageSize,
      highWater: meta.highWater,
      cacheBytes: options.cacheBytes,
    });
    this.#state = new State(meta, this.pager, this);
    if (options.dense) this.#free = new FreePages(meta.highWater);
    else if (!options.readOnly) {
      this.#storedFreelist = storedFreelist(this.pager, meta);
      this.#free = findFreePages(this.pager, meta, this.#storedFreelist);
    }
  }

  get pageSize(): number {
    return this.pager.pageSize;
  }

  get meta(): Meta {
    return this.#state.meta;
  }

  /** Of the last one that is durable. */
  get lastCommit(): CommitTimes {
    return this.#lastCommit;
  }

  /** Read transactions that are open. */
  get openReads(): number {
    let count = 0;
    for (const state of this.#pinned) count += state.pins;
    return count;
  }

  /** Pages that could be written now, and those that wait for readers. Counted only when open for writing. */
  get freePages(): { readonly free: number; readonly pending: number } {
    return { free: this.#free?.count ?? 0, pending: this.#free?.pendingCount ?? 0 };
  }

  /**
   * Whether a page is one that no state needs, now or as soon as readers and the commit under way are done with it; as
   * of this call.
   */
  unusedPages(): (id: number) => boolean {
    const free = this.#free;
    if (free === undefined) return () => false;
    const pending = free.pendingPages();
    return (id) => free.isFree(id) || pending.has(id);
  }

  /** What made this handle fail for good, if anything. */
  get failure(): BoltError | undefined {
    return this.#failed;
  }

  assertOpen(): void {
    if (this.#closed) throw new BoltError('ERR_BOLT_CLOSED', this.path, 'the database is closed');
  }

  /**
   * A top-level bucket of the newest state, for use within the current call: the next commit may overwrite what it
   * reads. `key` is the name as latin1 text.
   */
  latestBucket(name: Uint8Array, key: string): PageBucket | undefined {
    return this.#state.bucket(name, key);
  }

  /** Keeps the newest state whole until the returned function is called (harmless when called twice). */
  pin(): () => void {
    const state = this.#state;
    if (state.pins++ === 0) this.#pinned.add(state);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      if (--state.pins === 0) this.#pinned.delete(state);
    };
  }

  beginRead(): ReadTx & { readonly meta: Meta } {
    this.assertOpen();
    return new PinnedTx(this, this.#state.meta, this.pin());
  }

  /** One at a time; a second throws until the first is durable or rolled back. */
  beginWrite(): WriteTx {
    this.assertOpen();
    if (this.#failed !== undefined) throw this.#failed;
    const free = this.#free;
    if (free === undefined) throw new BoltError('ERR_BOLT_USAGE', this.path, 'the database is open for reading only');
    if (this.#writing) throw new BoltError('ERR_BOLT_USAGE', this.path, 'a write transaction is open');
    this.#writing = true;
    this.#release(free);
    return new NodeTx(this.#state.meta, this.pager, free, {
      tracked: () => this.#pinned.size > 0,
      takeFreelist: () => {
        const stored = this.#storedFreelist;
        this.#storedFreelist = undefined;
        return stored;
      },
      write: (pages, meta) => this.#writePages(pages, meta),
      finish: () => this.#finish(),
      finishAsync: () => this.#finishAsync(),
      fail: (error) => this.#fail(error),
      nowMs: this.#nowMs,
      committed: (times) => {
        this.#lastCommit = times;
      },
      end: () => {
        this.#writing = false;
        if (this.#failed === undefined) this.#release(free);
      },
    });
  }

  /** Readers must be closed before; closing twice is harmless. A commit under way must have been awaited. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#file.close();
  }

  /** The last commit is durable: what it freed may be used again, but for what readers see. */
  #release(free: FreePages): void {
    free.release([...this.#pinned].map((state) => state.meta.txid));
  }

  /** Step 1 of a commit. */
  #writePages(pages: Page[], meta: Meta): void {
    this.#grow(meta.highWater * meta.pageSize);
    this.pager.highWater = meta.highWater;
    pages.sort((a, b) => a.id - b.id);
    for (let i = 0; i < pages.length; ) {
      const first = pages[i] as Page;
      const chunks: Uint8Array[] = [];
      let next = first.id;
      while (i < pages.length && chunks.length < WRITE_CHUNKS && (pages[i] as Page).id === next) {
        const page = pages[i++] as Page;
        chunks.push(page.data);
        next += page.data.length / meta.pageSize;
      }
      this.#file.write(chunks, first.id * meta.pageSize);
    }
    for (const page of pages) this.pager.cache.set(page);
    this.#state = new State(meta, this.pager, this);
  }

  #grow(size: number): void {
    if (size <= this.#fileSize) return;
    const next = Math.max(size, Math.min(this.#fileSize * 2, this.#fileSize + GROW_BYTES));
    this.#file.truncate(next);
    this.#fileSize = next;
  }

  /** Steps 2 to 4. */
  #finish(): void {
    this.#failpoints?.hit('beforeSyncDataPages');
    this.#file.syncData();
    this.#writeMeta();
    this.#failpoints?.hit('beforeSyncMetaPage');
    this.#file.syncData();
  }

  async #finishAsync(): Promise<void> {
    this.#failpoints?.hit('beforeSyncDataPages');
    await this.#file.syncDataAsync();
    this.#writeMeta();
    this.#failpoints?.hit('beforeSyncMetaPage');
    await this.#file.syncDataAsync();
  }

  #writeMeta(): void {
    const { meta } = this.#state;
    const pageId = meta.txid % 2 === 0 ? 0 : 1;
    this.#file.write([encodeMeta(meta, pageId)], pageId * meta.pageSize);
  }

  #fail(error: unknown): BoltError {
    if (error instanceof BoltError && error.code === 'ERR_BOLT_FAILED') return error;
    const reason = `commit failed: ${error instanceof Error ? error.message : String(error)}`;
    this.#failed ??= new BoltError('ERR_BOLT_FAILED', this.path, reason, { cause: error });
    return this.#failed;
  }
}
