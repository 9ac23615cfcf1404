import { describe, expect, it } from 'vitest';
import { type Bolt, openBolt } from '../../../src/bolt/bolt.js';
import { FileBuilder } from '../../../src/bolt/builder.js';
import { checkBolt } from '../../../src/bolt/check.js';
import { compactInto } from '../../../src/bolt/compact.js';
import type { BoltError } from '../../../src/bolt/errors.js';
import { decodeMeta } from '../../../src/bolt/meta.js';
import { LeafNode } from '../../../src/bolt/node.js';
import type { PageBucket } from '../../../src/bolt/read-bucket.js';
import { streamState } from '../../../src/bolt/stream.js';
import { LASTING_BYTES, type ReadBucket, type WriteTx } from '../../../src/bolt/types.js';
import { MemoryDisk } from '../../support/memory-disk.js';
import { bytes, text } from './fixtures.js';

const number = (value: number): Buffer => {
  const key = Buffer.alloc(17, 0);
  key.writeBigUInt64BE(BigInt(value));
  key[8] = 0x5f;
  return key;
};

function thrown(run: () => unknown): Partial<BoltError> {
  try {
    run();
  } catch (error) {
    return error as BoltError;
  }
  throw new Error('nothing was thrown');
}

function inBucket(tx: WriteTx, name = 'key') {
  return tx.createBucket(bytes(name));
}

function keysOf(bucket: ReadBucket | undefined): string[] {
  const keys: string[] = [];
  bucket?.range(undefined, undefined, (key) => keys.push(text(key)));
  return keys;
}

/** Of every size that a page may hold or not, written in an order of their own. */
const sizeOf = (at: number): number => (at % 97 === 0 ? 20_000 : at % 31 === 0 ? 5000 : 10 + (at % 300));
const contentOf = (at: number, size = sizeOf(at)): string => `${at}:`.padEnd(size, String(at));
const COUNT = 3000;

function filled(cacheBytes: number, size?: number) {
  const disk = new MemoryDisk();
  const bolt = openBolt(disk, '/db');
  const tx = bolt.beginWrite();
  const bucket = inBucket(tx);
  for (let step = 0; step < COUNT; step++) {
    const at = (step * 7) % COUNT;
    bucket.put(number(at * 2), bytes(contentOf(at, size)));
  }
  tx.commit();
  bolt.close();
  return openBolt(disk, '/db', { cacheBytes });
}

describe('a scanner', () => {
  it.each([
    ['in order', (at: number) => at],
    ['in any order', (at: number) => (at * 1009) % COUNT],
    ['backwards', (at: number) => COUNT - 1 - at],
  ])('finds what a lookup finds, %s, and its large values last', (_, orderOf) => {
    const bolt = filled(256 * 1024);
    const scan = bolt.latestBucket(bytes('key'), 'key')?.scanner();
    const lasting: [number, Uint8Array][] = [];
    for (let step = 0; step < COUNT; step++) {
      const at = orderOf(step);
      const found = scan?.(number(at * 2));
      expect(text(found ?? bytes('none'))).toBe(contentOf(at));
      if (found !== undefined && sizeOf(at) >= LASTING_BYTES) lasting.push([at, found]);
      expect(scan?.(number(at * 2 + 1))).toBeUndefined();
    }
    expect(lasting.length).toBeGreaterThan(COUNT / 100);
    for (const [at, found] of lasting) expect(text(found)).toBe(contentOf(at));
    bolt.close();
  });

  it('leaves the cache to others but for branches', () => {
    const bolt = filled(1 << 20, 250);
    const scan = bolt.latestBucket(bytes('key'), 'key')?.scanner();
    const before = bolt.pager.cache.bytes;
    for (let at = 0; at < COUNT; at++) expect(text(scan?.(number(at * 2)) ?? bytes('none'))).toBe(contentOf(at, 250));
    expect(bolt.pager.cache.bytes - before).toBeLessThan(64 * 1024);
    bolt.close();
  });
});

describe('a look at a key', () => {
  const bucketOf = (bolt: Bolt) => {
    const bucket = bolt.latestBucket(bytes('key'), 'key');
    if (bucket === undefined) throw new Error('no bucket');
    return bucket;
  };

  it('finds what a lookup finds, whoever looks at another key meanwhile, and large values last', () => {
    const bolt = filled(64 * 1024);
    const one = bolt.beginRead().bucket(bytes('key')) as PageBucket | undefined;
    const other = bucketOf(bolt);
    const lasting: [number, Uint8Array][] = [];
    for (let step = 0; step < 2 * COUNT; step++) {
      const at = (step * 1009) % COUNT;
      const next = (at + 1 + (step % 5)) % COUNT;
      for (const [bucket, at_] of [[one, at] as const, [other, next] as const]) {
        const found = bucket?.peek(number(at_ * 2));
        expect(text(found ?? bytes('none'))).toBe(contentOf(at_));
        if (found !== undefined && sizeOf(at_) >= LASTING_BYTES) lasting.push([at_, found]);
        expect(bucket?.peek(number(at_ * 2 + 1))).toBeUndefined();
      }
    }
    for (const [at, found] of lasting) expect(text(found)).toBe(contentOf(at));
    bolt.close();
  });

  it('fills the cache with what is looked at more than once', () => {
    const bolt = filled(1 << 20, 250);
    const bucket = bucketOf(bolt);
    const before = bolt.pager.cache.bytes;
    const lookAtAll = () => {
      for (let at = 0; at < COUNT; at++)
        expect(text(bucket.peek(number(at * 2)) ?? bytes('none'))).toBe(contentOf(at, 250));
    };
    lookAtAll();
    expect(bolt.pager.cache.bytes - before).toBeLessThan(64 * 1024);
    lookAtAll();
    expect(bolt.pager.cache.bytes - before).toBeGreaterThan(COUNT * 250);
    bolt.close();
  });

  it('sees what a commit has changed', () => {
    const bolt = filled(64 * 1024, 250);
    expect(text(bucketOf(bolt).peek(number(500)) ?? bytes('none'))).toBe(contentOf(250, 250));
    for (const value of ['changed', 'once more']) {
      const tx = bolt.beginWrite();
      tx.bucket(bytes('key'))?.put(number(500), bytes(value));
      tx.commit();
      expect(text(bucketOf(bolt).peek(number(500)) ?? bytes('none'))).toBe(value);
    }
    bolt.close();
  });
});

describe('a new database', () => {
  it('is laid out as bbolt lays it out', () => {
    const disk = new MemoryDisk();
    openBolt(disk, '/db').close();
    const content = disk.content('/db');
    expect(content.length).toBe(4 * 4096);
    const common = { pageSize: 4096, rootId: 3, rootSequence: 0n, freelistId: 2, highWater: 4 };
    expect(decodeMeta(content)).toEqual({ ...common, txid: 0 });
    expect(decodeMeta(content.subarray(4096))).toEqual({ ...common, txid: 1 });
    expect(content.readUInt16LE(2 * 4096 + 8)).toBe(0x10);
    expect(content.readUInt16LE(3 * 4096 + 8)).toBe(0x02);
    expect(disk.stat('/db')?.mode).toBe(0o600);
    expect(disk.list('/')).toEqual(['db']);
  });

  it('is made over a leftover of an interrupted creation, and over an empty file', () => {
    const disk = new MemoryDisk();
    disk.setContent('/db.tmp.new', bytes('half a file'));
    disk.setContent('/db', bytes(''));
    const bolt = openBolt(disk, '/db');
    expect(bolt.meta.txid).toBe(1);
    expect(disk.list('/')).toEqual(['db']);
  });

  it('is not made for reading', () => {
    expect(thrown(() => openBolt(new MemoryDisk(), '/db', { readOnly: true }))).toMatchObject({ code: 'ENOENT' });
  });
});

describe('the lock', () => {
  it('keeps a second writer and readers out while a writer is open', () => {
    const disk = new MemoryDisk();
    const bolt = openBolt(disk, '/db');
    expect(thrown(() => openBolt(disk, '/db'))).toMatchObject({ code: 'ERR_BOLT_LOCKED', path: '/db' });
    expect(thrown(() => openBolt(disk, '/db', { readOnly: true }))).toMatchObject({ code: 'ERR_BOLT_LOCKED' });
    bolt.close();
    openBolt(disk, '/db').close();
  });

  it('is shared by readers', () => {
    const disk = new MemoryDisk();
    openBolt(disk, '/db').close();
    const first = openBolt(disk, '/db', { readOnly: true });
    const second = openBolt(disk, '/db', { readOnly: true });
    expect(thrown(() => openBolt(disk, '/db'))).toMatchObject({ code: 'ERR_BOLT_LOCKED' });
    expect(thrown(() => first.beginWrite())).toMatchObject({ code: 'ERR_BOLT_USAGE' });
    first.close();
    second.close();
    openBolt(disk, '/db').close();
  });
});

describe('a write transaction', () => {
  it('is not seen before its commit, and is there after reopening', () => {
    const disk = new MemoryDisk();
    const bolt = openBolt(disk, '/db');
    const tx = bolt.beginWrite();
    inBucket(tx).put(bytes('a'), bytes('1'));
    expect(bolt.beginRead().bucket(bytes('key'))).toBeUndefined();
    tx.commit();
    expect(bolt.beginRead().bucket(bytes('key'))?.get(bytes('a'))).toEqual(bytes('1'));
    bolt.close();
    expect(keysOf(openBolt(disk, '/db').beginRead().bucket(bytes('key')))).toEqual(['a']);
  });

  it('leaves nothing behind when rolled back', () => {
    const bolt = openBolt(new MemoryDisk(), '/db');
    const first = bolt.beginWrite();
    for (let i = 0; i < 2000; i++) inBucket(first).put(number(i), Buffer.alloc(100));
    first.commit();
    const before = bolt.meta;
    const tx = bolt.beginWrite();
    inBucket(tx).put(number(5), bytes('x'));
    tx.deleteBucket(bytes('key'));
    inBucket(tx, 'other').put(bytes('x'), bytes('x'));
    tx.rollback();
    expect(thrown(() => tx.commit())).toMatchObject({ code: 'ERR_BOLT_CLOSED' });
    expect(bolt.meta).toBe(before);
    expect(checkBolt(bolt).problems).toEqual([]);
    const next = bolt.beginWrite();
    inBucket(next).put(number(1), bytes('y'));
    next.commit();
    expect(checkBolt(bolt).problems).toEqual([]);
    expect(keysOf(bolt.beginRead().bucket(bytes('key'))).length).toBe(2000);
  });

  it('refuses a second one until it is durable', async () => {
    const bolt = openBolt(new MemoryDisk(), '/db');
    const tx = bolt.beginWrite();
    inBucket(tx);
    expect(thrown(() => bolt.beginWrite())).toMatchObject({ code: 'ERR_BOLT_USAGE' });
    const durable = tx.commitAsync();
    expect(thrown(() => bolt.beginWrite())).toMatchObject({ code: 'ERR_BOLT_USAGE' });
    expect(bolt.latestBucket(bytes('key'), 'key')).toBeDefined();
    await durable;
    bolt.beginWrite().rollback();
  });

  it('refuses what the format has no room for', () => {
    const bolt = openBolt(new MemoryDisk(), '/db');
    const tx = bolt.beginWrite();
    const bucket = inBucket(tx);
    inBucket(tx).createBucket(bytes('inner'));
    bucket.put(bytes('plain'), bytes(''));
    const usage = { code: 'ERR_BOLT_USAGE' };
    expect(thrown(() => bucket.put(bytes(''), bytes('v')))).toMatchObject(usage);
    expect(thrown(() => bucket.put(Buffer.alloc(32769), bytes('v')))).toMatchObject(usage);
    expect(thrown(() => bucket.put(bytes('inner'), bytes('v')))).toMatchObject(usage);
    expect(thrown(() => bucket.delete(bytes('inner')))).toMatchObject(usage);
    expect(thrown(() => bucket.createBucket(bytes('plain')))).toMatchObject(usage);
    expect(thrown(() => tx.root.put(bytes('top'), bytes('v')))).toMatchObject(usage);
    bucket.put(Buffer.alloc(32768, 1), bytes('v'));
    tx.commit();
    expect(checkBolt(bolt).problems).toEqual([]);
    expect(bolt.beginRead().bucket(bytes('key'))?.get(Buffer.alloc(32768, 1))).toEqual(bytes('v'));
  });

  it('keeps a small bucket inside its parent and gives a grown one pages of its own', () => {
    const bolt = openBolt(new MemoryDisk(), '/db');
    const write = (count: number) => {
      const tx = bolt.beginWrite();
      for (let i = 0; i < count; i++) inBucket(tx).put(number(i), Buffer.alloc(30));
      tx.commit();
      return bolt.latestBucket(bytes('key'), 'key')?.rootId;
    };
    expect(write(10)).toBe(0);
    expect(write(30)).not.toBe(0);
    const tx = bolt.beginWrite();
    for (let i = 0; i < 30; i++) inBucket(tx).delete(number(i));
    tx.commit();
    expect(bolt.latestBucket(bytes('key'), 'key')?.rootId).toBe(0);
    expect(checkBolt(bolt)).toMatchObject({ problems: [], entries: 0, buckets: 1 });
  });

  it('fills pages of an append-only bucket to nine tenths', () => {
    const bolt = openBolt(new MemoryDisk(), '/db');
    for (let commit = 0; commit < 20; commit++) {
      const tx = bolt.beginWrite();
      const bucket = inBucket(tx);
      bucket.fillPercent = 0.9;
      for (let i = 0; i < 300; i++) bucket.put(number(commit * 300 + i), Buffer.alloc(290));
      tx.commit();
    }
    const { reachablePages, entries } = checkBolt(bolt);
    const used = entries * (16 + 17 + 290);
    expect(entries).toBe(6000);
    expect(used / (reachablePages * 4096)).toBeGreaterThan(0.85);
  });

  it('gives the pages of a deleted bucket back', () => {
    const bolt = openBolt(new MemoryDisk(), '/db');
    const tx = bolt.beginWrite();
    const outer = inBucket(tx, 'outer');
    const inner = outer.createBucket(bytes('inner'));
    for (let i = 0; i < 1000; i++) inner.put(number(i), Buffer.alloc(100));
    tx.commit();
    const again = bolt.beginWrite();
    expect(again.deleteBucket(bytes('outer'))).toBe(true);
    expect(again.deleteBucket(bytes('outer'))).toBe(false);
    again.commit();
    const report = checkBolt(bolt);
    expect(report).toMatchObject({ problems: [], buckets: 0, reachablePages: 3 });
  });
});

describe('a reader', () => {
  it('sees its state unmoved, and what only it sees is not written over', () => {
    const bolt = openBolt(new MemoryDisk(), '/db', { cacheBytes: 16 << 10 });
    const write = (value: number) => {
      const tx = bolt.beginWrite();
      for (let i = 0; i < 200; i++) inBucket(tx).put(number(i), Buffer.alloc(100, value));
      tx.commit();
    };
    write(1);
    const reader = bolt.beginRead();
    for (let value = 2; value < 50; value++) write(value);
    const seen = new Set<number>();
    reader.bucket(bytes('key'))?.range(undefined, undefined, (_, value) => seen.add(value[0] as number));
    expect([...seen]).toEqual([1]);
    // Pages born and freed while the reader was open are of no interest to it, so the file does not grow with them.
    expect(bolt.meta.highWater).toBeLessThan(60);
    reader.close();
    reader.close();
    expect(thrown(() => reader.bucket(bytes('key')))).toMatchObject({ code: 'ERR_BOLT_CLOSED' });
    write(50);
    write(51);
    expect(bolt.freePages.free).toBeGreaterThan(8);
    expect(checkBolt(bolt).problems).toEqual([]);
  });

  it('ranges over [start, end) in either kind of transaction', () => {
    const bolt = openBolt(new MemoryDisk(), '/db');
    const tx = bolt.beginWrite();
    for (let i = 0; i < 500; i++) inBucket(tx).put(number(i * 2), Buffer.alloc(100));
    const ranges: [number | undefined, number | undefined, number][] = [
      [undefined, undefined, 500],
      [0, 1000, 500],
      [1, 3, 1],
      [100, 100, 0],
      [101, 102, 0],
      [998, undefined, 1],
      [999, undefined, 0],
      [undefined, 1, 1],
      [250, 750, 250],
      [700, 300, 0],
    ];
    const count = (bucket: ReadBucket | undefined, start: number | undefined, end: number | undefined) => {
      let visited = 0;
      bucket?.range(
        start === undefined ? undefined : number(start),
        end === undefined ? undefined : number(end),
        () => {
          visited++;
        },
      );
      return visited;
    };
    for (const [start, end, wanted] of ranges) expect(count(tx.bucket(bytes('key')), start, end)).toBe(wanted);
    tx.commit();
    const reader = bolt.beginRead();
    for (const [start, end, wanted] of ranges) expect(count(reader.bucket(bytes('key')), start, end)).toBe(wanted);
    expect(reader.bucket(bytes('key'))?.range(number(4), undefined, (key) => text(key) !== text(number(10)))).toBe(
      false,
    );
  });
});

describe('a meta page', () => {
  it('with any bit of it changed is not believed: the state before it is there', () => {
    const disk = new MemoryDisk();
    const bolt = openBolt(disk, '/db');
    for (const value of ['one', 'two']) {
      const tx = bolt.beginWrite();
      inBucket(tx).put(bytes('k'), bytes(value));
      tx.commit();
    }
    const { txid } = bolt.meta;
    bolt.close();
    const content = disk.content('/db');
    const newest = (txid % 2) * 4096 + 16;
    for (let bit = 0; bit < 64 * 8; bit++) {
      const damaged = Buffer.from(content);
      const at = newest + (bit >> 3);
      damaged[at] = (damaged[at] as number) ^ (1 << (bit & 7));
      disk.setContent('/db', damaged);
      const opened = openBolt(disk, '/db', { readOnly: true });
      const meant = `bit ${bit}`;
      expect(opened.meta.txid, meant).toBe(txid - 1);
      expect(text(opened.beginRead().bucket(bytes('key'))?.get(bytes('k')) ?? bytes('')), meant).toBe('one');
      opened.close();
    }
  });

  it('goes by turns to both pages, after what it points to has been synced', () => {
    const disk = new MemoryDisk();
    const bolt = openBolt(disk, '/db');
    const changes: string[] = [];
    disk.beforeChange = (change) => changes.push(change);
    for (let round = 0; round < 3; round++) {
      const tx = bolt.beginWrite();
      inBucket(tx).put(bytes('k'), bytes(String(round)));
      tx.commit();
      expect(decodeMeta(disk.content('/db').subarray((bolt.meta.txid % 2) * 4096))).toMatchObject({
        txid: bolt.meta.txid,
      });
    }
    const order = changes.filter((change) => change === 'write' || change === 'sync').join(' ');
    expect(order).toMatch(/^(?:(?:write )+sync write sync ?){3}$/);
    bolt.close();
  });
});

describe('a failing disk', () => {
  it.each(['write', 'sync', 'truncate'] as const)(
    'that refuses a %s fails the handle for good, at the last commit',
    (what) => {
      const disk = new MemoryDisk();
      const bolt = openBolt(disk, '/db');
      const first = bolt.beginWrite();
      inBucket(first).put(bytes('kept'), bytes('1'));
      first.commit();
      disk.beforeChange = (change) => {
        if (change === what) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
      };
      const tx = bolt.beginWrite();
      for (let i = 0; i < 500; i++) inBucket(tx).put(number(i), Buffer.alloc(100));
      const error = thrown(() => tx.commit());
      expect(error).toMatchObject({ code: 'ERR_BOLT_FAILED', cause: { code: 'ENOSPC' } });
      disk.beforeChange = () => {};
      expect(thrown(() => bolt.beginWrite())).toBe(error);
      expect(bolt.failure).toBe(error);
      bolt.close();
    },
  );

  it('whose second sync fails rejects the commit', async () => {
    const disk = new MemoryDisk();
    const bolt = openBolt(disk, '/db');
    let syncs = 0;
    disk.beforeChange = (change) => {
      if (change === 'sync' && ++syncs === 2) throw Object.assign(new Error('EIO'), { code: 'EIO' });
    };
    const tx = bolt.beginWrite();
    inBucket(tx);
    await expect(tx.commitAsync()).rejects.toMatchObject({ code: 'ERR_BOLT_FAILED', cause: { code: 'EIO' } });
    expect(thrown(() => bolt.beginWrite())).toMatchObject({ code: 'ERR_BOLT_FAILED' });
  });
});

describe('copies', () => {
  const filled = () => {
    const disk = new MemoryDisk();
    const bolt = openBolt(disk, '/db');
    for (let commit = 0; commit < 10; commit++) {
      const tx = bolt.beginWrite();
      for (let i = 0; i < 400; i++) inBucket(tx).put(number(i * 7 + commit), Buffer.alloc(commit * 60, commit));
      inBucket(tx, 'outer')
        .createBucket(bytes('inner'))
        .put(number(commit), Buffer.alloc(commit * 500));
      inBucket(tx, 'empty');
      tx.commit();
    }
    const tx = bolt.beginWrite();
    for (let i = 0; i < 1500; i++) inBucket(tx).delete(number(i));
    tx.commit();
    return { disk, bolt };
  };

  const dump = (bucket: ReadBucket): unknown[] => {
    const found: unknown[] = [];
    bucket.range(undefined, undefined, (key, value, isBucket) => {
      const inner = isBucket ? bucket.bucket(key) : undefined;
      found.push([text(key), inner === undefined ? text(value) : dump(inner)]);
    });
    return found;
  };

  it('are dense and hold the same, one step at a time', () => {
    const { disk, bolt } = filled();
    const source = bolt.beginRead();
    const file = disk.open('/copy', 'create');
    let steps = 0;
    for (const _ of compactInto(source, file)) steps++;
    file.close();
    const copy = openBolt(disk, '/copy');
    expect(dump(copy.beginRead().root)).toEqual(dump(source.root));
    expect(checkBolt(copy)).toMatchObject({ problems: [], freePages: 0 });
    expect(copy.meta.highWater).toBeLessThan(bolt.meta.highWater);
    expect(steps).toBeGreaterThan(2);
    const tx = copy.beginWrite();
    for (let i = 0; i < 3000; i++) inBucket(tx).put(number(i), bytes('x'));
    tx.commit();
    expect(checkBolt(copy).problems).toEqual([]);
  });

  it('of deep trees have full branches on every level', () => {
    const disk = new MemoryDisk();
    const bolt = openBolt(disk, '/db');
    const tx = bolt.beginWrite();
    // Three or four of them in a page: a branch, as a leaf.
    for (let i = 0; i < 700; i++) inBucket(tx).put(Buffer.concat([number(i), Buffer.alloc(1000)]), bytes(`v${i}`));
    tx.commit();
    const file = disk.open('/copy', 'create');
    let steps = 0;
    for (const _ of compactInto(bolt.beginRead(), file)) steps++;
    file.close();
    const copy = openBolt(disk, '/copy');
    expect(dump(copy.beginRead().root)).toEqual(dump(bolt.beginRead().root));
    expect(checkBolt(copy)).toMatchObject({ problems: [], freePages: 0, entries: 700 });
    const leaves = Math.ceil(700 / 3);
    expect(copy.meta.highWater).toBeLessThan(leaves + leaves / 2 + 10);
    // Two for each 256 KiB that are full, and one for the bucket.
    expect(steps).toBe(3);
  });

  it('of an empty database are empty databases', () => {
    const disk = new MemoryDisk();
    const file = disk.open('/copy', 'create');
    for (const _ of compactInto(openBolt(disk, '/db').beginRead(), file));
    file.close();
    expect(checkBolt(openBolt(disk, '/copy'))).toMatchObject({ problems: [], buckets: 0, entries: 0 });
  });

  it('streamed while writes go on hold one state', () => {
    const { disk, bolt } = filled();
    const reader = bolt.beginRead();
    const wanted = dump(reader.root);
    const chunks: Uint8Array[] = [];
    for (const chunk of streamState(bolt.pager, reader.meta, 5000)) {
      chunks.push(chunk);
      const tx = bolt.beginWrite();
      for (let i = 0; i < 50; i++) inBucket(tx).put(number(i + chunks.length), Buffer.alloc(200));
      tx.commit();
    }
    disk.setContent('/copy', Buffer.concat(chunks));
    const copy = openBolt(disk, '/copy');
    expect(disk.stat('/copy')?.size).toBe(reader.meta.highWater * 4096);
    expect(copy.meta).toMatchObject({ txid: reader.txid, highWater: reader.highWaterPages });
    expect(dump(copy.beginRead().root)).toEqual(wanted);
    expect(checkBolt(copy).problems).toEqual([]);
  });
});

describe('other page sizes', () => {
  it.each([1024, 8192, 65536])('of %i bytes are taken from the file', (pageSize) => {
    const disk = new MemoryDisk();
    const file = disk.open('/db', 'create');
    const builder = new FileBuilder(file, pageSize);
    builder.finish(builder.page(new LeafNode(), 0, 0), 0n, 1);
    file.close();
    const bolt = openBolt(disk, '/db');
    for (let commit = 0; commit < 30; commit++) {
      const tx = bolt.beginWrite();
      for (let i = 0; i < 200; i++) inBucket(tx).put(number((i * 37 + commit * 11) % 1500), Buffer.alloc(commit * 20));
      tx.commit();
      expect(checkBolt(bolt).problems).toEqual([]);
    }
    // With its first meta page gone, the second is found at any page size.
    bolt.close();
    const damaged = disk.content('/db');
    damaged.fill(0, 0, 100);
    disk.setContent('/db', damaged);
    expect(openBolt(disk, '/db').meta.pageSize).toBe(pageSize);
  });
});
