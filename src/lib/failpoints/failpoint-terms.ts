/**
 * What a failpoint is set to, in gofail's language:
 *
 *     terms = term { "->" term }         the first one that is admitted is carried out
 *     term  = { mod } act [ "(" value ")" ]
 *     mod   = count "*" | percent "%"    so many times; with this chance
 *     act   = "off" | "return" | "sleep" | "panic" | "break" | "print"
 *     value = a whole number, a quoted string, true, false, or nothing
 *
 * A count goes down each time it is asked, as in gofail's runtime/terms.go. `etcd-diff:` a chance may be a whole number
 * (`50%`, where gofail insists on `50.0%`).
 */
import { durationToMs, parseDuration } from '../go/duration.js';
import type { Random } from '../random.js';

export type Act =
  | { readonly t: 'off' | 'print' | 'break' }
  | { readonly t: 'return' | 'panic'; readonly value: string }
  | { readonly t: 'sleep'; readonly ms: number }
  /** A sleep without a length, which gofail mentions and passes over. */
  | { readonly t: 'ignored'; readonly why: string };

export interface Term {
  readonly act: Act;
  /** Whether it is its turn; takes one off its counts. */
  admits(random: Random): boolean;
}

interface Mod {
  readonly t: 'count' | 'chance';
  /** What is left of the count; the chance in millionths. */
  left: number;
}

/** Undefined for what is none. */
export function parseTerms(text: string): readonly Term[] | undefined {
  const terms: Term[] = [];
  let rest = text;
  for (;;) {
    const parsed = parseTerm(rest);
    if (parsed === undefined) return undefined;
    terms.push(parsed.term);
    if (parsed.rest === '') return terms;
    if (!parsed.rest.startsWith('->')) return undefined;
    rest = parsed.rest.slice(2);
    if (rest === '') return terms;
  }
}

const MOD = /^(?:(\d+)\*|(\d+(?:\.\d*)?)%)/;
const ACT = /^(off|return|sleep|panic|break|print)(?:\((?:(-?\d+)|("(?:[^"\\]|\\.)*"|`[^`]*`)|(true|false))?\))?/;
const MILLION = 1_000_000;

function parseTerm(text: string): { term: Term; rest: string } | undefined {
  const mods: Mod[] = [];
  let rest = text;
  for (let match = MOD.exec(rest); match !== null; match = MOD.exec(rest)) {
    const [all, count, percent] = match;
    if (count !== undefined) mods.push({ t: 'count', left: Number(count) });
    else mods.push({ t: 'chance', left: Math.min(MILLION, Math.round(Number(percent) * (MILLION / 100))) });
    rest = rest.slice(all.length);
  }
  const match = ACT.exec(rest);
  if (match === null) return undefined;
  const [all, name, number, quoted, boolean] = match;
  const value = quoted === undefined ? (number ?? boolean ?? '') : unquoted(quoted);
  if (value === undefined) return undefined;
  const act = name === 'sleep' ? sleepOf(value, quoted !== undefined) : actOf(name, value);
  const admits = (random: Random): boolean => mods.every((mod) => admitted(mod, random));
  return { term: { act, admits }, rest: rest.slice(all.length) };
}

function actOf(name: string | undefined, value: string): Act {
  if (name === 'return' || name === 'panic') return { t: name, value };
  return { t: name === 'print' || name === 'break' ? name : 'off' };
}

/** Milliseconds, or a duration in Go's words. */
function sleepOf(value: string, isQuoted: boolean): Act {
  if (!isQuoted && /^-?\d+$/.test(value)) return { t: 'sleep', ms: Math.max(0, Number(value)) };
  if (!isQuoted) return { t: 'ignored', why: `ignoring sleep(${value === '' ? '{}' : value})` };
  try {
    return { t: 'sleep', ms: Math.max(0, durationToMs(parseDuration(value))) };
  } catch {
    return { t: 'ignored', why: `could not parse sleep(${value})` };
  }
}

function unquoted(text: string): string | undefined {
  if (text.startsWith('`')) return text.slice(1, -1);
  try {
    return String(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function admitted(mod: Mod, random: Random): boolean {
  if (mod.t === 'chance') return random.below(MILLION) < mod.left;
  if (mod.left <= 0) return false;
  mod.left--;
  return true;
}
