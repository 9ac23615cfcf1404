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
  const wal = createLog(() => createWal(disk, walDir, metadata, options));
  return { wal, storage: new MemoryStorage(), snapshot: undefined, memberId, clusterId, peers };
}

/** The log of a new member cannot be begun; the message is the system's, in Go's words. */
export class WalCreationError extends Error {
  override readonly name = 'WalCreationError';
  readonly code = 'ERR_WAL_CREATION';
}

function createLog<T>(create: () => T): T {
  try {
    return create();
  } catch (cause) {
    throw new WalCreationError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
