/** A disk whose syncs do nothing, for `--unsafe-no-fsync`: fast tests that may lose everything in a crash. */
import type { Disk, DiskFile } from '../disk.js';

export function unsyncedDisk(disk: Disk): Disk {
  return { ...disk, open: (path, options, mode) => unsyncedFile(disk.open(path, options, mode)), syncDir() {} };
}

function unsyncedFile(file: DiskFile): DiskFile {
  return {
    path: file.path,
    size: () => file.size(),
    read: (into, position) => file.read(into, position),
    write: (chunks, position) => file.write(chunks, position),
    sync() {},
    syncData() {},
    syncDataAsync: async () => {},
    truncate: (size) => file.truncate(size),
    allocate: (size) => file.allocate(size),
    tryLock: (kind, options) => file.tryLock(kind, options),
    close: () => file.close(),
  };
}
