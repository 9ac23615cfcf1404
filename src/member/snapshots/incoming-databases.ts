/**
 * Databases that leaders send, on their way into `<index>.snap.db`, where they wait until raft has taken the snapshot:
 *
 *     chunks ─▶ snap/tmpN ─fsync─▶ looked at ─rename─▶ snap/<index>.snap.db ─fsync of the folder─▶ the message may go
 *     to raft
 *
 * Whatever goes wrong on the way leaves no file behind (#14246); a process that is killed leaves a `tmpN`, which the
 * next start removes. Source: etcd's api/snap/db.go.
 */
import { readConsistentIndex } from '../../backend/schema/meta.js';
import { openBolt } from '../../bolt/bolt.js';
import { backendReader } from '../../datadir/db.js';
import type { Clock } from '../../lib/clock.js';
import type { Disk, DiskFile } from '../../lib/disk.js';
import type { Failpoints } from '../../lib/failpoints/failpoints.js';
import { humanBytes } from '../../lib/go/bytes.js';
import type { Logger } from '../../lib/logger.js';
import { SnapshotSaveError } from '../../peer/types.js';
import type { Index } from '../../raftpb/types.js';
import type { SnapshotFiles } from '../../wal/types.js';

/** One leader sends one; another that has been deposed meanwhile may still be at it. Each takes up the disk. */
const MAX_RECEIVING = 2;
/** Dirty pages beyond this are written out as the rest comes in, so that the last sync is short. */
const SYNC_EVERY_BYTES = 16 * 1024 * 1024;

export interface IncomingDatabasesDeps {
  readonly disk: Disk;
  /** `<data-dir>/member/snap` */
  readonly snapDir: string;
  readonly snapshots: Pick<SnapshotFiles, 'dbPath'>;
  readonly logger: Logger;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly failpoints?: Failpoints | undefined;
}

/** How long one took to be durable, and its syncs in it. */
export interface DatabaseSaveTimes {
  readonly fsyncMs: number;
  readonly totalMs: number;
}

export class IncomingDatabases {
  onSave: ((times: DatabaseSaveTimes) => void) | undefined;
  #receiving = 0;
  #received = 0;

  constructor(readonly deps: IncomingDatabasesDeps) {}

  /**
   * Resolves when the database of the snapshot at `index` is durable under its name. Rejects with SnapshotSaveError, or
   * as `chunks` does.
   */
  async save(index: Index, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    if (this.#receiving >= MAX_RECEIVING) throw new SnapshotSaveError('too many snapshots are being received');
    this.#receiving++;
    try {
      await this.#save(index, chunks);
    } finally {
      this.#receiving--;
    }
  }

  async #save(index: Index, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const { disk, snapDir, snapshots, logger, clock, failpoints } = this.deps;
    const beganMs = clock.monotonicMs();
    const path = `${snapDir}/tmp${++this.#received}`;
    const target = snapshots.dbPath(index);
    const file = storing(() => {
      if (disk.stat(path) !== undefined) disk.remove(path);
      return disk.open(path, 'create', 0o600);
    });
    let poured: { readonly bytes: number; readonly fsyncMs: number };
    try {
      try {
        poured = await pour(chunks, file, clock);
      } finally {
        file.close();
      }
      storing(() => {
        refuseForeign(disk, path, index);
        // One that came before holds the same: all entries up to `index`.
        if (disk.stat(target) !== undefined) disk.remove(path);
        else disk.rename(path, target);
        failpoints?.hit('snapDBRenameBeforeDirSync');
        const failure = failpoints?.hit('snapDBDirSyncError');
        if (failure !== undefined) throw new Error(failure);
        disk.syncDir(snapDir);
      });
    } catch (cause) {
      removeQuietly(disk, path);
      throw cause;
    }
    const { bytes, fsyncMs } = poured;
    this.onSave?.({ fsyncMs, totalMs: clock.monotonicMs() - beganMs });
    logger.info('saved database snapshot to disk', { path: target, bytes, size: humanBytes(bytes) });
  }
}

async function pour(
  chunks: AsyncIterable<Uint8Array>,
  file: DiskFile,
  clock: Pick<Clock, 'monotonicMs'>,
): Promise<{ bytes: number; fsyncMs: number }> {
  let fsyncMs = 0;
  const sync = async (): Promise<void> => {
    const beganMs = clock.monotonicMs();
    await syncing(file);
    fsyncMs += clock.monotonicMs() - beganMs;
  };
  let position = 0;
  let synced = 0;
  for await (const chunk of chunks) {
    storing(() => file.write([chunk], position));
    position += chunk.length;
    if (position - synced < SYNC_EVERY_BYTES) continue;
    await sync();
    synced = position;
  }
  await sync();
  return { bytes: position, fsyncMs };
}

/**
 * A file that is no database, or lacks what its snapshot says it has, would end the member when it takes the place of
 * its own.
 */
function refuseForeign(disk: Disk, path: string, index: Index): void {
  if ((disk.stat(path)?.size ?? 0) === 0) throw new Error('the database is empty');
  const bolt = openBolt(disk, path, { readOnly: true });
  try {
    const tx = bolt.beginRead();
    try {
      const found = readConsistentIndex(backendReader(tx));
      if (found < index)
        throw new Error(`the database has applied entries up to ${found}, the snapshot up to ${index}`);
    } finally {
      tx.close();
    }
  } finally {
    bolt.close();
  }
}

function storing<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw saveError(cause);
  }
}

async function syncing(file: DiskFile): Promise<void> {
  try {
    await file.syncDataAsync();
  } catch (cause) {
    throw saveError(cause);
  }
}

const saveError = (cause: unknown): SnapshotSaveError =>
  new SnapshotSaveError(cause instanceof Error ? cause.message : String(cause), { cause });

function removeQuietly(disk: Disk, path: string): void {
  try {
    if (disk.stat(path) !== undefined) disk.remove(path);
  } catch {
    // The next start tries again.
  }
}
