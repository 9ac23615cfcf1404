/** A cluster that begins: ids and first configuration follow from what all its members are told. */
import { memberToJson } from '../../datadir/cluster-member.js';
import { bootstrapMemberId, clusterId } from '../../datadir/ids.js';
import type { Disk } from '../../lib/disk.js';
import { Metadata } from '../../proto/gen/etcdserverpb.js';
import { MemoryStorage } from '../../raft/log/memory-storage.js';
import { createWal } from '../../wal/index.js';
import type { WalOptions } from '../../wal/types.js';
import type { MemberConfig } from '../types.js';
import type { InitialConfiguration, LogState } from './types.js';

/** Throws when the member itself is not in it. */
export function initialConfiguration(config: MemberConfig): InitialConfiguration {
  const members = [...config.initialCluster].map(([name, peerURLs]) => ({
    id: bootstrapMemberId(peerURLs, config.initialClusterToken),
    name,
    peerURLs: [...peerURLs].sort(),
  }));
  const local = members.find(({ name }) => name === config.name);
  if (local === undefined)
    throw new Error(`couldn't find local name "${config.name}" in the initial cluster configuration`);
  const peers = members
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map((member) => ({
      id: member.id,
      context: Buffer.from(memberToJson({ ...member, isLearner: false, clientURLs: [] })),
    }));
  return { memberId: local.id, clusterId: clusterId(members.map(({ id }) => id)), peers };
}

export function newLog(
  { memberId, clusterId, peers }: InitialConfiguration,
  disk: Disk,
  walDir: string,
  options: WalOptions,
): LogState {
  const metadata = Metadata.encode({ NodeID: memberId, ClusterID: clusterId });
  const wal = createWal(disk, walDir, metadata, options);
  return { wal, storage: new MemoryStorage(), snapshot: undefined, memberId, clusterId, peers };
}
