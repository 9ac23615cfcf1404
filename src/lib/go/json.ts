/**
 * JSON as Go's encoding/json reads it, as far as its errors are shown to callers.
 * https://pkg.go.dev/encoding/json#SyntaxError
 */

/** What the scanner expects next; names as in Go's messages. */
type Step = 'value' | 'value-or-end' | 'key' | 'key-or-end' | 'after-key' | 'after-pair' | 'after-element' | 'end';

const expectations: Readonly<Record<Step, string>> = {
  value: 'looking for beginning of value',
  'value-or-end': 'looking for beginning of value',
  key: 'looking for beginning of object key string',
  'key-or-end': 'looking for beginning of object key string',
  'after-key': 'after object key',
  'after-pair': 'after object key:value pair',
  'after-element': 'after array element',
  end: 'after top-level value',
};

const END = 'unexpected end of JSON input';

interface Scan {
  /** Where the first value ends, when there is a whole one. */
  readonly end: number | undefined;
  readonly error: string | undefined;
}

/** The first value of `text`; undefined when it does not begin with one. What comes after is not looked at. */
export function firstJsonValue(text: string): string | undefined {
  const { end } = scan(text);
  return end === undefined ? undefined : text.slice(0, end);
}

/** Why `text` is not one JSON value, in Go's words; undefined when it is. */
export function jsonSyntaxError(text: string): string | undefined {
  return scan(text).error;
}

function scan(text: string): Scan {
  const open: ('{' | '[')[] = [];
  let step = 'value' as Step;
  let end: number | undefined;
  let at = 0;
  const fail = (error: string): Scan => ({ end, error });
  const valueEnded = (): void => {
    const inside = open.at(-1);
    step = inside === undefined ? 'end' : inside === '{' ? 'after-pair' : 'after-element';
    if (inside === undefined) end = at;
  };
  for (;;) {
    while (/[ \t\r\n]/.test(text[at] ?? '')) at++;
    const char = text[at];
    if (char === undefined) return step === 'end' ? { end, error: undefined } : fail(END);
    const wrong = (): Scan => fail(`invalid character ${quoted(text, at)} ${expectations[step]}`);
    switch (step) {
      case 'value':
      case 'value-or-end':
        if (char === '{' || char === '[') {
          open.push(char);
          step = char === '{' ? 'key-or-end' : 'value-or-end';
          at++;
        } else if (char === ']' && step === 'value-or-end') {
          at++;
          open.pop();
          valueEnded();
        } else {
          const scalar = scanScalar(text, at);
          if (scalar === undefined) return wrong();
          if (scalar.error !== undefined) return fail(scalar.error);
          at = scalar.end;
          valueEnded();
        }
        break;
      case 'key':
      case 'key-or-end': {
        if (char === '}' && step === 'key-or-end') {
          at++;
          open.pop();
          valueEnded();
          break;
        }
        if (char !== '"') return wrong();
        const key = scanString(text, at);
        if (key.error !== undefined) return fail(key.error);
        at = key.end;
        step = 'after-key';
        break;
      }
      case 'after-key':
        if (char !== ':') return wrong();
        at++;
        step = 'value';
        break;
      case 'after-pair':
      case 'after-element': {
        const closing = step === 'after-pair' ? '}' : ']';
        if (char !== ',' && char !== closing) return wrong();
        at++;
        if (char === ',') step = step === 'after-pair' ? 'key' : 'value';
        else {
          open.pop();
          valueEnded();
        }
        break;
      }
      case 'end':
        return wrong();
    }
  }
}

interface Scalar {
  readonly end: number;
  readonly error?: string | undefined;
}

function scanScalar(text: string, at: number): Scalar | undefined {
  const char = text[at] ?? '';
  if (char === '"') return scanString(text, at);
  if (char === '-' || (char >= '0' && char <= '9')) return scanNumber(text, at);
  const word = ['true', 'false', 'null'].find((each) => each[0] === char);
  if (word === undefined) return undefined;
  for (let index = 1; index < word.length; index++) {
    if (text[at + index] === word[index]) continue;
    return failAt(text, at + index, `in literal ${word} (expecting ${`'${word[index]}'`})`);
  }
  return { end: at + word.length };
}

function scanString(text: string, start: number): Scalar {
  for (let at = start + 1; at < text.length; at++) {
    const char = text[at] ?? '';
    if (char === '"') return { end: at + 1 };
    if (char < ' ') return failAt(text, at, 'in string literal');
    if (char !== '\\') continue;
    at++;
    if (text[at] === 'u') {
      for (let digit = 1; digit <= 4; digit++) {
        if (!/[0-9a-fA-F]/.test(text[at + digit] ?? '')) {
          return failAt(text, at + digit, 'in \\u hexadecimal character escape');
        }
      }
      at += 4;
    } else if (!/["\\/bfnrt]/.test(text[at] ?? '')) return failAt(text, at, 'in string escape code');
  }
  return { end: text.length, error: END };
}

function scanNumber(text: string, start: number): Scalar {
  let at = start;
  const isDigit = (): boolean => /[0-9]/.test(text[at] ?? '');
  if (text[at] === '-') {
    at++;
    if (!isDigit()) return failAt(text, at, 'in numeric literal');
  }
  if (text[at] === '0') at++;
  else while (isDigit()) at++;
  if (text[at] === '.') {
    at++;
    if (!isDigit()) return failAt(text, at, 'after decimal point in numeric literal');
    while (isDigit()) at++;
  }
  if (text[at] === 'e' || text[at] === 'E') {
    at++;
    if (text[at] === '+' || text[at] === '-') at++;
    if (!isDigit()) return failAt(text, at, 'in exponent of numeric literal');
    while (isDigit()) at++;
  }
  return { end: at };
}

function failAt(text: string, at: number, context: string): Scalar {
  return { end: at, error: at >= text.length ? END : `invalid character ${quoted(text, at)} ${context}` };
}

/** Go's scanner goes byte by byte and shows a byte as the character of that number. */
function quoted(text: string, at: number): string {
  const char = text[at] ?? '';
  if (char === "'") return `'\\''`;
  if (char === '"') return `'"'`;
  const byte = Buffer.from(String.fromCodePoint(text.codePointAt(at) ?? 0))[0] ?? 0;
  const named: Readonly<Record<number, string>> = { 7: '\\a', 8: '\\b', 12: '\\f', 11: '\\v', 92: '\\\\' };
  if (byte < 0x20 || byte === 0x7f) return `'${named[byte] ?? `\\x${byte.toString(16).padStart(2, '0')}`}'`;
  if (byte === 92) return "'\\\\'";
  if (byte >= 0x80 && byte <= 0xa0) return `'\\u00${byte.toString(16)}'`;
  return `'${String.fromCharCode(byte)}'`;
}
