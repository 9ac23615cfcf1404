/**
 * Clusters of whole members in a world where everything goes wrong, from fixed seeds. More seeds, separated by commas,
 * come from SIMULATION_SEEDS; `npm run -s simulate -- --members 5 --minutes 60` goes on for an hour.
 */
import { describe, expect, it } from 'vitest';
import { describeFailure, sum } from './members/report.js';
import { type Outcome, simulateMembers, type Totals } from './members/simulation.js';

const STEPS = 12_000;
const more = (process.env.SIMULATION_SEEDS ?? '').split(',').filter((word) => word !== '');
const runs = [
  ...[1, 2, 3].map((seed) => ({ members: 3, seed })),
  ...[4, 5].map((seed) => ({ members: 5, seed })),
  { members: 1, seed: 6 },
  ...more.map((seed) => ({ members: 5, seed: Number(seed) })),
];

async function mustHold(members: number, seed: number, steps = STEPS): Promise<Outcome> {
  const outcome = await simulateMembers({ members, seed, steps });
  expect(outcome.failure === undefined, describeFailure(outcome, { steps })).toBe(true);
  return outcome;
}

describe('a simulated cluster', () => {
  let totals: Totals | undefined;

  it.each(runs)(
    'of $members loses nothing, tells everybody the same and recovers, seed $seed',
    async ({ members, seed }) => {
      const outcome = await mustHold(members, seed);
      totals = totals === undefined ? outcome.totals : sum(totals, outcome.totals);
    },
    240_000,
  );

  it('has seen all there is to see', () => {
    // That the rules were not kept for want of temptation.
    expect(totals).toBeDefined();
    if (totals === undefined) return;
    expect(totals.steps).toBeGreaterThan(70_000);
    expect(totals.terms).toBeGreaterThan(15);
    expect(totals.answered).toBeGreaterThan(4000);
    expect(totals.unknown).toBeGreaterThan(20);
    expect(totals.events).toBeGreaterThan(3000);
    expect(totals.notices).toBeGreaterThan(50);
    expect(totals.leasesExpired).toBeGreaterThan(15);
    expect(totals.changes).toBeGreaterThan(2);
    expect(totals.lives).toBeGreaterThan(30);
    expect(totals.calms).toBeGreaterThanOrEqual(5);
  });

  it('is the same for the same seed', async () => {
    const first = await mustHold(3, 7, 3000);
    expect(await mustHold(3, 7, 3000)).toEqual(first);
  }, 120_000);
});
