/**
 * bolt against an ordered map: over a million random operations in all, `check` clean and every entry compared after
 * each commit, readers of earlier states unmoved. A failure names its seed; `BOLT_SEED` draws others. `BOLT_KEEP` names
 * a folder that gets the file of every 25th commit, for another implementation's check.
 */
import { writeFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { type Bolt, openBolt } from '../../src/bolt/bolt.js';
import { checkBolt } from '../../src/bolt/check.js';
import type { ReadBucket, ReadTx, WriteBucket } from '../../src/bolt/types.js';
import type { Random } from '../../src/lib/random.js';
import { MemoryDisk } from '../support/memory-disk.js';
import { seededRandom } from '../support/seeded-random.js';

/** A bucket as the model has it: a value, or a bucket in it. */
type Model = Map<string, Uint8Array | Model>;

interface Shape {
  readonly name: string;
  readonly commits: number;
  readonly operationsPerCommit: number;
  /** Deletions in 100 operations, by commit: waves of growth and decline. */
  readonly deletions: (commit: number) => number;
  readonly key: (random: Random, commit: number) => string;
  readonly valueBytes: (random: Random) => number;
  readonly nested?: boolean;
  readonly fillPercent?: number;
}

const hex = (value: number): string => value.toString(16);

const shapes: readonly Shape[] = [
  {
    name: 'small entries all over, growing and shrinking in waves',
    commits: 500,
    operationsPerCommit: 1000,
    deletions: (commit) => (commit % 40 < 20 ? 25 : 75),
    key: (random) => `k${hex(random.below(3000))}`,
    valueBytes: (random) => random.below(120),
  },
  {
    name: 'long keys that share their beginnings',
    commits: 150,
    operationsPerCommit: 1000,
    deletions: (commit) => (commit % 30 < 15 ? 30 : 70),
    key: (random) => `${'prefix/'.repeat(random.below(30))}${hex(random.below(400))}`,
    valueBytes: (random) => random.below(40),
  },
  {
    name: 'keys in order, the oldest deleted now and then',
    commits: 200,
    operationsPerCommit: 1000,
    deletions: (commit) => (commit % 10 === 9 ? 60 : 0),
    key: (random, commit) => String(commit * 100 + random.below(100)).padStart(17, '0'),
    valueBytes: () => 290,
    fillPercent: 0.9,
  },
  {
    name: 'values larger than pages',
    commits: 100,
    operationsPerCommit: 200,
    deletions: (commit) => (commit % 20 < 10 ? 20 : 80),
    key: (random) => `v${hex(random.below(300))}`,
    valueBytes: (random) => (random.below(4) === 0 ? random.below(20_000) : random.below(2_000)),
  },
  {
    name: 'buckets in buckets, made and deleted',
    commits: 300,
    operationsPerCommit: 600,
    deletions: (commit) => (commit % 40 < 20 ? 25 : 70),
    key: (random) => `n${hex(random.below(200))}`,
    valueBytes: (random) => random.below(200),
    nested: true,
  },
];

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

function entriesOf(bucket: ReadBucket): Model {
  const model: Model = new Map();
  bucket.range(undefined, undefined, (key, value, isBucket) => {
    const name = Buffer.from(key).toString('latin1');
    const inner = isBucket ? bucket.bucket(key) : undefined;
    model.set(name, inner === undefined ? value : entriesOf(inner));
  });
  return model;
}

function assertSame(found: Model, expected: Model, where: string): void {
  const keys = [...expected.keys()].sort();
  const foundKeys = [...found.keys()];
  if (foundKeys.length !== keys.length)
    throw new Error(`${where}: ${foundKeys.length} entries, expected ${keys.length}`);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string;
    if (foundKeys[i] !== key) throw new Error(`${where}: key ${i} is ${foundKeys[i]}, expected ${key}`);
    const value = found.get(key);
    const wanted = expected.get(key);
    if (value instanceof Map && wanted instanceof Map) {
      assertSame(value, wanted, `${where}/${key}`);
    } else if (!(value instanceof Uint8Array && wanted instanceof Uint8Array && Buffer.compare(value, wanted) === 0)) {
      throw new Error(`${where}: ${key} has another value`);
    }
  }
}

const copyOf = (model: Model): Model =>
  new Map([...model].map(([key, value]) => [key, value instanceof Map ? copyOf(value) : value]));

class Run {
  readonly disk = new MemoryDisk();
  readonly top: Model = new Map([['key', new Map()]]);
  readonly readers: { tx: ReadTx; model: Model; until: number }[] = [];
  bolt: Bolt;
  operations = 0;
  readonly shape: Shape;
  readonly random: Random;

  constructor(shape: Shape, random: Random) {
    this.shape = shape;
    this.random = random;
    // A cache that is too small, so that pages are read again and again.
    this.bolt = openBolt(this.disk, '/db', { cacheBytes: 64 << 10 });
    const tx = this.bolt.beginWrite();
    tx.createBucket(bytes('key'));
    tx.commit();
  }

  commit(number: number): void {
    const tx = this.bolt.beginWrite();
    const bucket = tx.bucket(bytes('key'));
    const model = this.top.get('key');
    if (bucket === undefined || !(model instanceof Map)) throw new Error('no bucket');
    if (this.shape.fillPercent !== undefined) bucket.fillPercent = this.shape.fillPercent;
    for (let i = 0; i < this.shape.operationsPerCommit; i++) this.#operation(bucket, model, number, 0);
    if (this.random.below(10) === 0) assertSame(entriesOf(bucket), model, 'before the commit');
    tx.commit();
  }

  verify(number: number): void {
    const report = checkBolt(this.bolt);
    if (report.problems.length > 0) throw new Error(`check: ${JSON.stringify(report.problems.slice(0, 5))}`);
    const tx = this.bolt.beginRead();
    assertSame(entriesOf(tx.root), this.top, 'after the commit');
    if (this.random.below(8) === 0 && this.readers.length < 4) {
      this.readers.push({ tx, model: copyOf(this.top), until: number + this.random.below(20) });
    } else {
      tx.close();
    }
    for (const reader of [...this.readers]) {
      if (reader.until > number) continue;
      assertSame(entriesOf(reader.tx.root), reader.model, 'reader of an earlier state');
      reader.tx.close();
      this.readers.splice(this.readers.indexOf(reader), 1);
    }
    if (this.readers.length === 0 && this.random.below(20) === 0) {
      this.bolt.close();
      this.bolt = openBolt(this.disk, '/db', { cacheBytes: 64 << 10 });
    }
  }

  #operation(bucket: WriteBucket, model: Model, commit: number, depth: number): void {
    const { random, shape } = this;
    this.operations++;
    const key = shape.key(random, commit);
    if (shape.nested === true && random.below(6) === 0 && depth < 3) {
      this.#bucketOperation(bucket, model, `b${random.below(4)}`, commit, depth);
      return;
    }
    if (random.below(100) < shape.deletions(commit)) {
      const start = shape.fillPercent === undefined ? key : (model.keys().next().value ?? key);
      const expected = model.delete(start);
      if (bucket.delete(bytes(start)) !== expected) throw new Error(`delete of ${start} did not say ${expected}`);
    } else if (random.below(10) === 0) {
      const found = bucket.get(bytes(key));
      const expected = model.get(key);
      const same =
        expected instanceof Uint8Array
          ? found !== undefined && Buffer.compare(found, expected) === 0
          : found === undefined;
      if (!same) throw new Error(`get of ${key} differs before the commit`);
    } else {
      const value = Buffer.alloc(shape.valueBytes(random), random.below(256));
      bucket.put(bytes(key), value);
      model.set(key, value);
    }
  }

  #bucketOperation(bucket: WriteBucket, model: Model, name: string, commit: number, depth: number): void {
    const inner = model.get(name);
    if (this.random.below(60) === 0) {
      if (bucket.deleteBucket(bytes(name)) !== model.delete(name))
        throw new Error(`deletion of bucket ${name} differs`);
    } else if (inner instanceof Map) {
      const found = bucket.bucket(bytes(name));
      if (found === undefined) throw new Error(`bucket ${name} is missing`);
      for (let i = 0; i < 5; i++) this.#operation(found, inner, commit, depth + 1);
    } else {
      bucket.createBucket(bytes(name));
      model.set(name, new Map());
    }
  }
}

describe('bolt and an ordered map', () => {
  let operations = 0;
  const seed = Number(process.env.BOLT_SEED ?? 1);

  const keep = process.env.BOLT_KEEP;

  for (const shape of shapes) {
    it(`hold the same through ${shape.name}`, () => {
      const run = new Run(shape, seededRandom(seed));
      for (let commit = 0; commit < shape.commits; commit++) {
        try {
          run.commit(commit);
          run.verify(commit);
          if (keep !== undefined && commit % 25 === 24) {
            writeFileSync(`${keep}/${shapes.indexOf(shape)}-${commit}.db`, run.disk.content('/db'));
          }
        } catch (error) {
          throw new Error(`BOLT_SEED=${seed}, commit ${commit}: ${String(error)}`, { cause: error });
        }
      }
      for (const { tx } of run.readers) tx.close();
      run.bolt.close();
      operations += run.operations;
      expect(run.operations).toBeGreaterThanOrEqual(shape.commits * shape.operationsPerCommit);
    }, 120_000);
  }

  afterAll(() => {
    expect(operations).toBeGreaterThan(1_000_000);
  });
});
