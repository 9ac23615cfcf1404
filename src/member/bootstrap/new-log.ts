import type { ClusterMember } from '../../datadir/cluster-member.js';
import type { Disk } from '../../lib/disk.js';
import { Metadata } from '../../proto/gen/etcdserverpb.js';
import { MemoryStorage } from '../../raft/log/memory-storage.js';
import { createWal } from '../../wal/index.js';
import type { WalOptions } from '../../wal/types.js';
import type { JoiningMember, LogState } from './types.js';

/** An empty one. `peers`: with whom the cluster begins; undefined for one that runs, whose leader sends everything. */
export function newLog(
  { memberId, clusterId }: Pick<JoiningMember, 'memberId' | 'clusterId'>,
  peers: readonly ClusterMember[] | undefined,
  disk: Disk,
  walDir: string,
  options: WalOptions,
): LogState {
  const metadata = Metadata.encode({ NodeID: memberId, ClusterID: clusterId });
  const wal = createWal(disk, walDir, metadata, options);
  return { wal, storage: new MemoryStorage(), snapshot: undefined, memberId, clusterId, peers };
}
