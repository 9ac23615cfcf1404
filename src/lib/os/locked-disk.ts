/**
 * A disk that keeps databases in memory, for `--memory-mlock`: from the moment a file has the lock of a database until
 * it is closed, its pages stay in the system's cache, where reads find them. As bbolt does with its mapping, this costs
 * memory of the size of the file, and the start waits until all of it is read.
 */
import { closeSync, openSync } from 'node:fs';
import type { Disk, DiskFile } from '../disk.js';
import { systemErrorText } from '../go/system-error.js';
import { textOrBytes } from '../raw-text.js';
import { nativeCalls } from './native.js';

export function lockedDisk(disk: Disk): Disk {
  return { ...disk, open: (path, options, mode) => lockedFile(disk.open(path, options, mode)) };
}

/** A multiple of every page size that there is. */
const ALIGN_BYTES = 64 << 10;

function lockedFile(file: DiskFile): DiskFile {
  let pages: LockedPages | undefined;
  return {
    path: file.path,
    size: () => file.size(),
    read: (into, position) => file.read(into, position),
    write: (chunks, position) => file.write(chunks, position),
    sync: () => file.sync(),
    syncData: () => file.syncData(),
    syncDataAsync: () => file.syncDataAsync(),
    truncate(size) {
      file.truncate(size);
      pages?.growTo(size);
    },
    allocate(size) {
      file.allocate(size);
      pages?.growTo(size);
    },
    tryLock(kind, options) {
      if (!file.tryLock(kind, options)) return false;
      if (kind === 'db') {
        pages ??= new LockedPages(file.path);
        pages.growTo(file.size());
      }
      return true;
    },
    close() {
      pages?.close();
      pages = undefined;
      file.close();
    },
  };
}

class LockedPages {
  /** Its own, since the name may soon be another's. */
  readonly #fd: number;
  readonly #locks: (() => void)[] = [];
  #size = 0;

  constructor(path: string) {
    this.#fd = openSync(textOrBytes(path), 'r');
  }

  growTo(size: number): void {
    if (size <= this.#size) return;
    const from = Math.floor(this.#size / ALIGN_BYTES) * ALIGN_BYTES;
    try {
      this.#locks.push(nativeCalls().lockPages(this.#fd, { from, size }));
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause)
        cause.message = `mlock error: ${systemErrorText(String(cause.code))}`;
      throw cause;
    }
    this.#size = size;
  }

  close(): void {
    for (const unlock of this.#locks.splice(0)) unlock();
    closeSync(this.#fd);
  }
}
