import type { CommitTimes } from '../bolt/types.js';
import type { Clock } from '../lib/clock.js';
import type { Disk } from '../lib/disk.js';
import type { Failpoints } from '../lib/failpoints/failpoints.js';
import type { Logger } from '../lib/logger.js';
import type { Backend } from './types.js';

/** What `openBackend` (in `backend.ts`) is given. */
export interface BackendOptions {
  readonly disk: Disk;
  /**
   * Only `soon` and `monotonicMs` are used: long work (hash, snapshot, defrag) is cut into slices between which the
   * event loop runs.
   */
  readonly clock: Clock;
  /** The `db` file; created when absent (its folder must exist). Locked as etcd locks it. */
  readonly path: string;
  readonly logger: Logger;
  readonly failpoints?: Failpoints | undefined;
  /** A commit is due after so long, or so many operations; etcd's 100 ms and 10 000 by default. */
  readonly batchIntervalMs?: number;
  readonly batchLimit?: number;
  /** Called with the duration of every commit, from its begin until it is durable, and of its parts. */
  readonly onCommit?: (tookMs: number, parts: CommitTimes) => void;
  /** Bound of the page cache; 32 MiB by default. */
  readonly cacheBytes?: number;
  /**
   * Called once, when a write or sync failed: the member must stop. Every later call that writes throws the same error.
   */
  readonly onFailure?: (error: Error) => void;
}

/** What it returns. */
export interface FileBackend extends Backend {
  /**
   * Operations that no commit has taken up yet. Commits overlap with puts, so on a disk that stalls this grows: above
   * some 100 000 a writer should await `commit()` before it goes on.
   */
  readonly pendingOperations: number;
  /** Views, snapshots and hashes that are being read. */
  readonly openReads: number;
  /**
   * The database at `path`, in the same folder, whole and durable, takes the place and the name of this one, which is
   * forgotten with all that is not committed. Waits for the commit under way; a defragmentation under way begins anew
   * on the other. `replaced` runs in the same step as the exchange: whoever remembers anything of the old database
   * reads it again there. Readers that were open stay with the old one.
   *
   * Rejects, and has changed nothing, when the file is no database. A failure in the middle is one of the backend, as
   * of a commit.
   */
  replace(path: string, replaced: () => void): Promise<void>;
}
