/**
 * Words of the v2 client, read by Go's flag package the way urfave/cli 1.22 puts it to use: global flags before the
 * command's name, the command's own behind it, in front of the arguments or behind them.
 */

import type { AnyFlag, FlagTable } from '../../cli/flags.js';
import { durationToMs, parseDuration } from '../../lib/go/duration.js';
import { type GoFlag, parseGoFlags } from '../../lib/go/flags.js';
import { NumberError } from '../../lib/go/number.js';

export interface GoWords {
  /** Every flag of the table: as given, else its default. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly args: readonly string[];
}

/** The message is that of Go's flag package: `flag provided but not defined: -x`. */
export class GoFlagError extends Error {
  override readonly name = 'GoFlagError';
}

/** Flags up to the first word that is none. Throws GoFlagError. */
export function parseGoWords(words: readonly string[], table: FlagTable): GoWords {
  const flags = parseGoFlags(words, (name) => flagOf(name, table));
  switch (flags.t) {
    case 'error':
      throw new GoFlagError(flags.message);
    case 'help':
      // The table of every command has a flag of its own for help.
      throw new GoFlagError('flag: help requested');
    case 'ok': {
      const values = Object.fromEntries(Object.entries(table).map(([name, flag]) => [name, flag.go.initial]));
      for (const [name, value] of flags.given) values[name] = value;
      return { values, args: flags.rest };
    }
  }
}

/**
 * Words behind a command: known flags come first, each with the word after it, then what is left in its order. A flag
 * without a value takes the word after it along, too, and ends the flags with it; `--` stands behind the flags before
 * it. So `set /k v --ttl 5` does what it looks like, and `mk --in-order /q v --ttl 5` does not.
 */
export function reordered(words: readonly string[], table: FlagTable): readonly string[] {
  const flags: string[] = [];
  const others: string[] = [];
  let mayBeValue = false;
  for (const [at, word] of words.entries()) {
    const isFlag = isFlagWord(word, table);
    if (mayBeValue && !isFlag) {
      mayBeValue = false;
      flags.push(word);
    } else if (word === '--') {
      return [...flags, word, ...others, ...words.slice(at + 1)];
    } else if (isFlag) {
      flags.push(word);
      mayBeValue = !word.includes('=');
    } else {
      others.push(word);
    }
  }
  return [...flags, ...others];
}

function isFlagWord(word: string, table: FlagTable): boolean {
  if (word === '-' || word === '--' || !word.startsWith('-')) return false;
  const [name = ''] = word.replace(/^-{1,3}/, '').split('=', 1);
  return flagOf(name, table) !== undefined;
}

function flagOf(name: string, table: FlagTable): GoFlag | undefined {
  const own = Object.hasOwn(table, name) ? table[name] : undefined;
  const [found, flag] =
    own === undefined
      ? (Object.entries(table).find(([, { char, alias }]) => char === name || alias === name) ?? [name, undefined])
      : [name, own];
  return flag === undefined
    ? undefined
    : { name: found, isBool: flag.type === 'boolean', parse: (text, before) => parseShort(flag, text, before) };
}

/** Go's flag package has shorter reasons than the functions beneath it. */
function parseShort(flag: AnyFlag, text: string, before: unknown): unknown {
  try {
    return flag.go.type.name === 'duration' ? durationToMs(parseDuration(text)) : flag.go.type.parse(text, before);
  } catch (error) {
    const isRange = error instanceof NumberError && error.reason === 'value out of range';
    throw new Error(isRange ? 'value out of range' : 'parse error', { cause: error });
  }
}
