/**
 * Removes old files of one kind, so that `keep` remain: `--max-wals` and `--max-snapshots`. Source: etcd's
 * fileutil/purge.go.
 */
import type { Disk } from '../lib/disk.js';

/**
 * The oldest go first; the first one that is locked (a segment still needed) or named by `isNeeded` ends it, since what
 * remains must be without a gap. `suffix`: `.wal`, `.snap` or `.snap.db`. `keep` 0 = all. Returns the paths removed.
 */
export function purge(
  disk: Disk,
  dir: string,
  suffix: string,
  keep: number,
  isNeeded: (name: string) => boolean = () => false,
): string[] {
  if (keep === 0) return [];
  const names = disk.list(dir).filter((name) => name.endsWith(suffix));
  const removed: string[] = [];
  for (const name of names.slice(0, Math.max(0, names.length - keep))) {
    if (isNeeded(name)) break;
    const path = `${dir}/${name}`;
    const file = disk.open(path, 'write');
    try {
      if (!file.tryLock('wal')) break;
      disk.remove(path);
    } finally {
      file.close();
    }
    removed.push(path);
  }
  return removed;
}
