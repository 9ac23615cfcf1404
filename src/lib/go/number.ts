/**
 * Numbers and booleans as Go's `strconv` reads them, with its error texts; flags and variables are read this way.
 * https://pkg.go.dev/strconv
 */
import { goQuote } from './quote.js';

/**
 * `text` is what Go's error prints after the function's name: `parsing "x": invalid syntax`. `reason` is its last part.
 */
export class NumberError extends Error {
  override readonly name = 'NumberError';
  constructor(
    readonly routine: 'ParseBool' | 'ParseInt' | 'ParseUint',
    readonly input: string,
    readonly reason: 'invalid syntax' | 'value out of range',
  ) {
    super(`strconv.${routine}: parsing ${goQuote(input)}: ${reason}`);
  }
}

const trueWords = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const falseWords = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

export function parseBool(text: string): boolean {
  if (trueWords.has(text)) return true;
  if (falseWords.has(text)) return false;
  throw new NumberError('ParseBool', text, 'invalid syntax');
}

/** A signed integer. `base` 0 means: decimal, or as the prefix `0x`, `0o`, `0`, `0b` says, with `_` between digits. */
export function parseInteger(text: string, options: { base: 0 | 10 | 16; bits: 32 | 64 }): bigint {
  const fail = (reason: NumberError['reason']): NumberError => new NumberError('ParseInt', text, reason);
  const negative = text.startsWith('-');
  const size = magnitude(negative || text.startsWith('+') ? text.slice(1) : text, options.base);
  if (size === undefined) throw fail('invalid syntax');
  const limit = 1n << BigInt(options.bits - 1);
  if (size > (negative ? limit : limit - 1n)) throw fail('value out of range');
  return negative ? -size : size;
}

/** An unsigned integer; a sign is a syntax error. */
export function parseUnsigned(text: string, options: { base: 0 | 10 | 16; bits: 32 | 64 }): bigint {
  const size = magnitude(text, options.base);
  if (size === undefined) throw new NumberError('ParseUint', text, 'invalid syntax');
  if (size >= 1n << BigInt(options.bits)) throw new NumberError('ParseUint', text, 'value out of range');
  return size;
}

const shapes = {
  10: /^\d+$/,
  16: /^[0-9a-fA-F]+$/,
  prefixed: /^0(?:[xX](?:_?[0-9a-fA-F])+|[bB](?:_?[01])+|[oO](?:_?[0-7])+)$/,
  octal: /^0(?:_?[0-7])+$/,
  decimal: /^(?:0|[1-9](?:_?\d)*)$/,
} as const;

function magnitude(text: string, base: 0 | 10 | 16): bigint | undefined {
  if (base === 16) return shapes[16].test(text) ? BigInt(`0x${text}`) : undefined;
  if (base === 10) return shapes[10].test(text) ? BigInt(text) : undefined;
  const plain = text.replaceAll('_', '');
  if (shapes.decimal.test(text) || shapes.prefixed.test(text)) return BigInt(plain.toLowerCase());
  return shapes.octal.test(text) ? BigInt(`0o${plain.slice(1)}`) : undefined;
}
