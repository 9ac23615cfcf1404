/** `etcdutl defrag`: rewrites the database of a stopped member without its free pages. */
import { openBolt } from '../bolt/bolt.js';
import { compactInto } from '../bolt/compact.js';
import { humanBytes } from '../lib/go/bytes.js';
import { formatMs } from '../lib/go/duration.js';
import { absent } from './db.js';
import { dbPathOf, snapDirOf } from './names.js';
import type { World } from './restore.js';

/**
 * Copies into `db.tmp` and renames that over `db`, so that a crash leaves one or the other. Throws DataDirError,
 * BoltError (see `isLocked`: the caller decides how long to wait), system errors.
 */
export function defragment(dataDir: string, { disk, clock, logger }: World): void {
  const path = dbPathOf(dataDir);
  if (disk.stat(path) === undefined) throw absent('stat', disk, path);
  const building = `${path}.tmp`;
  const source = openBolt(disk, path);
  try {
    const before = source.meta.highWater * source.pageSize;
    const usedBefore = before - source.freePages.free * source.pageSize;
    logger.info('defragmenting', {
      path,
      'current-db-size-bytes': before,
      'current-db-size': humanBytes(before),
      'current-db-size-in-use-bytes': usedBefore,
      'current-db-size-in-use': humanBytes(usedBefore),
    });
    const startMs = clock.monotonicMs();
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
    // A dense copy is in use as a whole.
    logger.info('finished defragmenting directory', {
      path,
      'current-db-size-bytes-diff': after - before,
      'current-db-size-bytes': after,
      'current-db-size': humanBytes(after),
      'current-db-size-in-use-bytes-diff': after - usedBefore,
      'current-db-size-in-use-bytes': after,
      'current-db-size-in-use': humanBytes(after),
      took: formatMs(clock.monotonicMs() - startMs),
    });
  } finally {
    source.close();
  }
}
