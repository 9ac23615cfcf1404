/** A log that goes on: the newest `.snap` file that it knows, and its entries after that. */
import { Metadata } from '../../proto/gen/etcdserverpb.js';
import { MemoryStorage } from '../../raft/log/memory-storage.js';
import { isEmptyHardState, makeConfState, type Snapshot } from '../../raftpb/types.js';
import { openWal, walSnapshots } from '../../wal/index.js';
import type { OpenedWal, SnapshotFiles, WalOptions } from '../../wal/types.js';
import type { MemberConfig, MemberWorld } from '../world/types.js';
import { forceNewCluster } from './force-new-cluster.js';
import { initialConfiguration } from './new-cluster.js';
import type { LogState } from './types.js';

export function restartLog(
  config: MemberConfig,
  world: MemberWorld,
  { walDir, snapshots, options }: { walDir: string; snapshots: SnapshotFiles; options: WalOptions },
): LogState {
  const { disk, logger } = world;
  const snapshot = snapshots.loadNewest(walSnapshots(disk, walDir))?.snapshot;
  const from = { index: snapshot?.metadata.index ?? 0, term: snapshot?.metadata.term ?? 0 };
  const opened = openWal(disk, walDir, from, options);
  if (opened.repaired !== undefined) logger.info('repaired WAL', { ...opened.repaired });
  const { NodeID, ClusterID } = Metadata.decode(opened.metadata);
  const storage = new MemoryStorage();
  const ids = { memberId: NodeID, clusterId: ClusterID };
  if (snapshot === undefined && isEmptyHardState(opened.hardState))
    return { wal: opened.wal, storage, snapshot, ...ids, peers: beginAgain(config, ids, walDir) };
  if (snapshot !== undefined) storage.applySnapshot(snapshot);
  const { hardState, entries } = config.forceNewCluster ? forced(config, world, opened, snapshot, ids) : opened;
  storage.setHardState(hardState);
  storage.append(entries);
  return { wal: opened.wal, storage, snapshot, ...ids, peers: undefined };
}

/** The log as it goes on alone. What is added becomes durable with the next sync, before which nobody is answered. */
function forced(
  config: MemberConfig,
  world: MemberWorld,
  opened: OpenedWal,
  snapshot: Snapshot | undefined,
  { memberId, clusterId }: Pick<LogState, 'memberId' | 'clusterId'>,
) {
  const { wal, entries, hardState } = opened;
  const uncommitted = entries.filter(({ index }) => index > hardState.commit);
  if (uncommitted[0] !== undefined) {
    world.logger.info('discarding uncommitted WAL entries', {
      'entry-index': uncommitted[0].index,
      'commit-index-from-wal': hardState.commit,
      'number-of-discarded-entries': uncommitted.length,
    });
  }
  const confState = snapshot?.metadata.confState ?? makeConfState();
  const log = forceNewCluster(memberId, config.emulate, { confState, entries, hardState });
  world.logger.info('forcing restart member', {
    'cluster-id': clusterId.toString(16),
    'local-member-id': memberId.toString(16),
    'wal-commit-index': hardState.commit,
    'commit-index': log.hardState.commit,
  });
  if (log.added.length > 0) wal.save(log.hardState, log.added);
  return log;
}

/**
 * A log without a hard state belongs to a member whose first start ended before its first configuration was synced:
 * nothing was voted or committed, so its cluster begins again, over any entries that did reach the disk. `etcd-diff:`
 * etcd starts from such a log as it is, without a voter, and waits for ever.
 */
function beginAgain(config: MemberConfig, stored: Pick<LogState, 'memberId' | 'clusterId'>, walDir: string) {
  // One that joins begins nothing: its leader will send it everything. Flags may have changed since: where there are
  // others, they know.
  if (config.initialClusterState === 'existing') return undefined;
  const { memberId, clusterId, members } = initialConfiguration(config);
  if (memberId === stored.memberId && clusterId === stored.clusterId) return members;
  if (members.length > 1) return undefined;
  throw new Error(
    `the log in ${walDir} was begun for member ${stored.memberId.toString(16)} of cluster ` +
      `${stored.clusterId.toString(16)}, ` +
      `but the initial cluster makes this member ${memberId.toString(16)} of ${clusterId.toString(16)}; ` +
      'nothing was stored yet: remove the data directory to start anew',
  );
}
