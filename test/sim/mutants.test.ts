/**
 * That the simulation finds bugs: each fault built into the core is caught, and by a rule, not by accident of the test.
 */
import { describe, expect, it } from 'vitest';
import { mutate, withMutant } from './mutants/build.js';
import { type Mutant, mutants } from './mutants/mutants.js';
import type { Core } from './raft/core.js';
import { core } from './raft/core.js';
import { describeFailure } from './raft/report.js';
import { type Outcome, simulate } from './raft/simulation.js';

const steps = 4000;
/** Most are caught by one of the first five; none, as of now, needs more than 70. */
const seeds = 300;

/** The first failing run. */
async function hunt(mutated: Core): Promise<Outcome | undefined> {
  for (let seed = 1; seed <= seeds; seed++) {
    const outcome = simulate({ seed, steps, core: mutated });
    if (outcome.failure !== undefined) return outcome;
    // A simulation never waits; the test's runner is to get a turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return undefined;
}

describe('a mutant of the core', () => {
  it.each(mutants.map((mutant) => [mutant.name, mutant.why, mutant] as const))(
    'is caught: %s: %s',
    async (_name, _why, mutant) => {
      const outcome = await withMutant(mutant, hunt);
      expect(outcome?.failure, `no failure in ${seeds} runs of ${steps} steps`).toBeDefined();
      if (outcome === undefined) return;
      // A run that fails can be told and repeated.
      const text = describeFailure(outcome, { steps, mutant: mutant.name });
      expect(text).toContain(`--seed ${outcome.seed} --steps ${steps} --mutant ${mutant.name}`);
      expect(text).toContain(`step ${outcome.failure?.step}`);
      expect(['Violation', 'RaftPanic', 'RangeError']).toContain(outcome.failure?.error.name);
      const unchanged = simulate({ seed: outcome.seed, steps, core });
      expect(unchanged.failure, describeFailure(unchanged, { steps })).toBeUndefined();
    },
    60_000,
  );

  it('must still fit the sources', () => {
    const mutant: Mutant = { name: 'gone', why: 'is no more', file: 'raft.ts', replace: [['if (a) b();', 'b();']] };
    expect(() => mutate('if (c) b();', mutant)).toThrow('mutant gone: 0 places in raft.ts read: if (a) b();');
    expect(() => mutate('if (a) b(); if (a) b();', mutant)).toThrow('mutant gone: 2 places');
  });

  it('does not mind how the sources are laid out', () => {
    const mutant: Mutant = { name: 'split', why: 'is split', file: 'raft.ts', replace: [['if (a) b();', 'b();']] };
    expect(mutate('x;\nif (a)\n    b(\n);\ny;', mutant)).toBe('x;\nb();\ny;');
  });

  it('has a name of its own', () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
    expect(mutants.length).toBeGreaterThanOrEqual(12);
  });
});
