/** Whether a v2 store holds anything but the cluster's membership: what 3.6 and later refuse to start on. */
import type { Disk } from '../lib/disk.js';
import type { Entry } from '../raftpb/types.js';
import { hasWal, readWal, walSnapshots } from '../wal/index.js';
import { absent } from './db.js';
import { requestOf } from './entry-request.js';
import { DataDirError } from './errors.js';
import { snapDirOf, walDirOf } from './names.js';
import { newestSnapshot } from './newest-snapshot.js';
import { ATTRIBUTES_PATH, VERSION_PATH } from './v2-membership.js';

interface StoreNode {
  readonly Children?: Readonly<Record<string, StoreNode>> | null;
}

/**
 * `data`: the JSON of a raft snapshot. As etcd's IsMetaStoreOnly: folders other than `/0` must be empty, those in `/2`
 * too: of users and roles, they stay when the last of these is gone. Throws SyntaxError.
 */
export function hasCustomV2Content(data: Uint8Array): boolean {
  const { Root } = JSON.parse(Buffer.from(data).toString()) as { Root?: StoreNode };
  return Object.entries(Root?.Children ?? {}).some(([name, node]) => {
    if (name === '0') return false;
    const children = childrenOf(node);
    return name === '2' ? children.some((child) => childrenOf(child).length > 0) : children.length > 0;
  });
}

const childrenOf = ({ Children }: StoreNode): StoreNode[] => Object.values(Children ?? {});

/** The same of a data directory: of its newest usable snapshot. Throws DataDirError and what reading a log throws. */
export function dataDirHasCustomV2Content(disk: Disk, dataDir: string, walDir: string | undefined): boolean {
  return customV2Content(disk, dataDir, walDir).inStore;
}

/** Beside the snapshot, the entries behind it: 3.6 ends at those that it would have to apply to a v2 store. */
export function customV2Content(disk: Disk, dataDir: string, walDir: string | undefined) {
  const wal = walDirOf(dataDir, walDir);
  if (disk.stat(wal) === undefined) throw absent('open', disk, wal);
  if (!hasWal(disk, wal)) return { inStore: false, inLog: (): boolean => false };
  const newest = newestSnapshot(disk, snapDirOf(dataDir), walSnapshots(disk, wal));
  return {
    inStore: newest !== undefined && hasCustomV2Content(newest.data),
    inLog: (): boolean => readWal(disk, wal, newest?.metadata ?? { index: 0, term: 0 }).entries.some(isCustomV2),
  };
}

/** Throws DataDirError where the entry is nothing that etcd knows. */
function isCustomV2(entry: Entry): boolean {
  const found = requestOf(entry);
  if (found.t === 'unknown')
    throw new DataDirError(`failed to unmarshal WAL entry at index ${entry.index}: ${found.reason}`);
  if (found.t !== 'v2') return false;
  const { method, path } = found.request;
  return method !== 'PUT' || !(ATTRIBUTES_PATH.test(path) || path === VERSION_PATH);
}
