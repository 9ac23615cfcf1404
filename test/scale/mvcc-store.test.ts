/**
 * The store over a backend with a file against a list of all changes: ten thousands of keys and revisions, values
 * larger than pages, transactions of hundreds of operations, compactions worked off piece by piece, commits and
 * defragmentations under way, ranges in slices beside all that, restarts in the middle of it.
 */
import { expect, test } from 'vitest';
import { openBackend } from '../../src/backend/backend.js';
import type { FileBackend } from '../../src/backend/options.js';
import { REVISION_KEY_BYTES, revisionKey, writeRevisionKey } from '../../src/backend/schema/key.js';
import type { BackendReader } from '../../src/backend/types.js';
import { Lessor } from '../../src/lease/lessor.js';
import { crc32c } from '../../src/lib/crc32c.js';
import { latin1Bytes, latin1Text } from '../../src/lib/latin1.js';
import { silentLogger } from '../../src/lib/logger.js';
import type { Random } from '../../src/lib/random.js';
import type { RangeCursor } from '../../src/mvcc/range-cursor.js';
import { restore, restoreInSteps } from '../../src/mvcc/restore.js';
import { MvccStore } from '../../src/mvcc/store.js';
import { KeyValue } from '../../src/proto/gen/mvccpb.js';
import { busyClock } from '../support/busy-clock.js';
import { MemoryDisk } from '../support/memory-disk.js';
import { SCALED_TIMEOUT_MS, scaled, seeded, steps } from '../support/scale.js';

interface Change {
  readonly main: number;
  readonly sub: number;
  readonly key: string;
  /** undefined = a deletion. */
  readonly value: Uint8Array | undefined;
  readonly create: number;
  readonly version: number;
  readonly lease: bigint;
}

function recordOf({ main, key, value, create, version, lease }: Change): Uint8Array {
  return KeyValue.encode(
    value === undefined
      ? KeyValue.create({ key: latin1Bytes(key) })
      : { key: latin1Bytes(key), value, createRevision: create, modRevision: main, version, lease },
  );
}

class Model {
  readonly log: Change[] = [];
  readonly byKey = new Map<string, Change[]>();
  readonly leases = new Map<bigint, Set<string>>();
  revision = 1;
  compactedAt = -1;
  #sorted: string[] | undefined;

  get keys(): readonly string[] {
    this.#sorted ??= [...this.byKey.keys()].sort();
    return this.#sorted;
  }

  at(key: string, revision: number): Change | undefined {
    const seen = this.byKey.get(key)?.findLast(({ main }) => main <= revision);
    return seen?.value === undefined ? undefined : seen;
  }

  range(start: string, end: string | undefined, revision: number): Change[] {
    const found: Change[] = [];
    for (const key of this.keys) {
      if (key < start || (end !== undefined && key >= end)) continue;
      const change = this.at(key, revision);
      if (change !== undefined) found.push(change);
    }
    return found;
  }

  put(main: number, sub: number, key: string, value: Uint8Array, lease: bigint): void {
    const before = this.at(key, main);
    if (before !== undefined) this.leases.get(before.lease)?.delete(key);
    this.leases.get(lease)?.add(key);
    this.#add({
      ...{ main, sub, key, value, lease },
      create: before?.create ?? main,
      version: (before?.version ?? 0) + 1,
    });
  }

  delete(main: number, sub: number, key: string): boolean {
    const before = this.at(key, main);
    if (before === undefined) return false;
    this.leases.get(before.lease)?.delete(key);
    this.#add({ main, sub, key, value: undefined, create: 0, version: 0, lease: 0n });
    return true;
  }

  #add(change: Change): void {
    this.log.push(change);
    const known = this.byKey.get(change.key);
    if (known !== undefined) known.push(change);
    else {
      this.byKey.set(change.key, [change]);
      this.#sorted = undefined;
    }
  }

  /** What is on disk when all compactions are worked off. */
  physical(): Change[] {
    const { compactedAt } = this;
    const newest = new Map<string, Change>();
    for (const change of this.log) if (change.main <= compactedAt) newest.set(change.key, change);
    return this.log.filter(
      (change) =>
        change.main > compactedAt ||
        (newest.get(change.key) === change && (change.value !== undefined || change.main === compactedAt)),
    );
  }

  hash(revision: number): number {
    const newest = new Map<string, Change>();
    for (const change of this.log) if (change.main <= revision) newest.set(change.key, change);
    const isKept = (change: Change): boolean => newest.get(change.key) === change && change.value !== undefined;
    const keepsSome = [...newest.values()].some(isKept);
    let crc = crc32c(0, Buffer.from('key'));
    for (const change of this.physical()) {
      if (change.main > revision) continue;
      if (change.main <= this.compactedAt) {
        if (keepsSome && !isKept(change)) continue;
        if (change.main === this.compactedAt && change.value === undefined) continue;
      }
      crc = crc32c(crc, revisionKey(change.main, change.sub, change.value === undefined));
      crc = crc32c(crc, recordOf(change));
    }
    return crc;
  }
}

class Run {
  readonly model = new Model();
  readonly disk = new MemoryDisk();
  backend!: FileBackend;
  lessor!: Lessor;
  store!: MvccStore;
  /** Ranges being read, and what they are to show. */
  readonly cursors: { cursor: RangeCursor; expected: Change[]; read: number }[] = [];
  defragmentation: Promise<void> | undefined;
  readonly random: Random;

  constructor(random: Random) {
    this.random = random;
    this.open();
  }

  open(): void {
    this.backend = openBackend({
      ...{ disk: this.disk, clock: busyClock(), path: '/db', logger: silentLogger },
      // So small that pages are read again and again.
      cacheBytes: 256 << 10,
    });
    this.lessor = new Lessor(this.backend, { minTtlSeconds: 2, electionTimeoutMs: 1000, expiredRetryMs: 7000 });
    this.store = MvccStore.open({ backend: this.backend, leases: this.lessor });
    this.lessor.setKeyDeleter(() => this.store.write());
  }

  key(): string {
    const { random } = this;
    const at = random.below(20_000);
    return random.below(20) === 0 ? `${at % 50}${'/long'.repeat(at % 400)}` : `k${at.toString(36)}`;
  }

  value(): Uint8Array {
    const { random } = this;
    const size = [20, 20, 20, 300, 3000, 5000, 17_000, 60_000][Math.min(random.below(40), 7 + random.below(20))] ?? 20;
    return Buffer.alloc(random.below(size), random.below(256));
  }

  write(operations: number): void {
    const { random, model, store } = this;
    const txn = store.write();
    const main = model.revision + 1;
    let sub = 0;
    for (let at = 0; at < operations; at++) {
      const key = this.key();
      const kind = random.below(12);
      if (kind < 9) {
        const lease = random.below(5) === 0 ? this.lease() : 0n;
        const value = this.value();
        txn.put(latin1Bytes(key), value, lease);
        model.put(main, sub++, key, value, lease);
      } else if (kind < 11) {
        const isThere = model.delete(main, sub, key);
        if (isThere) sub++;
        if (txn.deleteRange(latin1Bytes(key), undefined) !== Number(isThere)) throw new Error(`delete of ${key}`);
      } else {
        // Now and then thousands at once.
        const end = random.below(40) === 0 ? 'k9' : `${key}${'\xff'.repeat(random.below(2) + 1)}`;
        const doomed = end > key ? model.range(key, end, main) : [];
        for (const change of doomed) model.delete(main, sub++, change.key);
        expect(txn.deleteRange(latin1Bytes(key), latin1Bytes(end))).toBe(doomed.length);
      }
    }
    if (sub > 0) model.revision = main;
    expect(txn.end()).toBe(model.revision);
  }

  lease(): bigint {
    const id = BigInt(1 + this.random.below(50));
    if (!this.model.leases.has(id)) {
      this.lessor.grant(id, 60, 0);
      this.model.leases.set(id, new Set());
    }
    return id;
  }

  revoke(): void {
    const { model } = this;
    const [id, keys] = [...model.leases][this.random.below(model.leases.size)] ?? [];
    if (id === undefined || keys === undefined) return;
    this.lessor.revoke(id);
    let sub = 0;
    for (const key of [...keys].sort()) model.delete(model.revision + 1, sub++, key);
    model.leases.delete(id);
    if (sub > 0) model.revision++;
    expect(this.store.currentRevision).toBe(model.revision);
  }

  revisionToRead(): number {
    const lowest = Math.max(1, this.model.compactedAt);
    return lowest + this.random.below(this.model.revision + 1 - lowest);
  }

  interval(): [string, string | undefined] {
    const { random } = this;
    if (random.below(6) === 0) return ['\0', undefined];
    const [start, end] = [this.key(), this.key()].sort() as [string, string];
    return [start, random.below(6) === 0 ? undefined : end];
  }

  range(): void {
    const { random, model } = this;
    const revision = random.below(2) === 0 ? model.revision : this.revisionToRead();
    const [start, end] = this.interval();
    const limit = random.below(2) === 0 ? 0 : 1 + random.below(500);
    const expected = start === end ? [] : model.range(start, end, revision);
    const key = latin1Bytes(start);
    const found = this.store.range(key, endOf(end), { revision, limit, countOnly: false });
    expect(found.count).toBe(expected.length);
    assertRecords(found.kvs, limit === 0 ? expected : expected.slice(0, limit));
    expect(this.store.range(key, endOf(end), { revision, limit, countOnly: true }).count).toBe(expected.length);
  }

  openCursor(): void {
    if (this.cursors.length > 3) return;
    const revision = this.revisionToRead();
    const [start, end] = this.interval();
    if (start === end) return;
    const cursor = this.store.openRange(latin1Bytes(start), endOf(end), revision);
    const expected = this.model.range(start, end, revision);
    expect(cursor.count).toBe(expected.length);
    this.cursors.push({ cursor, expected, read: 0 });
  }

  readCursor(): void {
    const at = this.random.below(this.cursors.length);
    const open = this.cursors[at];
    if (open === undefined) return;
    const limit = 1 + this.random.below(12_000);
    const records = open.cursor.read(limit);
    assertRecords(records, open.expected.slice(open.read, open.read + limit));
    open.read += records.length;
    if (records.length === limit) return;
    open.cursor.close();
    this.cursors.splice(at, 1);
  }

  compact(): void {
    const { model, random } = this;
    const lowest = Math.max(model.compactedAt + 1, 1);
    if (lowest > model.revision) return;
    const revision = lowest + random.below(model.revision + 1 - lowest);
    void this.store.compact(revision);
    model.compactedAt = revision;
  }

  finishWork(): void {
    for (const { cursor } of this.cursors.splice(0)) cursor.close();
    while (this.store.work(1 + this.random.below(3000)));
  }

  async hash(): Promise<void> {
    const { model } = this;
    const revision = this.revisionToRead();
    if (revision < model.compactedAt) return;
    const asked = this.store.hashKV(revision, { computed: true });
    this.finishWork();
    expect((await asked).hash).toBe(model.hash(revision));
  }

  /** Ended in the middle of what it did. */
  async restart(): Promise<void> {
    for (const { cursor } of this.cursors.splice(0)) cursor.close();
    this.store.close();
    await this.defragmentation;
    await this.backend.close();
    this.open();
    expect(this.store.currentRevision).toBe(this.model.revision);
  }

  /** The index that is read in steps is the one that there is. */
  restoredInSteps(): void {
    const steps = restoreInSteps(this.backend);
    let step = steps.next();
    while (!step.done) step = steps.next();
    const { index, currentRevision, leased } = step.value;
    expect(currentRevision).toBe(this.model.revision);
    const living = this.model.range('', undefined, currentRevision);
    expect(index.countAlive('', undefined)).toBe(living.length);
    expect(new Map(leased)).toEqual(
      new Map(living.filter(({ lease }) => lease !== 0n).map(({ key, lease }) => [key, lease])),
    );
  }

  assertDisk(): void {
    this.finishWork();
    const expected = this.model.physical();
    let at = 0;
    this.backend.range('key', new Uint8Array(0), undefined, 0, (key, record) => {
      const change = expected[at++];
      if (change === undefined) throw new Error(`record ${at} is one too many`);
      const wanted = revisionKey(change.main, change.sub, change.value === undefined);
      if (Buffer.compare(key, wanted) !== 0) throw new Error(`record ${at} is not ${change.main}.${change.sub}`);
      if (Buffer.compare(record, recordOf(change)) !== 0) throw new Error(`${change.main}.${change.sub} differs`);
    });
    expect(at).toBe(expected.length);
  }
}

const endOf = (end: string | undefined): Uint8Array => (end === undefined ? Buffer.of(0) : latin1Bytes(end));

function assertRecords(records: readonly Uint8Array[], expected: readonly Change[]): void {
  expect(records.length).toBe(expected.length);
  for (const [at, change] of expected.entries()) {
    const record = records[at] as Uint8Array;
    if (Buffer.compare(record, recordOf(change)) === 0) continue;
    throw new Error(`record ${at} is of ${latin1Text(KeyValue.decode(record).key)}, not of ${change.key}`);
  }
}

test(
  'the store does what the list of all changes says',
  () =>
    seeded(async (random) => {
      const run = new Run(random);
      const total = scaled(500);
      for await (const _ of steps(total)) {
        run.write(random.below(30) === 0 ? random.below(600) : 1 + random.below(3));
        if (random.below(20) === 0) run.store.work(1 + random.below(2000));
        if (random.below(40) === 0) void run.backend.commit();
        if (random.below(400) === 0) await run.backend.commit();
        if (random.below(100) === 0) run.readCursor();
        if (random.below(total / 20) === 0) run.range();
        if (random.below(total / 20) === 0) run.openCursor();
        if (random.below(total / 20) === 0) run.compact();
        if (random.below(total / 10) === 0) run.revoke();
        if (random.below(total / 5) === 0) await run.hash();
        if (random.below(total / 5) === 0) run.defragmentation = run.backend.defrag();
        if (random.below(total / 5) === 0) await run.restart();
        if (random.below(total / 3) === 0) run.restoredInSteps();
        if (random.below(total / 3) === 0) run.assertDisk();
      }
      run.assertDisk();
      await run.hash();
      await run.restart();
      run.range();
      run.assertDisk();
    }),
  SCALED_TIMEOUT_MS,
);

test(
  'a restart finds all keys, with SCALE_KEYS=17000000 more than a Map of the engine takes',
  () => {
    const count = Number(process.env.SCALE_KEYS ?? 20_000);
    const nameOf = (at: number): string => ((at * 7919) % count).toString(36).padStart(6, '0');
    const backend: BackendReader = {
      get: () => undefined,
      range(bucket, _start, _end, _limit, visit) {
        if (bucket !== 'key') return;
        const recordKey = Buffer.alloc(REVISION_KEY_BYTES);
        for (let at = 0; at < count; at++) {
          writeRevisionKey(recordKey, at + 2, 0);
          const kv = { key: latin1Bytes(nameOf(at)), createRevision: at + 2, modRevision: at + 2, version: 1 };
          visit(recordKey, KeyValue.encode({ ...kv, value: new Uint8Array(0), lease: 1n }));
        }
      },
    };
    const { index, currentRevision, leased } = restore(backend);
    expect(index.countAlive('', undefined)).toBe(count);
    expect(currentRevision).toBe(count + 1);
    for (let at = 0; at < count; at += 997) if (index.get(nameOf(at)) !== at + 2) throw new Error(`${nameOf(at)}`);
    let leases = 0;
    for (const [, lease] of leased) leases += Number(lease);
    expect(leases).toBe(count);
  },
  SCALED_TIMEOUT_MS * 10,
);
