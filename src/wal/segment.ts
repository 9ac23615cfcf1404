/** One segment of the log, held open and locked. */
import type { Disk, DiskFile } from '../lib/disk.js';
import { WalLockedError } from './errors.js';
import type { SegmentFile } from './segments.js';

export class Segment {
  #syncing = 0;
  #closeWhenSynced = false;

  constructor(
    readonly name: SegmentFile,
    readonly file: DiskFile,
  ) {}

  async syncDataAsync(): Promise<void> {
    this.#syncing++;
    try {
      await this.file.syncDataAsync();
    } finally {
      this.#syncing--;
      if (this.#closeWhenSynced && this.#syncing === 0) this.file.close();
    }
  }

  /** A descriptor must not be closed (and perhaps given to another file) while a thread syncs it. */
  close(): void {
    this.#closeWhenSynced = true;
    if (this.#syncing === 0) this.file.close();
  }
}

/** A new, locked, preallocated file; what stood there under that name (a leftover) is removed. */
export function createSegmentFile(disk: Disk, path: string, sizeBytes: number): DiskFile {
  if (disk.stat(path) !== undefined) disk.remove(path);
  const file = disk.open(path, 'create', 0o600);
  try {
    if (!file.tryLock('wal')) throw new WalLockedError(path);
    file.allocate(sizeBytes);
    return file;
  } catch (error) {
    file.close();
    disk.remove(path);
    throw error;
  }
}
