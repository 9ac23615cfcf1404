import { expect, it } from 'vitest';
import { sortedInSteps } from '../../../src/lib/sorted-in-steps.js';
import { seededRandom } from '../../support/seeded-random.js';

it('sorts as the whole is sorted at once, and pauses for every few thousand', () => {
  const random = seededRandom(3);
  for (const length of [0, 1, 2, 4096, 4097, 50_000]) {
    const texts = Array.from({ length }, () => `k${random.below(length * 2)}`);
    const steps = sortedInSteps(texts);
    let pauses = 0;
    let step = steps.next();
    for (; step.done !== true; step = steps.next()) pauses++;
    expect(step.value).toEqual([...texts].sort());
    expect(pauses).toBeGreaterThanOrEqual(length / 4096);
  }
});
