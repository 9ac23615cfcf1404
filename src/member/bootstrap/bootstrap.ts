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
import { bucketNames } from '../../backend/buckets.js';
import type { FileBackend } from '../../backend/options.js';
import type { Backend } from '../../backend/types.js';
import { BoltError } from '../../bolt/errors.js';
import { type MembershipState, memberFromJson, memberToJson } from '../../datadir/cluster-member.js';
import { bootstrapMemberId, clusterId } from '../../datadir/ids.js';
import { verifyInitialCluster } from '../../datadir/initial-cluster.js';
import { membershipFromV2Snapshot } from '../../datadir/v2-snapshot.js';
import { Lessor } from '../../lease/lessor.js';
import type { Disk } from '../../lib/disk.js';
import { differenceOf, type EmulatedVersion, fullVersionOf } from '../../lib/emulate.js';
import type { Logger } from '../../lib/logger.js';
import { parentOf } from '../../lib/path.js';
import { MvccStore } from '../../mvcc/store.js';
import { Metadata } from '../../proto/gen/etcdserverpb.js';
import { MemoryStorage } from '../../raft/log/memory-storage.js';
import type { RaftLogger } from '../../raft/logger.js';
import { RawNode } from '../../raft/rawnode.js';
import { type ConfState, isEmptyHardState, makeConfState, type Snapshot } from '../../raftpb/types.js';
import { createWal, hasWal, openWal, purge, snapshotFiles, walSnapshots } from '../../wal/index.js';
import type { OpenedWal, SnapshotFiles, Wal, WalOptions } from '../../wal/types.js';
import { Alarms } from '../apply/alarms.js';
import { Cluster } from '../membership/cluster.js';
import { type MemberConfig, type MemberWorld, requestTimeoutMs } from '../types.js';
import { forceNewCluster } from './force-new-cluster.js';
import { readConsistentIndex, readStorageVersion, writeStorageVersion } from './schema.js';

/** The object graph that `Member` drives. */
export interface Bootstrapped {
  readonly node: RawNode;
  readonly storage: MemoryStorage;
  readonly wal: Wal;
  readonly snapshots: SnapshotFiles;
  readonly backend: FileBackend;
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
  const isNew = !hasWal(disk, walDir);
  // Options that make no sense end the start before anything is made.
  if (isNew) verifyFounding(config);
  const founded = isNew ? foundCluster(config) : undefined;
  for (const dir of [config.dataDir, memberDir, snapDir]) makeDurableDir(disk, dir);
  const snapshots = snapshotFiles(disk, snapDir, logger);
  const dbPath = `${snapDir}/db`;
  const openDb = () =>
    reading(dbPath, () =>
      openBackend({
        disk,
        clock,
        path: dbPath,
        logger,
        cacheBytes: BACKEND_CACHE_BYTES,
        batchIntervalMs: config.backendBatchIntervalMs,
        batchLimit: config.backendBatchLimit,
        onCommit: observer.onBackendCommit,
        onFailure: world.onFatal,
      }),
    );

  // Of a new member the database is looked at first, so that no log is begun beside one that has already been used.
  const unused = isNew ? openUnused(openDb, dbPath, walDir) : undefined;
  const options = walOptions(config, world, observer);
  const log =
    founded === undefined
      ? restartLog(config, world, { walDir, snapshots, options })
      : newLog(founded, disk, walDir, options);
  try {
    return assemble({ config, world, walDir, snapDir, snapshots, isNew, log, openDb: () => unused ?? openDb() });
  } catch (cause) {
    letGo(log.wal, logger);
    throw cause;
  }
}

interface Opened {
  readonly config: MemberConfig;
  readonly world: MemberWorld;
  readonly walDir: string;
  readonly snapDir: string;
  readonly snapshots: SnapshotFiles;
  readonly isNew: boolean;
  readonly log: LogState;
  readonly openDb: () => FileBackend;
}

/** A segment preallocated for a member that does not start would only take up space. */
function letGo(wal: Wal, logger: Logger): void {
  try {
    wal.close();
  } catch (cause) {
    logger.warn('failed to close the log', { error: String(cause) });
  }
}

function assemble({ config, world, walDir, snapDir, snapshots, isNew, log, openDb }: Opened): Bootstrapped {
  const { disk, logger } = world;
  const dbPath = `${snapDir}/db`;
  const snapshotIndex = log.snapshot?.metadata.index ?? 0;
  if (snapshotIndex > 0 && (disk.stat(dbPath)?.size ?? 0) === 0) throw new BackendBehindError(dbPath, 0, snapshotIndex);
  const backend = openDb();
  // Only now: with the locks of log and database nobody else can be using what looks left over.
  snapshots.removeLeftovers();
  const backendIndex = readConsistentIndex(backend);
  if (snapshotIndex > backendIndex) throw new BackendBehindError(dbPath, backendIndex, snapshotIndex);
  if (!isNew && backendIndex > log.wal.lastIndex) refuseIfAlone(backend, dbPath, backendIndex, log.wal.lastIndex);
  // All of them from the first start on: other tools expect so.
  for (const bucket of bucketNames) backend.createBucket(bucket);
  const isUnused = backendIndex === 0 && readStorageVersion(backend) === undefined;
  if (isUnused && differenceOf('statusHasStorageVersion', config.emulate))
    writeStorageVersion(backend, `${config.emulate}.0`);

  const lessor = reading(
    dbPath,
    () =>
      new Lessor(backend, {
        minTtlSeconds: Math.ceil((Math.floor((3 * electionTicks(config)) / 2) * config.heartbeatIntervalMs) / 1000),
        electionTimeoutMs: config.electionTimeoutMs,
        expiredRetryMs: requestTimeoutMs(config),
      }),
  );
  const store = reading(dbPath, () => MvccStore.open({ backend, leases: lessor }));
  lessor.setKeyDeleter(() => store.write());

  const cluster = new Cluster(log.clusterId, log.memberId, backend, logger);
  const membership = reading(dbPath, () => membershipAt(log.snapshot, backend));
  refuseDowngrade(config.emulate, [membership.version, storedClusterVersion(backend)]);
  cluster.restore(membership);
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
    alarms: reading(dbPath, () => new Alarms(backend)),
    cluster,
    start: { backendIndex, snapshotIndex, confState },
    purge: () => {
      purge(disk, walDir, '.wal', config.maxWals);
      purge(disk, snapDir, '.snap', config.maxSnapshots);
      purge(disk, snapDir, '.snap.db', config.maxSnapshots);
    },
  };
}

/** Throws BackendAheadError for a database that some log's entries went into: beside a new log their successors would be taken for applied. */
function openUnused(open: () => FileBackend, dbPath: string, walDir: string): FileBackend {
  const backend = open();
  const index = readConsistentIndex(backend);
  if (index === 0) return backend;
  backend.close().catch(() => {});
  throw new BackendAheadError(dbPath, index, `there is no log in ${walDir}`);
}

/**
 * A log that ends before the database does has lost entries. Other members send them again; a member that is alone would give their indexes to new ones
 * and then take those for applied.
 */
function refuseIfAlone(backend: Backend, dbPath: string, backendIndex: number, lastIndex: number): void {
  let members = 0;
  backend.range('members', new Uint8Array(0), undefined, 2, () => {
    members++;
  });
  if (members < 2) throw new BackendAheadError(dbPath, backendIndex, `the log ends at index ${lastIndex}`);
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

/** The database is not one, or something in it cannot be what it should be. */
export class DatabaseDamagedError extends Error {
  override readonly name = 'DatabaseDamagedError';
  readonly code = 'ERR_DATABASE_DAMAGED';

  constructor(path: string, cause: Error) {
    const what = cause.message.startsWith(path) ? cause.message : `${path}: ${cause.message}`;
    super(`${what}; nothing was changed; ${remedy}`, { cause });
  }
}

/** Whoever decodes a record does not know which file it came from. */
function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    if (cause instanceof BoltError && cause.code !== 'ERR_BOLT_FORMAT' && cause.code !== 'ERR_BOLT_CORRUPT')
      throw cause;
    // The system's own errors name file and reason.
    if ('syscall' in cause || ('code' in cause && 'path' in cause && !(cause instanceof BoltError))) throw cause;
    throw new DatabaseDamagedError(path, cause);
  }
}

const remedy =
  'restore this member from a snapshot, or remove it from its cluster and add it anew with an empty data directory';

/** The database lacks what the newest raft snapshot says was applied, and nothing can bring it back here. */
export class BackendBehindError extends Error {
  override readonly name = 'BackendBehindError';
  readonly code = 'ERR_BACKEND_BEHIND';

  constructor(path: string, backendIndex: number, snapshotIndex: number) {
    super(
      `database file (${path} index ${backendIndex}) does not match with snapshot (index ${snapshotIndex}); ${remedy}`,
    );
  }
}

/** The database has applied entries that the log does not hold. */
export class BackendAheadError extends Error {
  override readonly name = 'BackendAheadError';
  readonly code = 'ERR_BACKEND_AHEAD';

  constructor(path: string, backendIndex: number, log: string) {
    super(
      `database file (${path}) has applied entries up to index ${backendIndex}, but ${log}; give the log's folder with --wal-dir if it is elsewhere; ` +
        'if it is lost, restore this member from a snapshot (the database file itself can serve as one, with --skip-hash-check)',
    );
  }
}

function electionTicks(config: MemberConfig): number {
  return Math.floor(config.electionTimeoutMs / config.heartbeatIntervalMs);
}

function newLog(founded: Founded, disk: Disk, walDir: string, options: WalOptions): LogState {
  const metadata = Metadata.encode({ NodeID: founded.memberId, ClusterID: founded.clusterId });
  const wal = createWal(disk, walDir, metadata, options);
  return { wal, storage: new MemoryStorage(), snapshot: undefined, ...founded };
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

type Founded = Required<Pick<LogState, 'memberId' | 'clusterId' | 'peers'>>;

/** Ids and first configuration of a new cluster follow from the initial one. */
function foundCluster(config: MemberConfig): Founded {
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
  // One that joins has nothing to found: its leader will send it everything.
  if (config.initialClusterState === 'existing') return undefined;
  const founded = foundCluster(config);
  if (founded.memberId === found.memberId && founded.clusterId === found.clusterId) return founded.peers;
  throw new Error(
    `the log in ${walDir} was begun for member ${found.memberId.toString(16)} of cluster ${found.clusterId.toString(16)}, ` +
      `but the initial cluster makes this member ${founded.memberId.toString(16)} of ${founded.clusterId.toString(16)}; ` +
      'nothing was stored yet: remove the data directory to start anew',
  );
}

function walOptions({ walSegmentBytes }: MemberConfig, world: MemberWorld, observer: DiskObserver): WalOptions {
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
  return { members, removed, version: storedClusterVersion(backend) };
}

function storedClusterVersion(backend: Backend): string | undefined {
  const version = backend.get('cluster', Buffer.from('clusterVersion'));
  return version === undefined ? undefined : Buffer.from(version).toString();
}

/** What a newer version wrote may mean what this one does not know. As etcd's membership.mustDetectDowngrade. */
function refuseDowngrade(emulate: EmulatedVersion, clusterVersions: readonly (string | undefined)[]): void {
  const [ownMajor = 0, ownMinor = 0] = emulate.split('.').map(Number);
  for (const version of clusterVersions) {
    const [major = 0, minor = 0] = (version ?? '0.0').split('.').map(Number);
    if (major < ownMajor || (major === ownMajor && minor <= ownMinor)) continue;
    throw new Error(
      `invalid downgrade; server version is lower than determined cluster version: server ${fullVersionOf[emulate]}, cluster ${major}.${minor}; ` +
        `start with --emulate-version ${major}.${minor} or later, or let the cluster be downgraded first`,
    );
  }
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
