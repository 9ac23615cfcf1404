/**
 * Text in quotes as Go's `%q` and `strconv.Quote` write it: error messages of flags, URLs and arguments carry it, and
 * scripts compare them. https://pkg.go.dev/strconv#Quote
 */
import { rawBytes, utf8Length } from '../raw-text.js';

const named: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '"': '\\"',
  '\\': '\\\\',
};

/** Letters, marks, numbers, punctuation, symbols and the plain space; everything else is escaped. */
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

function quoteCodePoint(char: string): string {
  const short = named[char];
  if (short !== undefined) return short;
  if (printable.test(char)) return char;
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x20 || code === 0x7f) return `\\x${hex(code, 2)}`;
  return code <= 0xffff ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

/**
 * `text` in double quotes. A lone surrogate is written as the byte that it stands for, or as the replacement character.
 */
export function goQuote(text: string): string {
  if (!text.isWellFormed()) return goQuoteBytes(rawBytes(text));
  return `"${Array.from(text, quoteCodePoint).join('')}"`;
}

/** Bytes in double quotes; what is not UTF-8 appears as `\xNN`, byte for byte. */
export function goQuoteBytes(bytes: Uint8Array): string {
  let quoted = '"';
  for (let at = 0; at < bytes.length; ) {
    const length = utf8Length(bytes, at);
    if (length === 0) {
      quoted += `\\x${hex(bytes[at] ?? 0, 2)}`;
      at += 1;
      continue;
    }
    quoted += quoteCodePoint(Buffer.from(bytes.subarray(at, at + length)).toString('utf8'));
    at += length;
  }
  return `${quoted}"`;
}
