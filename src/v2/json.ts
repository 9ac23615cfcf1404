/**
 * JSON as Go's encoding/json writes it, from text that is bytes as latin1. The result is latin1, too: bytes ready to be
 * sent.
 */

/** Nothing in it needs an escape. */
const plain = /^[ !#-%'-;=?-[\]-~]*$/;

const short: Readonly<Record<number, string>> = { 9: '\\t', 10: '\\n', 13: '\\r', 34: '\\"', 92: '\\\\' };
/** `<`, `>` and `&`, for the sake of pages that JSON is put into. */
const asciiEscaped = new Set([0x3c, 0x3e, 0x26]);

export function jsonString(text: string): string {
  if (plain.test(text)) return `"${text}"`;
  let out = '"';
  for (let at = 0; at < text.length; ) {
    const byte = text.charCodeAt(at);
    if (byte < 0x80) {
      const named = short[byte];
      if (named !== undefined) out += named;
      else if (byte < 0x20 || asciiEscaped.has(byte)) out += `\\u00${byte.toString(16).padStart(2, '0')}`;
      else out += text[at];
      at++;
      continue;
    }
    const length = sequenceLength(text, at);
    const sequence = text.slice(at, at + length);
    if (length === 0) out += '\\ufffd';
    else if (sequence === LINE_SEPARATOR) out += '\\u2028';
    else if (sequence === PARAGRAPH_SEPARATOR) out += '\\u2029';
    else out += sequence;
    at += Math.max(length, 1);
  }
  return `${out}"`;
}

const LINE_SEPARATOR = '\xe2\x80\xa8';
const PARAGRAPH_SEPARATOR = '\xe2\x80\xa9';

/** Bytes of the UTF-8 sequence at `at`, two to four; 0 where there is none. */
function sequenceLength(text: string, at: number): number {
  const first = text.charCodeAt(at);
  const second = text.charCodeAt(at + 1);
  const continues = (index: number): boolean => (text.charCodeAt(at + index) & 0xc0) === 0x80;
  if (first >= 0xc2 && first <= 0xdf) return continues(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (!continues(1) || !continues(2)) return 0;
    if (first === 0xe0 && second < 0xa0) return 0;
    return first === 0xed && second > 0x9f ? 0 : 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (first === 0xf0 && second < 0x90) return 0;
    return first === 0xf4 && second > 0x8f ? 0 : 4;
  }
  return 0;
}

/** What JSON.parse gave, as bytes. */
export const bytesOf = (text: string): string => (isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1'));

/** Bytes as text. */
export const textOf = (bytes: string): string =>
  isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8');

const ascii = /^[\0-\x7f]*$/;
export const isAscii = (text: string): boolean => ascii.test(text);
