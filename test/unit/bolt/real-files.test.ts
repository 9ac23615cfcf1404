/** Files that real etcd and real bbolt wrote, with what their own tools say is in them. */
import { describe, expect, it } from 'vitest';
import { openBolt } from '../../../src/bolt/bolt.js';
import { checkBolt } from '../../../src/bolt/check.js';
import { decodeMeta } from '../../../src/bolt/meta.js';
import type { ReadBucket } from '../../../src/bolt/types.js';
import { crc32c } from '../../../src/lib/crc32c.js';
import { bytes, databaseOf, diskWith, fixtureBytes, fixtureJson, text } from './fixtures.js';

interface ExpectedMeta {
  readonly root: number;
  readonly freelist: string;
  readonly pgid: number;
  readonly txid: number;
}

interface Expected {
  readonly bolt: { readonly meta: ExpectedMeta[]; readonly liveMeta: number };
  readonly backend: Readonly<Record<string, readonly { key: string; value: string }[]>>;
  readonly keyBucket: readonly { key: string; value: string | null; valueLen: number }[];
  readonly snapshotSave: { readonly etcdutlStatus: { hash: number; totalKey: number; totalSize: number } };
}

/** Text, or `hex:` and what cannot be shown. */
function fromText(value: string): Buffer {
  return value.startsWith('hex:') ? Buffer.from(value.slice(4), 'hex') : Buffer.from(value, 'latin1');
}

function entries(bucket: ReadBucket): [string, Uint8Array][] {
  const found: [string, Uint8Array][] = [];
  bucket.range(undefined, undefined, (key, value) => found.push([text(key), value]));
  return found;
}

/**
 * CRC-32C over bucket names, keys and values, as `snapshot status` shows it; a nested bucket counts as a key without
 * value.
 */
function hashAll(top: ReadBucket): { hash: number; entries: number } {
  let hash = 0;
  let count = 0;
  top.range(undefined, undefined, (name) => {
    hash = crc32c(hash, name);
    top.bucket(name)?.range(undefined, undefined, (key, value, isBucket) => {
      hash = crc32c(hash, key);
      if (!isBucket) hash = crc32c(hash, value);
      count++;
    });
  });
  return { hash, entries: count };
}

describe.each(['3.4.23', '3.5.30'])('a database of real etcd %s', (version) => {
  const expected = fixtureJson<Expected>(`datadir/expected-${version}.json`);
  const database = databaseOf(version);

  it('has the meta pages that bbolt shows', () => {
    for (const [page, wanted] of expected.bolt.meta.entries()) {
      const meta = decodeMeta(database.subarray(page * 4096, (page + 1) * 4096));
      expect(meta).toEqual({
        pageSize: 4096,
        rootId: wanted.root,
        rootSequence: 0n,
        freelistId: undefined,
        highWater: wanted.pgid,
        txid: wanted.txid,
      });
    }
    const bolt = openBolt(diskWith(database), '/db', { readOnly: true });
    expect(bolt.meta.txid).toBe(expected.bolt.meta[expected.bolt.liveMeta]?.txid);
  });

  it('holds every entry of every bucket', () => {
    const bolt = openBolt(diskWith(database), '/db');
    const tx = bolt.beginRead();
    for (const [name, wanted] of Object.entries(expected.backend)) {
      const bucket = tx.bucket(bytes(name));
      if (bucket === undefined) throw new Error(`no bucket ${name}`);
      const found = entries(bucket);
      expect(found.map(([key, value]) => [key, text(value)])).toEqual(
        wanted.map(({ key, value }) => [fromText(key).toString('latin1'), fromText(value).toString('latin1')]),
      );
      for (const [key, value] of found) expect(bucket.get(bytes(key))).toEqual(value);
    }
    const keys = tx.bucket(bytes('key'));
    if (keys === undefined) throw new Error('no bucket key');
    const found = entries(keys);
    expect(found.map(([key]) => Buffer.from(key, 'latin1').toString('hex'))).toEqual(
      expected.keyBucket.map(({ key }) => key),
    );
    for (const [i, { value, valueLen }] of expected.keyBucket.entries()) {
      const stored = Buffer.from(found[i]?.[1] ?? []);
      expect(stored.length).toBe(valueLen);
      if (value !== null) expect(stored.toString('hex')).toBe(value);
    }
    tx.close();
  });

  it('passes the check, before and after we write to it', () => {
    const bolt = openBolt(diskWith(database), '/db');
    expect(checkBolt(bolt).problems).toEqual([]);
    for (let i = 0; i < 20; i++) {
      const tx = bolt.beginWrite();
      tx.bucket(bytes('meta'))?.put(bytes('consistent_index'), Buffer.alloc(8, i));
      tx.bucket(bytes('key'))?.put(Buffer.alloc(17, 0xf0 + (i % 15)), Buffer.alloc(700, i));
      tx.commit();
      expect(checkBolt(bolt).problems).toEqual([]);
    }
    expect(bolt.meta.txid).toBe((expected.bolt.meta[expected.bolt.liveMeta]?.txid ?? 0) + 20);
  });

  it('gives a snapshot whose hash, keys and size are those of etcdutl', () => {
    const snapshot = fixtureBytes(`datadir/snapshot-${version}.db.gz`);
    const bolt = openBolt(diskWith(snapshot), '/db', { readOnly: true });
    const { hash, totalKey, totalSize } = expected.snapshotSave.etcdutlStatus;
    const tx = bolt.beginRead();
    expect(hashAll(tx.root)).toEqual({ hash, entries: totalKey });
    expect(bolt.meta.highWater * bolt.pageSize).toBe(totalSize);
    expect(checkBolt(bolt).problems).toEqual([]);
  });
});

describe('a database of real bbolt with branch pages, overflow, nested buckets and a stored free list', () => {
  const database = fixtureBytes('bolt/bbolt-branch.db.gz');
  const expected = fixtureJson<Record<string, number>>('bolt/bbolt-branch.json');

  it('is read whole', () => {
    const bolt = openBolt(diskWith(database), '/db', { readOnly: true });
    const tx = bolt.beginRead();
    expect(hashAll(tx.root).hash).toBe(expected.castagnoliOverBucketNamesKeysValues);
    for (const name of ['empty', 'key', 'small']) {
      const bucket = tx.bucket(bytes(name));
      expect(bucket && entries(bucket).length).toBe(expected[`entries:${name}`]);
    }
    expect(bolt.meta.highWater * bolt.pageSize).toBe(expected.txSize);
    expect(checkBolt(bolt).problems).toEqual([]);
  });

  it('has as many free pages as bbolt counts', () => {
    const bolt = openBolt(diskWith(database), '/db');
    expect(bolt.freePages.free).toBe((expected.freePages ?? 0) + (expected.pendingPages ?? 0));
  });

  it('keeps the stored free list readable until a commit says that there is none', () => {
    const disk = diskWith(database);
    const bolt = openBolt(disk, '/db');
    const { freelistId } = bolt.meta;
    if (freelistId === undefined) throw new Error('the fixture stores its free list');
    const stored = database.subarray(freelistId * 4096, (freelistId + 1) * 4096);
    const tx = bolt.beginWrite();
    for (let i = 0; i < 500; i++) tx.bucket(bytes('small'))?.put(bytes(`new-${i}`), Buffer.alloc(300));
    tx.commit();
    expect(disk.content('/db').subarray(freelistId * 4096, (freelistId + 1) * 4096)).toEqual(stored);
    expect(bolt.meta.freelistId).toBeUndefined();
    expect(checkBolt(bolt).problems).toEqual([]);
    expect(bolt.unusedPages()(freelistId)).toBe(true);
  });

  it('is found damaged when its stored free list names a page in use', () => {
    const damaged = Buffer.from(database);
    const bolt = openBolt(diskWith(database), '/db', { readOnly: true });
    const { freelistId, rootId } = bolt.meta;
    damaged.writeBigUInt64LE(BigInt(rootId), (freelistId ?? 0) * 4096 + 16);
    const report = checkBolt(openBolt(diskWith(damaged), '/db', { readOnly: true }));
    expect(report.problems).toContainEqual({
      pageId: rootId,
      offset: rootId * 4096,
      problem: 'page is both in use and on the stored freelist',
    });
  });

  it('is found damaged where its stored free list is none, does not fit, or is out of order', () => {
    const { freelistId = 0, highWater } = openBolt(diskWith(database), '/db', { readOnly: true }).meta;
    const at = freelistId * 4096;
    const problems = (damage: (damaged: Buffer) => void): string[] => {
      const damaged = Buffer.from(database);
      damage(damaged);
      const report = checkBolt(openBolt(diskWith(damaged), '/db', { readOnly: true }));
      return report.problems.filter(({ pageId }) => pageId === freelistId).map(({ problem }) => problem);
    };
    expect(problems(() => {})).toEqual([]);
    expect(problems((damaged) => damaged.writeUInt16LE(2, at + 8))).toEqual(['page is not a freelist']);
    expect(problems((damaged) => damaged.writeBigUInt64LE(77n, at))).toEqual(['page is not a freelist']);
    // 510 are all that fit behind the header of a page.
    expect(problems((damaged) => damaged.writeUInt16LE(511, at + 10))).toEqual([
      'freelist of 511 pages does not fit into 4096 bytes',
    ]);
    expect(problems((damaged) => damaged.writeBigUInt64LE(1n, at + 16))).toEqual([
      'freelist entry 0 is page 1, after 1',
    ]);
    expect(problems((damaged) => damaged.writeBigUInt64LE(BigInt(highWater), at + 16))[0]).toBe(
      `freelist entry 0 is page ${highWater}, after 1`,
    );
  });

  it('may store a free list whose length does not fit into its header', () => {
    const { freelistId = 0 } = openBolt(diskWith(database), '/db', { readOnly: true }).meta;
    const at = freelistId * 4096;
    const long = Buffer.from(database);
    const count = long.readUInt16LE(at + 10);
    long.copyWithin(at + 24, at + 16, at + 16 + count * 8);
    long.writeUInt16LE(0xffff, at + 10);
    long.writeBigUInt64LE(BigInt(count), at + 16);
    expect(checkBolt(openBolt(diskWith(long), '/db', { readOnly: true })).problems).toEqual([]);
    long.writeBigUInt64LE(510n, at + 16);
    expect(checkBolt(openBolt(diskWith(long), '/db', { readOnly: true })).problems[0]?.problem).toBe(
      'freelist of 510 pages does not fit into 4096 bytes',
    );
  });
});
