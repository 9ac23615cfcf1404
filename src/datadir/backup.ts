/**
 * `etcdutl backup`, the way before v3 snapshots: a copy of a data directory from which one new member can be started
 * with `--force-new-cluster`.
 *
 * The copy must not act as the original: the members are replaced by one that nobody can reach, in the database and in
 * the v2 store of the newest snapshot; entries of the log that change members become empty ones. Source: etcd 3.5's
 * etcdutl/etcdutl/backup_command.go.
 */
import { putMember } from '../backend/schema/members.js';
import { writeConsistentIndex } from '../backend/schema/meta.js';
import { openBolt } from '../bolt/bolt.js';
import { compactInto } from '../bolt/compact.js';
import type { Disk } from '../lib/disk.js';
import { goQuote } from '../lib/go/quote.js';
import type { LogFields, Logger } from '../lib/logger.js';
import { parentOf } from '../lib/path.js';
import type { Random } from '../lib/random.js';
import type { Entry, Snapshot } from '../raftpb/types.js';
import { EntryType, makeConfState, NO_BYTES } from '../raftpb/types.js';
import { createWal, hasWal, readWal, snapshotFiles } from '../wal/index.js';
import { type ClusterMember, memberToJson } from './cluster-member.js';
import { absent, backendWriter, clearBucket, editDb, readDb } from './db.js';
import { requestOf } from './entry-request.js';
import { DataDirError } from './errors.js';
import { dbPathOf, snapDirOf, walDirOf } from './names.js';
import { newestSnapshot } from './newest-snapshot.js';
import type { World } from './restore.js';

/** The member that stands in a copy for all members of the original. */
export const BACKUP_MEMBER_NAME = 'etcdctl-v2-backup';

export interface BackupOptions {
  readonly dataDir: string;
  readonly walDir: string | undefined;
  readonly backupDir: string;
  readonly backupWalDir: string | undefined;
  /** False: the v2 store alone; the copy has an empty database. */
  readonly withV3: boolean;
}

/** What could not be done, in etcd's words; why is its cause. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
  constructor(
    step: string,
    readonly fields: LogFields,
    override readonly cause: unknown,
  ) {
    super(step);
  }
}

function step<T>(name: string, run: () => T, fields: LogFields = {}): T {
  try {
    return run();
  } catch (error) {
    throw new BackupError(name, fields, error);
  }
}

/** Throws BackupError. */
export function backup(options: BackupOptions, world: World & { readonly random: Random }): void {
  const { disk, logger } = world;
  const sourceWal = walDirOf(options.dataDir, options.walDir);
  const targetWal = walDirOf(options.backupDir, options.backupWalDir);
  const targetSnap = snapDirOf(options.backupDir);
  step('failed creating backup snapshot dir', () => makeEmptyDir(disk, targetSnap), { 'dest-snap': targetSnap });
  const member: ClusterMember = {
    id: (world.random.uint64() & 0xffff_ffff_ffffn) | 1n,
    name: BACKUP_MEMBER_NAME,
    peerURLs: ['http://use-flag--force-new-cluster:2080'],
    isLearner: false,
    clientURLs: [],
  };

  const copy = step('saveSnap(Snapshoter.Load) failed', () => {
    const snapDir = snapDirOf(options.dataDir);
    if (disk.stat(snapDir) === undefined) throw absent('open', disk, snapDir);
    const newest = newestSnapshot(disk, snapDir, undefined);
    return newest && lonelySnapshot(newest, member);
  });
  const at = { index: copy?.metadata.index ?? 0, term: copy?.metadata.term ?? 0 };
  step('wal.OpenForRead failed', () => {
    if (disk.stat(sourceWal) === undefined) throw absent('open', disk, sourceWal);
    if (!hasWal(disk, sourceWal)) throw new DataDirError('wal: file not found');
  });
  const { metadata, hardState, entries } = step('unexpected error while reading WAL', () =>
    readWal(disk, sourceWal, at),
  );
  const kept = entries.map((entry) => harmless(entry, options, logger));

  step('bolt.Open FAILED', () => copyDb(disk, options));
  logger.info('Trimming membership information from the backend...');
  editDb(disk, dbPathOf(options.backupDir), (tx) => {
    clearBucket(tx, 'cluster');
    clearBucket(tx, 'members');
    clearBucket(tx, 'members_removed');
    const db = backendWriter(tx);
    putMember(db, member.id, memberToJson(member));
    writeConsistentIndex(db, { index: hardState.commit, term: hardState.term });
  });

  if (copy) snapshotFiles(disk, targetSnap, logger).save(copy);
  const wal = step('wal.Create failed', () => {
    if (hasWal(disk, targetWal)) throw new DataDirError('file already exists');
    disk.makeDir(parentOf(targetWal), 0o700);
    return createWal(disk, targetWal, metadata, world);
  });
  try {
    wal.save(hardState, kept);
    if (copy) wal.saveSnapshot({ ...at, confState: copy.metadata.confState });
  } finally {
    wal.close();
  }
}

function makeEmptyDir(disk: Disk, path: string): void {
  disk.makeDir(path, 0o700);
  const names = disk.list(path);
  if (names.length > 0)
    throw new DataDirError(
      `expected ${goQuote(path)} to be empty, got [${names.map((name) => goQuote(name)).join(' ')}]`,
    );
}

function copyDb(disk: Disk, { dataDir, backupDir, withV3 }: BackupOptions): void {
  const path = dbPathOf(backupDir);
  if (!withV3) {
    openBolt(disk, path).close();
    return;
  }
  readDb(disk, dbPathOf(dataDir), (_tx, bolt) => {
    const target = disk.open(path, 'create', 0o600);
    const tx = bolt.beginRead();
    try {
      for (const _step of compactInto(tx, target));
    } finally {
      tx.close();
      target.close();
    }
  });
}

interface Folder {
  Children?: Record<string, Folder> | null;
  readonly [field: string]: unknown;
}

/**
 * The same snapshot with `member` as the only one, in its configuration and in its v2 store, whose other content stays.
 */
function lonelySnapshot(snapshot: Snapshot, member: ClusterMember): Snapshot {
  const store = JSON.parse(Buffer.from(snapshot.data).toString()) as { Root?: Folder };
  const cluster = store.Root?.Children?.['0'];
  if (cluster === undefined) throw new DataDirError('the newest snapshot holds no v2 store');
  const stamps = { CreatedIndex: 1, ModifiedIndex: 1, ExpireTime: '0001-01-01T00:00:00Z' };
  const folder = (Path: string, Children: Record<string, Folder>): Folder => ({ Path, ...stamps, Value: '', Children });
  const leaf = (Path: string, Value: string): Folder => ({ Path, ...stamps, Value, Children: null });
  const path = `/0/members/${member.id.toString(16)}`;
  const attributes = JSON.stringify({ name: member.name });
  const raftAttributes = JSON.stringify({ peerURLs: member.peerURLs });
  cluster.Children = {
    ...cluster.Children,
    members: folder('/0/members', {
      [member.id.toString(16)]: folder(path, {
        attributes: leaf(`${path}/attributes`, attributes),
        raftAttributes: leaf(`${path}/raftAttributes`, raftAttributes),
      }),
    }),
    removed_members: folder('/0/removed_members', {}),
  };
  const confState = makeConfState({ voters: [member.id] });
  return { data: Buffer.from(JSON.stringify(store)), metadata: { ...snapshot.metadata, confState } };
}

const memberAttributes = /^\/0\/members\/[0-9a-f]{1,16}\/attributes$/i;

/** The entry, or an empty one in its place where it would make the copy take itself for the original. */
function harmless(entry: Entry, { withV3 }: BackupOptions, logger: Logger): Entry {
  const request = requestOf(entry);
  const drop = (why: string, fields: LogFields = {}): Entry => {
    logger.info(why, { index: entry.index, ...fields });
    return { ...entry, type: EntryType.EntryNormal, data: NO_BYTES };
  };
  switch (request.t) {
    case 'conf-change':
      return drop('ignoring EntryConfChange raft entry');
    case 'v2':
      return request.request.method === 'PUT' && memberAttributes.test(request.request.path)
        ? drop('ignoring member attribute update on', { 'v2Req.Path': request.request.path })
        : entry;
    case 'v3':
      if (request.request.clusterMemberAttrSet !== undefined) return drop('ignoring cluster_member_attr_set');
      return withV3 ? entry : drop('ignoring v3 raft entry');
    default:
      return entry;
  }
}
