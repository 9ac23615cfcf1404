/**
 * The store and its watch hub against the slowest obvious model: a list of everything that ever happened. Random puts,
 * deletes, transactions, ranges at all revisions, compactions worked off in steps, restarts in the middle of them,
 * hashes, watches with readers of any speed.
 */

import { expect, test } from 'vitest';
import { revisionKey } from '../../src/backend/schema/key.js';
import { crc32c } from '../../src/lib/crc32c.js';
import { CompactedError, FutureRevisionError } from '../../src/mvcc/errors.js';
import type { WatchMessage, WatchStreamHandle } from '../../src/mvcc/watch/types.js';
import { KeyValue } from '../../src/proto/gen/mvccpb.js';
import fc from '../support/drawn.js';
import { bytes, openStore, type PlainKv, plain, work } from '../unit/mvcc/support.js';
import { events, openHub, openStream, settle, type Watching, watchOf } from '../unit/mvcc/watch-support.js';

interface Logged {
  main: number;
  sub: number;
  kind: 'put' | 'delete';
  kv: PlainKv;
}

class Model {
  readonly log: Logged[] = [];
  current = 1;
  compacted = -1;

  /** Living keys as of `revision`, sorted. */
  at(revision: number): PlainKv[] {
    const alive = new Map<string, PlainKv>();
    for (const { main, kind, kv } of this.log) {
      if (main > revision) break;
      if (kind === 'put') alive.set(kv.key, kv);
      else alive.delete(kv.key);
    }
    return [...alive.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  range(key: string, end: string | undefined, revision: number): PlainKv[] {
    return this.at(revision).filter((kv) => isIn(kv.key, key, end));
  }

  put(main: number, key: string, value: string): void {
    const before = this.at(main).find((kv) => kv.key === key);
    this.push(main, 'put', {
      key,
      value,
      create: before?.create ?? main,
      mod: main,
      version: (before?.version ?? 0) + 1,
      lease: 0n,
    });
  }

  delete(main: number, key: string, end: string | undefined): number {
    const doomed = this.range(key, end, main);
    for (const kv of doomed) {
      this.push(main, 'delete', { key: kv.key, value: '', create: 0, mod: main, version: 0, lease: 0n });
    }
    return doomed.length;
  }

  private push(main: number, kind: 'put' | 'delete', kv: PlainKv): void {
    this.log.push({ main, sub: this.log.filter((it) => it.main === main).length, kind, kv });
    this.current = main;
  }

  /** The newest change of each key at or below `revision`; of tombstones at most those at `revision` itself. */
  kept(revision: number, tombstones: 'at-revision' | 'none'): Set<Logged> {
    const newest = new Map<string, Logged>();
    for (const change of this.log) if (change.main <= revision) newest.set(change.kv.key, change);
    return new Set(
      [...newest.values()].filter((it) => it.kind === 'put' || (tombstones === 'at-revision' && it.main === revision)),
    );
  }

  hash(revision: number): number {
    const keep = this.kept(revision, 'none');
    let crc = crc32c(0, bytes('key'));
    for (const change of this.physical()) {
      if (change.main > revision) continue;
      if (change.main <= this.compacted) {
        if (keep.size > 0 && !keep.has(change)) continue;
        if (change.main === this.compacted && change.kind === 'delete') continue;
      }
      const [key, value] = record(change);
      crc = crc32c(crc32c(crc, key), value);
    }
    return crc;
  }

  /** What must be on disk once all compactions are worked off. */
  physical(): Logged[] {
    const keep = this.kept(this.compacted, 'at-revision');
    return this.log.filter((it) => it.main > this.compacted || keep.has(it));
  }

  compact(revision: number): void {
    this.compacted = revision;
  }
}

function isIn(key: string, start: string, end: string | undefined): boolean {
  if (end === undefined || end === '') return key === start;
  return key >= start && (end === '\0' || key < end);
}

function record({ main, sub, kind, kv }: Logged): [Uint8Array, Uint8Array] {
  const value = KeyValue.encode(
    kind === 'put'
      ? {
          key: bytes(kv.key),
          value: bytes(kv.value),
          createRevision: kv.create,
          modRevision: kv.mod,
          version: kv.version,
          lease: 0n,
        }
      : KeyValue.create({ key: bytes(kv.key) }),
  );
  return [revisionKey(main, sub, kind === 'delete'), value];
}

const keys = ['a', 'aa', 'ab', 'b', 'ba', 'c', '\0', '\x80', '\xff', 'a\0'];
const key = fc.constantFrom(...keys);
const end = fc.oneof(fc.constant(undefined), key, fc.constant('\0'));
const share = fc.nat(100);

const op = fc.oneof(
  { weight: 8, arbitrary: fc.record({ t: fc.constant('put' as const), key, value: fc.string({ maxLength: 4 }) }) },
  { weight: 4, arbitrary: fc.record({ t: fc.constant('delete' as const), key, end }) },
  {
    weight: 3,
    arbitrary: fc.record({
      t: fc.constant('txn' as const),
      puts: fc.uniqueArray(key, { maxLength: 3 }),
      deletes: fc.array(fc.record({ key, end }), { maxLength: 2 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      t: fc.constant('range' as const),
      key,
      end,
      at: share,
      limit: fc.nat(3),
      countOnly: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ t: fc.constant('compact' as const), at: share }) },
  { weight: 4, arbitrary: fc.record({ t: fc.constant('work' as const), limit: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ t: fc.constant('restart' as const) }) },
  { weight: 2, arbitrary: fc.record({ t: fc.constant('hash' as const), at: share }) },
);
type Op = typeof op extends fc.Arbitrary<infer T> ? T : never;

/** A revision anywhere from a bit below the oldest to a bit above the newest. */
const revisionAt = (model: Model, at: number) => Math.round((at / 100) * (model.current + 2));

function change(model: Model, parts: { store: Watching['store'] }, it: Op): boolean {
  const main = model.current + 1;
  const txn = () => parts.store.write();
  switch (it.t) {
    case 'put': {
      const open = txn();
      open.put(bytes(it.key), bytes(it.value), 0n);
      model.put(main, it.key, it.value);
      expect(open.end()).toBe(model.current);
      return true;
    }
    case 'delete': {
      const open = txn();
      const count = open.deleteRange(bytes(it.key), it.end === undefined ? undefined : bytes(it.end));
      expect(count).toBe(model.delete(main, it.key, it.end));
      expect(open.end()).toBe(model.current);
      return true;
    }
    case 'txn': {
      const open = txn();
      for (const { key, end } of it.deletes) {
        open.deleteRange(bytes(key), end === undefined ? undefined : bytes(end));
        model.delete(main, key, end);
      }
      // etcd refuses a transaction that deletes and puts the same key.
      const allowed = it.puts.filter((put) => !it.deletes.some(({ key, end }) => isIn(put, key, end)));
      for (const put of allowed) {
        open.put(bytes(put), bytes('txn'), 0n);
        model.put(main, put, 'txn');
      }
      const seen = open.range(bytes('\0'), bytes('\0'), { revision: 0, limit: 0, countOnly: false });
      expect(seen.kvs.map(plain)).toEqual(model.at(main));
      expect(open.end()).toBe(model.current);
      return true;
    }
    default:
      return false;
  }
}

test('the store does what the list of everything says', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(op, { minLength: 1, maxLength: 60 }), async (ops) => {
      const model = new Model();
      let parts = openStore();
      for (const it of ops) {
        if (change(model, parts, it)) continue;
        switch (it.t) {
          case 'range': {
            const revision = revisionAt(model, it.at);
            const numbers: unknown[] = [];
            parts.store.visitNumbers(
              bytes(it.key),
              it.end === undefined ? undefined : bytes(it.end),
              (create, mod, version) => numbers.push({ create, mod, version }) !== it.limit,
            );
            const present = model.range(it.key, it.end, model.current).slice(0, it.limit === 0 ? undefined : it.limit);
            expect(numbers).toEqual(present.map(({ create, mod, version }) => ({ create, mod, version })));
            const ask = () =>
              parts.store.range(bytes(it.key), it.end === undefined ? undefined : bytes(it.end), {
                revision,
                limit: it.limit,
                countOnly: it.countOnly,
              });
            if (revision > model.current) expect(ask).toThrow(FutureRevisionError);
            else if (revision > 0 && revision < model.compacted) expect(ask).toThrow(CompactedError);
            else {
              const expected = model.range(it.key, it.end, revision === 0 ? model.current : revision);
              const found = ask();
              expect(found.count).toBe(expected.length);
              const limited = it.limit === 0 ? expected : expected.slice(0, it.limit);
              expect(found.kvs.map(plain)).toEqual(it.countOnly ? [] : limited);
            }
            break;
          }
          case 'compact': {
            const revision = revisionAt(model, it.at);
            if (revision <= model.compacted) expect(() => parts.store.compact(revision)).toThrow(CompactedError);
            else if (revision > model.current) expect(() => parts.store.compact(revision)).toThrow(FutureRevisionError);
            else {
              void parts.store.compact(revision);
              model.compact(revision);
            }
            break;
          }
          case 'work':
            parts.store.work(it.limit);
            break;
          case 'restart': {
            // As a crash would leave it: with a compaction half done.
            parts = openStore(parts.backend.copy());
            expect(parts.store.currentRevision).toBe(model.current);
            break;
          }
          case 'hash': {
            const revision = revisionAt(model, it.at);
            if (revision > model.current || revision <= Math.max(model.compacted, 0)) break;
            const asked = parts.store.hashKV(revision);
            work(parts.store, 3);
            const { hash } = await asked;
            expect(hash).toBe(model.hash(revision));
            break;
          }
          default:
            break;
        }
      }
      work(parts.store, 4);
      const onDisk: [string, string][] = [];
      parts.backend.range('key', new Uint8Array(0), undefined, 0, (k, v) => {
        onDisk.push([Buffer.from(k).toString('hex'), Buffer.from(v).toString('hex')]);
      });
      const expected = model
        .physical()
        .map(record)
        .map(([k, v]) => [Buffer.from(k).toString('hex'), Buffer.from(v).toString('hex')]);
      expect(onDisk).toEqual(expected);
      for (let revision = Math.max(model.compacted, 1); revision <= model.current; revision++) {
        const found = parts.store.range(bytes('\0'), bytes('\0'), { revision, limit: 0, countOnly: false });
        expect(found.kvs.map(plain)).toEqual(model.at(revision));
      }
    }),
    { numRuns: 300 },
  );
});

interface Open {
  key: string;
  end: string | undefined;
  start: number;
  prevKv: boolean;
  noPut: boolean;
  noDelete: boolean;
  stream: WatchStreamHandle;
  id: bigint;
  got: WatchMessage[];
}

const watchOp = fc.oneof(
  { weight: 10, arbitrary: op },
  {
    weight: 3,
    arbitrary: fc.record({
      t: fc.constant('watch' as const),
      stream: fc.nat(1),
      key,
      end,
      at: share,
      prevKv: fc.boolean(),
      filter: fc.constantFrom('none' as const, 'noPut' as const, 'noDelete' as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ t: fc.constant('take' as const), stream: fc.nat(1), count: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ t: fc.constant('sync' as const) }) },
);

test('watchers get every event once, in order, whole revisions at a time, or learn of the compaction', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(watchOp, { minLength: 1, maxLength: 80 }), async (ops) => {
      const model = new Model();
      const parts = openHub();
      const streams = [openStream(parts.hub), openStream(parts.hub)];
      const open: Open[] = [];
      const receive = (stream: WatchStreamHandle): boolean => {
        const message = stream.take();
        if (message === undefined) return false;
        const watch = open.find((it) => it.stream === stream && it.id === message.watchId);
        expect(watch).toBeDefined();
        watch?.got.push(message);
        return true;
      };
      for (const it of ops) {
        switch (it.t) {
          case 'watch': {
            const stream = streams[it.stream] as WatchStreamHandle;
            const start = it.at === 0 ? 0 : revisionAt(model, it.at);
            const options = watchOf(it.key, {
              ...(it.end === undefined ? {} : { end: it.end }),
              startRevision: start,
              prevKv: it.prevKv,
              noPut: it.filter === 'noPut',
              noDelete: it.filter === 'noDelete',
            });
            const made = stream.watch(options);
            if (it.end !== undefined && it.end !== '\0' && it.end <= it.key) {
              expect(made).toEqual({ t: 'refused', reason: 'empty-range' });
            } else if (made.t === 'created') {
              open.push({
                key: it.key,
                end: it.end,
                start: start === 0 ? model.current + 1 : start,
                prevKv: it.prevKv,
                noPut: it.filter === 'noPut',
                noDelete: it.filter === 'noDelete',
                stream,
                id: made.watchId,
                got: [],
              });
            } else throw new Error(`refused: ${made.reason}`);
            break;
          }
          case 'take': {
            for (let count = 0; count < it.count; count++) receive(streams[it.stream] as WatchStreamHandle);
            break;
          }
          case 'sync':
            parts.hub.sync();
            break;
          case 'compact': {
            const revision = revisionAt(model, it.at);
            if (revision > model.compacted && revision <= model.current) {
              void parts.store.compact(revision);
              model.compact(revision);
            }
            break;
          }
          case 'work':
            parts.store.work(it.limit);
            break;
          default:
            change(model, parts, it);
        }
      }
      for (;;) {
        settle(parts.hub);
        const more = streams.map((stream) => receive(stream));
        if (!more.includes(true)) break;
      }

      for (const watch of open) {
        const expected = model.log.filter(
          ({ main, kind, kv }) =>
            main >= watch.start &&
            isIn(kv.key, watch.key, watch.end) &&
            !(kind === 'put' && watch.noPut) &&
            !(kind === 'delete' && watch.noDelete),
        );
        const messages = watch.got;
        const cancelled = messages.findIndex((message) => message.canceled);
        if (cancelled !== -1) {
          expect(cancelled).toBe(messages.length - 1);
          const last = messages[cancelled] as WatchMessage;
          expect(last.compactRevision).toBeGreaterThan(watch.start);
          expect(last.revision).toBe(0);
        }
        const flat = messages.flatMap((message) => events(message));
        const seen = flat.map((event) => `${event.kind} ${event.key} ${event.mod} ${event.value}`);
        const wanted = expected.map(({ kind, kv }) => `${kind} ${kv.key} ${kv.mod} ${kv.value}`);
        // A cancelled watch has seen a prefix.
        expect(seen).toEqual(cancelled === -1 ? wanted : wanted.slice(0, seen.length));
        let lastRevision = 0;
        for (const message of messages) {
          const revisions = events(message).map((event) => event.mod);
          if (revisions.length === 0) continue;
          expect(revisions[0]).toBeGreaterThan(lastRevision);
          lastRevision = revisions.at(-1) as number;
          expect(message.revision).toBeGreaterThanOrEqual(lastRevision);
        }
        for (const event of flat) {
          const before = model.at(event.mod - 1).find((kv) => kv.key === event.key)?.value;
          // Compacted meanwhile: silently without.
          if (watch.prevKv) expect([before, undefined]).toContain(event.prev);
          else expect(event.prev).toBe(undefined);
          if (watch.prevKv && model.compacted === -1) expect(event.prev).toBe(before);
        }
      }
    }),
    { numRuns: 300 },
  );
});
