/**
 * Text that may hold bytes which are no UTF-8: an argument of a command line, a variable, a file's name. Such a byte
 * becomes a lone surrogate, which no text has otherwise, and goes out as the byte that it was: 0x80 is U+DC80, 0xFF is
 * U+DCFF. https://peps.python.org/pep-0383/
 */

const LOWEST = 0xdc00;
const REPLACEMENT = '\ufffd';

/** Lossless: `rawBytes(rawText(bytes))` are the same bytes. */
export function rawText(bytes: Buffer): string {
  const text = bytes.toString();
  if (!text.includes(REPLACEMENT)) return text;
  let out = '';
  for (let at = 0; at < bytes.length; ) {
    const length = utf8Length(bytes, at);
    out += length === 0 ? String.fromCharCode(LOWEST + (bytes[at] ?? 0)) : bytes.toString('utf8', at, at + length);
    at += length === 0 ? 1 : length;
  }
  return out;
}

/** UTF-8, and the bytes that lone surrogates stand for. */
export function rawBytes(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text);
  const pieces: Buffer[] = [];
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    pieces.push(code >= LOWEST + 0x80 && code <= LOWEST + 0xff ? Buffer.of(code - LOWEST) : Buffer.from(char));
  }
  return Buffer.concat(pieces);
}

/** For streams and files: text where it is one, else its bytes. */
export const textOrBytes = (text: string): string | Buffer => (text.isWellFormed() ? text : rawBytes(text));

/** Length of the well-formed UTF-8 sequence at `at`, 0 when there is none. (Unicode, table 3-7.) */
export function utf8Length(bytes: Uint8Array, at: number): number {
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
