/** Runs of whole members in words. */
import { text } from '../../support/linearizability/truth.js';
import type { Scenario } from './scenario.js';
import type { Outcome, Totals } from './simulation.js';

export function sum(a: Totals, b: Totals): Totals {
  const keys = Object.keys(a) as (keyof Totals)[];
  return Object.fromEntries(keys.map((key) => [key, a[key] + b[key]])) as unknown as Totals;
}

export const describeTotals = (totals: Totals): string =>
  Object.entries(totals)
    .map(([name, count]) => `${count} ${name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)}`)
    .join(', ');

export const describeScenario = (scenario: Scenario): string => text(scenario);

/** What was broken, what went before it, and how to see it again. */
export function describeFailure(
  { seed, scenario, failure, totals }: Outcome,
  {
    steps,
    changes = 0,
    mutant,
  }: { readonly steps: number; readonly changes?: number; readonly mutant?: string | undefined },
): string {
  if (failure === undefined) return '';
  const { error, trace } = failure;
  const known = ['Violation', 'HistoryError'].includes(error.name);
  const variant = (changes > 0 ? ` --changes ${changes}` : '') + (mutant === undefined ? '' : ` --mutant ${mutant}`);
  return [
    `the last ${trace.length} events:`,
    ...trace,
    '',
    `seed ${seed}: ${describeScenario(scenario)}`,
    `step ${totals.steps}: ${error.name}: ${error.message}${known ? '' : `\n${error.stack}`}`,
    `again: npm run -s simulate -- --members ${scenario.members} --seed ${seed} --steps ${steps}${variant}   ` +
      `(--trace for all events)`,
  ].join('\n');
}
