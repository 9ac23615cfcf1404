/**
 * That the simulation of whole members finds bugs: each fault built into them is caught, by a rule. Some of them here,
 * all of them (some minutes) with ALL_MUTANTS=1.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeFailure } from './members/report.js';
import type { Outcome, simulateMembers } from './members/simulation.js';
import { mutate, withMemberMutant } from './mutants/build.js';
import { memberMutants } from './mutants/member-mutants.js';
import type { Mutant } from './mutants/mutants.js';

const MEMBERS = 3;
const STEPS = 4000;
const SEEDS = 16;

async function hunt(
  simulate: typeof simulateMembers,
  { seed: first = 1, changes = 0 }: Mutant,
): Promise<Outcome | undefined> {
  for (const seed of new Set([first, ...Array.from({ length: SEEDS }, (_, i) => i + 1)])) {
    const outcome = await simulate({ members: MEMBERS, seed, steps: STEPS, changes });
    if (outcome.failure !== undefined) return outcome;
  }
  return undefined;
}

describe('a mutant of members', () => {
  const hunted = memberMutants.filter(({ isLong }) => process.env.ALL_MUTANTS !== undefined || isLong !== true);
  it.each(hunted.map((mutant) => [mutant.name, mutant.why, mutant] as const))(
    'is caught: %s: %s',
    async (_name, _why, mutant) => {
      const outcome = await withMemberMutant(mutant, (simulate) => hunt(simulate, mutant));
      expect(outcome?.failure, `no failure in ${SEEDS} runs of ${STEPS} steps`).toBeDefined();
      if (outcome === undefined) return;
      expect(['Violation', 'HistoryError']).toContain(outcome.failure?.error.name);
      expect(describeFailure(outcome, { steps: STEPS, changes: mutant.changes ?? 0, mutant: mutant.name })).toContain(
        `--members ${MEMBERS} --seed ${outcome.seed} --steps ${STEPS}` +
          `${mutant.changes === undefined ? '' : ` --changes ${mutant.changes}`} --mutant ${mutant.name}`,
      );
    },
    600_000,
  );

  it.each(memberMutants.map((mutant) => [mutant.name, mutant] as const))(
    'has its places, be it hunted or not: %s',
    (_name, { name, file, replace, also }) => {
      for (const part of [{ name, file, replace }, ...(also === undefined ? [] : [{ name, ...also }])]) {
        const source = readFileSync(new URL(`../../src/${part.file}`, import.meta.url), 'utf8');
        expect(mutate(source, part)).not.toBe(source);
      }
    },
  );

  it('has a name of its own', () => {
    expect(new Set(memberMutants.map(({ name }) => name)).size).toBe(memberMutants.length);
  });
});
