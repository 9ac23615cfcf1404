import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { memberFromJson } from '../../../src/datadir/cluster-member.js';
import { isLocked, readDb } from '../../../src/datadir/db.js';
import { defragment } from '../../../src/datadir/defrag.js';
import { DataDirError } from '../../../src/datadir/errors.js';
import { hashKv } from '../../../src/datadir/hash-kv.js';
import { type RestoreOptions, restoreSnapshot } from '../../../src/datadir/restore.js';
import { snapshotStatus } from '../../../src/datadir/snapshot-file.js';
import { membershipFromV2Snapshot } from '../../../src/datadir/v2-snapshot.js';
import { silentLogger } from '../../../src/lib/logger.js';
import { osClock } from '../../../src/lib/os/clock.js';
import { osDisk } from '../../../src/lib/os/disk.js';
import { Metadata } from '../../../src/proto/gen/etcdserverpb.js';
import { confChangeCodec } from '../../../src/raftpb/codec.js';
import { readWal, snapshotFiles, walSnapshots } from '../../../src/wal/index.js';
import { unpack } from '../../support/tar.js';

const fixture = (name: string): URL => new URL(`../../fixtures/datadir/${name}`, import.meta.url);
const world = { disk: osDisk, clock: osClock, logger: silentLogger, lookUpHost: async (host: string) => [host] };

interface Expected {
  currentRevision: number;
  compactRevision: number;
  hashKV: Record<string, { hash: number; compactRevision: number } | []>;
  kvs: unknown[];
  snapshotSave: { etcdutlStatus: { hash: number; revision: number; totalKey: number; totalSize: number } };
}
const expectedOf = (version: string): Expected => JSON.parse(readFileSync(fixture(`expected-${version}.json`), 'utf8'));

let dir: string;
let snapshot: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'etcd-ts-datadir-'));
  snapshot = join(dir, 's.db');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function saveSnapshot(version: string, edit: (bytes: Buffer) => Buffer = (bytes) => bytes): void {
  writeFileSync(snapshot, edit(gunzipSync(readFileSync(fixture(`snapshot-${version}.db.gz`)))));
}

const options = (more: Partial<RestoreOptions> = {}): RestoreOptions => ({
  snapshot,
  dataDir: join(dir, 'restored'),
  walDir: undefined,
  skipHashCheck: false,
  bumpRevision: 0,
  loggedMapSizeBytes: 0,
  name: 'm1',
  token: 'tkn',
  peerURLs: ['http://127.0.0.1:2380'],
  members: new Map([
    ['m1', ['http://127.0.0.1:2380']],
    ['m2', ['http://127.0.0.1:2381', 'http://127.0.0.1:2382']],
  ]),
  ...more,
});

describe.each(['3.4.23', '3.5.30'])('a snapshot saved from etcd %s', (version) => {
  const expected = expectedOf(version);

  test('has the status that etcdutl shows', () => {
    saveSnapshot(version);
    expect(snapshotStatus(osDisk, snapshot, { countUserKeys: false })).toEqual({
      ...expected.snapshotSave.etcdutlStatus,
      version: '',
    });
    expect(snapshotStatus(osDisk, snapshot, { countUserKeys: true }).totalKey).toBe(expected.kvs.length);
  });

  test('hashes at every revision as its server did', () => {
    unpack(fixture(`datadir-${version}.tar.gz`), osDisk, dir);
    const db = join(dir, 'data/member/snap/db');
    const revisions = Object.entries(expected.hashKV);
    expect(revisions.length).toBeGreaterThan(5);
    for (const [revision, answer] of revisions) {
      if (Array.isArray(answer)) {
        // 3.4.23 also refused the compacted revision itself; all newer ones answer.
        const hashes = (): unknown => hashKv(osDisk, db, Number(revision));
        if (Number(revision) !== expected.compactRevision)
          expect(hashes).toThrow(/^mvcc: required revision (has been compacted|is a future revision)$/);
        continue;
      }
      // Of the compaction revision the server tells a hash that it kept from compacting.
      if (answer.compactRevision !== expected.compactRevision) continue;
      const hashRevision = Number(revision) || expected.currentRevision;
      expect(hashKv(osDisk, db, Number(revision))).toEqual({ hash: answer.hash, hashRevision, compactRevision: 46 });
    }
    expect(() => hashKv(osDisk, db, expected.currentRevision + 1)).toThrow(
      'mvcc: required revision is a future revision',
    );
  });

  test('is restored to a data directory of a new cluster, with the same keys', async () => {
    saveSnapshot(version);
    await restoreSnapshot(options(), world);
    const db = join(dir, 'restored/member/snap/db');
    expect(hashKv(osDisk, db, 0).hash).toBe(Object.assign({ hash: 0 }, expected.hashKV['0']).hash);

    const wal = join(dir, 'restored/member/wal');
    const snapshots = walSnapshots(osDisk, wal);
    expect(snapshots).toHaveLength(2);
    const { metadata, hardState, entries } = readWal(osDisk, wal, { index: 0, term: 0 });
    const ids = entries.map((entry) => confChangeCodec['3.5'].decode(entry.data).nodeId);
    expect(hardState).toEqual({ term: 1, vote: ids[0], commit: 2 });
    expect(
      [...ids].sort((a, b) => (a < b ? -1 : 1)),
      'ascending',
    ).toEqual(ids);
    expect(snapshots[1]).toMatchObject({ index: 2, term: 1, confState: { voters: ids } });

    const members = readDb(osDisk, db, (tx) => {
      const found: string[] = [];
      tx.bucket(Buffer.from('members'))?.range(undefined, undefined, (_key, value) => {
        found.push(Buffer.from(value).toString());
      });
      expect(tx.bucket(Buffer.from('meta'))?.get(Buffer.from('consistent_index'))?.at(-1)).toBe(2);
      return found.map(memberFromJson);
    });
    expect(members.map(({ name }) => name).sort()).toEqual(['m1', 'm2']);
    const self = members.find(({ name }) => name === 'm1');
    expect(Metadata.decode(metadata).NodeID).toBe(self?.id);
    const newest = snapshotFiles(osDisk, join(dir, 'restored/member/snap'), silentLogger).loadNewest(snapshots);
    const state = membershipFromV2Snapshot(newest?.snapshot.data ?? new Uint8Array());
    expect(state.members.map(({ id, peerURLs }) => ({ id, peerURLs }))).toEqual(
      members.map(({ id, peerURLs }) => ({ id, peerURLs })),
    );
  });
});

describe('snapshot status', () => {
  test.each<[string, number, string]>([
    ['nothing', 0, 'write ~: bad file descriptor'],
    ['a byte', 1, 'invalid database'],
    ['half a page', 2048, 'invalid database'],
    ['more than half a page', 2049, 'file size too small 2049'],
    ['a page', 4096, 'file size too small 4096'],
    ['nearly two pages', 8191, 'file size too small 8191'],
    ['two pages that are none', 8192, 'invalid database'],
  ])('refuses a file with %s in the words of etcdutl', (_, size, words) => {
    writeFileSync(snapshot, Buffer.alloc(size, 'x'));
    const status = () => snapshotStatus(osDisk, snapshot, { countUserKeys: false });
    expect(status).toThrow(new DataDirError(words.replace('~', snapshot)));
  });

  test('refuses a folder, as restore does', async () => {
    mkdirSync(snapshot);
    expect(() => snapshotStatus(osDisk, snapshot, { countUserKeys: false })).toThrow(/^invalid database$/);
    for (const skipHashCheck of [true, false]) {
      await expect(restoreSnapshot(options({ skipHashCheck }), world)).rejects.toThrow(
        `read ${snapshot}: is a directory`,
      );
    }
  });

  test('refuses what is no database, and a damaged one', () => {
    const status = () => snapshotStatus(osDisk, snapshot, { countUserKeys: false });
    expect(status).toThrow(`stat ${snapshot}: no such file or directory`);
    for (const junk of ['this is not a database', 'x'.repeat(100_000)]) {
      writeFileSync(snapshot, junk);
      expect(status, junk.slice(0, 10)).toThrow(/^invalid database$/);
    }
    saveSnapshot('3.5.30', (bytes) => bytes.subarray(0, 20_000));
    expect(status).toThrow(/cut short/);
  });
});

describe('snapshot restore', () => {
  const refused = async (more: Partial<RestoreOptions>): Promise<string> => {
    const before = readdirSync(dir);
    let message = '';
    try {
      await restoreSnapshot(options(more), world);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(readdirSync(dir), 'nothing is left behind').toEqual(before);
    return message;
  };

  const words = 'invalid database';
  test.each<[string, (bytes: Buffer) => Buffer, string]>([
    ['is empty', () => Buffer.alloc(0), 'seek '],
    ['is shorter than a sum', () => Buffer.alloc(31), 'seek '],
    ['is the sum of nothing', () => createHash('sha256').digest(), words],
    ['is full of zeros', (bytes) => Buffer.alloc(bytes.length - 32), words],
    ['was cut short', (bytes) => bytes.subarray(0, 8192), words],
    ['is a database with its head gone', (bytes) => bytes.subarray(8192, -32), words],
  ])('refuses a file that %s, whatever it is told to skip', async (_name, edit, why) => {
    saveSnapshot('3.5.30', edit);
    for (const skipHashCheck of [true, false]) {
      const refusal = restoreSnapshot(options({ skipHashCheck }), world);
      await expect(refusal).rejects.toThrowError(DataDirError);
      if (skipHashCheck || why === 'seek ') await expect(refusal).rejects.toThrowError(why);
      expect(readdirSync(dir)).toEqual(['s.db']);
    }
  });

  test('refuses a file whose sum is missing or wrong, unless told to skip it', async () => {
    saveSnapshot('3.5.30', (bytes) => bytes.subarray(0, bytes.length - 32));
    expect(await refused({})).toBe('snapshot missing hash but --skip-hash-check=false');
    await restoreSnapshot(options({ skipHashCheck: true, dataDir: join(dir, 'r2') }), world);
    saveSnapshot('3.5.30', (bytes) => {
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      return bytes;
    });
    expect(await refused({})).toMatch(/^expected sha256 \[\d+( \d+){31}\], got \[\d+( \d+){31}\]$/);
    await restoreSnapshot(options({ skipHashCheck: true, dataDir: join(dir, 'r3') }), world);
  });

  test('refuses directories that are in use and clusters that it is not in, in the words of etcdutl', async () => {
    expect(await refused({})).toBe(`open ${snapshot}: no such file or directory`);
    saveSnapshot('3.5.30');
    expect(await refused({ dataDir: dir })).toBe(`data-dir "${dir}" not empty or could not be read`);
    expect(await refused({ walDir: dir })).toBe(`wal-dir "${dir}" exists`);
    expect(await refused({ name: 'x' })).toBe('couldn\'t find local name "x" in the initial cluster configuration');
    expect(await refused({ peerURLs: ['http://localhost:1'] })).toBe(
      '--initial-cluster has m1=http://127.0.0.1:2380 but missing from ' +
        '--initial-advertise-peer-urls=http://localhost:1 (resolved urls: "http://localhost:1" != ' +
        '"http://127.0.0.1:2380")',
    );
    expect(await refused({ peerURLs: ['http://127.0.0.1:2380', 'http://h:1'] })).toBe(
      '--initial-advertise-peer-urls has http://h:1 but missing from ' +
        '--initial-cluster=m1=http://127.0.0.1:2380,m1=http://h:1',
    );
    const twice = new Map([
      ['m1', ['http://127.0.0.1:2380']],
      ['m2', ['http://127.0.0.1:2380']],
    ]);
    expect(await refused({ members: twice })).toBe(
      'initial cluster m1=http://127.0.0.1:2380,m2=http://127.0.0.1:2380 has duplicate url',
    );
  });

  test('takes a member named by host and by address for the same', async () => {
    saveSnapshot('3.5.30');
    const addresses: Record<string, string> = { 'm1.example': '127.0.0.1', six: 'fd00::1' };
    const lookUpHost = async (host: string) => [addresses[host] ?? host];
    const named = [
      ['http://m1.example:2380', 'http://127.0.0.1:2380'],
      ['http://127.0.0.1:2380', 'http://m1.example:2380'],
      ['http://six:2380', 'http://[fd00::1]:2380'],
    ] as const;
    for (const [index, [inCluster, advertised]] of named.entries()) {
      const members = new Map([['m1', [inCluster]]]);
      const dataDir = join(dir, `by-name-${index}`);
      await restoreSnapshot(options({ members, peerURLs: [advertised], dataDir }), { ...world, lookUpHost });
      expect(osDisk.list(join(dataDir, 'member'))).toEqual(['snap', 'wal']);
    }
  });

  test('bumps the revision and has everything below compacted at the first start', async () => {
    saveSnapshot('3.5.30');
    await restoreSnapshot(options({ bumpRevision: 1000, walDir: join(dir, 'wal') }), world);
    const db = join(dir, 'restored/member/snap/db');
    readDb(osDisk, db, (tx) => {
      const key = Buffer.from('00000000000004255f0000000000000000', 'hex');
      expect(tx.bucket(Buffer.from('key'))?.get(key)).toHaveLength(0);
      const meta = tx.bucket(Buffer.from('meta'));
      expect(Buffer.from(meta?.get(Buffer.from('scheduledCompactRev')) ?? []).equals(key)).toBe(true);
      expect(meta?.get(Buffer.from('finishedCompactRev'))?.at(7)).toBe(46);
    });
    // What a member that starts on it would say.
    expect(hashKv(osDisk, db, 0)).toMatchObject({ hashRevision: 1061, compactRevision: 1061 });
    expect(() => hashKv(osDisk, db, 1060)).toThrow('mvcc: required revision has been compacted');
    expect(osDisk.list(join(dir, 'wal'))).toEqual(['0000000000000000-0000000000000000.wal']);
    expect(osDisk.list(join(dir, 'restored/member'))).toEqual(['snap']);
  });
});

describe('defrag', () => {
  test('makes the file as small as what is in it, and keeps all of that', () => {
    unpack(fixture('datadir-3.5.30.tar.gz'), osDisk, dir);
    const data = join(dir, 'data');
    const db = join(data, 'member/snap/db');
    const before = {
      hash: snapshotStatus(osDisk, db, { countUserKeys: false }).hash,
      size: osDisk.stat(db)?.size ?? 0,
    };
    writeFileSync(`${db}.tmp`, 'of an earlier try');
    defragment(data, world);
    expect(snapshotStatus(osDisk, db, { countUserKeys: false }).hash).toBe(before.hash);
    expect(osDisk.stat(db)?.size).toBeLessThan(before.size / 100);
    expect(osDisk.list(join(data, 'member/snap')).filter((name) => name.startsWith('db'))).toEqual(['db']);
  });

  test('waits for nobody: a database in use is said to be', () => {
    unpack(fixture('datadir-3.5.30.tar.gz'), osDisk, dir);
    const holder = osDisk.open(join(dir, 'data/member/snap/db'), 'write');
    holder.tryLock('db');
    let thrown: unknown;
    try {
      defragment(join(dir, 'data'), world);
    } catch (error) {
      thrown = error;
    }
    expect(isLocked(thrown)).toBe(true);
    holder.close();
    expect(() => defragment(join(dir, 'nothing'), world)).toThrow(/no such file or directory/);
  });
});
