/**
 * Text in quotes as Go's `%q` and `strconv.Quote` write it: error messages of flags, URLs and arguments carry it, and scripts compare them.
 * https://pkg.go.dev/strconv#Quote
 */
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

/** `text` in double quotes. A lone surrogate is written as the replacement character. */
export function goQuote(text: string): string {
  return `"${Array.from(text.replace(/\p{Cs}/gu, '\ufffd'), quoteCodePoint).join('')}"`;
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

/** Length of the well-formed UTF-8 sequence at `at`, 0 when there is none. (Unicode, table 3-7.) */
function utf8Length(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  if (lead < 0x80) return 1;
  const [length, low, high] =
    lead >= 0xc2 && lead <= 0xdf
      ? [2, 0x80, 0xbf]
      : lead >= 0xe0 && lead <= 0xef
        ? [3, lead === 0xe0 ? 0xa0 : 0x80, lead === 0xed ? 0x9f : 0xbf]
        : lead >= 0xf0 && lead <= 0xf4
          ? [4, lead === 0xf0 ? 0x90 : 0x80, lead === 0xf4 ? 0x8f : 0xbf]
          : [0, 0, 0];
  if (length === 0 || at + length > bytes.length) return 0;
  const second = bytes[at + 1] ?? 0;
  if (second < low || second > high) return 0;
  for (let offset = 2; offset < length; offset++) {
    const next = bytes[at + offset] ?? 0;
    if (next < 0x80 || next > 0xbf) return 0;
  }
  return length;
}
