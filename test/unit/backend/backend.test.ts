import { describe, expect, it } from 'vitest';
import { openBackend } from '../../../src/backend/backend.js';
import { bucketNames } from '../../../src/backend/buckets.js';
import type { FileBackend } from '../../../src/backend/options.js';
import type { BackendReader, BucketName } from '../../../src/backend/types.js';
import { openBolt } from '../../../src/bolt/bolt.js';
import { checkBolt } from '../../../src/bolt/check.js';
import { AbandonedError } from '../../../src/lib/caller.js';
import { silentLogger } from '../../../src/lib/logger.js';
import { busyClock } from '../../support/busy-clock.js';
import { MemoryDisk } from '../../support/memory-disk.js';
import { seededRandom } from '../../support/seeded-random.js';
import { bytes, databaseOf, diskWith, fixtureJson, text } from '../bolt/fixtures.js';

function open(disk: MemoryDisk, options: { onFailure?: (error: Error) => void } = {}): FileBackend {
  return openBackend({ disk, clock: busyClock(), path: '/db', logger: silentLogger, cacheBytes: 64 << 10, ...options });
}

async function opened(disk = new MemoryDisk()): Promise<FileBackend> {
  const backend = open(disk);
  for (const name of bucketNames) backend.createBucket(name);
  await backend.commit();
  return backend;
}

const number = (value: number): Buffer => {
  const key = Buffer.alloc(17);
  key.writeBigUInt64BE(BigInt(value));
  key[8] = 0x5f;
  return key;
};

function all(
  reader: BackendReader,
  bucket: BucketName,
  start = bytes(''),
  end?: Uint8Array,
  limit = 0,
): [string, string][] {
  const found: [string, string][] = [];
  reader.range(bucket, start, end, limit, (key, value) => found.push([text(key), text(value)]));
  return found;
}

describe('reads', () => {
  it('see what was put at once, before, during and after its commit', async () => {
    const backend = await opened();
    const looks = () => [text(backend.get('meta', bytes('a')) ?? bytes('-')), all(backend, 'meta')];
    backend.put('meta', bytes('a'), bytes('1'));
    const wanted = ['1', [['a', '1']]];
    expect(looks()).toEqual(wanted);
    const durable = backend.commit();
    expect(looks()).toEqual(wanted);
    await durable;
    expect(looks()).toEqual(wanted);
    backend.delete('meta', bytes('a'));
    expect(looks()).toEqual(['-', []]);
    const gone = backend.commit();
    expect(looks()).toEqual(['-', []]);
    await gone;
    expect(looks()).toEqual(['-', []]);
  });

  it('of a key that was changed several times since the last commit see the last change', async () => {
    const backend = await opened(new MemoryDisk());
    const values = () => all(backend, 'lease').map(([key, value]) => `${key}=${Buffer.from(value).toString()}`);
    for (const value of ['1', '2']) backend.put('lease', bytes('twice'), bytes(value));
    for (const key of ['gone', 'back']) {
      backend.put('lease', bytes(key), bytes('1'));
      backend.delete('lease', bytes(key));
    }
    backend.put('lease', bytes('back'), bytes('2'));
    const expected = ['back=2', 'twice=2'];
    expect(values()).toEqual(expected);
    expect(backend.get('lease', bytes('gone'))).toBeUndefined();
    await backend.commit();
    expect(values()).toEqual(expected);
    await backend.close();
  });

  it('of a bucket that was never made find nothing, and puts to it are refused', () => {
    const backend = open(new MemoryDisk());
    expect(backend.get('key', bytes('a'))).toBeUndefined();
    expect(all(backend, 'key')).toEqual([]);
    expect(() => backend.put('key', bytes('a'), bytes('1'))).toThrow('bucket key was never created');
    backend.createBucket('key');
    backend.put('key', bytes('a'), bytes('1'));
    expect(all(backend, 'key')).toEqual([['a', '1']]);
  });

  it('may put and delete while they visit, without being led astray', async () => {
    const backend = await opened();
    for (let i = 0; i < 100; i++) backend.put('key', number(i), bytes('stored'), { append: true });
    await backend.commit();
    for (let i = 100; i < 200; i++) backend.put('key', number(i), bytes('buffered'), { append: true });
    let visited = 0;
    backend.range('key', number(0), undefined, 0, (key) => {
      visited++;
      backend.delete('key', key.slice());
      backend.put('meta', number(visited), bytes('seen'));
      if (visited % 50 === 0) void backend.commit();
    });
    expect(visited).toBe(200);
    expect(all(backend, 'key')).toEqual([]);
    expect(all(backend, 'meta').length).toBe(200);
    await backend.commit();
    expect(all(backend, 'key')).toEqual([]);
  });

  it('agree with a map through random puts, deletes and commits, whatever their bounds', async () => {
    const seed = Number(process.env.BACKEND_SEED ?? 1);
    const random = seededRandom(seed);
    const disk = new MemoryDisk();
    let backend = await opened(disk);
    const model = new Map<string, string>();
    let next = 1_000_000;
    const commits: Promise<void>[] = [];
    for (let round = 0; round < 6000; round++) {
      const key = number(
        random.below(4) === 0 && next > 1_000_000 ? 1_000_000 + random.below(next - 1_000_000) : random.below(500),
      );
      switch (random.below(6)) {
        case 0:
        case 1: {
          const value = String(round).repeat(random.below(20));
          backend.put('key', key, bytes(value));
          model.set(text(key), value);
          break;
        }
        case 2:
          backend.put('key', number(next), bytes('appended'), { append: true });
          model.set(text(number(next++)), 'appended');
          break;
        case 3:
          backend.delete('key', key);
          model.delete(text(key));
          break;
        case 4: {
          const stored = backend.get('key', key);
          expect(stored && text(stored), `seed ${seed}, round ${round}`).toBe(model.get(text(key)));
          break;
        }
        default: {
          const end = random.below(3) === 0 ? undefined : number(random.below(1_000_500));
          const limit = random.below(3) === 0 ? random.below(10) : 0;
          const wanted = [...model]
            .filter(([name]) => name >= text(key) && (end === undefined || name < text(end)))
            .sort(([a], [b]) => (a < b ? -1 : 1));
          const found = all(backend, 'key', key, end, limit);
          expect(found, `seed ${seed}, round ${round}`).toEqual(limit === 0 ? wanted : wanted.slice(0, limit));
        }
      }
      if (random.below(40) === 0) commits.push(backend.commit());
      if (random.below(60) === 0) await Promise.all(commits.splice(0));
      if (random.below(500) === 0) await backend.defrag();
      if (random.below(500) === 0) {
        await backend.close();
        backend = open(disk);
      }
    }
    await backend.close();
    expect(checkBolt(openBolt(disk, '/db')).problems).toEqual([]);
  });
});

describe('commits', () => {
  it('of all who ask while one is under way are one', async () => {
    const disk = new MemoryDisk();
    const backend = await opened(disk);
    let syncs = 0;
    disk.beforeChange = (what) => {
      if (what === 'sync') syncs++;
    };
    const put = (name: string) => backend.put('meta', bytes(name), bytes(''));
    put('a');
    const first = backend.commit();
    put('b');
    const second = backend.commit();
    put('c');
    const third = backend.commit();
    expect(third).toBe(second);
    await first;
    await third;
    expect(syncs).toBe(4);
    expect(backend.pendingOperations).toBe(0);
  });

  it('run the hooks first and take their puts along', async () => {
    const disk = new MemoryDisk();
    const backend = await opened(disk);
    let index = 0;
    backend.onBeforeCommit(() => backend.put('meta', bytes('consistent_index'), bytes(String(index))));
    index = 7;
    backend.put('key', number(1), bytes('x'));
    const durable = backend.commit();
    index = 8;
    await durable;
    const stored = openBolt(diskWith(disk.content('/db')), '/db').beginRead();
    expect(stored.bucket(bytes('meta'))?.get(bytes('consistent_index'))).toEqual(bytes('7'));
    await backend.close();
    expect(text(open(disk).get('meta', bytes('consistent_index')) ?? bytes(''))).toBe('8');
  });

  it('with nothing to write do not touch the disk', async () => {
    const disk = new MemoryDisk();
    const backend = await opened(disk);
    disk.beforeChange = (what) => {
      throw new Error(`unexpected ${what}`);
    };
    await backend.commit();
    backend.tick(1_000_000);
    await backend.close();
  });

  it('are started by ticks once 100 ms or 10 000 operations have gathered', async () => {
    const backend = await opened();
    backend.tick(5_000);
    backend.put('meta', bytes('a'), bytes('1'));
    backend.tick(5_099);
    expect(backend.pendingOperations).toBe(1);
    backend.tick(5_100);
    expect(backend.pendingOperations).toBe(0);
    await backend.commit();
    for (let i = 0; i < 9_999; i++) backend.put('key', number(i), bytes(''), { append: true });
    backend.tick(5_101);
    expect(backend.pendingOperations).toBe(9_999);
    backend.put('key', number(9_999), bytes(''), { append: true });
    backend.tick(5_102);
    expect(backend.pendingOperations).toBe(0);
    await backend.close();
  });
});

describe('a failing disk', () => {
  it.each(['write', 'sync'] as const)('that refuses a %s stops the backend for good', async (failing) => {
    const disk = new MemoryDisk();
    const failures: Error[] = [];
    const backend = open(disk, { onFailure: (error) => failures.push(error) });
    backend.createBucket('key');
    backend.put('key', number(1), bytes('kept'));
    await backend.commit();
    disk.beforeChange = (what) => {
      if (what === failing) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
    };
    backend.put('key', number(2), bytes('lost'));
    await expect(backend.commit()).rejects.toMatchObject({ code: 'ERR_BOLT_FAILED', cause: { code: 'EIO' } });
    disk.beforeChange = () => {};
    expect(failures).toHaveLength(1);
    const [error] = failures;
    await expect(backend.commit()).rejects.toBe(error);
    await expect(backend.defrag()).rejects.toBe(error);
    await expect(backend.snapshot()).rejects.toBe(error);
    expect(() => backend.put('key', number(3), bytes('x'))).toThrow(error);
    expect(() => backend.tick(0)).toThrow(error);
    await backend.close();
    expect(all(open(disk), 'key')).toEqual([[text(number(1)), 'kept']]);
  });

  it('met by a tick is reported too', async () => {
    const disk = new MemoryDisk();
    const backend = await opened(disk);
    disk.beforeChange = () => {
      throw new Error('EIO');
    };
    backend.put('meta', bytes('a'), bytes('1'));
    backend.tick(0);
    backend.tick(100);
    await expect(backend.commit()).rejects.toThrow('EIO');
    expect(() => backend.tick(200)).toThrow('EIO');
  });
});

describe('a view', () => {
  it('stays as it was opened, even across defragmentation', async () => {
    const backend = await opened();
    for (let i = 0; i < 300; i++) backend.put('key', number(i), bytes('old'), { append: true });
    await backend.commit();
    const view = backend.openView();
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 300; i++) backend.put('key', number(i), bytes(`new ${round}`));
      await backend.commit();
      if (round === 5) await backend.defrag();
    }
    expect(new Set(all(view, 'key').map(([, value]) => value))).toEqual(new Set(['old']));
    expect(text(view.get('key', number(7)) ?? bytes(''))).toBe('old');
    expect(all(view, 'key', number(5), number(9), 2).length).toBe(2);
    expect(all(backend, 'key')[0]).toEqual([text(number(0)), 'new 9']);
    view.close();
    view.close();
    expect(() => all(view, 'key')).toThrow('closed');
  });
});

describe('a snapshot', () => {
  it('is a database as of its moment, streamed while writes go on', async () => {
    const disk = new MemoryDisk();
    const backend = await opened(disk);
    for (let i = 0; i < 2000; i++) backend.put('key', number(i), Buffer.alloc(100, 1), { append: true });
    const snapshot = await backend.snapshot();
    const chunks: Uint8Array[] = [];
    for await (const chunk of snapshot.chunks()) {
      chunks.push(chunk);
      for (let i = 0; i < 2000; i += 10) backend.put('key', number(i), Buffer.alloc(100, 2));
      await backend.commit();
    }
    const copy = Buffer.concat(chunks);
    expect(copy.length).toBe(snapshot.sizeBytes);
    expect(Math.max(...chunks.map((chunk) => chunk.length))).toBe(32 << 10);
    const stored = open(diskWith(copy));
    const found = all(stored, 'key');
    expect(found.length).toBe(2000);
    expect(new Set(found.map(([, value]) => value.charCodeAt(0)))).toEqual(new Set([1]));
    expect(checkBolt(openBolt(diskWith(copy), '/db')).problems).toEqual([]);
  });

  it('closed early stops streaming and lets its pages go', async () => {
    const backend = await opened();
    for (let i = 0; i < 2000; i++) backend.put('key', number(i), Buffer.alloc(100, 1), { append: true });
    const snapshot = await backend.snapshot();
    const stream = snapshot.chunks()[Symbol.asyncIterator]();
    await stream.next();
    snapshot.close();
    snapshot.close();
    await expect(stream.next()).rejects.toMatchObject({ code: 'ERR_BOLT_CLOSED' });
    await backend.defrag();
    await backend.close();
  });
});

describe('the hash', () => {
  it.each(['3.4.23', '3.5.30'])('of a database of real etcd %s is the one it reported', async (version) => {
    const backend = open(diskWith(databaseOf(version)));
    const ignored = version.startsWith('3.4') ? ['consistent_index'] : ['consistent_index', 'term'];
    const { hash } = fixtureJson<{ hash: number }>(`datadir/expected-${version}.json`);
    expect(await backend.hash((bucket, key) => bucket === 'meta' && ignored.includes(text(key)))).toBe(hash);
  });

  it('covers what is not committed yet, and is the same after defragmentation', async () => {
    const backend = await opened();
    for (let i = 0; i < 3000; i++) backend.put('key', number(i), Buffer.alloc(50, i));
    const before = await backend.hash(() => false);
    backend.put('key', number(5), bytes('other'));
    const after = await backend.hash(() => false);
    expect(after).not.toBe(before);
    await backend.defrag();
    expect(await backend.hash(() => false)).toBe(after);
  });
});

describe('defragmentation', () => {
  it('gives space back and keeps everything (#11613), also what is put meanwhile', async () => {
    const disk = new MemoryDisk();
    const backend = await opened(disk);
    for (let i = 0; i < 5000; i++) backend.put('key', number(i), Buffer.alloc(100, 1), { append: true });
    await backend.commit();
    for (let i = 0; i < 4000; i++) backend.delete('key', number(i));
    await backend.commit();
    const before = { size: backend.sizeBytes, inUse: backend.sizeInUseBytes };
    expect(before.inUse).toBeLessThan(before.size / 2);
    let done = false;
    const defrag = backend.defrag().then(() => {
      done = true;
    });
    let putMeanwhile = 0;
    while (!done) {
      backend.put('key', number(10_000 + putMeanwhile++), bytes('meanwhile'), { append: true });
      await Promise.resolve();
    }
    await defrag;
    expect(backend.sizeBytes).toBeLessThan(before.size / 2);
    expect(backend.sizeInUseBytes).toBe(backend.sizeBytes);
    expect(disk.list('/')).toEqual(['db']);
    expect(putMeanwhile).toBeGreaterThan(2);
    await backend.close();
    const found = all(open(disk), 'key');
    expect(found.length).toBe(1000 + putMeanwhile);
    expect(found[0]?.[0]).toBe(text(number(4000)));
  });

  it('keeps commits that are asked for meanwhile until they can go to the new file', async () => {
    const disk = new MemoryDisk();
    const backend = await opened(disk);
    for (let i = 0; i < 2000; i++) backend.put('key', number(i), Buffer.alloc(100, 1), { append: true });
    await backend.commit();
    const written: string[] = [];
    disk.beforeChange = (what, path) => written.push(`${what} ${path}`);
    const order: string[] = [];
    const defrag = backend.defrag().then(() => order.push('defragmented'));
    await Promise.resolve();
    await Promise.resolve();
    const commits = [];
    for (let i = 0; i < 20; i++) {
      backend.put('key', number(10_000 + i), bytes('meanwhile'), { append: true });
      backend.tick(1_000_000 * (i + 1));
      commits.push(backend.commit().then(() => order.push('committed')));
      await Promise.resolve();
    }
    await Promise.all([defrag, ...commits]);
    // Nothing was written to the old file; all who asked shared one commit, to the new one.
    const renamed = written.indexOf('rename /db');
    expect(renamed).toBeGreaterThan(0);
    expect(written.slice(0, renamed).filter((change) => change === 'write /db')).toEqual([]);
    expect(order.filter((what) => what === 'committed')).toHaveLength(20);
    // What a crash would leave is all there.
    const found = all(open(diskWith(disk.content('/db'))), 'key');
    expect(found.length).toBe(2020);
    await backend.close();
  });

  it('one after another, and two at once, end well', async () => {
    const disk = new MemoryDisk();
    const backend = await opened(disk);
    backend.put('key', number(1), bytes('x'));
    await Promise.all([backend.defrag(), backend.defrag(), backend.commit()]);
    await backend.defrag();
    expect(all(backend, 'key').length).toBe(1);
    expect(disk.list('/')).toEqual(['db']);
    await backend.close();
  });

  it('asked for during each other’s commits are made one after the other, and then all is quiet', async () => {
    const disk = new MemoryDisk();
    const backend = await opened(disk);
    backend.put('key', number(1), bytes('x'));
    const defrags: Promise<void>[] = [];
    let commits = 0;
    // As a member's: each commit says how far it has applied, so that none is empty.
    backend.onBeforeCommit(() => {
      if (++commits > 100) throw new Error('commits without an end');
      backend.put('meta', bytes('index'), number(commits));
      if (commits <= 4) defrags.push(backend.defrag());
    });
    let renames = 0;
    disk.beforeChange = (what) => {
      if (what === 'rename') renames++;
    };
    await backend.commit();
    for (const defrag of defrags) await defrag;
    expect([defrags.length, renames]).toEqual([4, 4]);
    const before = commits;
    for (let turn = 0; turn < 1000; turn++) await Promise.resolve();
    expect(commits).toBe(before);
    await backend.close();
    expect(disk.list('/')).toEqual(['db']);
  });

  it('that waits for another is not begun when its caller is gone; one that has begun goes on', async () => {
    const disk = new MemoryDisk();
    const backend = await opened(disk);
    for (let i = 0; i < 2000; i++) backend.put('key', number(i), Buffer.alloc(100, 1), { append: true });
    let renames = 0;
    disk.beforeChange = (what) => {
      if (what === 'rename') renames++;
    };
    const caller = { aborted: false };
    const first = backend.defrag(caller);
    const waiting = Array.from({ length: 5 }, () => expect(backend.defrag(caller)).rejects.toThrow(AbandonedError));
    while (!disk.list('/').some((name) => name.includes('.tmp.'))) await Promise.resolve();
    caller.aborted = true;
    await first;
    await Promise.all(waiting);
    expect(renames).toBe(1);
    await expect(backend.snapshot(caller)).rejects.toThrow(AbandonedError);
    expect(backend.openReads).toBe(0);
    await backend.close();
  });

  it('whose caller is gone before it begins does not even commit', async () => {
    const disk = new MemoryDisk();
    const backend = await opened(disk);
    backend.put('key', number(1), bytes('x'));
    const changes: string[] = [];
    disk.beforeChange = (what) => changes.push(what);
    await expect(backend.defrag({ aborted: true })).rejects.toThrow(AbandonedError);
    expect([changes, backend.pendingOperations]).toEqual([[], 1]);
    await backend.close();
  });

  it('holds the lock of the new file', async () => {
    const disk = new MemoryDisk();
    const backend = await opened(disk);
    await backend.defrag();
    expect(() => openBolt(disk, '/db')).toThrow('another process uses the database');
    await backend.close();
    openBolt(disk, '/db').close();
  });

  it('that runs out of space leaves the old file in use and nothing behind', async () => {
    const disk = new MemoryDisk();
    const backend = await opened(disk);
    backend.put('key', number(1), bytes('x'));
    await backend.commit();
    disk.beforeChange = (what, path) => {
      if (what === 'write' && path.includes('.tmp.')) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    };
    await expect(backend.defrag()).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(disk.list('/')).toEqual(['db']);
    backend.put('key', number(2), bytes('y'));
    await backend.commit();
    expect(all(backend, 'key').length).toBe(2);
    await backend.close();
  });

  it(
    'that was killed leaves nothing behind once the database is opened again (#14246), and is taken up by ' +
      'nobody (#14685)',
    async () => {
      const disk = new MemoryDisk();
      await (await opened(disk)).close();
      disk.setContent('/db.tmp.1', bytes('half a copy'));
      disk.setContent('/db.tmp.1234567', bytes('half a copy of real etcd'));
      disk.setContent('/0000000000000001.snap', bytes('kept'));
      const backend = open(disk);
      expect(disk.list('/')).toEqual(['0000000000000001.snap', 'db']);
      disk.setContent('/db.tmp.1', bytes('the name is taken'));
      await backend.defrag();
      expect(text(disk.content('/db.tmp.1'))).toBe('the name is taken');
      expect(() => open(disk)).toThrow('another process');
      expect(disk.list('/')).toContain('db.tmp.1');
      await backend.close();
    },
  );
});

describe('close', () => {
  it('commits, and refuses what comes after', async () => {
    const disk = new MemoryDisk();
    const backend = await opened(disk);
    backend.put('key', number(1), bytes('x'));
    const closed = backend.close();
    expect(backend.close()).toBe(closed);
    await closed;
    expect(() => backend.put('key', number(2), bytes('y'))).toThrow('closed');
    expect(all(open(disk), 'key').length).toBe(1);
  });
});
