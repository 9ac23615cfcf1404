/** Folders that are still there after a power failure, and that this process may use. */
import type { Disk } from '../../lib/disk.js';
import { goQuote } from '../../lib/go/quote.js';
import type { Logger } from '../../lib/logger.js';
import { parentOf } from '../../lib/path.js';
import { syncName } from '../../lib/sync-name.js';

/** All of the owner's, nothing of others'. */
const PRIVATE_MODE = 0o700;

/** A new folder is only there after a power failure if the one that names it was synced. */
export function makeDurableDir(disk: Disk, dir: string): void {
  if (disk.stat(dir) !== undefined) return;
  const parent = parentOf(dir);
  if (parent !== dir) makeDurableDir(disk, parent);
  disk.makeDir(dir, PRIVATE_MODE);
  syncName(disk, dir);
}

/**
 * Makes it where it is missing, warns where others may look into it, and tries whether it can be written to. As etcd's
 * fileutil.TouchDirAll.
 */
export function touchDir(disk: Disk, dir: string, logger: Logger): void {
  const found = disk.stat(dir);
  if (found === undefined) makeDurableDir(disk, dir);
  else if ((found.mode & 0o777) !== PRIVATE_MODE) {
    logger.warn('check file permission', {
      error:
        `directory ${goQuote(dir)} exist, but the permission is "${modeText(found)}". ` +
        'The recommended permission is "-rwx------" to prevent possible unprivileged access to the data',
    });
  }
  const probe = `${dir}/.touch`;
  disk.open(probe, 'open-or-create', 0o600).close();
  disk.remove(probe);
}

/** As Go's FileMode prints it: `drwxr-xr-x`, `dtrwxrwxrwx`. */
function modeText({ mode, isDirectory }: { readonly mode: number; readonly isDirectory: boolean }): string {
  const kind = [isDirectory && 'd', mode & 0o4000 && 'u', mode & 0o2000 && 'g', mode & 0o1000 && 't'];
  const prefix = kind.filter((letter) => typeof letter === 'string').join('') || '-';
  const bits = [...'rwxrwxrwx'].map((letter, at) => ((mode >> (8 - at)) & 1 ? letter : '-'));
  return `${prefix}${bits.join('')}`;
}
