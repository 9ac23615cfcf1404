/** `etcdutl defrag`: rewrites the database of a stopped member without its free pages. */
import { openBolt } from '../bolt/bolt.js';
import { compactInto } from '../bolt/compact.js';
import type { Disk } from '../lib/disk.js';
import type { Logger } from '../lib/logger.js';
import { DataDirError } from './errors.js';
import { dbPathOf, snapDirOf } from './names.js';

/**
 * Copies into `db.tmp` and renames that over `db`, so that a crash leaves one or the other. Throws DataDirError,
 * BoltError (see `isLocked`: the caller decides how long to wait), system errors.
 */
export function defragment(disk: Disk, dataDir: string, logger: Logger): void {
  const path = dbPathOf(dataDir);
  if (disk.stat(path) === undefined) throw new DataDirError(`stat ${path}: no such file or directory`);
  const building = `${path}.tmp`;
  const source = openBolt(disk, path);
  try {
    logger.info('defragmenting', { path });
    const before = source.meta.highWater * source.pageSize;
    if (disk.stat(building) !== undefined) disk.remove(building);
    const target = disk.open(building, 'create', 0o600);
    const tx = source.beginRead();
    try {
      for (const _step of compactInto(tx, target));
    } catch (error) {
      target.close();
      disk.remove(building);
      throw error;
    } finally {
      tx.close();
    }
    const after = target.size();
    target.close();
    disk.rename(building, path);
    disk.syncDir(snapDirOf(dataDir));
    logger.info('finished defragmenting directory', {
      path,
      'current-db-size-bytes-diff': after - before,
      'current-db-size-bytes': after,
    });
  } finally {
    source.close();
  }
}
