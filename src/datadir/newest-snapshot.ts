/**
 * The newest readable `.snap` file, for tools that look and change nothing: unreadable ones are passed over where they
 * are.
 */
import type { Disk } from '../lib/disk.js';
import type { Snapshot } from '../raftpb/types.js';
import { parseSnapshotName, readSnapshotFile, SnapshotFileError, type WalPosition } from '../wal/index.js';

/** Among those at `known` positions, or all. */
export function newestSnapshot(
  disk: Disk,
  snapDir: string,
  known: readonly WalPosition[] | undefined,
): Snapshot | undefined {
  if (disk.stat(snapDir) === undefined) return undefined;
  const names = disk.list(snapDir).filter((name) => parseSnapshotName(name) !== undefined);
  for (const name of names.reverse()) {
    const position = parseSnapshotName(name);
    const isKnown = known?.some(({ index, term }) => index === position?.index && term === position.term) ?? true;
    if (!isKnown) continue;
    try {
      return readSnapshotFile(disk, `${snapDir}/${name}`);
    } catch (error) {
      if (!(error instanceof SnapshotFileError)) throw error;
    }
  }
  return undefined;
}
