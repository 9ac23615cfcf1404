import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { goSort, goSortInSteps } from '../../../src/lib/go/sort.js';

/**
 * `[length, distinct keys, pattern, hash of the order]`, computed by Go 1.26's sort.Sort; an odd sum of the first two
 * means sort.Reverse.
 */
const rows = JSON.parse(
  readFileSync(new URL('../../fixtures/go/sort-orders.json', import.meta.url), 'utf8'),
) as readonly (readonly [number, number, number, number])[];

it.each(rows)('%i elements with %i keys in pattern %i end in the order of Go', (length, keys, pattern, hash) => {
  let random = (length * 7919 + keys * 31 + pattern) >>> 0;
  const items = Array.from({ length }, (_, index) => {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
    const key = [(random >>> 8) % keys, index % keys, (length - index) % keys, Math.floor((index * keys) / length)][
      pattern
    ];
    return { key: key ?? 0, index };
  });
  const isReversed = (length + keys) % 2 !== 0;
  goSort(items, (a, b) => (isReversed ? b.key < a.key : a.key < b.key));
  let sum = 0;
  for (const { index } of items) sum = (Math.imul(sum, 31) + index) >>> 0;
  expect(sum).toBe(hash);
});

it('of many elements pauses after each ten thousand looks at them or so, and ends in the same order', () => {
  const random = (index: number): number => (Math.imul(index, 0x9e3779b1) >>> 16) % 5000;
  const patterns: ((index: number) => number)[] = [random, (index) => index, (index) => -index, () => 1];
  for (const keyOf of patterns) {
    const items = Array.from({ length: 100_000 }, (_, index) => ({ key: keyOf(index), index }));
    const atOnce = [...items];
    goSort(atOnce, (a, b) => a.key < b.key);
    let looks = 0;
    let most = 0;
    const sorting = goSortInSteps(items, (a, b) => {
      looks++;
      return a.key < b.key;
    });
    for (let step = sorting.next(); ; step = sorting.next()) {
      most = Math.max(most, looks);
      looks = 0;
      if (step.done === true) break;
    }
    expect(items).toEqual(atOnce);
    // A run that is in order already is looked at in one go.
    expect(most).toBeLessThan(keyOf === random ? 12_000 : 112_000);
  }
});
