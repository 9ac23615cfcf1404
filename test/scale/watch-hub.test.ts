/**
 * Watches by the thousands, on streams that are read at any speed or not at all, against what was written: each gets
 * every event of its keys once and in order, or learns of the compaction, through transactions that are too large to
 * be told at once, rounds of catching up, and streams that leave with all their watches.
 */
import { expect, test } from 'vitest';
import type { Random } from '../../src/lib/random.js';
import type { WatchStreamHandle } from '../../src/mvcc/watch/types.js';
import { Event } from '../../src/proto/gen/mvccpb.js';
import { SCALED_TIMEOUT_MS, scaled, seeded, steps } from '../support/scale.js';
import { bytes, write } from '../unit/mvcc/support.js';
import { openHub, openStream, settle, type Watching, watchOf } from '../unit/mvcc/watch-support.js';

const KEYS = 500;

interface Change {
  readonly main: number;
  readonly key: string;
  readonly kind: 'put' | 'delete';
}

interface Watch {
  readonly start: string;
  /** undefined = the one key. */
  readonly end: string | undefined;
  readonly from: number;
  readonly wants: { readonly put: boolean; readonly delete: boolean };
  /** Places in the log of what it was told. */
  got: number;
  next: number;
  isOver: boolean;
}

interface Stream {
  readonly handle: WatchStreamHandle;
  readonly watches: Map<bigint, Watch>;
  /** How often it is read, of a hundred. */
  readonly speed: number;
}

class Run {
  readonly log: Change[] = [];
  readonly alive = new Set<string>();
  readonly parts: Watching = openHub();
  readonly streams: Stream[] = [];
  readonly random: Random;
  /** Of watches that have ended, those that a compaction ended. */
  compacted = 0;

  constructor(random: Random) {
    this.random = random;
  }

  key(): string {
    return `k${this.random.below(KEYS).toString().padStart(4, '0')}`;
  }

  open(): void {
    const speed = [100, 100, 50, 10, 2, 0][this.random.below(6)] as number;
    this.streams.push({ handle: openStream(this.parts.hub, 4096), watches: new Map(), speed });
  }

  watch(count: number): void {
    const { random, streams, parts } = this;
    const stream = streams[random.below(streams.length)];
    if (stream === undefined) return;
    for (let at = 0; at < count; at++) {
      const [start, other] = [this.key(), this.key()].sort() as [string, string];
      const kind = random.below(10);
      const end = kind < 6 ? undefined : kind < 8 ? `${start}9` : kind < 9 ? `${other}~` : '\0';
      const current = parts.store.currentRevision;
      const startRevision = random.below(3) === 0 ? Math.max(1, current - random.below(300)) : random.below(9) && 0;
      const wants = { put: random.below(10) !== 0, delete: random.below(10) !== 0 };
      const options = { startRevision, noPut: !wants.put, noDelete: !wants.delete, fragment: random.below(4) === 0 };
      const made = stream.handle.watch(watchOf(start, { ...(end !== undefined && { end }), ...options }));
      if (made.t === 'refused') throw new Error(made.reason);
      const from = startRevision === 0 ? current + 1 : startRevision;
      const next = this.log.findIndex(({ main }) => main >= from);
      const watch = { start, end, from, wants, got: 0, next: next < 0 ? this.log.length : next, isOver: false };
      stream.watches.set(made.watchId, watch);
    }
  }

  write(operations: number): void {
    const { random, log, alive } = this;
    const main = this.parts.store.currentRevision + 1;
    // A key that changes twice in one transaction keeps but the last when it is compacted at that very revision.
    const keys = new Set(Array.from({ length: operations }, () => this.key()));
    write(this.parts.store, (txn) => {
      for (const key of keys) {
        if (random.below(4) !== 0) {
          txn.put(bytes(key), Buffer.alloc(random.below(200)), 0n);
          log.push({ main, key, kind: 'put' });
          alive.add(key);
        } else {
          const isThere = alive.delete(key);
          if (isThere) log.push({ main, key, kind: 'delete' });
          expect(txn.deleteRange(bytes(key), undefined)).toBe(Number(isThere));
        }
      }
    });
  }

  /** Up to `count` messages of a stream; how many there were. */
  read(stream: Stream, count: number): number {
    for (let at = 0; at < count; at++) {
      const message = stream.handle.take();
      if (message === undefined) return at;
      const watch = stream.watches.get(message.watchId);
      if (watch === undefined || watch.isOver) throw new Error(`message for ${message.watchId}, which there is not`);
      if (message.canceled) {
        watch.isOver = true;
        this.compacted++;
        if (message.compactRevision <= watch.from) throw new Error('a compaction of what it had read');
        continue;
      }
      for (const encoded of message.events) this.#told(watch, encoded);
    }
    return count;
  }

  #told(watch: Watch, encoded: Uint8Array): void {
    const { type, kv } = Event.decode(encoded);
    const place = this.#nextOf(watch);
    const expected = this.log[place];
    const told = `${type === 0 ? 'put' : 'delete'} ${Buffer.from(kv?.key ?? '').toString()} ${kv?.modRevision}`;
    const wanted = expected && `${expected.kind} ${expected.key} ${expected.main}`;
    if (told !== wanted) throw new Error(`[${watch.start}, ${watch.end}) was told ${told}, not ${wanted}`);
    watch.next = place + 1;
    watch.got++;
  }

  /** Where in the log what it is to be told next stands. */
  #nextOf({ start, end, next, wants }: Watch): number {
    let place = next;
    for (; place < this.log.length; place++) {
      const { key, kind } = this.log[place] as Change;
      const isInside = end === undefined ? key === start : key >= start && (end === '\0' || key < end);
      if (isInside && wants[kind]) break;
    }
    return place;
  }

  cancel(): void {
    const stream = this.streams[this.random.below(this.streams.length)];
    const ids = [...(stream?.watches.keys() ?? [])];
    for (let count = this.random.below(ids.length); count > 0; count--) {
      const id = ids[this.random.below(ids.length)] as bigint;
      // One that a compaction has ended keeps its id until then.
      const wasThere = stream?.watches.delete(id);
      const isCancelled = stream?.handle.cancel(id);
      if (isCancelled !== wasThere) throw new Error(`cancelling ${id}: ${isCancelled}, where ${wasThere} is right`);
    }
  }

  close(): void {
    const [stream] = this.streams.splice(this.random.below(this.streams.length), 1);
    stream?.handle.close();
    expect(stream?.handle.take()).toBeUndefined();
  }

  /** All that are left are told all. */
  finish(): void {
    for (let told = 1; told > 0; ) {
      settle(this.parts.hub);
      told = 0;
      for (const stream of this.streams) told += this.read(stream, 1000);
    }
    let open = 0;
    for (const { watches, handle } of this.streams) {
      const living = [...watches.values()].filter(({ isOver }) => !isOver);
      for (const watch of living)
        if (this.#nextOf(watch) < this.log.length) throw new Error(`[${watch.start}, ${watch.end}) misses events`);
      expect(handle.size).toBe(watches.size);
      open += watches.size;
    }
    const { hub } = this.parts;
    expect(hub.watcherCount).toBe(open);
    expect(hub.slowWatcherCount).toBe(0);
    expect(hub.streamCount).toBe(this.streams.length);
    expect(hub.events.pending).toBe(0);
  }
}

test(
  'each is told every event of its keys once and in order, or of the compaction',
  () =>
    seeded(async (random) => {
      const run = new Run(random);
      for (let count = 0; count < 12; count++) run.open();
      for await (const _ of steps(scaled(250))) {
        if (random.below(15) === 0) run.watch(random.below(4) === 0 ? 3000 : random.below(300));
        // The largest is by far more than is told at once.
        run.write(random.below(40) === 0 ? random.below(400) : 1 + random.below(4));
        if (random.below(3) === 0) run.parts.hub.sync();
        for (const stream of run.streams) if (random.below(100) < stream.speed) run.read(stream, random.below(60));
        if (random.below(30) === 0) run.cancel();
        if (random.below(40) === 0) run.close();
        if (run.streams.length < 12 && random.below(20) === 0) run.open();
        const { currentRevision: current, compactRevision } = run.parts.store;
        const at = current - random.below(200);
        if (random.below(60) === 0 && at > compactRevision) void run.parts.store.compact(at);
        if (random.below(10) === 0) run.parts.store.work(1000);
      }
      run.finish();
    }),
  SCALED_TIMEOUT_MS,
);
