/**
 * bolt where numbers become large: trees of three levels that grow and shrink in any order, values of thousands of
 * pages, thousands of buckets, free pages that readers hold for hundreds of commits, lists of free pages too long for
 * the two bytes of their count. Against an ordered map, with `check` after each part.
 */
import { describe, expect, it } from 'vitest';
import { type Bolt, openBolt } from '../../src/bolt/bolt.js';
import { checkBolt } from '../../src/bolt/check.js';
import { compactInto } from '../../src/bolt/compact.js';
import { encodeMeta } from '../../src/bolt/meta.js';
import {
  ELEMENT_BYTES,
  FLAG_FREELIST,
  FLAG_LEAF,
  PAGE_HEADER_BYTES,
  writePageHeader,
  writeU64,
} from '../../src/bolt/page.js';
import type { ReadBucket, ReadTx } from '../../src/bolt/types.js';
import type { Random } from '../../src/lib/random.js';
import { MemoryDisk } from '../support/memory-disk.js';
import { SCALED_TIMEOUT_MS, scaled, seeded, steps } from '../support/scale.js';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const NAME = bytes('key');
/** Too small for what is read. */
const cacheBytes = 128 << 10;

type Model = Map<string, Uint8Array>;

function assertSame(bucket: ReadBucket | undefined, model: Model): void {
  const keys = [...model.keys()].sort();
  let at = 0;
  bucket?.range(undefined, undefined, (key, value) => {
    const expected = keys[at++];
    const found = Buffer.from(key).toString('latin1');
    if (found !== expected) throw new Error(`key ${at} is ${found}, not ${expected}`);
    if (Buffer.compare(value, model.get(found) as Uint8Array) !== 0) throw new Error(`${found} has another value`);
  });
  expect(at).toBe(keys.length);
}

function assertSound(bolt: Bolt): void {
  const { problems, reachablePages } = checkBolt(bolt);
  expect(problems).toEqual([]);
  const { free, pending } = bolt.freePages;
  expect(reachablePages + free + pending).toBe(bolt.meta.highWater);
}

/** A dense copy holds the same. */
function assertCompacted(bolt: Bolt, model: Model): void {
  const disk = new MemoryDisk();
  const file = disk.open('/copy', 'create');
  const tx = bolt.beginRead();
  for (const _ of compactInto(tx, file));
  tx.close();
  file.close();
  const copy = openBolt(disk, '/copy', { dense: true });
  assertSame(copy.latestBucket(NAME, 'key'), model);
  assertSound(copy);
  expect(copy.freePages.free).toBe(0);
  copy.close();
  const again = openBolt(disk, '/copy');
  assertSound(again);
  again.close();
}

interface Shape {
  readonly commits: number;
  readonly operations: (random: Random, commit: number) => number;
  readonly key: (random: Random, commit: number) => string;
  readonly valueBytes: (random: Random) => number;
}

const number = (value: number): string => value.toString().padStart(8, '0');

const shapes: Readonly<Record<string, Shape>> = {
  'keys in any order, thousands in a commit': {
    commits: 8,
    operations: (random) => 1 + random.below(8000),
    key: (random) => random.below(40_000).toString(36),
    valueBytes: (random) => random.below(60),
  },
  'long keys, few to a branch': {
    commits: 8,
    operations: (random) => random.below(700),
    key: (random) => `${number(random.below(4000))}${'x'.repeat(random.below(2000))}`.slice(0, 30 + random.below(1500)),
    valueBytes: (random) => random.below(100),
  },
  'values of up to a thousand pages': {
    commits: 30,
    operations: (random) => random.below(20),
    key: (random) => number(random.below(40)),
    valueBytes: (random) => [10, 4050, 4070, 4100, 70_000, 4_200_000][random.below(6)] as number,
  },
  'one change at a time': {
    commits: 250,
    operations: () => 1,
    key: (random) => number(random.below(3000)),
    valueBytes: (random) => random.below(2500),
  },
};

describe.each(Object.entries(shapes))('%s', (_, { commits, operations, key, valueBytes }) => {
  it(
    'are as an ordered map has them, for readers of earlier commits too',
    () =>
      seeded(async (random) => {
        const disk = new MemoryDisk();
        let bolt = openBolt(disk, '/db', { cacheBytes });
        const model: Model = new Map();
        const readers: { tx: ReadTx; model: Model }[] = [];
        const total = scaled(commits);
        for await (const commit of steps(total)) {
          const tx = bolt.beginWrite();
          const bucket = tx.createBucket(NAME);
          if (random.below(3) === 0) bucket.fillPercent = 0.9;
          // Waves of growth and decline, to nothing at times.
          const deletions = commit % 6 < 3 ? 20 : 75;
          if (random.below(12) === 0)
            for (const each of [...model.keys()]) if (bucket.delete(bytes(each))) model.delete(each);
          for (let count = operations(random, commit); count > 0; count--) {
            const each = key(random, commit);
            if (random.below(100) < deletions) {
              const doomed = random.below(2) === 0 ? each : (model.keys().next().value ?? each);
              if (bucket.delete(bytes(doomed)) !== model.delete(doomed)) throw new Error(`delete of ${doomed}`);
            } else {
              const value = Buffer.alloc(random.below(valueBytes(random) + 1), random.below(256));
              bucket.put(bytes(each), value);
              model.set(each, value);
            }
          }
          tx.commit();
          if (random.below(6) === 0 && readers.length < 5)
            readers.push({ tx: bolt.beginRead(), model: new Map(model) });
          if (random.below(10) === 0) {
            const [reader] = readers.splice(random.below(readers.length), 1);
            if (reader !== undefined) assertSame(reader.tx.bucket(NAME), reader.model);
            reader?.tx.close();
          }
          if (random.below(total / 6) === 0) {
            assertSame(bolt.latestBucket(NAME, 'key'), model);
            assertSound(bolt);
            for (const reader of readers) assertSame(reader.tx.bucket(NAME), reader.model);
          }
          if (random.below(total / 3) !== 0) continue;
          assertCompacted(bolt, model);
          for (const reader of readers.splice(0)) reader.tx.close();
          const { free, pending } = bolt.freePages;
          bolt.close();
          bolt = openBolt(disk, '/db', { cacheBytes });
          expect(bolt.freePages.free).toBe(free + pending);
        }
        for (const reader of readers) assertSame(reader.tx.bucket(NAME), reader.model);
        assertSame(bolt.latestBucket(NAME, 'key'), model);
        assertSound(bolt);
        assertCompacted(bolt, model);
      }),
    SCALED_TIMEOUT_MS,
  );
});

describe('thousands of buckets', () => {
  it(
    'are made, filled beyond a page, emptied and deleted',
    () =>
      seeded(async (random) => {
        const bolt = openBolt(new MemoryDisk(), '/db', { cacheBytes });
        const model = new Map<string, Model>();
        for await (const _ of steps(scaled(8))) {
          const tx = bolt.beginWrite();
          for (let count = random.below(800); count > 0; count--) {
            const name = `bucket ${random.below(2000)}`;
            const kind = random.below(10);
            if (kind === 0) {
              expect(tx.deleteBucket(bytes(name))).toBe(model.delete(name));
              continue;
            }
            const bucket = tx.createBucket(bytes(name));
            const inside = model.get(name) ?? new Map<string, Uint8Array>();
            model.set(name, inside);
            // Around a quarter of a page, up to which a bucket lies in its parent's.
            for (let puts = random.below(kind === 1 ? 100 : 4); puts > 0; puts--) {
              const key = number(random.below(100));
              const value = Buffer.alloc(random.below(350), random.below(256));
              bucket.put(bytes(key), value);
              inside.set(key, value);
            }
            if (kind !== 2) continue;
            for (const key of [...inside.keys()].slice(random.below(3))) {
              expect(bucket.delete(bytes(key))).toBe(true);
              inside.delete(key);
            }
          }
          tx.commit();
          assertSound(bolt);
          const read = bolt.beginRead();
          const names: string[] = [];
          read.root.range(undefined, undefined, (name) => names.push(Buffer.from(name).toString()));
          expect(names).toEqual([...model.keys()].sort());
          for (const [name, inside] of model) assertSame(read.bucket(bytes(name)), inside);
          read.close();
        }
      }),
    SCALED_TIMEOUT_MS,
  );
});

describe('pages that one reader holds for long', () => {
  it(
    'are free again when it is gone, and the file has grown by what was held alone',
    () => {
      const bolt = openBolt(new MemoryDisk(), '/db', { cacheBytes });
      const commit = (at: number): void => {
        const tx = bolt.beginWrite();
        const bucket = tx.createBucket(NAME);
        for (let key = 0; key < 40; key++) bucket.put(bytes(number(key * 100)), Buffer.alloc(1000, at));
        tx.commit();
      };
      for (let at = 0; at < 20; at++) commit(at);
      const before = bolt.meta.highWater;
      const reader = bolt.beginRead();
      for (let at = 0; at < scaled(500); at++) commit(at);
      expect(bolt.meta.highWater).toBeLessThan(before * 3);
      expect(bolt.freePages.pending).toBeGreaterThan(0);
      reader.close();
      commit(0);
      expect(bolt.freePages.pending).toBe(0);
      assertSound(bolt);
    },
    SCALED_TIMEOUT_MS,
  );
});

describe('a stored list of more than 65535 free pages', () => {
  const PAGE = 1024;

  /** As bbolt writes it: the count in the first entry, since the header's two bytes cannot hold it. */
  function fileWith(free: number): MemoryDisk {
    const listBytes = PAGE_HEADER_BYTES + (free + (free >= 0xffff ? 1 : 0)) * 8;
    const listPages = Math.ceil(listBytes / PAGE);
    const highWater = 3 + listPages + free;
    const file = Buffer.alloc(highWater * PAGE);
    const meta = { pageSize: PAGE, rootId: 2, rootSequence: 0n, freelistId: 3, highWater };
    file.set(encodeMeta({ ...meta, txid: 1 }, 1), PAGE);
    file.set(encodeMeta({ ...meta, txid: 2 }, 0), 0);
    writePageHeader(file.subarray(2 * PAGE), { id: 2, flags: FLAG_LEAF, count: 0, overflow: 0 });
    const list = file.subarray(3 * PAGE);
    writePageHeader(list, { id: 3, flags: FLAG_FREELIST, count: Math.min(free, 0xffff), overflow: listPages - 1 });
    let at = PAGE_HEADER_BYTES;
    if (free >= 0xffff) {
      writeU64(list, at, free);
      at += ELEMENT_BYTES / 2;
    }
    for (let each = 0; each < free; each++, at += 8) writeU64(list, at, 3 + listPages + each);
    const disk = new MemoryDisk();
    disk.setContent('/db', file);
    return disk;
  }

  it.each([65_534, 65_535, 65_536, 70_000])('of %i is read, checked and given up by the next commit', (free) => {
    const disk = fileWith(free);
    const bolt = openBolt(disk, '/db');
    expect(checkBolt(bolt).problems.filter(({ pageId }) => pageId !== 3)).toEqual([]);
    expect(bolt.freePages.free).toBe(free);
    const tx = bolt.beginWrite();
    tx.createBucket(NAME).put(bytes('a'), Buffer.alloc(20 * PAGE));
    tx.commit();
    expect(bolt.meta.freelistId).toBeUndefined();
    expect(checkBolt(bolt).problems).toEqual([]);
    expect(bolt.meta.highWater * PAGE).toBe(disk.content('/db').length);
    bolt.close();
    const readOnly = openBolt(disk, '/db', { readOnly: true });
    expect(checkBolt(readOnly).problems).toEqual([]);
    readOnly.close();
  });
});
