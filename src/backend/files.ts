/** The database's file and those beside it. */
import { type Bolt, openBolt } from '../bolt/bolt.js';
import { folderOf } from '../bolt/create.js';
import type { BackendOptions } from './options.js';

/**
 * Defragmentations that were killed left copies as large as the database (#14246). Only to be called with the
 * database's lock held: who has it is the only one who may be making such a copy.
 */
export function removeLeftovers({ disk, path, logger }: BackendOptions): void {
  const folder = folderOf(path);
  const prefix = `${path.slice(path.lastIndexOf('/') + 1)}.tmp.`;
  for (const name of disk.list(folder)) {
    if (!name.startsWith(prefix)) continue;
    const leftover = `${folder === '/' ? '' : folder}/${name}`;
    logger.info('found orphaned defragmentation file; deleting', { path: leftover });
    removeQuietly(disk, leftover);
  }
}

/** `successor`: a file under this name, about to be renamed to the real one; `dense` when defragmentation made it. */
export function openFile(
  options: BackendOptions,
  successor?: { readonly path: string; readonly dense: boolean },
): Bolt {
  const { clock, disk, path, cacheBytes, failpoints } = options;
  return openBolt(disk, successor?.path ?? path, {
    nowMs: () => clock.monotonicMs(),
    ...(cacheBytes === undefined ? {} : { cacheBytes }),
    ...(failpoints === undefined ? {} : { failpoints }),
    ...(successor === undefined ? {} : { path, dense: successor.dense }),
  });
}

/** A name that is not taken, of the kind that etcd removes when it finds it at its start. */
export function temporaryPath(disk: BackendOptions['disk'], path: string): string {
  for (let i = 1; ; i++) {
    const candidate = `${path}.tmp.${i}`;
    if (disk.stat(candidate) === undefined) return candidate;
  }
}

export function removeQuietly(disk: BackendOptions['disk'], path: string): void {
  try {
    disk.remove(path);
  } catch {
    // It was not made, or cannot be removed: nobody reads it.
  }
}
