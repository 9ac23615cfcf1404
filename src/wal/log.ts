/**
 * The log being written. Its tail is one preallocated segment; the rest are only held locked until `releaseTo` lets
 * them go.
 *
 *     save ─▶ encoder ─one write─▶ tail ─sync─▶ durable          tail full ─▶ cut: next segment
 *
 * Cutting, in the order that survives a crash after any step (as etcd's wal.go, cut):
 *   1. the tail is truncated to its records and synced: it will be read to its very end, not to a zero word, and no
 *      save waits any more;
 *   2. the preallocated `N.tmp` gets the head of a segment (crc, metadata, state) and is synced;
 *   3. it is renamed to its final name: before this, a restart finds the old tail as the last segment;
 *   4. the folder is synced, and only then entries go into it.
 */
import type { Disk, DiskFile } from '../lib/disk.js';
import type { Entry, HardState } from '../raftpb/types.js';
import { isEmptyHardState, makeHardState } from '../raftpb/types.js';
import { Encoder } from './encoder.js';
import { encodeHardState, encodeWalSnapshot } from './marshal.js';
import { segmentName } from './names.js';
import { createSegmentFile, Segment } from './segment.js';
import type { Wal, WalOptions, WalSnapshot } from './types.js';

export const DEFAULT_SEGMENT_SIZE_BYTES = 64_000_000;

/**
 * Up to this many entries in a batch the sync is done in the call: the few callers who wait get their answer 0.2 ms
 * sooner than through the thread pool, and there is little else the process could do meanwhile. With more, gathering
 * the next batch during the sync wins.
 */
const MOST_ENTRIES_SYNCED_IN_CALL = 8;
const MOST_UNWRITTEN_BYTES = 4096;
/** A disk slower than this on average must not hold up heartbeats and reads. */
const SLOWEST_SYNC_IN_CALL_MS = 2;
const SLOW_SYNC_WARNING_MS = 1000;

export interface LogStart {
  readonly metadata: Uint8Array;
  readonly hardState: HardState;
  readonly lastIndex: number;
  readonly crc: number;
  /** In the last of `segments`, where the next record goes; all after it is zero. */
  readonly position: number;
  readonly segments: Segment[];
}

export class Log implements Wal {
  readonly #encoder: Encoder;
  readonly #metadata: Uint8Array;
  readonly #segments: Segment[];
  readonly #segmentSizeBytes: number;
  #tail: Segment;
  #position: number;
  #state: HardState;
  #lastIndex: number;
  #next: { readonly file: DiskFile; readonly path: string } | undefined;
  #nextCount = 0;
  #unsyncedEntries = 0;
  #unsynced = false;
  #averageSyncMs = 0;
  #failure: unknown;
  #closed = false;
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #options: WalOptions;

  constructor(disk: Disk, dir: string, start: LogStart, options: WalOptions) {
    this.#disk = disk;
    this.#dir = dir;
    this.#options = options;
    const tail = start.segments.at(-1);
    if (tail === undefined) throw new Error('a log has at least one segment');
    this.#encoder = new Encoder(start.crc);
    this.#metadata = start.metadata;
    this.#state = start.hardState;
    this.#lastIndex = start.lastIndex;
    this.#position = start.position;
    this.#segments = start.segments;
    this.#tail = tail;
    this.#segmentSizeBytes = options.segmentSizeBytes ?? DEFAULT_SEGMENT_SIZE_BYTES;
    this.#prepareNext();
  }

  get lastIndex(): number {
    return this.#lastIndex;
  }

  save(hardState: HardState, entries: readonly Entry[]): boolean {
    this.#checkUsable();
    const stateless = isEmptyHardState(hardState);
    if (stateless && entries.length === 0) return false;
    const mustSync =
      entries.length > 0 ||
      (!stateless && (hardState.term !== this.#state.term || hardState.vote !== this.#state.vote));
    this.#guard(() => {
      for (const entry of entries) this.#encoder.entry(entry);
      this.#lastIndex = entries.at(-1)?.index ?? this.#lastIndex;
      this.#unsyncedEntries += entries.length;
      if (!stateless) {
        this.#encoder.state(encodeHardState(hardState));
        this.#state = hardState;
      }
      // A commit index that is lost is learned again; it waits for company, which saves a write for every batch of
      // entries.
      if (!mustSync && this.#encoder.size < MOST_UNWRITTEN_BYTES) return;
      this.#flush();
      if (this.#position >= this.#segmentSizeBytes) this.#cut();
    });
    return mustSync;
  }

  sync(): Promise<void> | undefined {
    this.#checkUsable();
    if (!this.#unsynced) return undefined;
    const few = this.#unsyncedEntries <= MOST_ENTRIES_SYNCED_IN_CALL;
    this.#unsynced = false;
    this.#unsyncedEntries = 0;
    if (few && this.#averageSyncMs < SLOWEST_SYNC_IN_CALL_MS) {
      this.#guard(() => this.#syncNow());
      return undefined;
    }
    return this.#syncLater(this.#tail);
  }

  writeBuffered(): void {
    this.#checkUsable();
    if (this.#encoder.size > 0) this.#guard(() => this.#flush());
  }

  syncAll(): void {
    this.#checkUsable();
    this.#guard(() => this.#writeAll());
  }

  saveSnapshot(snapshot: WalSnapshot): void {
    this.#checkUsable();
    if (snapshot.index > 0 && snapshot.confState === undefined) {
      throw new Error(`the marker of snapshot ${snapshot.index} needs a configuration`);
    }
    this.#guard(() => {
      this.#encoder.snapshot(encodeWalSnapshot(snapshot));
      // A snapshot from the leader is ahead of the log: the next segment begins after it.
      this.#lastIndex = Math.max(this.#lastIndex, snapshot.index);
      this.#flush();
      this.#syncNow();
    });
  }

  releaseTo(index: number): void {
    // The last segment that begins before `index` may hold it and stays, as do all after it.
    const needed = this.#segments.findLastIndex((segment) => segment.name.firstIndex < index);
    for (const segment of this.#segments.splice(0, Math.max(0, needed))) segment.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      if (this.#failure === undefined) this.#writeAll();
    } finally {
      if (this.#next !== undefined) {
        this.#next.file.close();
        if (this.#failure === undefined) this.#disk.remove(this.#next.path);
      }
      for (const segment of this.#segments) segment.close();
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #writeAll(): void {
    if (this.#encoder.size > 0) this.#flush();
    if (this.#unsynced) this.#syncNow();
  }

  #flush(): void {
    const { size } = this.#encoder;
    const { clock, onWrite } = this.#options;
    const beganMs = onWrite === undefined ? 0 : clock.monotonicMs();
    this.#tail.file.write([this.#encoder.bytes()], this.#position);
    this.#encoder.clear();
    this.#position += size;
    this.#unsynced = true;
    onWrite?.(size, clock.monotonicMs() - beganMs);
  }

  #cut(): void {
    this.#tail.file.truncate(this.#position);
    this.#syncNow();

    if (this.#next === undefined) this.#prepareNext({ mustSucceed: true });
    const next = this.#next;
    if (next === undefined) throw new Error('there is no next segment');
    this.#next = undefined;
    const name = { sequence: this.#tail.name.sequence + 1, firstIndex: this.#lastIndex + 1 };
    const path = `${this.#dir}/${segmentName(name)}`;
    this.#tail = new Segment({ ...name, path }, next.file);
    this.#segments.push(this.#tail);
    this.#position = 0;
    this.#encoder.crcRecord();
    this.#encoder.metadata(this.#metadata);
    if (!isEmptyHardState(this.#state)) this.#encoder.state(encodeHardState(this.#state));
    this.#flush();
    this.#syncNow();
    this.#disk.rename(next.path, path);
    this.#disk.syncDir(this.#dir);
    this.#options.logger.info('created a new WAL segment', { path });
    this.#prepareNext();
  }

  /**
   * Allocates the next segment ahead, so that cutting does not wait for it. A full disk is no reason to fail before the
   * space is needed: then the cut tries again, and fails if it must.
   */
  #prepareNext(options?: { mustSucceed: true }): void {
    const path = `${this.#dir}/${this.#nextCount % 2}.tmp`;
    try {
      this.#next = { file: createSegmentFile(this.#disk, path, this.#segmentSizeBytes), path };
      this.#nextCount++;
    } catch (error) {
      if (options?.mustSucceed) throw error;
      this.#options.logger.warn('failed to preallocate the next WAL segment', { path, error });
    }
  }

  #syncNow(): void {
    const { clock, failpoints } = this.#options;
    failpoints?.hit('walBeforeSync');
    const began = clock.monotonicMs();
    this.#tail.file.syncData();
    this.#unsynced = false;
    this.#unsyncedEntries = 0;
    this.#tookToSync(clock.monotonicMs() - began);
    failpoints?.hit('walAfterSync');
  }

  async #syncLater(tail: Segment): Promise<void> {
    const { clock, failpoints } = this.#options;
    failpoints?.hit('walBeforeSync');
    const began = clock.monotonicMs();
    try {
      await tail.syncDataAsync();
    } catch (error) {
      this.#failure ??= error;
      throw error;
    }
    this.#tookToSync(clock.monotonicMs() - began);
    failpoints?.hit('walAfterSync');
  }

  #tookToSync(tookMs: number): void {
    this.#averageSyncMs += (tookMs - this.#averageSyncMs) / 8;
    this.#options.onSync?.(tookMs);
    if (tookMs > SLOW_SYNC_WARNING_MS) {
      this.#options.logger.warn('slow fdatasync', { took: `${tookMs / 1000}s`, 'expected-duration': '1s' });
    }
  }

  #checkUsable(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closed) throw new Error(`the log in ${this.#dir} is closed`);
  }

  /** Whatever fails in here leaves the disk in a state nobody knows: the log is done. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }
}

export const emptyState: HardState = makeHardState();
