/** Which segments a folder has, and which of them a reader needs. */
import type { Disk } from '../lib/disk.js';
import { WalCorruptError, WalNotFoundError } from './errors.js';
import { parseSegmentName, type SegmentName } from './names.js';

export interface SegmentFile extends SegmentName {
  readonly path: string;
}

/** Whether the folder holds a log. */
export function hasWal(disk: Disk, dir: string): boolean {
  return disk.stat(dir) !== undefined && disk.list(dir).some((name) => parseSegmentName(name) !== undefined);
}

/** All segments of the folder in order; other files are passed over. */
export function listSegments(disk: Disk, dir: string): SegmentFile[] {
  if (disk.stat(dir) === undefined) return [];
  return disk.list(dir).flatMap((name) => {
    const parsed = parseSegmentName(name);
    return parsed ? [{ ...parsed, path: `${dir}/${name}` }] : [];
  });
}

/**
 * The last segment that begins at or before `index`, and all after it: what has to be read for the entries after
 * `index`. Throws WalNotFoundError; WalCorruptError when a segment between them is missing.
 */
export function segmentsFrom(disk: Disk, dir: string, index: number): SegmentFile[] {
  const all = listSegments(disk, dir);
  const from = all.findLastIndex((segment) => segment.firstIndex <= index);
  const first = all[from];
  if (first === undefined) {
    throw new WalNotFoundError(dir, all.length === 0 ? undefined : `no segment begins at or before index ${index}`);
  }
  const needed = all.slice(from);
  needed.forEach((segment, i) => {
    const expected = first.sequence + i;
    if (segment.sequence !== expected) {
      throw new WalCorruptError(segment.path, 0, `segment ${expected} is missing before segment ${segment.sequence}`);
    }
  });
  return needed;
}
