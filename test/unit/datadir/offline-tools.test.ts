import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type BackupError, backup } from '../../../src/datadir/backup.js';
import { checkDataDir } from '../../../src/datadir/check.js';
import { memberFromJson } from '../../../src/datadir/cluster-member.js';
import { editDb, readDb } from '../../../src/datadir/db.js';
import { dump, type Row } from '../../../src/datadir/dump.js';
import type { Finding } from '../../../src/datadir/findings.js';
import { migrate, parseStorageVersion, type StorageVersion, storageVersionOf } from '../../../src/datadir/migrate.js';
import { customV2Content, dataDirHasCustomV2Content, hasCustomV2Content } from '../../../src/datadir/v2-content.js';
import { encodeV2Request } from '../../../src/datadir/v2-request-codec.js';
import { membershipFromV2Snapshot } from '../../../src/datadir/v2-snapshot.js';
import { type LogFields, type Logger, silentLogger } from '../../../src/lib/logger.js';
import { osClock } from '../../../src/lib/os/clock.js';
import { osDisk } from '../../../src/lib/os/disk.js';
import { InternalRaftRequest } from '../../../src/proto/gen/etcdserverpb.js';
import { makeEntry, makeHardState } from '../../../src/raftpb/types.js';
import { emptyRequest } from '../../../src/v2/request.js';
import { openWal, readWal, snapshotFiles, walSnapshots } from '../../../src/wal/index.js';
import { seededRandom } from '../../support/seeded-random.js';
import { unpack } from '../../support/tar.js';

const fixture = (name: string): URL => new URL(`../../fixtures/datadir/${name}`, import.meta.url);
const last = { index: 104, term: 2 };
const wal = (...path: string[]): string => join(dataDir, 'member/wal', ...path);
const db = (): string => join(dataDir, 'member/snap/db');

let dir: string;
let dataDir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'etcd-ts-tools-'));
  dataDir = join(dir, 'data');
  unpack(fixture('datadir-3.5.30.tar.gz'), osDisk, dir);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Messages that were logged. */
function listener(): { said: string[]; logger: Logger } {
  const said: string[] = [];
  const note = (message: string, _fields?: LogFields): void => {
    said.push(message);
  };
  return { said, logger: { ...silentLogger, info: note, warn: note } };
}

describe('backup', () => {
  const world = { disk: osDisk, clock: osClock, logger: silentLogger, random: seededRandom(1) };
  const copyDir = (): string => join(dir, 'copy');
  const options = (withV3: boolean) => ({ dataDir, walDir: '', backupDir: copyDir(), backupWalDir: undefined, withV3 });

  test('copies keys and log, with a member that nobody can reach in place of all others', () => {
    backup(options(true), world);
    const copy = join(copyDir(), 'member/wal');
    const { entries, hardState } = readWal(osDisk, copy, last);
    expect(hardState.commit).toBe(111);
    expect(entries.map(({ index }) => index)).toEqual([105, 106, 107, 108, 109, 110, 111]);
    const newest = snapshotFiles(osDisk, join(copyDir(), 'member/snap'), silentLogger).loadNewest(
      walSnapshots(osDisk, copy),
    );
    const { members, version } = membershipFromV2Snapshot(newest?.snapshot.data ?? new Uint8Array());
    expect(members).toMatchObject([
      { name: 'etcdctl-v2-backup', peerURLs: ['http://use-flag--force-new-cluster:2080'] },
    ]);
    expect(newest?.snapshot.metadata.confState.voters).toEqual([members[0]?.id]);
    expect(version).toBe('3.5.0');
    const findings = checkDataDir(osDisk, copyDir(), undefined);
    expect(findings.filter(({ level }) => level !== 'note')).toEqual([]);
    expect(findings.find(({ remedy }) => remedy?.includes('--force-new-cluster'))).toBeDefined();
  });

  test('without v3 leaves its keys and requests out', () => {
    backup(options(false), world);
    const { entries } = readWal(osDisk, join(copyDir(), 'member/wal'), last);
    expect(entries.every(({ data }) => data.length === 0)).toBe(true);
    readDb(osDisk, join(copyDir(), 'member/snap/db'), (tx) => expect(tx.bucket(Buffer.from('key'))).toBeUndefined());
  });

  test('is of a member that votes, and whose id is none that means nobody', () => {
    backup(options(true), { ...world, random: { ...world.random, uint64: () => 0n } });
    const members = readDb(osDisk, join(copyDir(), 'member/snap/db'), (tx) => {
      const found: unknown[] = [];
      tx.bucket(Buffer.from('members'))?.range(undefined, undefined, (key, value) => {
        const { id, isLearner } = memberFromJson(Buffer.from(value).toString());
        found.push([Buffer.from(key).toString(), id, isLearner]);
      });
      return found;
    });
    expect(members).toEqual([['1', 1n, false]]);
  });

  test('of a member that has taken no snapshot yet is its whole log', () => {
    const snapDir = join(dataDir, 'member/snap');
    for (const name of readdirSync(snapDir)) if (name.endsWith('.snap')) rmSync(join(snapDir, name));
    backup(options(true), world);
    const copy = join(copyDir(), 'member/wal');
    const { entries, hardState } = readWal(osDisk, copy, { index: 0, term: 0 });
    expect([entries[0]?.index, entries.length, hardState.commit]).toEqual([1, 111, 111]);
    expect(walSnapshots(osDisk, copy)).toEqual([{ index: 0, term: 0 }]);
    expect(readdirSync(join(copyDir(), 'member/snap'))).toEqual(['db']);
  });

  test('changes nothing where it copies from, and refuses to overwrite a copy', () => {
    const snapshot = join(dataDir, 'member/snap/0000000000000002-0000000000000068.snap');
    writeFileSync(snapshot, 'damaged');
    backup(options(true), world);
    expect(readFileSync(snapshot, 'utf8')).toBe('damaged');
    const refusal = (changed: object): unknown => {
      try {
        backup({ ...options(true), backupDir: join(dir, 'copy2'), backupWalDir: join(dir, 'wal2'), ...changed }, world);
      } catch (error) {
        const { message, cause } = error as BackupError;
        return [message, (cause as Error).message];
      }
      return undefined;
    };
    expect(refusal({ backupDir: copyDir() })).toEqual([
      'failed creating backup snapshot dir',
      expect.stringMatching(/^expected ".*copy\/member\/snap" to be empty, got \["[0-9a-f-]+\.snap" "db"\]$/),
    ]);
    expect(refusal({ backupWalDir: join(copyDir(), 'member/wal') })).toEqual([
      'wal.Create failed',
      'file already exists',
    ]);
    rmSync(join(dir, 'copy2'), { recursive: true });
    expect(refusal({ walDir: join(dir, 'elsewhere') })).toEqual([
      'wal.OpenForRead failed',
      expect.stringMatching(/^open .*\/elsewhere: no such file or directory$/),
    ]);
    rmSync(join(dir, 'copy2'), { recursive: true });
    mkdirSync(join(dir, 'empty'));
    expect(refusal({ walDir: join(dir, 'empty') })).toEqual(['wal.OpenForRead failed', 'wal: file not found']);
    rmSync(join(dir, 'copy2'), { recursive: true });
    expect(refusal({ dataDir: join(dir, 'nothing') })).toEqual([
      'saveSnap(Snapshoter.Load) failed',
      expect.stringMatching(/^open .*\/nothing\/member\/snap: no such file or directory$/),
    ]);
  });
});

describe('migrate', () => {
  const versionNow = (): StorageVersion => readDb(osDisk, db(), storageVersionOf);
  const move = (target: StorageVersion, force = false): string[] => {
    const { said, logger } = listener();
    migrate(osDisk, dataDir, { target, newest: [3, 7], force }, logger);
    return said;
  };

  test('reads target versions as etcdutl does', () => {
    expect(parseStorageVersion('3.6')).toEqual([3, 6]);
    expect(() => parseStorageVersion('3.6.1')).toThrow('wrong target version format, expected "X.Y", got "3.6.1"');
    const unread = 'failed to parse target version: strconv.ParseInt: parsing';
    expect(() => parseStorageVersion('3.a')).toThrow(`${unread} "a": invalid syntax`);
    expect(() => parseStorageVersion('v3.5')).toThrow(`${unread} "v3": invalid syntax`);
    expect(() => parseStorageVersion('3.6-rc')).toThrow(
      'failed to parse target version: 3.6 is not in dotted-tri format',
    );
    expect(() => parseStorageVersion('3.4')).toThrow('target version "3.4" not supported. Minimal "3.5"');
  });

  test('goes up and down between versions, which 3.5 shows by the absence of one', () => {
    expect(versionNow()).toEqual([3, 5]);
    expect(move([3, 5])).toEqual(['storage version up-to-date']);
    expect(move([3, 6])).toEqual(['updated storage version']);
    expect(versionNow()).toEqual([3, 6]);
    expect(move([3, 7])).toEqual(['updated storage version']);
    expect(versionNow()).toEqual([3, 7]);
    expect(move([3, 5])).toEqual(['updated storage version', 'updated storage version']);
    expect(versionNow()).toEqual([3, 5]);
    readDb(osDisk, db(), (tx) =>
      expect(tx.bucket(Buffer.from('meta'))?.get(Buffer.from('storageVersion'))).toBeUndefined(),
    );
  });

  test('refuses to go below what the log holds, unless forced', () => {
    move([3, 6]);
    const { wal: log } = openWal(osDisk, wal(), last, { clock: osClock, logger: silentLogger });
    const data = InternalRaftRequest.encode(
      InternalRaftRequest.create({ ID: 1n, downgradeVersionTest: { ver: '3.6.0' } }),
    );
    log.save({ term: 2, vote: 1n, commit: 112 }, [{ type: 0, term: 2, index: 112, data }]);
    log.close();
    expect(() => move([3, 5])).toThrow(
      'cannot downgrade storage, WAL contains newer entries, as the target version (3.5.0) is lower than the ' +
        'version (3.6.0) detected from WAL logs',
    );
    expect(versionNow()).toEqual([3, 6]);
    expect(move([3, 5], true)).toEqual([
      'normal migrate failed, trying with force',
      'forcefully cleared storage version',
    ]);
    expect(versionNow()).toEqual([3, 5]);
    expect(() => move([3, 9])).toThrow('cannot create migration plan: version "3.8.0" is not supported');
    expect(() => move([4, 0])).toThrow('changing major storage version is not supported');
    expect(move([3, 9], true)).toContain('forcefully set storage version');
  });

  test('refuses a database whose version it cannot tell', () => {
    editDb(osDisk, db(), (tx) => tx.createBucket(Buffer.from('meta')).delete(Buffer.from('term')));
    expect(versionNow).toThrow('missing term information');
    expect(() => move([3, 6])).toThrow('missing term information');
    editDb(osDisk, db(), (tx) =>
      tx.createBucket(Buffer.from('meta')).put(Buffer.from('storageVersion'), Buffer.from('new')),
    );
    expect(versionNow).toThrow('malformed storage version "new"');
  });
});

describe('v2 content', () => {
  test('is what stands outside the folder of the cluster', () => {
    const store = (keys: object): Buffer =>
      Buffer.from(JSON.stringify({ Root: { Children: { '0': { Children: { a: {} } }, '1': { Children: keys } } } }));
    expect(hasCustomV2Content(store({}))).toBe(false);
    expect(hasCustomV2Content(store({ foo: { Value: 'bar' } }))).toBe(true);
    const emptied = (users: object) => ({ Root: { Children: { '2': { Children: { enabled: {}, users } } } } });
    expect(hasCustomV2Content(Buffer.from(JSON.stringify(emptied({ Children: {} }))))).toBe(false);
    expect(hasCustomV2Content(Buffer.from(JSON.stringify(emptied({ Children: { u: {} } }))))).toBe(true);
    expect(dataDirHasCustomV2Content(osDisk, dataDir, undefined)).toBe(false);
    const missing = join(dir, 'nothing');
    expect(() => dataDirHasCustomV2Content(osDisk, missing, '')).toThrow(
      `open ${missing}/member/wal: no such file or directory`,
    );
  });
});

describe('requests of v2 in the log', () => {
  test.each<[string, string, boolean]>([
    ['PUT', '/0/members/8e9e05c52164694d/attributes', false],
    ['PUT', '/0/version', false],
    ['DELETE', '/0/version', true],
    ['PUT', '/1/foo', true],
    ['QGET', '/1/foo', true],
  ])('%s %s behind the snapshot is content: %s', (method, path, isContent) => {
    const opened = openWal(osDisk, wal(), last, { clock: osClock, logger: silentLogger });
    const data = encodeV2Request({ ...emptyRequest, id: 1n, method, path });
    opened.wal.save(makeHardState(), [makeEntry({ index: 112, term: 2, data })]);
    opened.wal.close();
    const content = customV2Content(osDisk, dataDir, undefined);
    expect([content.inStore, content.inLog()]).toEqual([false, isContent]);
  });
});

describe('dump', () => {
  const rows = (path: string, options: { bucket?: string; fromIndex?: number } = {}): [string, Row][] => {
    const found: [string, Row][] = [];
    dump(osDisk, path, { bucket: options.bucket, fromIndex: options.fromIndex ?? 0 }, (part, row) =>
      found.push([part, row]),
    );
    return found;
  };

  test('shows the log record by record, in the order and at the offsets of the file', () => {
    const [segment = ''] = readdirSync(wal());
    const all = rows(wal(segment));
    expect(all).toHaveLength(228);
    expect(rows(wal())).toEqual(all);
    expect(all[0]?.[1]).toMatchObject({ offset: 0, type: 'crc', content: '00000000' });
    expect(all[1]?.[1].content).toBe('member f953167f6eb5ed75, cluster e690721664a7d488');
    const byIndex = (index: number): Row | undefined =>
      all.map(([, row]) => row).find((row) => row.index === index && row.kind !== '');
    expect(byIndex(1)).toMatchObject({
      type: 'EntryConfChange',
      content: expect.stringContaining('type:ConfChangeAddNode'),
    });
    expect(byIndex(2)).toMatchObject({ kind: 'empty', term: 2 });
    expect(byIndex(3)).toMatchObject({
      kind: 'v2 PUT',
      content: expect.stringMatching(/^\/0\/members\/f953167f6eb5ed75\/attributes /),
    });
    expect(byIndex(5)).toMatchObject({ kind: 'put', content: 'key="k00" value="v00-1"' });
    expect(rows(wal(), { fromIndex: 110 }).map(([, row]) => row.index)).toEqual([110, 111]);
  });

  test('shows no password and no token', () => {
    const text = JSON.stringify(rows(dataDir), (_key, value) => (typeof value === 'bigint' ? String(value) : value));
    expect(text).toContain('hashedPassword=***');
    expect(text).toContain('"roles=[reader] password ***"');
    expect(text).not.toMatch(/\$2a\$|alicepw|rootpw/);
  });

  test('shows every bucket of the database, or one', () => {
    const all = rows(db()).map(([, row]) => row);
    expect(all).toHaveLength(60);
    expect(rows(db(), { bucket: 'meta' }).map(([, row]) => `${row.key} ${row.value}`)).toEqual([
      'confState {"voters":[17965728075085114741],"auto_leave":false}',
      'consistent_index 111',
      'finishedCompactRev 46/0',
      'scheduledCompactRev 46/0',
      'term 2',
    ]);
    expect(all).toContainEqual({
      bucket: 'key',
      key: '44/0',
      value: '"leased/2" = "two-moved" created=42 version=2 lease=12345678',
    });
    expect(all).toContainEqual({ bucket: 'key', key: '46/0', value: 'deleted "k05"' });
    expect(all).toContainEqual({
      bucket: 'authRoles',
      key: 'reader',
      value: 'READ ["k", "l"] WRITE ["leased/", "\\x00"] READWRITE ["t1"]',
    });
    expect(() => rows(db(), { bucket: 'nope' })).toThrow(/there is no bucket nope/);
  });

  test('shows snapshots, unreadable ones too, and where a torn log ends', () => {
    writeFileSync(join(dataDir, 'member/snap/0000000000000002-0000000000000068.snap'), 'damaged');
    const [segment = ''] = readdirSync(wal());
    writeFileSync(wal(segment), readFileSync(wal(segment)).subarray(0, 14_900));
    const all = rows(dataDir);
    const snapshots = all.filter(([part]) => part === 'snap').map(([, row]) => row);
    expect(snapshots.map(({ index }) => index)).toEqual([26, 52, 78, '']);
    expect(snapshots.at(-1)?.members).toMatch(/^unreadable: /);
    expect(all.filter(([part]) => part === 'wal').at(-1)?.[1]).toMatchObject({
      type: 'torn',
      content: expect.stringMatching(/torn record/),
    });
  });

  test('refuses what is no data directory', () => {
    expect(() => rows(join(dir, 'nothing'))).toThrow(/no such file or directory/);
    expect(() => rows(dir)).toThrow(/is no data directory/);
  });
});

describe('check', () => {
  const problems = (): Finding[] => checkDataDir(osDisk, dataDir, undefined).filter(({ level }) => level !== 'note');
  const found = (level: Finding['level'], what: RegExp): unknown =>
    expect.objectContaining({ level, what: expect.stringMatching(what), remedy: expect.any(String) });

  test('finds nothing wrong with directories of real etcd', () => {
    expect(problems()).toEqual([]);
    unpack(fixture('datadir-3.4.23.tar.gz'), osDisk, join(dir, 'older'));
    expect(checkDataDir(osDisk, join(dir, 'older/data'), '').filter(({ level }) => level !== 'note')).toEqual([]);
    expect(checkDataDir(osDisk, dataDir, undefined).map(({ what }) => what)).toContain(
      'log of member f953167f6eb5ed75 in cluster e690721664a7d488: 1 segments from index 0, last entry 111, ' +
        'committed 111, term 2',
    );
  });

  test('tells how many revisions of keys there are, and which is the newest', () => {
    const keys = readDb(osDisk, db(), (tx) => {
      const found: string[] = [];
      tx.bucket(Buffer.from('key'))?.range(undefined, undefined, (key) => {
        found.push(Buffer.from(key).toString('hex', 0, 8));
      });
      return found;
    });
    expect(keys.length).toBeGreaterThan(10);
    expect(checkDataDir(osDisk, dataDir, undefined).map(({ what }) => what)).toContain(
      `${keys.length} revisions of keys, the newest ${Number.parseInt(keys.at(-1) ?? '', 16)}`,
    );
  });

  test('tells what is missing', () => {
    expect(checkDataDir(osDisk, join(dir, 'nothing'), '')).toEqual([found('error', /holds no member/)]);
    rmSync(db());
    expect(problems()).toEqual([found('error', /database .* is missing/)]);
    unpack(fixture('datadir-3.5.30.tar.gz'), osDisk, join(dir, 'again'));
    rmSync(join(dir, 'again/data/member/wal'), { recursive: true });
    dataDir = join(dir, 'again/data');
    expect(problems()).toContainEqual(found('error', /the log is missing/));
  });

  test('tells a torn log, which a start repairs, from a damaged one, which nothing does', () => {
    const [segment = ''] = readdirSync(wal());
    const bytes = readFileSync(wal(segment));
    writeFileSync(wal(segment), bytes.subarray(0, 14_910));
    expect(problems()).toContainEqual(found('warning', /torn record: .* at offset 14888/));
    bytes[5000] = (bytes[5000] ?? 0) ^ 1;
    writeFileSync(wal(segment), bytes);
    expect(problems()).toContainEqual(found('error', /crc mismatch .*offset \d+/));
  });

  test('tells a log that ends before what was applied', () => {
    const [segment = ''] = readdirSync(wal());
    writeFileSync(wal(segment), readFileSync(wal(segment)).subarray(0, 14_600));
    expect(problems()).toContainEqual(found('error', /has applied entry 111, but the log ends at 1\d\d/));
  });

  test('tells snapshots that cannot be read, and one without which there is no start', () => {
    const snapDir = join(dataDir, 'member/snap');
    writeFileSync(join(snapDir, '0000000000000002-0000000000000068.snap'), '');
    expect(problems()).toEqual([
      found('warning', /empty snapshot/),
      found('warning', /newest snapshot \(index 104, term 2\) has no readable/),
    ]);
    for (const name of readdirSync(snapDir)) if (name.endsWith('.snap')) rmSync(join(snapDir, name));
    expect(problems()).toEqual([found('warning', /has no readable .snap file/)]);
  });

  test('tells a snapshot that the system does not let it read', () => {
    const newest = join(dataDir, 'member/snap/0000000000000002-0000000000000068.snap');
    rmSync(newest);
    mkdirSync(newest);
    // A start would end over it, too, and rename nothing.
    expect(problems()).toContainEqual(found('error', /^the snapshots: read .*68\.snap: is a directory$/));
  });

  test('tells a database that is behind the snapshot, and accepts one that waits beside it', () => {
    editDb(osDisk, db(), (tx) =>
      tx.createBucket(Buffer.from('meta')).put(Buffer.from('consistent_index'), Buffer.alloc(8)),
    );
    expect(problems()).toEqual([
      found('error', /is behind the snapshot \(0 < 104\), and .*0000000000000068.snap.db is missing/),
    ]);
    writeFileSync(join(dataDir, 'member/snap/0000000000000068.snap.db'), '');
    expect(problems()).toEqual([found('warning', /is behind the snapshot \(0 < 104\)/)]);
  });

  test('tells damaged pages, damaged records and a member that was removed', () => {
    editDb(osDisk, db(), (tx) => {
      tx.createBucket(Buffer.from('key')).put(Buffer.from('odd'), Buffer.from('x'));
      tx.createBucket(Buffer.from('key')).put(
        Buffer.from('00000000000000635f0000000000000000', 'hex'),
        Buffer.from([0xff]),
      );
      tx.createBucket(Buffer.from('members_removed')).put(Buffer.from('f953167f6eb5ed75'), Buffer.from('removed'));
    });
    expect(problems()).toEqual([
      found('error', /record 00000000000000635f0000000000000000 of bucket key: unreadable/),
      found('error', /record 6f6464 of bucket key: its key is no revision/),
      found('error', /this member \(f953167f6eb5ed75\) has been removed/),
    ]);
    const bytes = readFileSync(db());
    bytes.fill(0xff, 3 * 4096, 10 * 4096);
    writeFileSync(db(), bytes);
    expect(problems()).toContainEqual(found('error', /\(page \d+, offset \d+\)|page \d+ \(offset \d+\)/));
  });

  test('asks to stop a running member rather than to give it up', () => {
    const running = osDisk.open(db(), 'write');
    running.tryLock('db');
    expect(problems()).toEqual([
      { level: 'error', what: expect.stringMatching(/in use by another process/), remedy: 'stop it and check again' },
    ]);
    running.close();
  });

  test('mentions what repairs and interrupted writes left behind', () => {
    writeFileSync(wal('0000000000000000-0000000000000000.wal.broken'), '');
    writeFileSync(join(dataDir, 'member/snap/db.tmp.1'), '');
    const notes = checkDataDir(osDisk, dataDir, undefined).map(({ what }) => what);
    expect(notes).toContainEqual(expect.stringMatching(/wal.broken: put aside by an earlier repair/));
    expect(notes).toContainEqual(expect.stringMatching(/db.tmp.1: left by an interrupted write/));
  });
});
