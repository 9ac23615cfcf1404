/** Small structures that others rest on, with more in them than they keep in one piece. */
import { describe, expect, it } from 'vitest';
import { KeyRanges } from '../../src/auth/key-ranges.js';
import { DeadlineHeap } from '../../src/lease/deadline-heap.js';
import { Fifo } from '../../src/lib/fifo.js';
import { Gathered } from '../../src/lib/gathered.js';
import { LargeMap } from '../../src/lib/large-map.js';
import { sortedInSteps } from '../../src/lib/sorted-in-steps.js';
import { IntervalSet, NO_END } from '../../src/mvcc/watch/interval-set.js';
import { ByteQueue } from '../../src/peer/byte-queue.js';
import { SCALED_TIMEOUT_MS, scaled, seeded, steps } from '../support/scale.js';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

describe('a queue', () => {
  it(
    'gives what it was given, in order, whatever was taken and put back',
    () =>
      seeded(async (random) => {
        const queue = new Fifo<number>();
        /** What is in it: `list[taken]` and all behind. */
        let list: number[] = [];
        let taken = 0;
        let next = 0;
        const take = (): number | undefined => {
          const item = queue.shift();
          if (item !== list[taken]) throw new Error(`took ${item}, not ${list[taken]}`);
          if (item !== undefined) taken++;
          return item;
        };
        for await (const _ of steps(scaled(4000))) {
          const kind = random.below(100);
          if (kind < 48) {
            for (let count = random.below(300); count > 0; count--) {
              list.push(next);
              queue.push(next++);
            }
          } else if (kind < 97) {
            for (let count = random.below(310); count > 0; count--) {
              const item = take();
              if (item === undefined || random.below(20) !== 0) continue;
              queue.unshift(item);
              taken--;
            }
          } else if (kind < 99) expect([...queue]).toEqual(list.slice(taken));
          else if (random.below(10) === 0) {
            queue.clear();
            list = [];
            taken = 0;
          }
          expect([queue.length, queue.first]).toEqual([list.length - taken, list[taken]]);
          if (queue.length > 5000) while (take() !== undefined);
        }
      }),
    SCALED_TIMEOUT_MS,
  );
});

describe('a map that is larger than one of the engine may be', () => {
  it(
    'is one map',
    () =>
      seeded(async (random) => {
        const large = new LargeMap<number, number>(50);
        const model = new Map<number, number>();
        for await (const step of steps(scaled(20_000))) {
          const key = random.below(step % 4000 < 2000 ? 600 : 60);
          if (random.below(3) === 0) expect(large.delete(key)).toBe(model.delete(key));
          else {
            large.set(key, step);
            model.set(key, step);
          }
          const look = random.below(600);
          if (large.get(look) !== model.get(look) || large.size !== model.size) throw new Error(`${look} differs`);
          if (random.below(5000) === 0) {
            large.clear();
            model.clear();
          }
          if (random.below(1000) !== 0) continue;
          const inOrder = (entries: Iterable<[number, number]>) => [...entries].sort(([a], [b]) => a - b);
          expect(inOrder(large)).toEqual(inOrder(model));
          expect([...large.keys()].sort((a, b) => a - b)).toEqual([...model.keys()].sort((a, b) => a - b));
        }
      }),
    SCALED_TIMEOUT_MS,
  );
});

describe('sorting in steps', () => {
  it.each([0, 1, 4095, 4096, 4097, 8192, 8193, 12_289, 40_000])(
    'of %i is sorting',
    (count) =>
      seeded((random) => {
        const texts = Array.from({ length: count }, () => random.below(count * 2).toString(36));
        const sorting = sortedInSteps(texts);
        let step = sorting.next();
        while (!step.done) step = sorting.next();
        expect(step.value).toEqual([...texts].sort());
      }),
    SCALED_TIMEOUT_MS,
  );
});

describe('bytes', () => {
  it(
    'gathered from pieces of any size are all there, in order',
    () =>
      seeded((random) => {
        for (let round = 0; round < scaled(60); round++) {
          const gathered = new Gathered();
          const pieces: Buffer[] = [];
          for (let count = random.below(1200); count > 0; count--) {
            const piece = Buffer.alloc(random.below(random.below(100) === 0 ? 5000 : 20), random.below(256));
            pieces.push(piece);
            gathered.push(piece);
          }
          const all = Buffer.concat(pieces);
          expect(gathered.size).toBe(all.length);
          expect(Buffer.compare(gathered.take(), all)).toBe(0);
        }
      }),
    SCALED_TIMEOUT_MS,
  );

  it(
    'queued in chunks are taken in pieces',
    () =>
      seeded(async (random) => {
        const queue = new ByteQueue();
        let put = 0;
        let taken = 0;
        for await (const _ of steps(scaled(3000))) {
          for (let count = random.below(200); count > 0; count--) {
            const chunk = Buffer.alloc(random.below(30));
            for (let at = 0; at < chunk.length; at++) chunk[at] = put++ % 251;
            queue.push(chunk);
          }
          for (let count = random.below(300); count > 0; count--) {
            const piece = queue.take(Math.min(queue.size, random.below(random.below(50) === 0 ? 2000 : 30)));
            for (const byte of piece) if (byte !== taken++ % 251) throw new Error(`byte ${taken - 1} is another`);
          }
          expect(queue.size).toBe(put - taken);
        }
      }),
    SCALED_TIMEOUT_MS,
  );
});

describe('deadlines of a hundred thousand leases', () => {
  it(
    'come out in order',
    () =>
      seeded(async (random) => {
        const heap = new DeadlineHeap();
        const model = new Map<bigint, number>();
        const most = scaled(20_000);
        for await (const _ of steps(most * 2)) {
          const id = BigInt(random.below(most));
          if (random.below(4) === 0) {
            heap.delete(id);
            model.delete(id);
          } else {
            const atMs = random.below(1000);
            heap.set(id, atMs);
            model.set(id, atMs);
          }
        }
        expect(heap.size).toBe(model.size);
        for (let beforeMs = 0; model.size > 0; ) {
          const { id, atMs } = heap.first() as { id: bigint; atMs: number };
          if (atMs < beforeMs || model.get(id) !== atMs) throw new Error(`lease ${id} at ${atMs}`);
          beforeMs = atMs;
          heap.delete(id);
          model.delete(id);
        }
        expect(heap.first()).toBeUndefined();
      }),
    SCALED_TIMEOUT_MS,
  );
});

describe('ranges by the thousand', () => {
  const point = (value: number): string => value.toString().padStart(5, '0');

  it(
    'that are permitted hold what a mark on every key says',
    () =>
      seeded(async (random) => {
        for await (const _ of steps(scaled(12))) {
          const keys = 3000;
          const marks = new Uint8Array(keys + 1);
          const permissions = Array.from({ length: random.below(3000) }, () => {
            const start = random.below(keys);
            const kind = random.below(10);
            if (kind < 5) {
              marks[start] = 1;
              return { key: bytes(point(start)), rangeEnd: bytes('') };
            }
            const end = kind === 9 && random.below(300) === 0 ? keys + 1 : Math.min(keys, start + 1 + random.below(6));
            marks.fill(1, start, end);
            return { key: bytes(point(start)), rangeEnd: bytes(end > keys ? '\0' : point(end)) };
          });
          const ranges = new KeyRanges(permissions);
          for (let looks = 0; looks < 2000; looks++) {
            const start = random.below(keys);
            expect(ranges.contains(bytes(point(start)), bytes(''))).toBe(marks[start] === 1);
            // Single keys leave gaps between them that no other key of these fills, but a range does.
            const end = start + 1 + random.below(8);
            if (end > keys) continue;
            const isMarked = marks.subarray(start, end).every((mark) => mark === 1);
            if (!isMarked) expect(ranges.contains(bytes(point(start)), bytes(point(end)))).toBe(false);
          }
        }
      }),
    SCALED_TIMEOUT_MS,
  );

  it(
    'that are watched hold what a look at each says, in whatever order they come and go',
    () =>
      seeded(async (random) => {
        for (const order of ['random', 'rising', 'falling', 'nested'] as const) {
          const set = new IntervalSet<number>();
          const model = new Map<number, [string, string]>();
          const total = scaled(4000);
          for await (const step of steps(total)) {
            const at = order === 'random' ? random.below(100_000) : order === 'falling' ? 99_999 - step : step;
            const end = order === 'nested' ? 99_999 - step : at + 1 + random.below(50);
            const interval: [string, string] = [
              point(at),
              random.below(500) === 0 ? NO_END : point(Math.max(at + 1, end)),
            ];
            set.add(...interval, step);
            model.set(step, interval);
            if (random.below(3) === 0) {
              const gone = random.below(step + 1);
              const known = model.get(gone);
              if (known !== undefined) set.delete(...known, gone);
              model.delete(gone);
            }
            if (random.below(total / 40) !== 0) continue;
            for (let looks = 0; looks < 5; looks++) {
              const key = point(random.below(100_000));
              const found = new Set<number>();
              set.at(key, (item) => found.add(item));
              const expected = [...model].filter(([, [start, until]]) => start <= key && key < until);
              expect(found).toEqual(new Set(expected.map(([item]) => item)));
            }
          }
          for (const [item, interval] of model) set.delete(...interval, item);
          expect(set.isEmpty).toBe(true);
        }
      }),
    SCALED_TIMEOUT_MS,
  );
});
