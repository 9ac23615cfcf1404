/** `ETCD_*` variables: one for each flag; they count where the flag is not given. (etcd's pkg/flags/flag.go) */
import { goQuote } from '../lib/go/quote.js';
import type { LogLine } from './log-line.js';
import type { OptionTable } from './option.js';

const PREFIX = 'ETCD_';

export const variableOf = (flagName: string): string => PREFIX + flagName.toUpperCase().replaceAll('-', '_');

export type Environment =
  | { readonly t: 'ok'; readonly given: ReadonlyMap<string, unknown>; readonly lines: readonly LogLine[] }
  /** A variable stands beside its flag (fatal), or its value cannot be read. */
  | { readonly t: 'shadowed'; readonly line: LogLine; readonly lines: readonly LogLine[] }
  | { readonly t: 'error'; readonly message: string; readonly lines: readonly LogLine[] };

/**
 * `onCommandLine` are the flags that were given there. Variables are gone through in the order of the flags' names; a
 * legacy flag's variable counts as known. An empty value is no value, but is still in
 * the way of a flag, and told as one that nobody knows.
 */
export function readEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  onCommandLine: ReadonlySet<string>,
  table: OptionTable,
  legacy: readonly string[],
): Environment {
  const lines: LogLine[] = [];
  const given = new Map<string, unknown>();
  const known = new Set<string>();
  const names = [...Object.keys(table).filter((name) => name !== 'version'), ...legacy].sort();
  let failure: string | undefined;
  for (const name of names) {
    const variable = variableOf(name);
    const text = env[variable];
    if (text !== '') known.add(variable);
    if (text === undefined) continue;
    if (onCommandLine.has(name)) return { t: 'shadowed', line: shadowed(variable), lines };
    if (text === '') continue;
    try {
      const value = table[name]?.kind.parse(text);
      if (Object.hasOwn(table, name)) given.set(name, value);
      lines.push(recognized(variable, text));
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      failure ??= `invalid value ${goQuote(text)} for ${variable}: ${why}`;
    }
  }
  const special = env[`${PREFIX}VERSION`];
  if (special !== undefined && special !== '') {
    lines.unshift({
      level: 'warn',
      message: 'cannot set special environment variable',
      fields: { key: `${PREFIX}VERSION`, value: special },
    });
  }
  known.add(`${PREFIX}VERSION`);
  for (const [variable, text] of Object.entries(env)) {
    if (text === undefined || !variable.startsWith(PREFIX) || known.has(variable)) continue;
    lines.push({
      level: 'warn',
      message: 'unrecognized environment variable',
      fields: { 'environment-variable': `${variable}=${text}` },
    });
  }
  return failure === undefined ? { t: 'ok', given, lines } : { t: 'error', message: failure, lines };
}

const recognized = (variable: string, text: string): LogLine => ({
  level: 'info',
  message: 'recognized and used environment variable',
  fields: { 'variable-name': variable, 'variable-value': text },
});

const shadowed = (variable: string): LogLine => ({
  level: 'fatal',
  message:
    'conflicting environment variable is shadowed by corresponding command-line flag (either unset environment ' +
    'variable or disable flag))',
  fields: { 'environment-variable': variable },
});
