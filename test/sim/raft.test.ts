/**
 * The consensus core in a world where everything goes wrong: three million events from fixed seeds, so that each run of
 * the tests does the same. More seeds, separated by commas, come from SIMULATION_SEEDS; `npm run -s simulate --
 * --minutes 60` goes on for an hour.
 */
import { describe, expect, it } from 'vitest';
import { core } from './raft/core.js';
import { describeFailure, sum } from './raft/report.js';
import { type Outcome, simulate, type Totals } from './raft/simulation.js';

const steps = 6000;
const seedsPerGroup = 25;
const groups = Array.from({ length: 20 }, (_, group) =>
  Array.from({ length: seedsPerGroup }, (_, at) => group * seedsPerGroup + at + 1),
);
const more = (process.env.SIMULATION_SEEDS ?? '').split(',').filter((word) => word !== '');
if (more.length > 0) groups.push(more.map(Number));

function mustHold(seed: number): Outcome {
  const outcome = simulate({ seed, steps, core });
  expect(outcome.failure === undefined, describeFailure(outcome, { steps })).toBe(true);
  return outcome;
}

describe('a simulated group', () => {
  let totals: Totals | undefined;

  it.each(groups.map((seeds) => [seeds[0], seeds.at(-1), seeds] as const))(
    'keeps the rules of Raft and recovers, seeds %i to %i',
    (_first, _last, seeds) => {
      for (const seed of seeds) {
        const outcome = mustHold(seed);
        totals = totals === undefined ? outcome.totals : sum(totals, outcome.totals);
      }
    },
    120_000,
  );

  it('has seen all there is to see', () => {
    // That the rules were not kept for want of temptation.
    expect(totals).toBeDefined();
    if (totals === undefined) return;
    expect(totals.steps).toBeGreaterThan(3_000_000);
    expect(totals.elections).toBeGreaterThan(5_000);
    expect(totals.committed).toBeGreaterThan(100_000);
    expect(totals.reads).toBeGreaterThan(10_000);
    expect(totals.confChanges).toBeGreaterThan(2_000);
    expect(totals.snapshotsTaken).toBeGreaterThan(1_000);
    expect(totals.crashes).toBeGreaterThan(8_000);
    expect(totals.calms).toBeGreaterThan(1_200);
    expect(totals.stuck).toBeLessThan(25);
  });

  it('is the same for the same seed, and another for another', () => {
    const first = mustHold(1);
    expect(mustHold(1)).toEqual(first);
    expect(mustHold(2).totals).not.toEqual(first.totals);
  });
});
