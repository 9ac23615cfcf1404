/**
 * The database that goes with the newest raft snapshot. A member that stopped while it installed a leader's snapshot
 * has that snapshot's database in `<index>.snap.db` yet: then that one is it. Source: etcd's storage/backend.go,
 * RecoverSnapshotBackend.
 */
import type { FileBackend } from '../../backend/options.js';
import { readConsistentIndex } from '../../backend/schema/meta.js';
import type { Disk } from '../../lib/disk.js';
import type { Logger } from '../../lib/logger.js';
import { parentOf } from '../../lib/path.js';
import type { SnapshotFiles } from '../../wal/types.js';
import { BackendBehindError } from './errors.js';

export interface RecoverOptions {
  readonly disk: Disk;
  readonly logger: Logger;
  readonly dbPath: string;
  readonly snapshots: Pick<SnapshotFiles, 'dbPath'>;
  /** 0 = there is no snapshot. */
  readonly snapshotIndex: number;
  readonly openDb: () => FileBackend;
}

/** Throws BackendBehindError when no database has what the snapshot says was applied; nothing is changed then. */
export function recoverDatabase({ disk, logger, dbPath, snapshots, ...from }: RecoverOptions): FileBackend {
  const { snapshotIndex, openDb } = from;
  const received = snapshots.dbPath(snapshotIndex);
  const isReceived = snapshotIndex > 0 && disk.stat(received) !== undefined;
  const behind = (backendIndex: number, received: 'none' | 'behind'): BackendBehindError =>
    new BackendBehindError({ path: dbPath, backendIndex, snapshotIndex, received });
  const isThere = (disk.stat(dbPath)?.size ?? 0) > 0;
  if (isThere || snapshotIndex === 0) {
    const backend = openDb();
    const index = readConsistentIndex(backend);
    if (index >= snapshotIndex) return backend;
    // Nothing has been put into it: closing changes nothing.
    backend.close().catch(() => {});
    if (!isReceived) throw behind(index, 'none');
  } else if (!isReceived) throw behind(0, 'none');
  logger.info('Recovering from snapshot backend', { path: received, 'snapshot-index': snapshotIndex });
  disk.rename(received, dbPath);
  disk.syncDir(parentOf(dbPath));
  const backend = openDb();
  const index = readConsistentIndex(backend);
  if (index >= snapshotIndex) return backend;
  backend.close().catch(() => {});
  throw behind(index, 'behind');
}
