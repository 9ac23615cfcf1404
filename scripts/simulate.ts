/**
 * `npm run -s simulate -- --seed N --steps N`: one simulated run of the consensus core (`test/sim/raft`). The same two numbers give the same run.
 *
 *   --seed N      where to begin; a random one otherwise, printed
 *   --steps N     events a run (20000)
 *   --runs N      so many runs, with seeds N, N+1, … (1)
 *   --minutes N   as many runs as fit
 *   --trace       every event as it happens
 *   --mutant M    with a fault built into the core (`test/sim/mutants`), to see it found
 *
 * Ends with 1 when a run breaks a rule; then prints the seed, what was broken, the events before it and the command that shows it again.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { withMutant } from '../test/sim/mutants/build.js';
import { mutants } from '../test/sim/mutants/mutants.js';
import { type Core, core } from '../test/sim/raft/core.js';
import { describeFailure, describeTotals, sum } from '../test/sim/raft/report.js';
import { simulate, type Totals } from '../test/sim/raft/simulation.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    steps: { type: 'string', default: '20000' },
    runs: { type: 'string', default: '1' },
    minutes: { type: 'string' },
    trace: { type: 'boolean', default: false },
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

function run(under: Core): number {
  const first = values.seed === undefined ? randomInt(1_000_000_000) : numberOf('seed', values.seed);
  const steps = numberOf('steps', values.steps);
  const startedMs = performance.now();
  const endMs = values.minutes === undefined ? undefined : startedMs + numberOf('minutes', values.minutes) * 60_000;
  const runs = endMs === undefined ? numberOf('runs', values.runs) : Number.POSITIVE_INFINITY;
  const sink = values.trace ? (line: string) => console.log(line) : undefined;
  let all: Totals | undefined;
  let seed = first;
  for (; seed < first + runs && (endMs === undefined || performance.now() < endMs); seed++) {
    const outcome = simulate({ seed, steps, core: under, ...(sink === undefined ? {} : { sink }) });
    if (runs === 1) console.log(`seed ${seed}: ${outcome.scenario}`);
    if (outcome.failure !== undefined) {
      console.log(describeFailure(outcome, { steps, mutant: values.mutant }));
      return 1;
    }
    all = all === undefined ? outcome.totals : sum(all, outcome.totals);
  }
  if (all === undefined) return 0;
  const seconds = (performance.now() - startedMs) / 1000;
  const seeds = seed === first + 1 ? `seed ${first}` : `seeds ${first} to ${seed - 1}`;
  console.log(`${seeds}: ${describeTotals(all)}; ${Math.round(all.steps / seconds)} steps/s`);
  return 0;
}

if (values.mutant === undefined) {
  process.exitCode = run(core);
} else {
  const mutant = mutants.find(({ name }) => name === values.mutant);
  if (mutant === undefined) {
    console.error(`--mutant: one of ${mutants.map(({ name }) => name).join(', ')}`);
    process.exitCode = 2;
  } else {
    process.exitCode = await withMutant(mutant, run);
  }
}
