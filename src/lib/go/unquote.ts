/**
 * Reads text in quotes as Go's `%q` scans it: a double-quoted string with Go's escapes, or a back-quoted one that means
 * what it says. Works on latin1 strings, one character a byte; what `\u` and `\U` name is written as its UTF-8 bytes.
 * https://pkg.go.dev/strconv#Unquote
 */

/**
 * What stands in the quotes at the start of `text`, and how long it was with them; undefined when there is no whole
 * quoted string.
 */
export function scanQuoted(text: string): { readonly value: string; readonly length: number } | undefined {
  if (text.startsWith('`')) {
    const end = text.indexOf('`', 1);
    return end < 0 ? undefined : { value: text.slice(1, end), length: end + 1 };
  }
  if (!text.startsWith('"')) return undefined;
  let value = '';
  for (let at = 1; at < text.length; ) {
    const char = text[at];
    if (char === '"') return { value, length: at + 1 };
    if (char === '\n') return undefined;
    if (char !== '\\') {
      value += char;
      at += 1;
      continue;
    }
    const escaped = readEscape(text, at + 1);
    if (escaped === undefined) return undefined;
    value += escaped.value;
    at += 1 + escaped.length;
  }
  return undefined;
}

const named: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
};

/** The escape whose letter is at `at`. */
function readEscape(text: string, at: number): { value: string; length: number } | undefined {
  const letter = text[at] ?? '';
  const simple = named[letter];
  if (simple !== undefined) return { value: simple, length: 1 };
  const octal = /^[0-7]{3}/.exec(text.slice(at, at + 3))?.[0];
  if (octal !== undefined) {
    const byte = Number.parseInt(octal, 8);
    return byte > 0xff ? undefined : { value: String.fromCharCode(byte), length: 3 };
  }
  const digits = letter === 'x' ? 2 : letter === 'u' ? 4 : letter === 'U' ? 8 : 0;
  const hex = text.slice(at + 1, at + 1 + digits);
  if (digits === 0 || hex.length < digits || !/^[0-9a-fA-F]+$/.test(hex)) return undefined;
  const code = Number.parseInt(hex, 16);
  if (letter === 'x') return { value: String.fromCharCode(code), length: 3 };
  const isCharacter = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  if (!isCharacter) return undefined;
  return { value: Buffer.from(String.fromCodePoint(code)).toString('latin1'), length: 1 + digits };
}
