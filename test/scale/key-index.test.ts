/**
 * The key index against a sorted list of keys, each with all its changes: leaves that are cut, filled to the brim and
 * emptied, in whatever order keys come, while a compaction goes from leaf to leaf.
 */
import { describe, expect, it } from 'vitest';
import type { Random } from '../../src/lib/random.js';
import { compacted, type Found, findAt, type History, isAlive, KeyHistory } from '../../src/mvcc/key-history.js';
import { KeyIndex } from '../../src/mvcc/key-index.js';
import { SCALED_TIMEOUT_MS, scaled, seeded, steps } from '../support/scale.js';

interface Change {
  readonly main: number;
  readonly isDeletion: boolean;
}

/** Orders in which keys come. `at` is how far the run has come, of 1. */
const orders: Readonly<Record<string, (random: Random, step: number, at: number) => string>> = {
  random: (random) => random.below(1_000_000).toString(36),
  rising: (_, step) => step.toString().padStart(9, '0'),
  falling: (_, step) => (1_000_000_000 - step).toString(),
  'rising, with others between': (random, step) =>
    random.below(3) === 0
      ? `${random
          .below(step + 1)
          .toString()
          .padStart(9, '0')}+`
      : step.toString().padStart(9, '0'),
  'in a few places': (random, step) => `${random.below(5)}/${random.below(2) === 0 ? step : 1_000_000_000 - step}`,
  'that move on': (random, _, at) => (Math.floor(at * 500_000) + random.below(20_000)).toString().padStart(9, '0'),
  'one behind the other': (random, step) => '\0'.repeat(random.below(200)) + (step % 7),
};

const DELETED = new KeyHistory(1, 0, 0, 0);

class Model {
  readonly changes = new Map<string, Change[]>();
  /** At or below it, only what is seen there is known. */
  compactedAt = 0;

  isAlive(key: string): boolean {
    return this.changes.get(key)?.at(-1)?.isDeletion === false;
  }

  add(key: string, main: number, isDeletion: boolean): void {
    const known = this.changes.get(key);
    if (known === undefined) this.changes.set(key, [{ main, isDeletion }]);
    else known.push({ main, isDeletion });
  }

  compact(at: number): void {
    this.compactedAt = at;
    for (const [key, changes] of this.changes) {
      const older = changes.filter(({ main }) => main <= at);
      const newest = older.at(-1);
      const isSeen = newest !== undefined && (!newest.isDeletion || newest.main === at);
      const kept = [...(isSeen ? [newest] : []), ...changes.slice(older.length)];
      if (kept.length === 0) this.changes.delete(key);
      else this.changes.set(key, kept);
    }
  }
}

function changesOf(history: History): Change[] {
  if (!(history instanceof KeyHistory)) return [{ main: history, isDeletion: false }];
  const changes: Change[] = [];
  for (let at = 0; at < (history.older?.length ?? 0); at += 2)
    changes.push({ main: history.older?.[at] as number, isDeletion: (history.older?.[at + 1] as number) % 2 === 1 });
  return [...changes, { main: history.main, isDeletion: history.version === 0 }];
}

const textOf = (changes: readonly Change[]): string =>
  changes.map(({ main, isDeletion }) => (isDeletion ? -main : main)).join();

function assertSame(index: KeyIndex, model: Model): void {
  const keys = [...model.changes.keys()].sort();
  const found: string[] = [];
  index.range('', undefined, (key, history) => found.push(`${key} ${textOf(changesOf(history))}`));
  expect(found).toEqual(keys.map((key) => `${key} ${textOf(model.changes.get(key) ?? [])}`));
  expect(index.size).toBe(keys.length);
  for (const key of keys) if (index.get(key) === undefined) throw new Error(`${key} is not found`);
  expect(index.countAlive('', undefined)).toBe(keys.filter((key) => model.isAlive(key)).length);
}

function assertSameRange(index: KeyIndex, model: Model, random: Random, draw: () => string): void {
  const [start, end] = [draw(), draw()].sort() as [string, string];
  const inside = [...model.changes.keys()].filter((key) => key >= start && key < end).sort();
  const found: string[] = [];
  index.range(start, end, (key) => found.push(key));
  expect(found).toEqual(inside);
  expect(index.countAlive(start, end)).toBe(inside.filter((key) => model.isAlive(key)).length);
  const stop = random.below(300);
  const first: string[] = [];
  index.range(start, undefined, (key) => first.push(key) < stop);
  const behind = [...model.changes.keys()].filter((key) => key >= start).sort();
  expect(first).toEqual(behind.slice(0, Math.max(1, stop)));
}

describe.each(Object.entries(orders))('keys that come %s', (name, draw) => {
  it(
    'are what a sorted list says, through deletions and compactions',
    () =>
      seeded(async (random) => {
        const total = scaled(name === 'random' ? 16_000 : 8000);
        const index = new KeyIndex();
        const model = new Model();
        const out: Found = { main: 0, sub: 0, tombstone: false };
        let sweep: { from: string | undefined; at: number } | undefined;
        for await (const step of steps(total)) {
          const main = step + 2;
          const at = step / total;
          const key = draw(random, step, at);
          if (random.below(6) === 0) {
            const doomed = random.below(2) === 0 ? key : draw(random, random.below(step + 1), at);
            const wasAlive = model.isAlive(doomed);
            if (index.tombstone(doomed, main, 0) !== wasAlive) throw new Error(`${doomed} was not what it is`);
            if (wasAlive) model.add(doomed, main, true);
          } else {
            const wasAlive = model.isAlive(key);
            if ((index.put(key, main, 0).version === 1) === wasAlive) throw new Error(`${key} was not what it is`);
            model.add(key, main, false);
          }
          if (model.isAlive(key) && !isAlive(index.get(key) ?? DELETED)) throw new Error(`${key} is not found`);
          // A sweep goes on beside the changes, which are all newer than it.
          if (sweep === undefined && random.below(1200) === 0) {
            const compactAt = model.compactedAt + 1 + random.below(main - model.compactedAt);
            sweep = { from: '', at: compactAt };
          }
          if (sweep !== undefined && random.below(3) === 0) {
            const { at: compactAt } = sweep;
            sweep.from = index.sweepLeaf(sweep.from as string, (history) => compacted(history, compactAt));
            if (sweep.from === undefined) {
              model.compact(compactAt);
              sweep = undefined;
              assertSame(index, model);
            }
          }
          if (sweep !== undefined || random.below(total / 6) !== 0) continue;
          assertSameRange(index, model, random, () => draw(random, random.below(step + 1), at));
          const past = model.compactedAt + random.below(main + 1 - model.compactedAt);
          for (const [each, changes] of model.changes) {
            const seen = changes.findLast((change) => change.main <= past);
            const isFound = findAt(index.get(each) as History, past, out);
            if (isFound !== (seen !== undefined)) throw new Error(`${each} at ${past}`);
            if (isFound && (out.main !== seen?.main || out.tombstone !== seen.isDeletion))
              throw new Error(`${each} at ${past} is of ${out.main}, not of ${seen?.main}`);
          }
        }
        while (sweep !== undefined && sweep.from !== undefined) {
          const { at: compactAt } = sweep;
          sweep.from = index.sweepLeaf(sweep.from, (history) => compacted(history, compactAt));
          if (sweep.from === undefined) model.compact(compactAt);
        }
        assertSame(index, model);
      }),
    SCALED_TIMEOUT_MS,
  );
});

describe('an index that is loaded', () => {
  it(
    'goes on as one that has grown key by key',
    () =>
      seeded((random) => {
        for (const count of [1, 95, 96, 97, 128, 129, 9599, 9600, 9601, scaled(12_000)]) {
          const grown = new KeyIndex();
          const histories = new Map<string, History>();
          for (let main = 2; histories.size < count; main++) {
            const key = random.below(count * 10).toString(36);
            if (histories.has(key)) continue;
            histories.set(key, main);
            grown.put(key, main, 0);
          }
          const steps = KeyIndex.inSteps(histories);
          let step = steps.next();
          while (!step.done) step = steps.next();
          const both = [KeyIndex.of(histories), step.value];
          for (let main = count + 2, round = 0; round < 200; round++, main++) {
            const key = random.below(count * 10).toString(36);
            const isPut = random.below(2) === 0;
            const wanted = isPut ? { ...grown.put(key, main, 0) } : grown.tombstone(key, main, 0);
            for (const loaded of both)
              expect(isPut ? loaded.put(key, main, 0) : loaded.tombstone(key, main, 0)).toEqual(wanted);
          }
          const all = (index: KeyIndex): string[] => {
            const found: string[] = [];
            index.range('', undefined, (key, history) => found.push(`${key} ${textOf(changesOf(history))}`));
            return found;
          };
          const wanted = all(grown);
          for (const loaded of both) {
            expect(all(loaded)).toEqual(wanted);
            expect(loaded.size).toBe(grown.size);
            expect(loaded.countAlive('', undefined)).toBe(grown.countAlive('', undefined));
          }
        }
      }),
    SCALED_TIMEOUT_MS,
  );
});
