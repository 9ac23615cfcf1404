/**
 * What the write-ahead log offers the member. The log is a folder of segments; a record is a raft entry, a hard state,
 * a snapshot marker, or one of the two that head a segment.
 *
 * One turn of the member's loop: `save` (encodes and writes, does not wait for the disk) → messages a leader may send
 * early → `sync`
 * → what needs durability. While a `sync` is under way the loop may `save` the next batch.
 * Any error of a write or a sync is final: the log refuses everything after it, since nobody knows what is on the disk
 * then.
 */
import type { Clock } from '../lib/clock.js';
import type { Failpoints } from '../lib/failpoints/failpoints.js';
import type { Logger } from '../lib/logger.js';
import type { ConfState, Entry, HardState, Index, Snapshot, Term } from '../raftpb/types.js';

/** Where a raft snapshot stands in the log; `{ index: 0, term: 0 }` is the start. */
export interface WalPosition {
  readonly index: Index;
  readonly term: Term;
}

/** The log's marker of a snapshot. `confState` is absent at index 0 and in markers written by 3.4. */
export interface WalSnapshot extends WalPosition {
  readonly confState?: ConfState | undefined;
}

export interface WalOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly failpoints?: Failpoints | undefined;
  /** 64 000 000 unless a test wants to see cuts sooner. */
  readonly segmentSizeBytes?: number;
  /** Called with the duration of every sync (metric `etcd_disk_wal_fsync_duration_seconds`). */
  readonly onSync?: (tookMs: number) => void;
  /** Called with the bytes and the duration of every write (metrics `etcd_disk_wal_write_…`). */
  readonly onWrite?: (bytes: number, tookMs: number) => void;
}

/** What a log holds from a position on. */
export interface WalContents {
  /** Marshalled `etcdserverpb.Metadata { NodeID, ClusterID }`; the same at the head of every segment. */
  readonly metadata: Uint8Array;
  /** The last one written; all zero when there was none. */
  readonly hardState: HardState;
  /**
   * In index order without a gap, the first one right after the position; entries that later ones replaced are gone.
   * Data is owned by the entry.
   */
  readonly entries: Entry[];
}

export interface OpenedWal extends WalContents {
  readonly wal: Wal;
  /** Set when the last record was torn and has been cut off: the copy of the file as it was, and where it was cut. */
  readonly repaired?: { readonly file: string; readonly backup: string; readonly offset: number };
}

export interface Wal extends Disposable {
  /**
   * Writes entries, then the hard state (an all-zero one is left out), in one write, and starts a new segment when the
   * current one is full. Returns whether `sync` must be awaited before anything that rests on it is done: true with
   * entries, or with a term or vote that is new; a commit index alone need not reach the disk, and is written along
   * with what comes next. Nothing is kept of the arguments. Throws system errors.
   */
  save(hardState: HardState, entries: readonly Entry[]): boolean;
  /**
   * Makes durable all that `save` asked a sync for before the call. Returns undefined when that is so already: with few
   * entries waiting and a fast disk the call itself waits for the disk (half a millisecond sooner than through the
   * thread pool), else a promise.
   */
  sync(): Promise<void> | undefined;
  /**
   * Writes without a sync what waits for company, so that who reads the files of a running member finds how far was
   * committed.
   */
  writeBuffered(): void;
  /** Makes durable all that was saved, before it returns: a commit index alone, too. */
  syncAll(): void;
  /**
   * Writes the marker of a snapshot and syncs. The `.snap` file must be durable before. Needs `confState` above index
   * 0.
   */
  saveSnapshot(snapshot: WalSnapshot): void;
  /** Gives up the locks of segments that hold only entries before `index`, so that purging may remove them. */
  releaseTo(index: Index): void;
  /** Index of the last entry saved or read. */
  readonly lastIndex: Index;
  /**
   * Syncs, removes the preallocated next segment, releases all locks. Harmless when called twice. A failed log only
   * closes its files.
   */
  close(): void;
}

/** `.snap` files: the raft snapshot (v2 store's JSON and configuration), no keys. */
export interface SnapshotFiles {
  /** Writes `<term>-<index>.snap`, durable on return. */
  save(snapshot: Snapshot): void;
  /**
   * The newest readable one among those the log knows (`known`; all when undefined). Unreadable ones on the way are
   * renamed `*.broken`, with a warning. Undefined when there is none.
   */
  loadNewest(
    known: readonly WalPosition[] | undefined,
  ): { readonly snapshot: Snapshot; readonly file: string } | undefined;
  /** Where a database received from the leader waits until it is swapped in: `<index>.snap.db`. */
  dbPath(index: Index): string;
  /** Removes received databases older than `index`. */
  releaseDbs(index: Index): void;
  /** Removes what an interrupted write left behind: `tmp*` and `db.tmp*`. Only while nobody else uses the folder. */
  removeLeftovers(): void;
}
