/** Whether a v2 store holds anything but the cluster's membership: what 3.6 and later refuse to start on. */
import type { Disk } from '../lib/disk.js';
import { pathErrorText } from '../lib/go/system-error.js';
import { hasWal, walSnapshots } from '../wal/index.js';
import { DataDirError } from './errors.js';
import { snapDirOf, walDirOf } from './names.js';
import { newestSnapshot } from './newest-snapshot.js';

interface StoreNode {
  readonly Children?: Readonly<Record<string, StoreNode>> | null;
}

/**
 * `data`: the JSON of a raft snapshot. As etcd's IsMetaStoreOnly: folders other than `/0` must be empty. Throws
 * SyntaxError.
 */
export function hasCustomV2Content(data: Uint8Array): boolean {
  const { Root } = JSON.parse(Buffer.from(data).toString()) as { Root?: StoreNode };
  const folders = Object.entries(Root?.Children ?? {});
  return folders.some(([name, node]) => name !== '0' && Object.keys(node.Children ?? {}).length > 0);
}

/** The same of a data directory: of its newest usable snapshot. Throws DataDirError and what reading a log throws. */
export function dataDirHasCustomV2Content(disk: Disk, dataDir: string, walDir: string | undefined): boolean {
  const wal = walDirOf(dataDir, walDir);
  if (!hasWal(disk, wal))
    throw new DataDirError(pathErrorText('open', wal, Object.assign(new Error(), { code: 'ENOENT' })));
  const newest = newestSnapshot(disk, snapDirOf(dataDir), walSnapshots(disk, wal));
  return newest !== undefined && hasCustomV2Content(newest.data);
}
