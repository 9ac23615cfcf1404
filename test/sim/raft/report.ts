/** Runs in words. */
import type { Outcome, Totals } from './simulation.js';

export function sum(a: Totals, b: Totals): Totals {
  const keys = Object.keys(a) as (keyof Totals)[];
  const entries = keys.map((key) => [key, key === 'longestCalm' ? Math.max(a[key], b[key]) : a[key] + b[key]]);
  return Object.fromEntries(entries) as Record<keyof Totals, number>;
}

export function describeTotals(totals: Totals): string {
  return (
    `${totals.steps} steps, ${totals.elections} leaders, ${totals.committed} entries committed and ` +
    `${totals.applied} applied, ${totals.reads} reads, ${totals.confChanges} configurations, ` +
    `${totals.snapshotsMade} snapshots made and ${totals.snapshotsTaken} taken, ${totals.crashes} crashes, ` +
    `${totals.calms} calms of at most ${totals.longestCalm} election timeouts, ${totals.stuck} stuck`
  );
}

/** What was broken, what went before it, and how to see it again. */
export function describeFailure(
  { seed, scenario, failure }: Outcome,
  { steps, mutant }: { readonly steps: number; readonly mutant?: string | undefined },
): string {
  if (failure === undefined) return '';
  const { error, step, trace } = failure;
  const stack = error.name === 'Violation' ? '' : `\n${error.stack}`;
  const variant = mutant === undefined ? '' : ` --mutant ${mutant}`;
  return [
    `the last ${trace.length} events:`,
    ...trace,
    '',
    `seed ${seed}: ${scenario}`,
    `step ${step}: ${error.name}: ${error.message}${stack}`,
    `again: npm run -s simulate -- --seed ${seed} --steps ${steps}${variant}   (--trace for all events)`,
  ].join('\n');
}
