import { expect, test } from 'vitest';
import { osRandom } from '../../../../src/lib/os/random.js';

test('below stays within its bound, reaches all of a small range, and refuses what is no bound', () => {
  const seen = new Set<number>();
  for (let i = 0; i < 2000; i++) seen.add(osRandom.below(6));
  expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5]);
  expect(osRandom.below(1)).toBe(0);
  expect(osRandom.below(2 ** 32)).toBeLessThan(2 ** 32);
  for (const bound of [0, -1, 1.5, 2 ** 32 + 1, Number.NaN]) expect(() => osRandom.below(bound)).toThrow(RangeError);
});

test('uint64 draws are unsigned, 64 bits wide and not repeated across blocks of entropy', () => {
  const draws = Array.from({ length: 3000 }, () => osRandom.uint64());
  expect(new Set(draws).size).toBe(draws.length);
  expect(draws.every((d) => d >= 0n && d < 2n ** 64n)).toBe(true);
  expect(draws.some((d) => d >= 2n ** 63n)).toBe(true);
});
