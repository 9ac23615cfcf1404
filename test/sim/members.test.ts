/**
 * Clusters of whole members in a world where everything goes wrong, from fixed seeds: a million steps. More seeds,
 * separated by commas, come from SIMULATION_SEEDS; `npm run -s simulate -- --members 5 --minutes 60` goes on for an
 * hour.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { describeFailure, sum } from './members/report.js';
import type { Outcome, SimulateOptions, simulateMembers, Totals } from './members/simulation.js';
import { buildMembers } from './mutants/build.js';

const STEPS = 40_000;
const range = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);
const more = (process.env.SIMULATION_SEEDS ?? '').split(',').filter((word) => word !== '');
const runs = [
  ...range(1, 9).map((seed) => ({ members: 3, seed })),
  ...range(10, 18).map((seed) => ({ members: 5, seed })),
  { members: 1, seed: 19 },
  ...more.map((seed) => ({ members: 5, seed: Number(seed) })),
];

let simulate: typeof simulateMembers;
beforeAll(async () => {
  simulate = await buildMembers();
});

async function mustHold(options: SimulateOptions): Promise<Outcome> {
  const outcome = await simulate(options);
  expect(outcome.failure === undefined, describeFailure(outcome, options)).toBe(true);
  return outcome;
}

describe('a simulated cluster', () => {
  let totals: Totals | undefined;

  it.each(runs)(
    'of $members loses nothing, tells everybody the same and recovers, seed $seed',
    async (run) => {
      const outcome = await mustHold({ ...run, steps: STEPS });
      totals = totals === undefined ? outcome.totals : sum(totals, outcome.totals);
    },
    240_000,
  );

  it('has seen all there is to see', () => {
    // That the rules were not kept for want of temptation.
    expect(totals).toBeDefined();
    if (totals === undefined) return;
    expect(totals.steps).toBeGreaterThan(1_000_000);
    expect(totals.terms).toBeGreaterThan(100);
    expect(totals.answered).toBeGreaterThan(20_000);
    expect(totals.unknown).toBeGreaterThan(200);
    expect(totals.events).toBeGreaterThan(15_000);
    expect(totals.notices).toBeGreaterThan(500);
    expect(totals.leasesExpired).toBeGreaterThan(150);
    expect(totals.changes).toBeGreaterThan(20);
    expect(totals.accountChanges).toBeGreaterThan(100);
    expect(totals.lives).toBeGreaterThan(200);
    expect(totals.calms).toBeGreaterThanOrEqual(20);
  });

  it('goes through one change of its members after the other; --changes 1000 of the script does for long', async () => {
    const { totals } = await mustHold({ members: 3, seed: 8, steps: 1, changes: 10 });
    expect(totals.changes).toBeGreaterThanOrEqual(10);
  }, 240_000);

  it('is the same for the same seed', async () => {
    const options = { members: 3, seed: 7, steps: 3000 };
    const first = await mustHold(options);
    expect(await mustHold(options)).toEqual(first);
  }, 120_000);
});
