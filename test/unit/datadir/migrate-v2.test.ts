/** `etcdctl migrate` on logs and snapshots made here: what becomes a key, at which revision, and what does not. */
import { beforeEach, describe, expect, it } from 'vitest';
import { bucketBytes } from '../../../src/backend/buckets.js';
import { mainOf, subOf } from '../../../src/backend/schema/key.js';
import { readLeases } from '../../../src/backend/schema/lease.js';
import { openBolt } from '../../../src/bolt/bolt.js';
import { backendReader, editDb, readDb } from '../../../src/datadir/db.js';
import { type MigrateV2Options, type MigrateV2Report, migrateV2 } from '../../../src/datadir/migrate-v2.js';
import { encodeV2Request } from '../../../src/datadir/v2-request-codec.js';
import { silentLogger } from '../../../src/lib/logger.js';
import { InternalRaftRequest } from '../../../src/proto/gen/etcdserverpb.js';
import { KeyValue } from '../../../src/proto/gen/mvccpb.js';
import { confChangeCodec } from '../../../src/raftpb/codec.js';
import {
  ConfChangeType,
  type Entry,
  EntryType,
  makeConfChange,
  makeConfState,
  makeEntry,
  makeSnapshot,
} from '../../../src/raftpb/types.js';
import { emptyRequest, type V2Request } from '../../../src/v2/request.js';
import { saveStore } from '../../../src/v2/snapshot.js';
import { permanent, V2Store } from '../../../src/v2/store.js';
import { createWal, openWal, snapshotFiles } from '../../../src/wal/index.js';
import { ManualClock } from '../../support/manual-clock.js';
import { MemoryDisk } from '../../support/memory-disk.js';

const SECOND = 1_000_000_000n;
const NOW = 1_700_000_000n * SECOND;
const wal = { clock: new ManualClock(), logger: silentLogger, segmentSizeBytes: 64 * 1024 };

let disk: MemoryDisk;
let entries: Entry[];
beforeEach(() => {
  disk = new MemoryDisk();
  entries = [];
  for (const folder of ['/d', '/d/member', '/d/member/snap']) disk.makeDir(folder);
  openBolt(disk, '/d/member/snap/db').close();
});

/** The next entry of the log. */
const log = (entry: Partial<Entry>): void => {
  entries.push(makeEntry({ term: 1, index: entries.length + 1, ...entry }));
};
const ask = (request: Partial<V2Request>): void => log({ data: encodeV2Request({ ...emptyRequest, ...request }) });
const put = (path: string, value: string, more: Partial<V2Request> = {}): void =>
  ask({ method: 'PUT', path: `/1${path}`, value, ...more });
const inSeconds = (seconds: number): bigint => NOW + BigInt(seconds) * SECOND;
const changeOf = (type: ConfChangeType, nodeId: bigint): void =>
  log({
    type: EntryType.EntryConfChange,
    data: confChangeCodec['3.5'].encode(makeConfChange({ type, nodeId: nodeId as never })),
  });

/** Writes the log, all of it committed unless said otherwise, and migrates. */
async function migrated(options: Partial<MigrateV2Options> = {}, commit = entries.length): Promise<MigrateV2Report> {
  const snapshot = { index: (entries[0]?.index ?? 1) - 1, term: 1 };
  const made = createWal(disk, '/d/member/wal', new Uint8Array(0), wal);
  if (snapshot.index > 0) made.saveSnapshot({ ...snapshot, confState: makeConfState({ voters: [1n as never] }) });
  const last = entries.at(-1)?.index ?? 0;
  made.save({ term: 1, vote: 1n as never, commit: commit === entries.length ? last : commit }, entries);
  made.close();
  const usual = { dataDir: '/d', walDir: undefined, skipsTtl: false, dryRun: false };
  return migrateV2(disk, { ...usual, ...options }, NOW);
}

/** What the database holds then, text as latin1. */
function held(): { keys: Record<string, string>; leases: Record<string, number> } {
  const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
  return readDb(disk, '/d/member/snap/db', (tx) => {
    const keys: Record<string, string> = {};
    const leases: Record<string, number> = {};
    tx.bucket(bucketBytes('key'))?.range(new Uint8Array(0), undefined, (place, record) => {
      const { key, value, createRevision, modRevision, version, lease } = KeyValue.decode(Uint8Array.from(record));
      expect([mainOf(place), subOf(place), createRevision, version]).toEqual([modRevision, 0, modRevision, 1]);
      keys[latin1(key)] = `${latin1(value)} @${modRevision}${lease === 0n ? '' : ` lease ${lease}`}`;
      return true;
    });
    if (tx.bucket(bucketBytes('lease')) !== undefined) {
      readLeases(backendReader(tx), {}, ({ ID, TTL }) => {
        leases[String(ID)] = TTL;
      });
    }
    return { keys, leases };
  });
}

describe('the v2 keys of a log', () => {
  it('are there with their last values, byte for byte, each at the revision that was its index', async () => {
    put('/a', 'old');
    put('/b/c', 'v\xff\xc3\xa9');
    put('/a', 'new');
    put('/gone', 'x');
    ask({ method: 'DELETE', path: '/1/gone' });
    put('/a\xfe', '');
    // Not below the keys of clients.
    ask({ method: 'PUT', path: '/0/version', value: '3.5.0' });
    // Refused when it was applied, as now.
    put('/a', 'never', { prevExist: false });
    put('/a', 'never', { prevValue: 'old' });
    put('/b/c', 'swapped', { prevValue: 'v\xff\xc3\xa9' });
    expect(await migrated()).toEqual({ keys: 3, leases: 0, skipped: 0 });
    expect(held().keys).toEqual({ '/a': 'new @3', '/b/c': 'swapped @8', '/a\xfe': ' @6' });
  });

  it('leave out what is hidden, directories without keys, and requests of v3', async () => {
    put('/_hidden', 'x');
    put('/d/_hidden/e', 'x');
    put('/empty', '', { dir: true });
    log({});
    log({ data: InternalRaftRequest.encode(InternalRaftRequest.create({ ID: 1n, authStatus: {} })) });
    put('/d/k', 'v');
    expect(await migrated()).toEqual({ keys: 1, leases: 0, skipped: 0 });
    expect(held().keys).toEqual({ '/d/k': 'v @4' });
  });

  it('end where the log is not committed', async () => {
    put('/a', '1');
    put('/a', '2');
    put('/b', '3');
    await migrated({}, 2);
    expect(held().keys).toEqual({ '/a': '2 @2' });
  });

  it('go on from the newest snapshot that the log knows', async () => {
    const store = new V2Store();
    store.set('/1/a', { dir: false, value: '1' }, permanent, NOW);
    store.set('/1/b', { dir: false, value: '2' }, permanent, NOW);
    const files = snapshotFiles(disk, '/d/member/snap', silentLogger);
    const confState = makeConfState({ voters: [1n as never] });
    files.save(makeSnapshot({ data: saveStore(store), index: 7, term: 1, confState }));
    // The log knows nothing of this one.
    files.save(makeSnapshot({ data: saveStore(new V2Store()), index: 9, term: 1, confState }));
    entries.push(
      makeEntry({
        term: 1,
        index: 8,
        data: encodeV2Request({ ...emptyRequest, method: 'PUT', path: '/1/b', value: '3' }),
      }),
    );
    await migrated();
    expect(held().keys).toEqual({ '/a': '1 @1', '/b': '3 @3' });
  });

  it('count changes of members as the member that applied them did', async () => {
    changeOf(ConfChangeType.ConfChangeAddNode, 0xabn); // creates: 1
    put('/a', 'x'); // 2
    changeOf(ConfChangeType.ConfChangeUpdateNode, 0xabn); // updates: 3
    changeOf(ConfChangeType.ConfChangeAddNode, 0xabn); // there already, updates: 4
    put('/b', 'x'); // 5
    changeOf(ConfChangeType.ConfChangeUpdateNode, 0xcdn); // nobody: refused
    changeOf(ConfChangeType.ConfChangeRemoveNode, 0xabn); // deletes and creates: 7
    put('/c', 'x'); // 8
    await migrated();
    expect(held().keys).toEqual({ '/a': 'x @2', '/b': 'x @5', '/c': 'x @8' });
  });

  it('are none where there are none', async () => {
    expect(await migrated()).toEqual({ keys: 0, leases: 0, skipped: 0 });
    expect(held()).toEqual({ keys: {}, leases: {} });
  });
});

describe('keys that go at a time', () => {
  const leased = (): void => {
    put('/past', 'x', { expiration: inSeconds(0) });
    put('/soon', 'x', { expiration: inSeconds(1) });
    put('/dir', '', { dir: true, expiration: inSeconds(100) });
    put('/dir/a', 'a');
    put('/dir/earlier', 'b', { expiration: inSeconds(50) });
    put('/dir/later', 'c', { expiration: inSeconds(200) });
    put('/stays', 'd');
    put('/void', '', { dir: true, expiration: inSeconds(100) });
  };

  it('get leases, one for a directory and all that does not go before it; what is over is gone', async () => {
    leased();
    expect(await migrated()).toEqual({ keys: 5, leases: 3, skipped: 0 });
    const { keys, leases } = held();
    expect(keys).toEqual({
      '/soon': 'x @2 lease 2',
      '/dir/a': 'a @4 lease 3',
      '/dir/earlier': 'b @5 lease 5',
      '/dir/later': 'c @6 lease 3',
      '/stays': 'd @7',
    });
    expect(leases).toEqual({ 2: 1, 3: 100, 5: 50 });
  });

  it('are left out where that is asked for, and counted', async () => {
    leased();
    expect(await migrated({ skipsTtl: true })).toEqual({ keys: 1, leases: 0, skipped: 4 });
    expect(held()).toEqual({ keys: { '/stays': 'd @7' }, leases: {} });
  });
});

describe('a migration', () => {
  it('writes nothing where it only looks', async () => {
    put('/a', '1');
    expect(await migrated({ dryRun: true })).toEqual({ keys: 1, leases: 0, skipped: 0 });
    expect(held().keys).toEqual({});
  });

  it('leaves a database alone that holds keys, unless there is nothing to write', async () => {
    editDb(disk, '/d/member/snap/db', (tx) => {
      tx.createBucket(bucketBytes('key')).put(Buffer.alloc(17), Buffer.from('x'));
    });
    await expect(migrated()).resolves.toEqual({ keys: 0, leases: 0, skipped: 0 });
    const before = disk.content('/d/member/snap/db');
    const { wal: again } = openWal(disk, '/d/member/wal', { index: 0, term: 0 }, wal);
    put('/a', '1');
    again.save({ term: 1, vote: 1n as never, commit: 1 }, entries);
    again.close();
    const options = { dataDir: '/d', walDir: undefined, skipsTtl: false, dryRun: false };
    await expect(migrateV2(disk, options, NOW)).rejects.toThrow('/d/member/snap/db holds keys of v3 already');
    expect(disk.content('/d/member/snap/db').equals(before)).toBe(true);
  });

  it('says which folder is not there', async () => {
    disk.remove('/d/member/snap', { recursive: true });
    await expect(migrated()).rejects.toThrow('open /d/member/snap: no such file or directory');
  });
});

describe('a transformer', () => {
  const record = (init: Partial<KeyValue>): Buffer => {
    const data = KeyValue.encode(KeyValue.create(init));
    const size = Buffer.alloc(8);
    size.writeBigInt64LE(BigInt(data.length));
    return Buffer.concat([size, data]);
  };
  const given: string[] = [];
  const making =
    (records: Uint8Array): NonNullable<MigrateV2Options['transform']> =>
    async (nodes) => {
      given.push(nodes.toString('latin1'));
      return records;
    };
  beforeEach(() => {
    given.length = 0;
    put('/d/a', 'v\xff', { expiration: inSeconds(60) });
    put('/e', 'w');
  });

  it('is given each node, directories before what is in them, those that go only where they are wanted', async () => {
    await migrated({ transform: making(Buffer.alloc(0)), dryRun: true });
    const nodes = JSON.parse(`[${given[0]?.replaceAll('}{', '},{')}]`) as { key: string; value?: string }[];
    expect(nodes.map(({ key, value }) => [key, value])).toEqual([
      ['/', undefined],
      ['/d', undefined],
      ['/d/a', expect.stringContaining('v')],
      ['/e', 'w'],
    ]);
    const options = { dataDir: '/d', walDir: undefined, skipsTtl: true, dryRun: true };
    await migrateV2(disk, { ...options, transform: making(Buffer.alloc(0)) }, NOW);
    expect(given[1]).not.toContain('/d/a');
    expect(given[1]).toContain('/e');
  });

  it('makes records, which get the lease of the node they come from where they name none', async () => {
    const common = { createRevision: 1, modRevision: 1, version: 1 };
    const made = Buffer.concat([
      record({ ...common, key: Buffer.from('x'), value: Buffer.from('1') }),
      record({ ...common, key: Buffer.from('y'), modRevision: 2, createRevision: 2, lease: 77n }),
      record({ ...common, key: Buffer.from('z'), modRevision: 9, createRevision: 9 }),
    ]);
    // Of another buffer, as they may come.
    const records = Buffer.concat([Buffer.alloc(3), made]).subarray(3);
    expect(await migrated({ transform: making(records) })).toEqual({ keys: 3, leases: 1, skipped: 0 });
    expect(held()).toEqual({ keys: { x: '1 @1 lease 1', y: ' @2 lease 77', z: ' @9' }, leases: { 1: 60 } });
  });

  it.each([
    ['a length that is cut off', Buffer.alloc(7)],
    ['a record that is cut off', record({ key: Buffer.from('x') }).subarray(0, -1)],
    ['a length below nothing', Buffer.alloc(8, 0xff)],
  ])('whose output ends in %s is refused', async (_what, records) => {
    await expect(migrated({ transform: making(records) })).rejects.toThrow('unexpected EOF');
    expect(held().keys).toEqual({});
  });
});
