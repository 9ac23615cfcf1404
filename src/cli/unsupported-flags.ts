/**
 * Flags that etcd has and a command here does not honour: known, so that nobody has to guess, not in the help, and
 * refused by name.
 */
import type { FlagTable } from './flags.js';
import { flag } from './flags.js';

/** Hidden rows: `values` for flags that take one, `switches` for booleans. */
export function unsupported(names: {
  readonly values?: readonly string[];
  readonly switches?: readonly string[];
}): FlagTable {
  const rows: Record<string, FlagTable[string]> = {};
  for (const name of names.values ?? []) rows[name] = flag.string('', '', { hidden: true });
  for (const name of names.switches ?? []) rows[name] = flag.bool('', { hidden: true });
  return rows;
}

/** What to say about the first of them that was given a value of its own; undefined = none was. */
export function refusalOf(table: FlagTable, values: Readonly<Record<string, unknown>>): string | undefined {
  const given = Object.entries(table).find(([name, { go }]) => values[name] !== go.initial);
  return given === undefined ? undefined : `--${given[0]} is an option of etcd that etcd-ts does not support`;
}
