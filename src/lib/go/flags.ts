/**
 * Reads a command line as Go's flag package does: one dash or two, `=` or the next word, booleans only alone or with
 * `=`, the end at `--` or at the first word that is no flag, the last of several wins.
 * https://pkg.go.dev/flag#hdr-Command_line_flag_syntax
 */
import { goQuote } from './quote.js';

/** A flag as it was found by one of its names. */
export interface GoFlag {
  /** Its own name. */
  readonly name: string;
  readonly isBool: boolean;
  /** Throws an Error whose message is Go's reason. `before` is what an earlier use of the flag gave, or undefined. */
  parse(text: string, before: unknown): unknown;
}

export type GoFlags =
  | {
      readonly t: 'ok';
      readonly given: ReadonlyMap<string, unknown>;
      /** Words after the flags. */
      readonly rest: readonly string[];
    }
  | { readonly t: 'help' }
  /** What Go prints; it always names a flag with one dash. */
  | { readonly t: 'error'; readonly message: string };

/** `swallowed` are value-less words that mean nothing. */
export function parseGoFlags(
  words: readonly string[],
  find: (name: string) => GoFlag | undefined,
  swallowed: readonly string[] = [],
): GoFlags {
  const given = new Map<string, unknown>();
  const error = (message: string): GoFlags => ({ t: 'error', message });
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (word.length < 2 || !word.startsWith('-')) return { t: 'ok', given, rest: words.slice(at) };
    if (word === '--') return { t: 'ok', given, rest: words.slice(at + 1) };
    const body = word.slice(word.startsWith('--') ? 2 : 1);
    if (body === '' || body.startsWith('-') || body.startsWith('=')) return error(`bad flag syntax: ${word}`);
    const equals = body.indexOf('=');
    const name = equals < 0 ? body : body.slice(0, equals);
    const inline = equals < 0 ? undefined : body.slice(equals + 1);
    if (swallowed.includes(name)) {
      given.set(name, undefined);
      continue;
    }
    const flag = find(name);
    if (flag === undefined) {
      return name === 'help' || name === 'h' ? { t: 'help' } : error(`flag provided but not defined: -${name}`);
    }
    let text = inline;
    if (text === undefined) {
      if (flag.isBool) text = 'true';
      else if (at + 1 < words.length) text = words[++at] ?? '';
      else return error(`flag needs an argument: -${name}`);
    }
    try {
      given.set(flag.name, flag.parse(text, given.get(flag.name)));
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      return error(
        flag.isBool
          ? `invalid boolean value ${goQuote(text)} for -${name}: ${why}`
          : `invalid value ${goQuote(text)} for flag -${name}: ${why}`,
      );
    }
  }
  return { t: 'ok', given, rest: [] };
}
