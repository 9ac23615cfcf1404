/** Databases on their way: those that come in until they are durable, those that go out while the log waits. */
import { beforeEach, describe, expect, it } from 'vitest';
import { openBolt } from '../../../../src/bolt/bolt.js';
import { type FailpointEffects, FailpointSet } from '../../../../src/lib/failpoints/failpoints.js';
import { type DatabaseSaveTimes, IncomingDatabases } from '../../../../src/member/snapshots/incoming-databases.js';
import { OutgoingSnapshots } from '../../../../src/member/snapshots/outgoing-snapshots.js';
import { type DatabaseSource, SnapshotSaveError } from '../../../../src/peer/types.js';
import { type Message, MessageType, makeConfState, makeMessage } from '../../../../src/raftpb/types.js';
import { ManualClock, settle } from '../../../support/manual-clock.js';
import { MemoryDisk } from '../../../support/memory-disk.js';
import { RecordingLogger } from '../../../support/recording-logger.js';
import { seededRandom } from '../../../support/seeded-random.js';

let clock: ManualClock;
let logger: RecordingLogger;
beforeEach(() => {
  clock = new ManualClock();
  logger = new RecordingLogger();
});

/** A database that has applied entries up to `index`. */
function database(index: number): Buffer {
  const disk = new MemoryDisk();
  const bolt = openBolt(disk, '/db');
  const tx = bolt.beginWrite();
  const at = Buffer.alloc(8);
  at.writeBigUInt64BE(BigInt(index));
  tx.createBucket(Buffer.from('meta')).put(Buffer.from('consistent_index'), at);
  tx.commit();
  bolt.close();
  return disk.content('/db');
}

async function* chunksOf(bytes: Uint8Array, count = 3): AsyncGenerator<Uint8Array> {
  const size = Math.ceil(bytes.length / count);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe('a database that comes in', () => {
  let disk: MemoryDisk;
  let incoming: IncomingDatabases;
  let changes: string[];
  let failpoints: FailpointSet;

  beforeEach(() => {
    disk = new MemoryDisk();
    disk.makeDir('/snap');
    changes = [];
    disk.beforeChange = (what, path) => void changes.push(`${what} ${path}`);
    const snapshots = { dbPath: (index: number) => `/snap/${index}.snap.db` };
    failpoints = new FailpointSet({} as FailpointEffects, seededRandom(1));
    incoming = new IncomingDatabases({ disk, snapDir: '/snap', snapshots, logger, clock, failpoints });
  });

  it('is durable before it has its name, and its name before the message goes on', async () => {
    const times: DatabaseSaveTimes[] = [];
    incoming.onSave = (each) => times.push(each);
    const bytes = database(10);
    await incoming.save(10, chunksOf(bytes));
    expect(disk.content('/snap/10.snap.db').equals(bytes)).toBe(true);
    const after = changes.slice(changes.lastIndexOf('write /snap/tmp1') + 1);
    expect(after).toEqual(['sync /snap/tmp1', 'rename /snap/10.snap.db', 'sync /snap']);
    expect(disk.list('/snap')).toEqual(['10.snap.db']);
    expect(times).toEqual([{ fsyncMs: 0, totalMs: 0 }]);
    expect(logger.records.at(-1)).toMatchObject({ fields: { path: '/snap/10.snap.db', bytes: bytes.length } });
  });

  it('tells how much of the time that it took went into syncs', async () => {
    const times: DatabaseSaveTimes[] = [];
    incoming.onSave = (each) => times.push(each);
    let nowMs = 0;
    clock.monotonicMs = () => nowMs;
    disk.beforeChange = (what) => {
      nowMs += what === 'sync' ? 7 : 1;
    };
    await incoming.save(10, chunksOf(database(10)));
    // Created, three writes, a sync, renamed, and the folder's sync, which is not of the file.
    expect(times).toEqual([{ fsyncMs: 7, totalMs: 1 + 3 + 7 + 1 + 7 }]);
  });

  it('is written out as it comes, not all at the end', async () => {
    const large = Buffer.alloc(40 * 1024 * 1024);
    database(10).copy(large);
    await incoming.save(10, chunksOf(large, 20));
    // After the 8th and the 16th of 2 MB each, and at the end.
    const steps = changes.filter((change) => change.endsWith('/snap/tmp1')).map((change) => change.split(' ')[0]);
    expect(steps.flatMap((step, at) => (step === 'sync' ? [at] : []))).toEqual([9, 18, 23]);
  });

  it('goes in place of what an earlier life left, and not in place of one that is there', async () => {
    disk.setContent('/snap/tmp1', Buffer.from('left'));
    await incoming.save(10, chunksOf(database(10)));
    const first = disk.content('/snap/10.snap.db');
    await incoming.save(10, chunksOf(database(11)));
    expect(disk.content('/snap/10.snap.db').equals(first)).toBe(true);
    expect(disk.list('/snap')).toEqual(['10.snap.db']);
  });

  it.each<[string, Uint8Array, string]>([
    ['is empty', new Uint8Array(), 'the database is empty'],
    ['lacks entries', database(9), 'the database has applied entries up to 9, the snapshot up to 10'],
    ['is none', Buffer.alloc(65536, 'x'), 'not a bbolt database'],
  ])('that %s is refused and leaves nothing behind', async (_name, bytes, message) => {
    const saved = incoming.save(10, chunksOf(bytes));
    await expect(saved).rejects.toBeInstanceOf(SnapshotSaveError);
    await expect(saved).rejects.toThrow(message);
    expect(disk.list('/snap')).toEqual([]);
  });

  it.each(['create', 'write', 'sync', 'rename'] as const)('leaves nothing behind when %s fails', async (fails) => {
    disk.beforeChange = (what) => {
      if (what === fails) throw new Error('no space left on device');
    };
    const saved = incoming.save(10, chunksOf(database(10)));
    await expect(saved).rejects.toBeInstanceOf(SnapshotSaveError);
    await expect(saved).rejects.toMatchObject({ message: 'no space left on device' });
    expect(disk.list('/snap')).toEqual([]);
    expect(logger.records).toEqual([]);
  });

  it('is not saved while its folder cannot be synced, and is when it comes again', async () => {
    failpoints.set('snapDBDirSyncError', 'return("no sync")');
    const saved = incoming.save(10, chunksOf(database(10)));
    await expect(saved).rejects.toBeInstanceOf(SnapshotSaveError);
    await expect(saved).rejects.toThrow('no sync');
    failpoints.clear('snapDBDirSyncError');
    changes.length = 0;
    await incoming.save(10, chunksOf(database(10)));
    expect(changes.at(-1)).toBe('sync /snap');
    expect(disk.list('/snap')).toEqual(['10.snap.db']);
  });

  it('that breaks off fails as it broke off, whether what is left can be removed or not', async () => {
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('half');
      throw new Error('the connection is gone');
    };
    const failed = incoming.save(10, broken());
    await expect(failed).rejects.not.toBeInstanceOf(SnapshotSaveError);
    await expect(failed).rejects.toThrow('the connection is gone');
    expect(disk.list('/snap')).toEqual([]);
    disk.beforeChange = (what) => {
      if (what === 'remove') throw new Error('not permitted');
    };
    await expect(incoming.save(10, broken())).rejects.toThrow('the connection is gone');
  });

  it('is one of two at most, until one of them is done', async () => {
    const ends: (() => void)[] = [];
    const slow = async function* (): AsyncGenerator<Uint8Array> {
      await new Promise<void>((resolve) => ends.push(resolve));
      yield database(10);
    };
    const first = incoming.save(10, slow());
    const second = incoming.save(11, slow()).catch(() => 'failed');
    await settle();
    const third = incoming.save(12, chunksOf(database(12)));
    await expect(third).rejects.toThrow('too many snapshots are being received');
    await expect(third).rejects.toBeInstanceOf(SnapshotSaveError);
    ends[0]?.();
    await first;
    await incoming.save(12, chunksOf(database(12)));
    ends[1]?.();
    expect(await second).toBe('failed');
    await incoming.save(13, chunksOf(database(13)));
    expect(disk.list('/snap')).toEqual(['10.snap.db', '12.snap.db', '13.snap.db']);
  });
});

describe('a snapshot that goes out', () => {
  const message = (to: bigint): Message => makeMessage({ type: MessageType.MsgSnap, from: 1n, to });

  function sending(
    snapshot: () => Promise<unknown> = async () => undefined,
    v2Json: () => Uint8Array | Promise<Uint8Array> = () => Buffer.from('{}'),
  ) {
    const sent: { message: Message; database: DatabaseSource }[] = [];
    const failed: bigint[] = [];
    let closed = 0;
    const outgoing = new OutgoingSnapshots({
      backend: {
        snapshot: async () => {
          await snapshot();
          return { sizeBytes: 5, chunks: () => chunksOf(Buffer.from('bytes')), close: () => void closed++ } as never;
        },
      },
      applied: () => ({ applied: 8, appliedTerm: 3, confState: makeConfState({ voters: [1n] }) }),
      v2Json,
      send: (each, source) => void sent.push({ message: each, database: source }),
      failed: (to) => void failed.push(to),
      clock,
      logger,
    });
    return { outgoing, sent, failed, closed: () => closed };
  }

  it('is of what is applied now, with the database behind it', async () => {
    const { outgoing, sent, closed } = sending();
    outgoing.send(message(2n));
    await settle();
    const [{ message: out, database: source } = { message: undefined, database: undefined }] = sent;
    const metadata = { index: 8, term: 3, confState: makeConfState({ voters: [1n] }) };
    expect(out?.snapshot).toEqual({ data: Buffer.from('{}'), metadata });
    expect(source?.sizeBytes).toBe(5);
    source?.close('finished');
    source?.close('finished');
    expect(closed()).toBe(1);
  });

  it('keeps the log until half a minute after the last has ended', async () => {
    const { outgoing, sent } = sending();
    expect(outgoing.holdsLog).toBe(false);
    for (const to of [2n, 3n]) outgoing.send(message(to));
    expect(outgoing.holdsLog).toBe(true);
    await settle();
    for (const { database: source } of sent) source.close('finished');
    await clock.advance(29_999);
    expect(outgoing.holdsLog).toBe(true);
    await clock.advance(1);
    expect(outgoing.holdsLog).toBe(false);
    expect(clock.pending).toBe(0);
  });

  it('keeps the log while its follower takes something of it, and until that has answered', async () => {
    const { outgoing, sent } = sending();
    outgoing.send(message(2n));
    await settle();
    const chunks = sent[0]?.database.chunks()[Symbol.asyncIterator]();
    for (let taken = 0; taken < 3; taken++) {
      await clock.advance(29_999);
      expect(outgoing.holdsLog).toBe(true);
      await chunks?.next();
    }
    await clock.advance(30_000);
    expect(outgoing.holdsLog).toBe(false);
    // It goes on after all.
    await chunks?.next();
    await clock.advance(120_000);
    expect(outgoing.holdsLog).toBe(true);
  });

  it('keeps no log for a follower that did not take the last one, until it takes one', async () => {
    const { outgoing, sent } = sending();
    const next = async (to: bigint): Promise<DatabaseSource> => {
      outgoing.send(message(to));
      await settle();
      const last = sent.at(-1);
      if (last === undefined) throw new Error('nothing was sent');
      return last.database;
    };
    const first = await next(2n);
    expect(outgoing.holdsLog).toBe(true);
    first.close('failed');
    expect(outgoing.holdsLog).toBe(false);
    const second = await next(2n);
    expect(outgoing.holdsLog).toBe(false);
    const other = await next(3n);
    expect(outgoing.holdsLog).toBe(true);
    other.close('failed');
    second.close('finished');
    expect(outgoing.holdsLog).toBe(true);
    await clock.advance(30_000);
    expect(outgoing.holdsLog).toBe(false);
    await next(2n);
    expect(outgoing.holdsLog).toBe(true);
  });

  it('is one of sixteen at most, and another may go once one has ended', async () => {
    const { outgoing, sent, failed } = sending();
    for (let to = 2n; to < 19n; to++) outgoing.send(message(to));
    await settle();
    expect([sent.length, failed]).toEqual([16, [18n]]);
    sent[0]?.database.close('finished');
    outgoing.send(message(18n));
    await settle();
    expect([sent.length, failed]).toEqual([17, [18n]]);
  });

  it('that cannot be read has failed, and holds nothing up', async () => {
    const { outgoing, sent, failed } = sending(() => Promise.reject(new Error('disk I/O error')));
    for (let round = 0; round < 2; round++)
      for (let to = 2n; to < 12n; to++) {
        outgoing.send(message(to));
        await settle();
      }
    expect([sent.length, failed.length]).toEqual([0, 20]);
    expect(logger.records.length).toBe(20);
    expect(outgoing.holdsLog).toBe(false);
  });

  it.each<[string, () => Promise<Uint8Array>]>([
    ['later', () => Promise.reject(new Error('out of memory'))],
    [
      'at once',
      () => {
        throw new Error('out of memory');
      },
    ],
  ])('whose v2 store cannot be read, as it turns out %s, gives back its place and its database', async (_, v2Json) => {
    let release: () => void = () => {};
    const database = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { outgoing, sent, failed, closed } = sending(() => database, v2Json);
    for (let to = 2n; to < 18n; to++) outgoing.send(message(to));
    await settle();
    release();
    await settle();
    expect([sent.length, failed.length, closed()]).toEqual([0, 16, 16]);
    for (let to = 2n; to < 18n; to++) outgoing.send(message(to));
    await settle();
    expect([failed.length, closed()]).toEqual([32, 32]);
    expect(new Set(logger.records.map(({ message: said, fields }) => `${said}: ${fields.error}`))).toEqual(
      new Set(['failed to read the v2 store for a snapshot: Error: out of memory']),
    );
    expect([outgoing.holdsLog, clock.pending]).toEqual([false, 0]);
  });

  it('is given up by a member that stops', async () => {
    let fails = false;
    const { outgoing, sent, failed, closed } = sending(async () => {
      if (fails) throw new Error('closed');
    });
    outgoing.send(message(2n));
    await settle();
    sent[0]?.database.close('finished');
    expect(clock.pending).toBe(1);
    outgoing.send(message(3n));
    outgoing.stop();
    expect(clock.pending).toBe(0);
    await settle();
    outgoing.send(message(4n));
    await settle();
    expect([sent.length, closed(), failed]).toEqual([1, 2, []]);
    const { outgoing: other, failed: failedThere } = sending(async () => {
      throw new Error('closed');
    });
    fails = true;
    other.send(message(2n));
    other.stop();
    await settle();
    expect(failedThere).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});
