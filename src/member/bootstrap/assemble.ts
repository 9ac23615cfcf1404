/**
 * Log and database to the objects that work on them. The database may already be ahead of the log's snapshot, never
 * behind it.
 */
import { bucketNames } from '../../backend/buckets.js';
import type { FileBackend } from '../../backend/options.js';
import { readClusterVersion } from '../../backend/schema/cluster.js';
import { readConsistentIndex, readStorageVersion, writeStorageVersion } from '../../backend/schema/meta.js';
import type { Backend } from '../../backend/types.js';
import { type ClusterMember, memberToJson } from '../../datadir/cluster-member.js';
import { Lessor } from '../../lease/lessor.js';
import { differenceOf, fullVersionOf } from '../../lib/emulate.js';
import { humanBytes } from '../../lib/go/bytes.js';
import type { Logger } from '../../lib/logger.js';
import { MvccStore } from '../../mvcc/store.js';
import { innerText, wireErrors } from '../../proto/errors.js';
import { RawNode } from '../../raft/rawnode.js';
import type { RaftLogger } from '../../raft/world/logger.js';
import { makeConfState, type Snapshot } from '../../raftpb/types.js';
import { V2Store } from '../../v2/store.js';
import { purge, snapshotDbName } from '../../wal/index.js';
import type { SnapshotFiles } from '../../wal/types.js';
import { Alarms } from '../apply/alarms.js';
import { Cluster } from '../membership/cluster.js';
import { restoreV2 } from '../v2/restore-v2.js';
import { type MemberConfig, type MemberWorld, requestTimeoutMs } from '../world/types.js';
import { BackendAheadError, reading } from './errors.js';
import { membershipAt } from './membership-at.js';
import { recoverDatabase } from './recover-database.js';
import type { Bootstrapped, LogState } from './types.js';

/** A tick is a heartbeat interval; the election timeout is a whole number of them. */
const HEARTBEAT_TICKS = 1;
/** As etcd's lease-checkpoint-interval. */
const LEASE_CHECKPOINT_SECONDS = 300;
const MAX_SIZE_PER_MESSAGE_BYTES = 1024 * 1024;
const MAX_INFLIGHT_MESSAGES = 512;

/** Of a member without a snapshot. */
const NO_DATA = new Uint8Array(0);

export interface Opened {
  readonly config: MemberConfig;
  readonly world: MemberWorld;
  readonly walDir: string;
  readonly snapDir: string;
  readonly snapshots: SnapshotFiles;
  readonly isNew: boolean;
  readonly initialMembers: readonly ClusterMember[];
  readonly log: LogState;
  readonly openDb: () => FileBackend;
}

export function assemble({
  config,
  world,
  walDir,
  snapDir,
  snapshots,
  isNew,
  log,
  initialMembers,
  openDb,
}: Opened): Bootstrapped {
  const { disk } = world;
  const logger = world.logger.with({ caller: 'member/bootstrap/assemble.ts' });
  const dbPath = `${snapDir}/db`;
  const snapshotIndex = log.snapshot?.metadata.index ?? 0;
  const backend = recoverDatabase({ disk, logger, dbPath, snapshots, snapshotIndex, openDb });
  // Only now: with the locks of log and database nobody else can be using what looks left over.
  snapshots.removeLeftovers();
  const backendIndex = readConsistentIndex(backend);
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
        ...(config.leaseCheckpoint ? { checkpointIntervalSeconds: LEASE_CHECKPOINT_SECONDS } : {}),
        persistCheckpoints: () =>
          config.leaseCheckpointPersist || Number((readClusterVersion(backend) ?? '3.0').split('.')[1]) >= 6,
      }),
  );
  const keysOnlyNamesLeases = differenceOf('keysOnlyNamesLeases', config.emulate);
  const store = reading(dbPath, () =>
    MvccStore.open({ backend, leases: lessor, failpoints: world.failpoints, keysOnlyNamesLeases }),
  );
  lessor.setKeyDeleter(() => store.write());
  if (store.compactRevision > 0)
    logger.info('restored last compact revision', {
      'meta-bucket-name-key': 'finishedCompactRev',
      'restored-compact-revision': store.compactRevision,
    });
  logger.info('kvstore restored', { 'current-rev': store.currentRevision });

  const v2 = new V2Store();
  const cluster = new Cluster(
    log.clusterId,
    log.memberId,
    backend,
    v2,
    logger.with({ caller: 'member/membership/cluster.ts' }),
    config.emulate,
  );
  const membership = reading(dbPath, () => membershipAt(log.snapshot, backend));
  refuseDowngrade(config, [membership.version, readClusterVersion(backend)]);
  cluster.restore(membership);
  refuseLearners(isNew ? initialMembers : cluster.members, config.maxLearners);
  reading(dbPath, () => restoreV2(v2, log.snapshot?.data ?? NO_DATA, () => membership));
  if (log.snapshot !== undefined) tellRecovered(log.snapshot, backend, config, logger);
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
  if (log.peers !== undefined)
    node.bootstrap(log.peers.map((member) => ({ id: member.id, context: Buffer.from(memberToJson(member)) })));
  const memberId = log.memberId.toString(16);
  const clusterId = log.clusterId.toString(16);
  if (isNew) logger.info('starting local member', { 'local-member-id': memberId, 'cluster-id': clusterId });
  else if (!config.forceNewCluster)
    logger.info('restarting local member', {
      'cluster-id': clusterId,
      'local-member-id': memberId,
      'commit-index': node.committed,
    });

  return {
    node,
    storage: log.storage,
    wal: log.wal,
    snapshots,
    backend,
    store,
    lessor,
    v2,
    alarms: reading(dbPath, () => new Alarms(backend)),
    cluster,
    initialMembers,
    start: { backendIndex, snapshotIndex, snapshotTerm: log.snapshot?.metadata.term ?? 0, confState },
    purge: (installed) => {
      purge(disk, walDir, '.wal', config.maxWals);
      purge(disk, snapDir, '.snap', config.maxSnapshots);
      // Those of snapshots that are yet to be installed stay, however many they are.
      purge(disk, snapDir, '.snap.db', config.maxSnapshots, (name) => name > snapshotDbName(installed));
    },
  };
}

/**
 * A log that ends before the database does has lost entries. Other members send them again; a member that is alone
 * would give their indexes to new ones and then take those for applied.
 */
function refuseIfAlone(backend: Backend, dbPath: string, backendIndex: number, lastIndex: number): void {
  let members = 0;
  backend.range('members', new Uint8Array(0), undefined, 2, () => {
    members++;
  });
  if (members < 2) throw new BackendAheadError(dbPath, backendIndex, `the log ends at index ${lastIndex}`);
}

function electionTicks(config: MemberConfig): number {
  return Math.floor(config.electionTimeoutMs / config.heartbeatIntervalMs);
}

/** As etcd's membership.ValidateMaxLearnerConfig. */
function refuseLearners(members: readonly ClusterMember[], maxLearners: number): void {
  if (members.filter(({ isLearner }) => isLearner).length > maxLearners)
    throw new Error(`membership: ${innerText(wireErrors.tooManyLearners)}`);
}

/** What a newer version wrote may mean what this one does not know. As etcd's membership.mustDetectDowngrade. */
function refuseDowngrade(
  { emulate, nextClusterVersionCompatible = false }: MemberConfig,
  clusterVersions: readonly (string | undefined)[],
): void {
  const [ownMajor = 0, ownMinor = 0] = emulate.split('.').map(Number);
  const highestMinor = nextClusterVersionCompatible ? ownMinor + 1 : ownMinor;
  for (const version of clusterVersions) {
    const [major = 0, minor = 0] = (version ?? '0.0').split('.').map(Number);
    if (major < ownMajor || (major === ownMajor && minor <= highestMinor)) continue;
    throw new Error(
      `invalid downgrade; server version is lower than determined cluster version: server ` +
        `${fullVersionOf[emulate]}, cluster ${major}.${minor}; ` +
        `start with --emulate-version ${major}.${minor} or later, or let the cluster be downgraded first`,
    );
  }
}

function tellRecovered(snapshot: Snapshot, backend: FileBackend, { emulate }: MemberConfig, logger: Logger): void {
  logger.info('recovered v2 store from snapshot', {
    'snapshot-index': snapshot.metadata.index,
    'snapshot-size': humanBytes(snapshot.data.length),
  });
  logger.info(differenceOf('recoveredBackend', emulate), {
    'backend-size-bytes': backend.sizeBytes,
    'backend-size': humanBytes(backend.sizeBytes),
    'backend-size-in-use-bytes': backend.sizeInUseBytes,
    'backend-size-in-use': humanBytes(backend.sizeInUseBytes),
  });
}

/** The core speaks in whole sentences; here they become records. */
function raftLogger(logger: Logger): RaftLogger {
  const raft = logger.with({ logger: 'raft', caller: 'raft/raft.ts' });
  return {
    debug: (sentence) => raft.debug(sentence),
    expected: () => {},
    info: (sentence) => raft.info(sentence),
    warn: (sentence) => raft.warn(sentence),
    error: (sentence) => raft.error(sentence),
  };
}
