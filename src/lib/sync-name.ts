/** Names that are still there after a power failure. */
import type { Disk } from './disk.js';
import { parentOf } from './path.js';

/** A file or folder that was made or renamed is only kept under its name once the folder that names it was synced. */
export function syncName(disk: Disk, path: string): void {
  try {
    disk.syncDir(parentOf(path));
  } catch (cause) {
    // Of a data directory's own folder we may be allowed to use what is in it, but not to open it.
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EACCES')) throw cause;
  }
}
