/** From a decision and a data directory to a member's parts: what begins, what goes on, and what is refused. */
import { beforeEach, describe, expect, it } from 'vitest';
import { openBackend } from '../../../../src/backend/backend.js';
import { bucketNames } from '../../../../src/backend/buckets.js';
import { writeClusterVersion } from '../../../../src/backend/schema/cluster.js';
import { putMember } from '../../../../src/backend/schema/members.js';
import { readStorageVersion, writeConsistentIndex } from '../../../../src/backend/schema/meta.js';
import { parseInitialCluster } from '../../../../src/config/listen-url.js';
import { type ClusterMember, memberFromJson, memberToJson } from '../../../../src/datadir/cluster-member.js';
import { storeMembership } from '../../../../src/datadir/v2-membership.js';
import { silentLogger } from '../../../../src/lib/logger.js';
import { initialConfiguration } from '../../../../src/member/bootstrap/new-cluster.js';
import { openParts } from '../../../../src/member/bootstrap/open.js';
import type { Bootstrapped, Decision } from '../../../../src/member/bootstrap/types.js';
import type { MemberConfig, MemberWorld } from '../../../../src/member/world/types.js';
import { Metadata } from '../../../../src/proto/gen/etcdserverpb.js';
import { confChangeCodec } from '../../../../src/raftpb/codec.js';
import { type Entry, EntryType, makeConfState, makeEntry, makeHardState } from '../../../../src/raftpb/types.js';
import { saveStore } from '../../../../src/v2/snapshot.js';
import { V2Store } from '../../../../src/v2/store.js';
import { createWal, readWal, snapshotFiles } from '../../../../src/wal/index.js';
import { memberConfig, nobodyWatches } from '../../../support/in-process-member.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { MemoryDisk } from '../../../support/memory-disk.js';
import { RecordingLogger } from '../../../support/recording-logger.js';
import { seededRandom } from '../../../support/seeded-random.js';

const own = 'http://127.0.0.1:2380';
const second = 'http://127.0.0.1:2480';
const snapDir = '/data/member/snap';
const walDir = '/data/member/wal';

let disk: MemoryDisk;
let logger: RecordingLogger;
let opened: Bootstrapped[];

beforeEach(() => {
  disk = new MemoryDisk();
  logger = new RecordingLogger();
  opened = [];
});

const configOf = (cluster: string, more: Partial<MemberConfig> = {}): MemberConfig =>
  memberConfig('/data', {
    name: 'a',
    initialAdvertisePeerUrls: [own],
    initialCluster: parseInitialCluster(cluster),
    initialClusterToken: 'etcd-cluster',
    walSegmentBytes: 8000,
    ...more,
  });
const alone = configOf(`a=${own}`);
const ofTwo = configOf(`a=${own},b=${second}`);

function open(decision: Decision, config: MemberConfig): Bootstrapped {
  const clock = new ManualClock();
  const world = { disk, clock, logger, random: seededRandom(1), onFatal: () => {} } as unknown as MemberWorld;
  const parts = openParts(decision, config, world, nobodyWatches);
  opened.push(parts);
  return parts;
}

const begin = (config: MemberConfig): Bootstrapped =>
  open({ t: 'new', configuration: initialConfiguration(config) }, config);
const restart = (config: MemberConfig): Bootstrapped => open({ t: 'restarting' }, config);

/** As a process that ends: its locks go. */
async function end(): Promise<void> {
  for (const { wal, backend } of opened.splice(0)) {
    wal.close();
    await backend.close();
  }
}

const said = (message: string): unknown => logger.records.find((record) => record.message === message)?.fields;
const member = (id: bigint, url: string, more: Partial<ClusterMember> = {}): ClusterMember => ({
  ...{ id, peerURLs: [url], isLearner: false, name: '', clientURLs: [] },
  ...more,
});
const entry = (index: number, term = 2): Entry => makeEntry({ index, term, data: Buffer.from(`entry ${index}`) });

/** What a member with id 1 of cluster 0xc has left. */
interface Left {
  readonly entries?: readonly Entry[];
  readonly commit?: number;
  /** Where the snapshot is that the log begins with. */
  readonly snapshot?: number;
  readonly snapshotData?: Uint8Array;
  readonly applied?: number;
  readonly members?: readonly ClusterMember[];
  readonly version?: string;
}

async function leave({
  entries = [],
  commit = 0,
  snapshot = 0,
  applied = 0,
  members = [],
  ...rest
}: Left): Promise<void> {
  for (const dir of ['/data', '/data/member', snapDir]) disk.makeDir(dir);
  const options = { clock: new ManualClock(), logger: silentLogger };
  const wal = createWal(disk, walDir, Metadata.encode({ NodeID: 1n, ClusterID: 0xcn }), {
    ...options,
    segmentSizeBytes: 8000,
  });
  if (snapshot > 0) {
    const confState = makeConfState({ voters: [1n, 2n] });
    const metadata = { index: snapshot, term: 2, confState };
    snapshotFiles(disk, snapDir, silentLogger).save({ data: rest.snapshotData ?? new Uint8Array(0), metadata });
    wal.saveSnapshot(metadata);
  }
  wal.save(makeHardState({ term: commit === 0 ? 0 : 3, vote: commit === 0 ? 0n : 2n, commit }), entries);
  wal.close();
  const backend = openBackend({ disk, path: `${snapDir}/db`, ...options });
  for (const name of bucketNames) backend.createBucket(name);
  if (applied > 0) writeConsistentIndex(backend, { index: applied, term: 2 });
  for (const each of members) putMember(backend, each.id, memberToJson(each));
  if (rest.version !== undefined) writeClusterVersion(backend, rest.version);
  await backend.close();
}

const a = member(1n, own, { name: 'a', clientURLs: ['http://127.0.0.1:2379'] });
const b = member(2n, second, { name: 'b' });

describe('a cluster that begins', () => {
  it('begins with an entry for each member, by id, and the log says who this one is', () => {
    const { node, wal, storage, initialMembers, start, cluster } = begin(ofTwo);
    const { memberId, clusterId, members } = initialConfiguration(ofTwo);
    expect([node.id, cluster.localId, cluster.id]).toEqual([memberId, memberId, clusterId]);
    expect(Metadata.decode(readWal(disk, walDir, { index: 0, term: 0 }).metadata)).toEqual({
      NodeID: memberId,
      ClusterID: clusterId,
    });
    const { entries } = node.ready();
    const added = entries.map(({ data }) => confChangeCodec['3.5'].decode(data));
    expect(added.map(({ nodeId, context }) => [nodeId, memberFromJson(Buffer.from(context).toString())])).toEqual(
      members.map((each) => [each.id, each]),
    );
    expect(initialMembers).toEqual(members);
    expect([wal.lastIndex, storage.lastIndex()]).toEqual([0, 0]);
    expect(start).toEqual({ backendIndex: 0, snapshotIndex: 0, snapshotTerm: 0, confState: makeConfState() });
    expect(said('starting local member')).toEqual({
      'local-member-id': memberId.toString(16),
      'cluster-id': clusterId.toString(16),
    });
    expect(said('restarting local member')).toBeUndefined();
  });

  it('has every bucket from its first start on, and only from 3.6 on the version of its storage', async () => {
    const { backend } = begin(alone);
    for (const name of bucketNames) expect(() => backend.get(name, Buffer.from('x')), name).not.toThrow();
    expect(readStorageVersion(backend)).toBeUndefined();
    await end();
    disk = new MemoryDisk();
    expect(readStorageVersion(begin({ ...alone, emulate: '3.6' }).backend)).toBe('3.6.0');
  });

  it('has folders of its own, each under a name that lasts, and a log where it was told to', () => {
    const synced: string[] = [];
    disk.beforeChange = (what, path) => void (what === 'sync' && synced.push(path));
    begin({ ...alone, walDir: '/log' });
    for (const dir of ['/data', '/data/member', snapDir]) expect(disk.folders.has(dir), dir).toBe(true);
    expect(disk.list('/log').some((name) => name.endsWith('.wal'))).toBe(true);
    expect(disk.stat(walDir)).toBeUndefined();
    for (const dir of ['/', '/data', '/data/member', snapDir]) expect(synced, dir).toContain(dir);
  });

  it('has leases of no less than one and a half election timeouts, in whole seconds', () => {
    const config = { ...alone, heartbeatIntervalMs: 100, electionTimeoutMs: 1000 };
    expect(begin(config).lessor.grant(1n, 1, 0).ttlSeconds).toBe(2);
    disk = new MemoryDisk();
    const slow = { ...alone, heartbeatIntervalMs: 300, electionTimeoutMs: 5000 };
    // 16 ticks of 300 ms an election, 24 of them: 7.2 s.
    expect(begin(slow).lessor.grant(1n, 1, 0).ttlSeconds).toBe(8);
  });

  it('is refused over a database that a lost log has filled, and gives everything back', async () => {
    await leave({ applied: 7 });
    disk.remove(walDir, { recursive: true });
    expect(() => begin(alone)).toThrow(`has applied entries up to index 7, but there is no log in ${walDir}`);
    expect(disk.stat(walDir), 'no log is begun beside it').toBeUndefined();
    disk.remove(`${snapDir}/db`);
    begin(alone);
  });

  it('where the log cannot be made says why in the words of the system', () => {
    disk.beforeChange = (what, path) => {
      if (what === 'create' && path.endsWith('.wal')) throw new Error('no space left on device');
    };
    expect(() => begin(alone)).toThrow(
      expect.objectContaining({ code: 'ERR_WAL_CREATION', message: 'no space left on device' }),
    );
  });

  it('with more learners than it may have is refused, and its log is free for the next start', () => {
    const configuration = initialConfiguration(ofTwo);
    const members = configuration.members.map((each) => ({ ...each, isLearner: each.name === 'b' }));
    const decision: Decision = { t: 'new', configuration: { ...configuration, members } };
    const message = 'membership: too many learner members in cluster';
    expect(() => open(decision, { ...ofTwo, maxLearners: 0 })).toThrow(message);
    expect(disk.files.get(`${walDir}/0000000000000000-0000000000000000.wal`)?.exclusive).toBe(false);
    disk = new MemoryDisk();
    open(decision, { ...ofTwo, maxLearners: 1 });
  });
});

describe('one that joins', () => {
  const decision: Decision = { t: 'joining', memberId: 1n, clusterId: 0xcn, members: [a, b] };

  it('begins with nothing, and knows whom to connect to', () => {
    const { node, initialMembers, cluster } = open(decision, ofTwo);
    expect([node.id, cluster.id, node.lastIndex, node.committed]).toEqual([1n, 0xcn, 0, 0]);
    expect(node.confState().voters).toEqual([]);
    expect(initialMembers).toEqual([a, b]);
    expect(said('starting local member')).toBeDefined();
  });

  it('is refused over a database that a lost log has filled', async () => {
    await leave({ applied: 7 });
    disk.remove(walDir, { recursive: true });
    expect(() => open(decision, ofTwo)).toThrow(`there is no log in ${walDir}`);
  });
});

describe('a log that goes on', () => {
  it('has its entries, what is committed of them, and its vote', async () => {
    await leave({ entries: [1, 2, 3].map((index) => entry(index)), commit: 2 });
    const { node, storage, wal, initialMembers, start } = restart(alone);
    expect([node.id, node.term, node.committed, node.lastIndex, wal.lastIndex]).toEqual([1n, 3, 2, 3, 3]);
    expect(storage.initialState().hardState).toEqual(makeHardState({ term: 3, vote: 2n, commit: 2 }));
    expect(initialMembers).toEqual([]);
    expect(start).toEqual({ backendIndex: 0, snapshotIndex: 0, snapshotTerm: 0, confState: makeConfState() });
    expect(said('restarting local member')).toEqual({
      'cluster-id': 'c',
      'local-member-id': '1',
      'commit-index': 2,
    });
    expect(said('starting local member')).toBeUndefined();
  });

  it('goes on behind its newest snapshot, with the members that stand in its v2 store', async () => {
    const v2 = new V2Store();
    storeMembership(v2, { members: [a, b], removed: [9n], version: '3.5.0' });
    const snapshotData = saveStore(v2);
    await leave({ snapshot: 5, snapshotData, entries: [entry(6), entry(7)], commit: 6, applied: 6 });
    const { node, cluster, start, storage, v2: restored } = restart(alone);
    const confState = makeConfState({ voters: [1n, 2n] });
    expect(start).toEqual({ backendIndex: 6, snapshotIndex: 5, snapshotTerm: 2, confState });
    expect([node.applied, node.committed, node.lastIndex, storage.firstIndex()]).toEqual([5, 6, 7, 6]);
    expect(node.confState()).toEqual(confState);
    expect(cluster.members).toEqual([a, b]);
    expect(cluster.isRemoved(9n)).toBe(true);
    expect(cluster.version).toBe('3.5.0');
    expect(restored.has('/0/version')).toBe(true);
    expect(said('recovered v2 store from snapshot')).toMatchObject({ 'snapshot-index': 5 });
    expect(said('recovered v3 backend from snapshot')).toBeDefined();
  });

  it('takes the members from the database where the snapshot has no v2 store any more', async () => {
    await leave({ snapshot: 5, entries: [entry(6)], commit: 6, applied: 6, members: [a, b], version: '3.5.0' });
    const { cluster, v2 } = restart(alone);
    expect(cluster.members).toEqual([a, b]);
    expect(cluster.version).toBe('3.5.0');
    expect(v2.has('/0/members/1/raftAttributes')).toBe(true);
  });

  it('tells what was cut off its end', async () => {
    await leave({ entries: [entry(1)], commit: 1 });
    restart(alone).wal.save(makeHardState(), [entry(2), entry(3)]);
    await end();
    const path = `${walDir}/0000000000000000-0000000000000000.wal`;
    const whole = disk.content(path);
    disk.setContent(
      path,
      whole.subarray(
        0,
        whole.findLastIndex((byte) => byte !== 0),
      ),
    );
    expect(restart(alone).storage.lastIndex()).toBe(2);
    const repaired = logger.records.findLast(({ message }) => message === 'repaired WAL');
    expect(repaired?.fields).toMatchObject({ file: path, backup: `${path}.broken` });
  });

  it('clears away what interrupted writes have left, and keeps what it is told to', async () => {
    await leave({ entries: [entry(1)], commit: 1 });
    for (const name of ['tmp1', 'db.tmp.7']) disk.setContent(`${snapDir}/${name}`, Buffer.from('x'));
    for (let index = 1; index <= 4; index++)
      for (const suffix of ['snap', 'snap.db'])
        disk.setContent(`${snapDir}/${index.toString(16).padStart(16, '0')}.${suffix}`, Buffer.from('x'));
    const { purge } = restart({ ...alone, maxSnapshots: 1 });
    expect(disk.list(snapDir).filter((name) => /tmp/.test(name))).toEqual([]);
    purge(2);
    // Of databases those beyond the snapshot that was installed last stay.
    expect(disk.list(snapDir)).toEqual([
      '0000000000000003.snap.db',
      '0000000000000004.snap',
      '0000000000000004.snap.db',
      'db',
    ]);
  });
});

describe('a log that ends before its database', () => {
  const left: Left = { entries: [1, 2, 3].map((index) => entry(index)), commit: 3 };

  it('is refused to a member that is alone, by an entry already', async () => {
    await leave({ ...left, applied: 4, members: [a] });
    expect(() => restart(alone)).toThrow('has applied entries up to index 4, but the log ends at index 3');
  });

  it('is taken where it ends with the database, and where others have the entries', async () => {
    await leave({ ...left, applied: 3, members: [a] });
    expect(restart(alone).start.backendIndex).toBe(3);
    await end();
    disk = new MemoryDisk();
    await leave({ ...left, applied: 9, members: [a, b] });
    expect(restart(alone).start.backendIndex).toBe(9);
  });
});

describe('a log of which nothing was decided yet', () => {
  const voters = (parts: Bootstrapped): readonly bigint[] => parts.node.confState().voters;

  it('begins its cluster again, over entries that did reach the disk', async () => {
    const first = begin(alone);
    const { memberId } = initialConfiguration(alone);
    first.wal.save(makeHardState(), [entry(1, 1)]);
    await end();
    const again = restart(alone);
    expect(voters(again)).toEqual([memberId]);
    expect(again.storage.lastIndex()).toBe(0);
  });

  it('waits for its leader where it joins, and where it is told of others and would be somebody else', async () => {
    await leave({});
    expect(voters(restart({ ...ofTwo, initialClusterState: 'existing' }))).toEqual([]);
    await end();
    expect(voters(restart(ofTwo))).toEqual([]);
  });

  it('is refused where it would begin alone, as somebody else', async () => {
    await leave({});
    const { memberId, clusterId } = initialConfiguration(alone);
    expect(() => restart(alone)).toThrow(
      `the log in ${walDir} was begun for member 1 of cluster c, but the initial cluster makes this member ` +
        `${memberId.toString(16)} of ${clusterId.toString(16)}; nothing was stored yet: remove the data directory to ` +
        'start anew',
    );
  });
});

describe('a member that is forced to go on alone', () => {
  const forced = { ...alone, forceNewCluster: true };
  const change = (parts: Bootstrapped): readonly (readonly [number, bigint])[] =>
    readWal(disk, walDir, { index: parts.start.snapshotIndex, term: parts.start.snapshotTerm })
      .entries.filter(({ type }) => type === EntryType.EntryConfChange)
      .map(({ index, data }) => [index, confChangeCodec['3.5'].decode(data).nodeId]);

  it('drops what was not committed, and removes the others behind what was, in the log too', async () => {
    await leave({
      snapshot: 5,
      entries: [6, 7, 8].map((index) => entry(index)),
      commit: 6,
      applied: 6,
      members: [a, b],
    });
    const parts = restart(forced);
    expect([parts.node.committed, parts.node.lastIndex]).toEqual([7, 7]);
    expect(said('discarding uncommitted WAL entries')).toEqual({
      'entry-index': 7,
      'commit-index-from-wal': 6,
      'number-of-discarded-entries': 2,
    });
    expect(said('forcing restart member')).toEqual({
      'cluster-id': 'c',
      'local-member-id': '1',
      'wal-commit-index': 6,
      'commit-index': 7,
    });
    expect(said('restarting local member')).toBeUndefined();
    parts.wal.syncAll();
    expect(change(parts)).toEqual([[7, 2n]]);
    await end();
    // The next start is a usual one: what was forced stands in the log.
    const next = restart(alone);
    expect([next.node.committed, next.node.lastIndex, said('restarting local member') !== undefined]).toEqual([
      7,
      7,
      true,
    ]);
  });

  it('has nothing to drop where all was committed', async () => {
    await leave({ snapshot: 5, entries: [entry(6)], commit: 6, applied: 6, members: [a, b] });
    expect(restart(forced).node.committed).toBe(7);
    expect(said('discarding uncommitted WAL entries')).toBeUndefined();
  });
});

describe('data of a newer cluster', () => {
  const version = async (text: string, config: Partial<MemberConfig> = {}): Promise<string> => {
    disk = new MemoryDisk();
    await leave({ snapshot: 5, entries: [entry(6)], commit: 6, applied: 6, members: [a, b], version: text });
    try {
      restart({ ...alone, ...config });
      return 'taken';
    } catch (cause) {
      return (cause as Error).message;
    } finally {
      await end();
    }
  };

  it('is refused, by a minor version already, and that of the same or an older one is taken', async () => {
    expect(await version('3.5.0')).toBe('taken');
    expect(await version('3.4.0')).toBe('taken');
    expect(await version('2.9.0')).toBe('taken');
    for (const newer of ['3.6', '4.0'])
      expect(await version(`${newer}.0`)).toBe(
        'invalid downgrade; server version is lower than determined cluster version: server 3.5.30, cluster ' +
          `${newer}; start with --emulate-version ${newer} or later, or let the cluster be downgraded first`,
      );
  });

  it('is taken one minor version up where that was asked for', async () => {
    const config: Partial<MemberConfig> = { emulate: '3.4', nextClusterVersionCompatible: true };
    expect(await version('3.5.0', config)).toBe('taken');
    expect(await version('3.6.0', config)).toMatch(/^invalid downgrade/);
    expect(await version('3.5.0', { emulate: '3.4' })).toMatch(/^invalid downgrade/);
  });
});
