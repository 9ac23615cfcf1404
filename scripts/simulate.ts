/**
 * `npm run -s simulate -- --seed N --steps N`: one simulated run of the consensus core (`test/sim/raft`), with
 * `--members N` of a cluster of whole members (`test/sim/members`). The same numbers give the same run.
 *
 *   --members N   so many whole members, to begin with
 *   --seed N      where to begin; a random one otherwise, printed
 *   --steps N     events a run (20000)
 *   --changes N   of whole members: so many changes of membership at least, one after the other
 *   --runs N      so many runs, with seeds N, N+1, … (1)
 *   --minutes N   as many runs as fit
 *   --trace       every event as it happens
 *   --logs        of whole members: what they log
 *   --mutant M    with a fault built into it (`test/sim/mutants`), to see it found
 *
 * Ends with 1 when a run breaks a rule; then prints the seed, what was broken, the events before it and the command
 * that shows it again.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import * as clusters from '../test/sim/members/report.js';
import type { simulateMembers } from '../test/sim/members/simulation.js';
import { tracingLogger } from '../test/sim/members/tracing-logger.js';
import { buildMembers, withMemberMutant, withMutant } from '../test/sim/mutants/build.js';
import { memberMutants } from '../test/sim/mutants/member-mutants.js';
import { mutants } from '../test/sim/mutants/mutants.js';
import { type Core, core } from '../test/sim/raft/core.js';
import * as groups from '../test/sim/raft/report.js';
import { simulate } from '../test/sim/raft/simulation.js';

const { values } = parseArgs({
  options: {
    members: { type: 'string' },
    seed: { type: 'string' },
    steps: { type: 'string', default: '20000' },
    changes: { type: 'string', default: '0' },
    runs: { type: 'string', default: '1' },
    minutes: { type: 'string' },
    trace: { type: 'boolean', default: false },
    logs: { type: 'boolean', default: false },
    mutant: { type: 'string' },
  },
});

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) {
    console.error(`--${name}: ${text} is not a number`);
    process.exit(2);
  }
  return value;
}

interface Run<T> {
  readonly scenario: string;
  readonly totals: T;
  /** In words. */
  readonly failure: string | undefined;
}

interface Kind<T extends { readonly steps: number }> {
  readonly run: (seed: number) => Promise<Run<T>>;
  readonly sum: (a: T, b: T) => T;
  readonly describe: (totals: T) => string;
}

const steps = numberOf('steps', values.steps);
const changes = numberOf('changes', values.changes);
const { mutant } = values;
const sink = values.trace ? { sink: (line: string) => console.log(line) } : {};

function groupOf(under: Core): Kind<Parameters<typeof groups.describeTotals>[0]> {
  return {
    ...groups,
    describe: groups.describeTotals,
    run: async (seed) => {
      const outcome = simulate({ seed, steps, core: under, ...sink });
      const failure = outcome.failure && groups.describeFailure(outcome, { steps, mutant });
      return { scenario: String(outcome.scenario), totals: outcome.totals, failure };
    },
  };
}

function clusterOf(
  members: number,
  under: typeof simulateMembers,
): Kind<Parameters<typeof clusters.describeTotals>[0]> {
  return {
    ...clusters,
    describe: clusters.describeTotals,
    run: async (seed) => {
      const outcome = await under({
        seed,
        members,
        steps,
        changes,
        ...sink,
        ...(values.logs && { loggerOf: tracingLogger }),
      });
      const failure = outcome.failure && clusters.describeFailure(outcome, { steps, changes, mutant });
      return { scenario: clusters.describeScenario(outcome.scenario), totals: outcome.totals, failure };
    },
  };
}

async function runAll<T extends { readonly steps: number }>(kind: Kind<T>): Promise<number> {
  const first = values.seed === undefined ? randomInt(1_000_000_000) : numberOf('seed', values.seed);
  const startedMs = performance.now();
  const endMs = values.minutes === undefined ? undefined : startedMs + numberOf('minutes', values.minutes) * 60_000;
  const runs = endMs === undefined ? numberOf('runs', values.runs) : Number.POSITIVE_INFINITY;
  let all: T | undefined;
  let seed = first;
  for (; seed < first + runs && (endMs === undefined || performance.now() < endMs); seed++) {
    const { failure, scenario, totals } = await kind.run(seed);
    if (runs === 1) console.log(`seed ${seed}: ${scenario}`);
    if (failure !== undefined) {
      console.log(failure);
      return 1;
    }
    all = all === undefined ? totals : kind.sum(all, totals);
  }
  if (all === undefined) return 0;
  const seconds = (performance.now() - startedMs) / 1000;
  const seeds = seed === first + 1 ? `seed ${first}` : `seeds ${first} to ${seed - 1}`;
  console.log(`${seeds}: ${kind.describe(all)}; ${Math.round(all.steps / seconds)} steps/s`);
  return 0;
}

function named<M extends { readonly name: string }>(list: readonly M[]): M {
  const found = list.find(({ name }) => name === mutant);
  if (found !== undefined) return found;
  console.error(`--mutant: one of ${list.map(({ name }) => name).join(', ')}`);
  return process.exit(2);
}

if (values.members !== undefined) {
  const members = numberOf('members', values.members);
  process.exitCode =
    mutant === undefined
      ? await runAll(clusterOf(members, await buildMembers()))
      : await withMemberMutant(named(memberMutants), (mutated) => runAll(clusterOf(members, mutated)));
} else {
  process.exitCode =
    mutant === undefined
      ? await runAll(groupOf(core))
      : await withMutant(named(mutants), (mutated) => runAll(groupOf(mutated)));
}
