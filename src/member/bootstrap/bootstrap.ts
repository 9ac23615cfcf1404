/**
 * From a data directory (or none) to the parts of a member.
 *
 *   no log yet: a new member. Ids follow from the initial cluster; raft starts from one configuration entry per member.
 *   a log: it goes on. The newest `.snap` file that the log knows gives configuration and membership, the log's entries after it are replayed, the backend may already
 *   be ahead of both.
 *
 * Nothing here deletes anything but the leftovers of interrupted writes; what cannot be trusted is refused with the file's name.
 */
import { openBackend } from '../../backend/backend.js';
import type { Backend } from '../../backend/types.js';
import { type MembershipState, memberFromJson, memberToJson } from '../../datadir/cluster-member.js';
import { bootstrapMemberId, clusterId } from '../../datadir/ids.js';
import { verifyInitialCluster } from '../../datadir/initial-cluster.js';
import { membershipFromV2Snapshot } from '../../datadir/v2-snapshot.js';
import { Lessor } from '../../lease/lessor.js';
import type { Disk } from '../../lib/disk.js';
import { differenceOf } from '../../lib/emulate.js';
import type { Logger } from '../../lib/logger.js';
import { MvccStore } from '../../mvcc/store.js';
import { Metadata } from '../../proto/gen/etcdserverpb.js';
import { MemoryStorage } from '../../raft/log/memory-storage.js';
import type { RaftLogger } from '../../raft/logger.js';
import { RawNode } from '../../raft/rawnode.js';
import { type ConfState, isEmptyHardState, makeConfState, type Snapshot } from '../../raftpb/types.js';
import { createWal, hasWal, openWal, purge, snapshotFiles, walSnapshots } from '../../wal/index.js';
import type { OpenedWal, SnapshotFiles, Wal } from '../../wal/types.js';
import { Alarms } from '../apply/alarms.js';
import { Cluster } from '../membership/cluster.js';
import { type MemberConfig, type MemberWorld, requestTimeoutMs } from '../types.js';
import { forceNewCluster } from './force-new-cluster.js';
import { allBuckets, readConsistentIndex, readStorageVersion, writeStorageVersion } from './schema.js';

/** The object graph that `Member` drives. */
export interface Bootstrapped {
  readonly node: RawNode;
  readonly storage: MemoryStorage;
  readonly wal: Wal;
  readonly snapshots: SnapshotFiles;
  readonly backend: Backend;
  readonly store: MvccStore;
  readonly lessor: Lessor;
  readonly alarms: Alarms;
  readonly cluster: Cluster;
  readonly start: { readonly backendIndex: number; readonly snapshotIndex: number; readonly confState: ConfState };
  /** Removes files beyond what is to be kept. */
  readonly purge: () => void;
}

/** Metrics of the two parts that wait for the disk; durations in milliseconds. */
export interface DiskObserver {
  readonly onWalSync: (tookMs: number) => void;
  readonly onWalWrite: (bytes: number) => void;
  readonly onBackendCommit: (tookMs: number) => void;
}

/** What the log and the snapshot files say. */
interface LogState {
  readonly wal: Wal;
  readonly storage: MemoryStorage;
  readonly memberId: bigint;
  readonly clusterId: bigint;
  readonly snapshot: Snapshot | undefined;
  /** Of a new cluster: whom raft is to be bootstrapped with. */
  readonly peers: readonly { readonly id: bigint; readonly context: Uint8Array }[] | undefined;
}

/** A tick is a heartbeat interval; the election timeout is a whole number of them. */
const HEARTBEAT_TICKS = 1;
const MAX_SIZE_PER_MESSAGE_BYTES = 1024 * 1024;
const MAX_INFLIGHT_MESSAGES = 512;
/** A million keys of 256 bytes then stay in less memory than etcd maps for them, and most reads find their page. */
const BACKEND_CACHE_BYTES = 64 * 1024 * 1024;

export function bootstrap(config: MemberConfig, world: MemberWorld, observer: DiskObserver): Bootstrapped {
  const { disk, clock, logger } = world;
  const memberDir = `${config.dataDir}/member`;
  const snapDir = `${memberDir}/snap`;
  const walDir = config.walDir === '' ? `${memberDir}/wal` : config.walDir;
  for (const dir of [config.dataDir, memberDir, snapDir]) makeDurableDir(disk, dir);
  const snapshots = snapshotFiles(disk, snapDir, logger);
  snapshots.removeLeftovers();

  const isNew = !hasWal(disk, walDir);
  const log = isNew ? newLog(config, world, observer, walDir) : restartLog(config, world, observer, walDir, snapshots);
  const backend = openBackend({
    disk,
    clock,
    path: `${snapDir}/db`,
    logger,
    cacheBytes: BACKEND_CACHE_BYTES,
    batchIntervalMs: config.backendBatchIntervalMs,
    batchLimit: config.backendBatchLimit,
    onCommit: observer.onBackendCommit,
    onFailure: world.onFatal,
  });
  const backendIndex = readConsistentIndex(backend);
  const snapshotIndex = log.snapshot?.metadata.index ?? 0;
  if (snapshotIndex > backendIndex && snapshotIndex > 0)
    throw new BackendBehindError(`${snapDir}/db`, backendIndex, snapshotIndex);
  for (const bucket of allBuckets) backend.createBucket(bucket);
  const isUnused = backendIndex === 0 && readStorageVersion(backend) === undefined;
  if (isUnused && differenceOf('statusHasStorageVersion', config.emulate))
    writeStorageVersion(backend, `${config.emulate}.0`);

  const lessor = new Lessor(backend, {
    minTtlSeconds: Math.ceil((Math.floor((3 * electionTicks(config)) / 2) * config.heartbeatIntervalMs) / 1000),
    electionTimeoutMs: config.electionTimeoutMs,
    expiredRetryMs: requestTimeoutMs(config),
  });
  const store = MvccStore.open({ backend, leases: lessor });
  lessor.setKeyDeleter(() => store.write());

  const cluster = new Cluster(log.clusterId, log.memberId, backend, logger);
  cluster.restore(membershipAt(log.snapshot, backend));
  const confState = log.snapshot?.metadata.confState ?? makeConfState();
  const node = new RawNode({
    id: log.memberId,
    electionTicks: electionTicks(config),
    heartbeatTicks: HEARTBEAT_TICKS,
    storage: log.storage,
    random: world.random,
    logger: raftLogger(logger),
    applied: snapshotIndex,
    asyncStorageWrites: true,
    maxSizePerMessageBytes: MAX_SIZE_PER_MESSAGE_BYTES,
    maxInflightMessages: MAX_INFLIGHT_MESSAGES,
    checkQuorum: true,
    preVote: config.preVote,
  });
  if (log.peers !== undefined) node.bootstrap(log.peers);
  const fields = {
    'cluster-id': log.clusterId.toString(16),
    'local-member-id': log.memberId.toString(16),
  };
  if (isNew) logger.info('starting local member', fields);
  else logger.info('restarting local member', { ...fields, 'commit-index': node.committed });

  return {
    node,
    storage: log.storage,
    wal: log.wal,
    snapshots,
    backend,
    store,
    lessor,
    alarms: new Alarms(backend),
    cluster,
    start: { backendIndex, snapshotIndex, confState },
    purge: () => {
      purge(disk, walDir, '.wal', config.maxWals);
      purge(disk, snapDir, '.snap', config.maxSnapshots);
      purge(disk, snapDir, '.snap.db', config.maxSnapshots);
    },
  };
}

/** A new folder is only there after a power failure if the one that names it was synced. */
function makeDurableDir(disk: Disk, dir: string): void {
  if (disk.stat(dir) !== undefined) return;
  const parent = parentOf(dir);
  if (parent !== dir) makeDurableDir(disk, parent);
  disk.makeDir(dir, 0o700);
  try {
    disk.syncDir(parent);
  } catch (cause) {
    // Above the data directory we may be allowed to make a folder, but not to open the one it is in.
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EACCES')) throw cause;
  }
}

function parentOf(path: string): string {
  const slash = path.replace(/\/+$/, '').lastIndexOf('/');
  return slash < 0 ? '.' : slash === 0 ? '/' : path.slice(0, slash);
}

/** The database lacks what the newest raft snapshot says was applied, and nothing can bring it back here. */
export class BackendBehindError extends Error {
  override readonly name = 'BackendBehindError';
  readonly code = 'ERR_BACKEND_BEHIND';

  constructor(path: string, backendIndex: number, snapshotIndex: number) {
    super(
      `database file (${path} index ${backendIndex}) does not match with snapshot (index ${snapshotIndex}); ` +
        'restore this member from a snapshot, or remove it from its cluster and add it anew with an empty data directory',
    );
  }
}

function electionTicks(config: MemberConfig): number {
  return Math.floor(config.electionTimeoutMs / config.heartbeatIntervalMs);
}

function newLog(config: MemberConfig, world: MemberWorld, observer: DiskObserver, walDir: string): LogState {
  verifyFounding(config);
  const founded = foundCluster(config);
  const metadata = Metadata.encode({ NodeID: founded.memberId, ClusterID: founded.clusterId });
  return {
    wal: createWal(world.disk, walDir, metadata, walOptions(config, world, observer)),
    storage: new MemoryStorage(),
    snapshot: undefined,
    ...founded,
  };
}

/** Throws in etcd's words where what the member is told does not fit together, in ours where we cannot do it. */
function verifyFounding(config: MemberConfig): void {
  if (config.initialClusterState === 'existing') {
    throw new Error(
      'this version cannot join an existing cluster: use --initial-cluster-state=new, or a data directory of its own',
    );
  }
  verifyInitialCluster({
    name: config.name,
    peerURLs: config.initialAdvertisePeerUrls,
    members: config.initialCluster,
    token: config.initialClusterToken,
  });
  if (config.initialCluster.size > 1) {
    throw new Error(`this version runs clusters of one member; --initial-cluster names ${config.initialCluster.size}`);
  }
}

/** Ids and first configuration of a new cluster follow from the initial one. */
function foundCluster(config: MemberConfig): Required<Pick<LogState, 'memberId' | 'clusterId' | 'peers'>> {
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

function restartLog(
  config: MemberConfig,
  world: MemberWorld,
  observer: DiskObserver,
  walDir: string,
  snapshots: SnapshotFiles,
): LogState {
  const { disk, logger } = world;
  const snapshot = snapshots.loadNewest(walSnapshots(disk, walDir))?.snapshot;
  const from = { index: snapshot?.metadata.index ?? 0, term: snapshot?.metadata.term ?? 0 };
  const opened = openWal(disk, walDir, from, walOptions(config, world, observer));
  if (opened.repaired !== undefined) logger.info('repaired WAL', { ...opened.repaired });
  const { NodeID, ClusterID } = Metadata.decode(opened.metadata);
  const storage = new MemoryStorage();
  const ids = { memberId: NodeID, clusterId: ClusterID };
  if (snapshot === undefined && isEmptyHardState(opened.hardState))
    return { wal: opened.wal, storage, snapshot, ...ids, peers: foundAgain(config, ids, walDir) };
  if (snapshot !== undefined) storage.applySnapshot(snapshot);
  const { hardState, entries } = config.forceNewCluster ? forced(config, world, opened, snapshot, NodeID) : opened;
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
  self: bigint,
) {
  const { wal, entries, hardState } = opened;
  const confState = snapshot?.metadata.confState ?? makeConfState();
  const log = forceNewCluster(self, config.emulate, { confState, entries, hardState });
  world.logger.info('forcing restart member', {
    'local-member-id': self.toString(16),
    'wal-commit-index': hardState.commit,
    'commit-index': log.hardState.commit,
  });
  if (log.added.length > 0) wal.save(log.hardState, log.added);
  return log;
}

/**
 * A log without a hard state belongs to a member whose first start ended before its first configuration was synced: nothing was voted or committed,
 * so founding is done again, over any entries that did reach the disk. `etcd-diff:` etcd starts from such a log as it is, without a voter, and
 * waits for ever.
 */
function foundAgain(config: MemberConfig, found: Pick<LogState, 'memberId' | 'clusterId'>, walDir: string) {
  const founded = foundCluster(config);
  if (founded.memberId === found.memberId && founded.clusterId === found.clusterId) return founded.peers;
  throw new Error(
    `the log in ${walDir} was begun for member ${found.memberId.toString(16)} of cluster ${found.clusterId.toString(16)}, ` +
      `but the initial cluster makes this member ${founded.memberId.toString(16)} of ${founded.clusterId.toString(16)}; ` +
      'nothing was stored yet: remove the data directory to start anew',
  );
}

function walOptions({ walSegmentBytes }: MemberConfig, world: MemberWorld, observer: DiskObserver) {
  return {
    clock: world.clock,
    logger: world.logger,
    onSync: observer.onWalSync,
    onWrite: observer.onWalWrite,
    ...(walSegmentBytes === undefined ? {} : { segmentSizeBytes: walSegmentBytes }),
  };
}

/** Of the snapshot, whose entries are not replayed; of the database where a snapshot says nothing (3.7 may write such). */
function membershipAt(snapshot: Snapshot | undefined, backend: Backend): MembershipState {
  if (snapshot === undefined) return { members: [], removed: [], version: undefined };
  if (snapshot.data.length > 0) return membershipFromV2Snapshot(snapshot.data);
  const members: MembershipState['members'][number][] = [];
  const removed: bigint[] = [];
  backend.range('members', new Uint8Array(0), undefined, 0, (_key, value) => {
    members.push(memberFromJson(Buffer.from(value).toString()));
  });
  backend.range('members_removed', new Uint8Array(0), undefined, 0, (key) => {
    removed.push(BigInt(`0x${Buffer.from(key).toString()}`));
  });
  const version = backend.get('cluster', Buffer.from('clusterVersion'));
  return { members, removed, version: version === undefined ? undefined : Buffer.from(version).toString() };
}

/** The core speaks in whole sentences; here they become records. */
function raftLogger(logger: Logger): RaftLogger {
  const raft = logger.with({ logger: 'raft' });
  return {
    debug: (sentence) => raft.debug(sentence),
    info: (sentence) => raft.info(sentence),
    warn: (sentence) => raft.warn(sentence),
    error: (sentence) => raft.error(sentence),
  };
}
