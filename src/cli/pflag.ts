/**
 * Reads the words behind a command as pflag does: `--name=v`, `--name v`, `-n v`, `-nv`, bundled short flags, booleans
 * alone or with `=`, flags and arguments mixed, `--` before words that are no flags. Source of the rules and texts:
 * https://github.com/spf13/pflag (flag.go).
 */

import { goQuote } from '../lib/go/quote.js';
import { appendAll } from '../lib/long-lists.js';
import type { AnyFlag, FlagTable } from './flags.js';

/** A word that cannot be read; the message is pflag's. */
export class FlagError extends Error {
  override readonly name = 'FlagError';
}

export interface ParsedWords {
  readonly args: readonly string[];
  /** Every flag of the table: as given, else its default. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Names of the flags that were given. */
  readonly changed: ReadonlySet<string>;
  /** How many of `args` stood before `--`; undefined when there was none. */
  readonly argsBeforeDash: number | undefined;
}

/** Throws FlagError. `table` holds the command's own flags and the program's; a later one of the same letter wins. */
export function parseWords(words: readonly string[], table: FlagTable): ParsedWords {
  const values: Record<string, unknown> = {};
  const byLetter = new Map<string, string>();
  for (const [name, flag] of Object.entries(table)) {
    values[name] = flag.go.initial;
    if (flag.char !== undefined) byLetter.set(flag.char, name);
  }
  const changed = new Set<string>();
  const args: string[] = [];

  const set = (name: string, flag: AnyFlag, text: string): void => {
    try {
      values[name] = flag.go.type.parse(text, changed.has(name) ? values[name] : undefined);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const shown = flag.char === undefined ? `--${name}` : `-${flag.char}, --${name}`;
      throw new FlagError(`invalid argument ${goQuote(text)} for "${shown}" flag: ${why}`, { cause });
    }
    changed.add(name);
  };

  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (word === '--') {
      const argsBeforeDash = args.length;
      appendAll(args, words.slice(at + 1));
      return { args, values, changed, argsBeforeDash };
    }
    if (!word.startsWith('-') || word === '-') {
      args.push(word);
      continue;
    }
    if (word.startsWith('--')) {
      const { name, value } = splitLong(word);
      const flag = Object.hasOwn(table, name) ? table[name] : undefined;
      if (flag === undefined) throw new FlagError(`unknown flag: --${name}`);
      if (value !== undefined) set(name, flag, value);
      else if (flag.type === 'boolean') set(name, flag, 'true');
      else if (at + 1 < words.length) set(name, flag, words[++at] ?? '');
      else throw new FlagError(`flag needs an argument: --${name}`);
      continue;
    }
    let letters = word.slice(1);
    while (letters !== '') {
      const letter = letters[0] ?? '';
      const name = byLetter.get(letter);
      const flag = name === undefined ? undefined : table[name];
      if (name === undefined || flag === undefined) {
        throw new FlagError(`unknown shorthand flag: '${letter}' in -${letters}`);
      }
      const rest = letters.slice(1);
      if (letters.length > 2 && rest.startsWith('=')) {
        set(name, flag, rest.slice(1));
        break;
      }
      if (flag.type === 'boolean') {
        set(name, flag, 'true');
        letters = rest;
        continue;
      }
      if (rest !== '') set(name, flag, rest);
      else if (at + 1 < words.length) set(name, flag, words[++at] ?? '');
      else throw new FlagError(`flag needs an argument: '${letter}' in -${letters}`);
      break;
    }
  }
  return { args, values, changed, argsBeforeDash: undefined };
}

function splitLong(word: string): { name: string; value: string | undefined } {
  const body = word.slice(2);
  if (body === '' || body.startsWith('-') || body.startsWith('=')) throw new FlagError(`bad flag syntax: ${word}`);
  const equals = body.indexOf('=');
  return equals < 0 ? { name: body, value: undefined } : { name: body.slice(0, equals), value: body.slice(equals + 1) };
}

/** Go prints required flags that are missing in alphabetical order. */
export function missingRequired(table: FlagTable, changed: ReadonlySet<string>): readonly string[] {
  return Object.entries(table)
    .filter(([name, flag]) => flag.required === true && !changed.has(name))
    .map(([name]) => name)
    .sort();
}
