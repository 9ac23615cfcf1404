/**
 * Files as a part may see them. Real ones in `lib/os/disk.ts`, simulated ones (unsynced writes lost, torn sectors,
 * ENOSPC at any call, crash at any call) in `test/sim`. Errors are Node system errors with `code` and `path`.
 * A call is synchronous unless its name ends in `Async`: page-cache writes cost a microsecond or so, so only syncing is
 * worth the thread pool.
 */
export interface Disk {
  /**
   * `read`: must exist, read-only. `write`: must exist, read and write. `create`: must not exist. `open-or-create`:
   * either, content kept.
   */
  open(path: string, options: 'read' | 'write' | 'create' | 'open-or-create', mode?: number): DiskFile;
  rename(from: string, to: string): void;
  remove(path: string, options?: { recursive?: boolean }): void;
  makeDir(path: string, mode?: number): void;
  /** Names in the folder (without `.` and `..`), in byte order. */
  list(path: string): string[];
  stat(path: string): { isDirectory: boolean; size: number; mode: number } | undefined;
  /** fsync of a folder: makes creations, renames and removals in it durable. */
  syncDir(path: string): void;
}

export interface DiskFile {
  readonly path: string;
  size(): number;
  /** Reads up to `into.length` bytes at `position`; returns the count, short only at the end of the file. */
  read(into: Uint8Array, position: number): number;
  /** Writes all of `chunks`, one after another, at `position`; throws (ENOSPC …) when not all could be written. */
  write(chunks: readonly Uint8Array[], position: number): void;
  /** fsync. */
  sync(): void;
  /** fdatasync: content and size, not the times. */
  syncData(): void;
  syncDataAsync(): Promise<void>;
  truncate(size: number): void;
  /** Makes sure `size` bytes from the start are allocated on disk, extending the file with zeros. */
  allocate(size: number): void;
  /**
   * Takes the lock that real etcd takes on this kind of file, without waiting: `wal` = open-file-description lock on
   * the whole file, `db` = flock. Returns false when another process (or another open file) holds it. Closing the file
   * releases it.
   */
  tryLock(kind: 'wal' | 'db', options?: { shared?: boolean }): boolean;
  close(): void;
}
