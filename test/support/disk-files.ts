/**
 * The files of a disk in memory, to be looked at, changed and put on another disk: what a process that was killed has
 * left.
 */
import { MemoryDisk } from './memory-disk.js';

/** Every file's content, by path. */
export type Files = ReadonlyMap<string, Buffer>;

export function filesOf(disk: MemoryDisk): Files {
  return new Map([...disk.files.keys()].sort().map((path) => [path, disk.content(path)]));
}

/** A disk with these files and the folders they are in; nobody holds a lock on it. */
export function diskWith(files: Files): MemoryDisk {
  const disk = new MemoryDisk();
  for (const [path, bytes] of files) {
    for (let at = path.indexOf('/', 1); at !== -1; at = path.indexOf('/', at + 1)) disk.makeDir(path.slice(0, at));
    disk.setContent(path, bytes);
  }
  return disk;
}
