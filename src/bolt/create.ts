/**
 * A new, empty database: two meta pages (transactions 0 and 1), an empty stored free list, an empty root leaf. As
 * bbolt's db.init.
 *
 * etcd-diff: made beside the path and renamed into place, so that a crash leaves either no database or a whole one;
 * bbolt writes in place, and then refuses the torn file at the next start. The leftover's name is one that etcd removes
 * too.
 */
import type { Disk } from '../lib/disk.js';
import { BoltError } from './errors.js';
import { encodeMeta } from './meta.js';
import { FLAG_FREELIST, FLAG_LEAF, writePageHeader } from './page.js';

const PAGE_SIZE = 4096;
const FILE_MODE = 0o600;

export function createBoltFile(disk: Disk, path: string): void {
  const temporary = `${path}.tmp.new`;
  const file = disk.open(temporary, 'open-or-create', FILE_MODE);
  try {
    if (!file.tryLock('db')) throw new BoltError('ERR_BOLT_LOCKED', path, 'another process is creating the database');
    file.truncate(0);
    file.write(emptyPages(), 0);
    file.sync();
    disk.rename(temporary, path);
    disk.syncDir(folderOf(path));
  } finally {
    file.close();
  }
}

/** Everything before the last slash; `.` when there is none. */
export function folderOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '.' : path.slice(0, slash) || '/';
}

function emptyPages(): Uint8Array[] {
  const meta = { pageSize: PAGE_SIZE, rootId: 3, rootSequence: 0n, freelistId: 2, highWater: 4 };
  const freelist = new Uint8Array(PAGE_SIZE);
  writePageHeader(freelist, { id: 2, flags: FLAG_FREELIST, count: 0, overflow: 0 });
  const root = new Uint8Array(PAGE_SIZE);
  writePageHeader(root, { id: 3, flags: FLAG_LEAF, count: 0, overflow: 0 });
  return [encodeMeta({ ...meta, txid: 0 }, 0), encodeMeta({ ...meta, txid: 1 }, 1), freelist, root];
}
