/** Names that are still there after a power failure. */
import type { Disk } from './disk.js';
import { parentOf } from './path.js';

/**
 * Of a data directory's own folder we may be allowed to use what is in it, but not to open it; and where the directory
 * is a mount point, that folder is another file system's, which may know no sync.
 */
const passedOver: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM', 'EINVAL', 'ENOTSUP', 'EROFS']);

/** A file or folder that was made or renamed is only kept under its name once the folder that names it was synced. */
export function syncName(disk: Disk, path: string): void {
  try {
    disk.syncDir(parentOf(path));
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && passedOver.has(cause.code))) throw cause;
  }
}
