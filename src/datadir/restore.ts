/**
 * `etcdutl snapshot restore`: a new data directory from a snapshot file, with a new log, new ids and the membership
 * that the command line names. Keys, leases, users and roles are those of the snapshot. As etcd's
 * etcdutl/snapshot/v3_snapshot.go.
 */
import { bucketBytes } from '../backend/buckets.js';
import { mainOf, revisionKey } from '../backend/schema/key.js';
import { putMember } from '../backend/schema/members.js';
import {
  finishedCompactKey,
  readCompactRevision,
  scheduledCompactKey,
  writeCompactRevision,
  writeConsistentIndex,
} from '../backend/schema/meta.js';
import type { WriteTx } from '../bolt/types.js';
import type { Clock } from '../lib/clock.js';
import type { Disk } from '../lib/disk.js';
import { goQuote } from '../lib/go/quote.js';
import type { UrlResolver } from '../lib/go/same-urls.js';
import type { Logger } from '../lib/logger.js';
import { parentOf } from '../lib/path.js';
import { Metadata } from '../proto/gen/etcdserverpb.js';
import { confChangeCodec } from '../raftpb/codec.js';
import { ConfChangeType, type Entry, EntryType, makeConfChange, makeConfState } from '../raftpb/types.js';
import { createWal, snapshotFiles } from '../wal/index.js';
import { type ClusterMember, memberToJson } from './cluster-member.js';
import { backendReader, backendWriter, clearBucket, editDb } from './db.js';
import { DataDirError } from './errors.js';
import { bootstrapMemberId, clusterId } from './ids.js';
import { type InitialCluster, verifyInitialCluster } from './initial-cluster.js';
import { dbPathOf, snapDirOf, walDirOf } from './names.js';
import { copySnapshot } from './snapshot-file.js';
import { membershipToV2Snapshot } from './v2-snapshot.js';

export interface RestoreOptions extends InitialCluster {
  readonly snapshot: string;
  readonly dataDir: string;
  /** `--wal-dir`; undefined or empty = inside the data directory. */
  readonly walDir: string | undefined;
  readonly skipHashCheck: boolean;
  /**
   * Raises the current revision by this much and has the first start compact up to there, so that clients which saw
   * revisions after the snapshot see none twice, and watchers are notified instead of waiting. 0 = no change.
   */
  readonly bumpRevision: number;
  /**
   * What the log says of the memory map, which this database has none of; undefined before 3.5, which tells neither of
   * that nor of membership that is dropped nor who is a learner.
   */
  readonly loggedMapSizeBytes: number | undefined;
}

export interface World {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Rejects with DataDirError, BoltError, system errors. What was made so far is removed then. */
export async function restoreSnapshot(options: RestoreOptions, world: World & UrlResolver): Promise<void> {
  const { disk, logger } = world;
  const { dataDir } = options;
  await verifyInitialCluster(options, world);
  if (!isEmptyOrAbsent(disk, dataDir)) {
    throw new DataDirError(`data-dir ${goQuote(dataDir)} not empty or could not be read`);
  }
  if (options.walDir && disk.stat(options.walDir) !== undefined) {
    throw new DataDirError(`wal-dir ${goQuote(options.walDir)} exists`);
  }
  const fields = {
    path: options.snapshot,
    'wal-dir': walDirOf(dataDir, options.walDir),
    'data-dir': dataDir,
    'snap-dir': snapDirOf(dataDir),
    ...(options.loggedMapSizeBytes !== undefined && { 'initial-memory-map-size': options.loggedMapSizeBytes }),
  };
  logger.info('restoring snapshot', fields);
  const existed = disk.stat(dataDir) !== undefined;
  try {
    build(options, world);
  } catch (error) {
    disk.remove(`${dataDir}/member`, { recursive: true });
    if (!existed) disk.remove(dataDir, { recursive: true });
    if (options.walDir) disk.remove(options.walDir, { recursive: true });
    throw error;
  }
  logger.info('restored snapshot', fields);
}

function build(options: RestoreOptions, world: World): void {
  const { disk, logger } = world;
  const { dataDir } = options;
  const snapDir = snapDirOf(dataDir);
  const walDir = walDirOf(dataDir, options.walDir);
  const members = membersOf(options);
  const self = members.find((member) => member.name === options.name);
  if (self === undefined) throw new Error(`${options.name} is among the members, or verifying would have failed`);
  const cluster = clusterId(members.map((member) => member.id));

  disk.makeDir(snapDir, 0o700);
  copySnapshot(disk, options.snapshot, dbPathOf(dataDir), options);
  const commit = members.length;
  const term = 1;
  const logsMore = options.loggedMapSizeBytes !== undefined;
  editDb(disk, dbPathOf(dataDir), (tx) => {
    if (logsMore) logger.info('Trimming membership information from the backend...');
    else logCompaction(tx, logger);
    clearBucket(tx, 'members');
    clearBucket(tx, 'members_removed');
    if (options.bumpRevision > 0) bumpRevision(tx, options.bumpRevision, logger);
    disk.makeDir(parentOf(walDir), 0o700);
    const db = backendWriter(tx);
    for (const member of members) {
      putMember(db, member.id, memberToJson(member));
      logger.info('added member', {
        'cluster-id': cluster.toString(16),
        'local-member-id': '0',
        'added-peer-id': member.id.toString(16),
        'added-peer-peer-urls': member.peerURLs,
        ...(logsMore && { 'added-peer-is-learner': member.isLearner }),
      });
    }
    writeConsistentIndex(db, { index: commit, term });
  });

  const wal = createWal(disk, walDir, Metadata.encode({ NodeID: self.id, ClusterID: cluster }), world);
  try {
    const confState = makeConfState({ voters: members.map((member) => member.id) });
    const [lowest] = members;
    wal.save({ term, vote: lowest?.id ?? 0n, commit }, members.map(addition));
    // Names are published by the members themselves when they start.
    const nameless = members.map((member) => ({ ...member, name: '' }));
    const data = membershipToV2Snapshot({ members: nameless, removed: [], version: undefined });
    snapshotFiles(disk, snapDir, logger).save({ data, metadata: { index: commit, term, confState } });
    wal.saveSnapshot({ index: commit, term, confState });
  } finally {
    wal.close();
  }
  for (const dir of [snapDir, parentOf(snapDir), dataDir]) disk.syncDir(dir);
}

/** With the ids that follow from what does not depend on names: all members compute the same. Ascending. */
function membersOf({ members, token }: InitialCluster): ClusterMember[] {
  return [...members]
    .map(([name, urls]) => {
      const peerURLs = [...urls].sort();
      return { id: bootstrapMemberId(peerURLs, token), peerURLs, name, isLearner: false, clientURLs: [] };
    })
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The log of a new cluster begins with one change of configuration a member. */
function addition(member: ClusterMember, at: number): Entry {
  const context = Buffer.from(memberToJson(member));
  const change = makeConfChange({ type: ConfChangeType.ConfChangeAddNode, nodeId: member.id, context });
  return { type: EntryType.EntryConfChange, term: 1, index: at + 1, data: confChangeCodec['3.5'].encode(change) };
}

function bumpRevision(tx: WriteTx, by: number, logger: Logger): void {
  const keys = tx.createBucket(bucketBytes('key'));
  let latest = 0;
  keys.range(undefined, undefined, (key) => {
    latest = mainOf(key);
  });
  const bumped = latest + by;
  // etcd-diff: etcd counts on from below zero, and no client knows a revision of such a database.
  if (!Number.isSafeInteger(bumped)) throw new DataDirError(`no revision can be as high as ${latest} + ${by}`);
  logger.info('bumping latest revision', {
    'latest-revision': latest,
    'bump-amount': by,
    'new-latest-revision': bumped,
  });
  keys.put(revisionKey(bumped, 0, false), new Uint8Array(0));
  logger.info('marking revision compacted', { revision: bumped });
  writeCompactRevision(backendWriter(tx), scheduledCompactKey, bumped);
}

/** 3.4 opens the store of keys, which says how far it was compacted. */
function logCompaction(tx: WriteTx, logger: Logger): void {
  const revision = readCompactRevision(backendReader(tx), finishedCompactKey);
  if (revision === undefined) return;
  logger.info('restored last compact revision', {
    'meta-bucket-name': 'meta',
    'meta-bucket-name-key': 'finishedCompactRev',
    'restored-compact-revision': revision,
  });
}

function isEmptyOrAbsent(disk: Disk, path: string): boolean {
  const stat = disk.stat(path);
  return stat === undefined || (stat.isDirectory && disk.list(path).length === 0);
}
