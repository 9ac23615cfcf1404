/**
 * Damaged files. bbolt's data pages carry no checksum, so damage inside a value cannot be seen; everything else must
 * end in a typed error that names the file, or in a file that still works — never in another kind of error, an endless
 * walk, or memory without bound.
 */
import { describe, expect, it } from 'vitest';
import { openBolt } from '../../../src/bolt/bolt.js';
import { BucketBuilder, FileBuilder } from '../../../src/bolt/builder.js';
import { checkBolt } from '../../../src/bolt/check.js';
import { BoltError } from '../../../src/bolt/errors.js';
import { encodeMeta, readMetas } from '../../../src/bolt/meta.js';
import { readU32 } from '../../../src/bolt/page.js';
import { MAX_DEPTH } from '../../../src/bolt/tree.js';
import type { ReadBucket } from '../../../src/bolt/types.js';
import { MemoryDisk } from '../../support/memory-disk.js';
import { seededRandom } from '../../support/seeded-random.js';
import { bytes, databaseOf, diskWith } from './fixtures.js';

const PAGE = 1024;

/**
 * Small pages make every kind of page fit into some kilobytes: branches, leaves, overflow, nested and inline buckets,
 * free pages.
 */
function smallFile(): Buffer {
  const disk = new MemoryDisk();
  const file = disk.open('/db', 'create');
  const builder = new FileBuilder(file, PAGE);
  const top = new BucketBuilder(builder, 0n);
  const key = new BucketBuilder(builder, 0n);
  for (let i = 0; i < 40; i++) key.add(bytes(`key-${String(i).padStart(3, '0')}`), Buffer.alloc(60, i), false);
  const nested = new BucketBuilder(builder, 7n);
  for (let i = 0; i < 6; i++) nested.add(bytes(`nested-${i}`), Buffer.alloc(i === 3 ? 2500 : 100, i), false);
  key.add(bytes('nested'), nested.finish(), true);
  const small = new BucketBuilder(builder, 0n);
  small.add(bytes('consistent_index'), Buffer.alloc(8), false);
  top.add(bytes('key'), key.finish(), true);
  top.add(bytes('meta'), small.finish(), true);
  builder.finish(top.finishTree(), 0n, 9);
  file.close();
  const bolt = openBolt(disk, '/db');
  const tx = bolt.beginWrite();
  tx.bucket(bytes('key'))?.put(bytes('key-005'), bytes('changed'));
  tx.commit();
  bolt.close();
  const { highWater } = bolt.meta;
  return disk.content('/db').subarray(0, highWater * PAGE);
}

/** Everything a program does to a file: reads it all, seeks, writes, checks. Returns how often a typed error came. */
function exercise(content: Uint8Array): number {
  let errors = 0;
  let visited = 0;
  const attempt = (run: () => void) => {
    try {
      run();
    } catch (error) {
      if (!(error instanceof BoltError)) throw error;
      if (!error.message.includes('/db')) throw new Error(`error does not name the file: ${error.message}`);
      if (!['ERR_BOLT_FORMAT', 'ERR_BOLT_CORRUPT', 'ERR_BOLT_FAILED', 'ERR_BOLT_USAGE'].includes(error.code))
        throw error;
      errors++;
    }
  };
  const readAll = (bucket: ReadBucket, depth: number) => {
    bucket.range(undefined, undefined, (key, value, isBucket) => {
      if (++visited > 10_000) throw new Error('an endless walk');
      if (!isBucket) bucket.get(key);
      else if (depth < MAX_DEPTH) {
        const inner = bucket.bucket(key);
        if (inner !== undefined) attempt(() => readAll(inner, depth + 1));
      }
      return value.length >= 0;
    });
  };
  attempt(() => {
    const bolt = openBolt(diskWith(content), '/db', { readOnly: true });
    attempt(() => checkBolt(bolt));
    attempt(() => readAll(bolt.beginRead().root, 0));
  });
  attempt(() => {
    const bolt = openBolt(diskWith(content), '/db');
    const tx = bolt.beginWrite();
    attempt(() => {
      const bucket = tx.bucket(bytes('key'));
      bucket?.put(bytes('key-020'), bytes('new'));
      for (let i = 0; i < 12; i++) bucket?.delete(bytes(`key-${String(i).padStart(3, '0')}`));
    });
    attempt(() => tx.deleteBucket(bytes('meta')));
    attempt(() => tx.commit());
    attempt(() => readAll(bolt.beginRead().root, 0));
  });
  return errors;
}

/** Gives both meta pages of a file other fields, with right checksums. */
function forge(content: Uint8Array, change: Partial<ReturnType<typeof readMetas>>): Buffer {
  const forged = Buffer.from(content);
  const meta = readMetas('/db', (position, size) => forged.subarray(position, position + size));
  forged.set(encodeMeta({ ...meta, ...change }, 0).subarray(0, 80), 0);
  forged.set(encodeMeta({ ...meta, ...change }, 1).subarray(0, 80), meta.pageSize);
  return forged;
}

describe('a damaged database', () => {
  const file = smallFile();

  it('is whole before it is damaged', () => {
    const bolt = openBolt(diskWith(file), '/db');
    expect(checkBolt(bolt)).toMatchObject({ problems: [], buckets: 3, entries: 47 });
    expect(bolt.freePages.free).toBeGreaterThan(0);
    expect(exercise(file)).toBe(0);
  });

  it('with any one byte changed gives a typed error or works on', () => {
    const seed = 20260101;
    const random = seededRandom(seed);
    let errors = 0;
    for (let at = 0; at < file.length; at++) {
      const pattern = at % 2 === 0 ? 0xff : 1 << random.below(8);
      const damaged = Buffer.from(file);
      damaged[at] = (damaged[at] as number) ^ pattern;
      try {
        errors += exercise(damaged) > 0 ? 1 : 0;
      } catch (error) {
        throw new Error(`byte ${at} ^ 0x${pattern.toString(16)}: ${String(error)}`, { cause: error });
      }
    }
    expect(errors).toBeGreaterThan(250);
  }, 120_000);

  it('cut at any length gives a typed error', () => {
    for (let size = 1; size < file.length; size += 97) {
      expect(() => openBolt(diskWith(file.subarray(0, size)), '/db')).toThrow(BoltError);
    }
  });

  it('with pages exchanged, repeated or overwritten with noise gives a typed error or works on', () => {
    const random = seededRandom(7);
    const pages = file.length / PAGE;
    let errors = 0;
    for (let round = 0; round < 1500; round++) {
      const damaged = Buffer.from(file);
      const from = random.below(pages);
      const to = 2 + random.below(pages - 2);
      if (round % 3 === 0) {
        for (let i = 0; i < 64; i++) damaged[to * PAGE + random.below(PAGE)] = random.below(256);
      } else {
        file.copy(damaged, to * PAGE, from * PAGE, (from + 1) * PAGE);
        // The copy claims to be the page it stands for, as after a lost or misdirected write.
        if (round % 3 === 1) damaged.writeBigUInt64LE(BigInt(to), to * PAGE);
      }
      errors += exercise(damaged) > 0 ? 1 : 0;
    }
    expect(errors).toBeGreaterThan(300);
  }, 120_000);

  it('whose meta pages were forged gives a typed error', () => {
    const { rootId, highWater } = readMetas('/db', (position, size) => file.subarray(position, position + size));
    for (const change of [
      { highWater: highWater * 2 },
      { highWater: 2 ** 40 },
      { rootId: 1 },
      { freelistId: rootId },
      { pageSize: 2048 },
      { txid: 2 ** 53 },
    ]) {
      const forged = forge(file, change);
      expect(() =>
        openBolt(diskWith(forged), '/db')
          .beginRead()
          .root.range(undefined, undefined, () => true),
      ).toThrow(BoltError);
    }
  });

  it('is told from a foreign file, and from one of another format version', () => {
    const code = (content: Uint8Array) => {
      try {
        openBolt(diskWith(content), '/db');
        return 'opened';
      } catch (error) {
        return (error as BoltError).code;
      }
    };
    const other = Buffer.from(file);
    other.writeUInt32LE(3, 20);
    other.writeUInt32LE(3, PAGE + 20);
    expect(code(other)).toBe('ERR_BOLT_FORMAT');
    expect(code(Buffer.alloc(100_000))).toBe('ERR_BOLT_FORMAT');
    expect(code(bytes('#!/bin/sh\n'))).toBe('ERR_BOLT_FORMAT');
    expect(code(file.subarray(0, 3 * PAGE))).toBe('ERR_BOLT_CORRUPT');
  });

  it('says which page, and where it lies', () => {
    const damaged = Buffer.from(file);
    const { rootId } = readMetas('/db', (position, size) => file.subarray(position, position + size));
    damaged.writeUInt16LE(0x20, rootId * PAGE + 8);
    expect(() => openBolt(diskWith(damaged), '/db')).toThrow(
      expect.objectContaining({ code: 'ERR_BOLT_CORRUPT', path: '/db', pageId: rootId, offset: rootId * PAGE }),
    );
  });
});

describe('a damaged database of real etcd', () => {
  it('with any one byte of its used pages changed gives a typed error or works on', () => {
    const database = databaseOf('3.4.23').subarray(0, 10 * 4096);
    const random = seededRandom(99);
    let errors = 0;
    for (let at = 0; at < database.length; at += 1 + random.below(15)) {
      const damaged = Buffer.from(database);
      damaged[at] = (damaged[at] as number) ^ (1 << random.below(8));
      errors += exercise(damaged) > 0 ? 1 : 0;
    }
    expect(errors).toBeGreaterThan(25);
  }, 120_000);
});

describe('the check', () => {
  it('lists what is wrong and goes on', () => {
    const file = smallFile();
    const bolt = openBolt(diskWith(file), '/db', { readOnly: true });
    const keys: { page: number; at: number }[] = [];
    const root = bolt.latestBucket(bytes('key'), 'key')?.rootId ?? 0;
    const branch = bolt.pager.page(root);
    for (let i = 0; i < branch.count; i++) keys.push({ page: branch.child(i), at: branch.child(i) * PAGE });
    const damaged = Buffer.from(file);
    const [first, second, third] = keys;
    if (first === undefined || second === undefined || third === undefined) throw new Error('three leaves expected');
    // One leaf is no page of the tree any more, one has two keys out of order.
    damaged.writeUInt16LE(0x77, first.at + 8);
    const page = bolt.pager.page(third.page);
    damaged.set(page.key(1), third.at + 16 + readU32(page.data, 20));
    const report = checkBolt(openBolt(diskWith(damaged), '/db', { readOnly: true }));
    expect(report.problems.map(({ pageId }) => pageId)).toEqual([first.page, third.page]);
    expect(report.problems[0]).toMatchObject({ offset: first.at });
    expect(report.entries).toBeGreaterThan(20);
  });

  describe('says of a page', () => {
    const file = smallFile();
    const whole = openBolt(diskWith(file), '/db', { readOnly: true });
    const root = whole.latestBucket(bytes('key'), 'key')?.rootId ?? 0;
    const branch = whole.pager.page(root);
    const child = (at: number): number => branch.child(at);
    /** Where the element is in the file. */
    const element = (page: number, at: number): number => page * PAGE + 16 + at * 16;
    /** Where its key is: the offset in the element comes first in a branch, after the flags in a leaf. */
    const keyAt = (page: number, at: number): number => {
      const start = element(page, at);
      return start + file.readUInt32LE(whole.pager.page(page).leaf ? start + 4 : start);
    };
    const lastOf = (page: number): number => whole.pager.page(page).count - 1;

    const found = (damage: (damaged: Buffer) => void): [number, string][] => {
      const damaged = Buffer.from(file);
      damage(damaged);
      const { problems } = checkBolt(openBolt(diskWith(damaged), '/db', { readOnly: true }));
      return problems.map(({ pageId, problem }) => [pageId, problem]);
    };

    it('that two branches, or two elements of one, name it', () => {
      const twice = found((damaged) => {
        damaged.writeBigUInt64LE(BigInt(child(0)), element(root, 1) + 8);
        damaged.set(whole.pager.page(child(0)).key(0), keyAt(root, 1));
      });
      expect(twice).toContainEqual([child(0), 'page is used in two places']);
    });

    it('that it is empty, where that cannot be', () => {
      expect(found((damaged) => damaged.writeUInt16LE(0, child(1) * PAGE + 10))).toEqual([
        [child(1), 'leaf page below a branch is empty'],
      ]);
    });

    it('that it begins below, or ends beyond, what its parent says', () => {
      const higher = Buffer.from(whole.pager.page(child(1)).key(1));
      expect(found((damaged) => damaged.set(higher, keyAt(root, 1)))).toEqual([
        [child(1), 'first key is below what its parent says'],
      ]);
      const beyond = Buffer.from(whole.pager.page(child(2)).key(0));
      expect(found((damaged) => damaged.set(beyond, keyAt(child(1), lastOf(child(1)))))).toEqual([
        [child(1), "last key is not below its parent's next"],
      ]);
    });

    it('that a key is there twice, or is empty', () => {
      const first = Buffer.from(whole.pager.page(child(1)).key(0));
      expect(found((damaged) => damaged.set(first, keyAt(child(1), 1)))).toEqual([
        [child(1), 'key 1 does not come after the one before it'],
      ]);
      const problems = found((damaged) => damaged.writeUInt32LE(0, element(child(1), 2) + 8));
      expect(problems).toContainEqual([child(1), 'key 2 is empty']);
    });

    it('that what it has for a bucket is none', () => {
      const small = whole.latestBucket(bytes('key'), 'key')?.rootId ?? 0;
      expect(small).toBe(root);
      const problems = found((damaged) => damaged.writeUInt32LE(1, element(child(1), 0)));
      expect(problems).toHaveLength(1);
      expect(problems[0]?.[0]).toBe(child(1));
    });
  });

  it('ends its report after a thousand lines', () => {
    const disk = new MemoryDisk();
    const file = disk.open('/db', 'create');
    const builder = new FileBuilder(file, PAGE);
    const key = new BucketBuilder(builder, 0n);
    // Two in a leaf: each of those that is emptied is a line.
    for (let i = 0; i < 2400; i++) key.add(bytes(`key-${String(i).padStart(4, '0')}`), Buffer.alloc(900, i), false);
    const top = new BucketBuilder(builder, 0n);
    top.add(bytes('key'), key.finish(), true);
    builder.finish(top.finishTree(), 0n, 9);
    file.close();
    const damaged = disk.content('/db');
    for (let page = 2; page * PAGE < damaged.length; page++)
      if (damaged.readUInt16LE(page * PAGE + 8) === 2 && damaged.readUInt16LE(page * PAGE + 10) === 2)
        damaged.writeUInt16LE(0, page * PAGE + 10);
    expect(checkBolt(openBolt(diskWith(damaged), '/db', { readOnly: true })).problems).toHaveLength(1000);
  });
});
