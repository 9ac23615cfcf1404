/**
 * JSON as Go's encoding/json reads it, with its words for what is wrong: clients see them. A tree with places, since
 * protobuf's own errors name them. Text comes as latin1, one character a byte, so that a place in it is a place in the
 * body; UTF-8 is looked at where a string is taken. Texts: Go's src/encoding/json/scanner.go.
 */
import { goQuote } from '../../../lib/go/quote.js';

/** What is no JSON, or does not fit the message; the text is for the client. */
export class JsonError extends Error {
  override readonly name = 'JsonError';
  readonly code = 'ERR_GATEWAY_JSON';
}

/** The text ends within a value: more may come. */
export class JsonEndError extends JsonError {
  constructor() {
    super('unexpected EOF');
  }
}

/** More values than any request has: they take a hundred times the room of their text, and seconds. */
export class TooManyValuesError extends Error {
  override readonly name = 'TooManyValuesError';
  readonly code = 'ERR_GATEWAY_JSON_VALUES';
}

export interface JsonString {
  readonly t: 'string';
  readonly at: number;
  /** With its quotes, as it stands. */
  readonly raw: string;
  readonly hasEscapes: boolean;
}

export interface JsonMember {
  readonly key: JsonString;
  readonly value: JsonNode;
}

export type JsonNode =
  | { readonly t: 'object'; readonly at: number; readonly members: readonly JsonMember[] }
  | { readonly t: 'array'; readonly at: number; readonly items: readonly JsonNode[] }
  | JsonString
  | { readonly t: 'number' | 'literal'; readonly at: number; readonly raw: string };

export interface JsonDocument {
  readonly text: string;
  readonly root: JsonNode;
  /** After the value. */
  readonly end: number;
}

const MAX_DEPTH = 10_000;
const MAX_VALUES = 200_000;

/**
 * The first value of `text` from `start` on; undefined where there is only white space. Throws JsonError, or
 * JsonEndError where the value goes on, TooManyValuesError where it has too many others in it.
 */
export function parseJson(text: string, start = 0): JsonDocument | undefined {
  const parser = new Parser(text, start);
  if (!parser.hasMore()) return undefined;
  const root = parser.value();
  return { text, root, end: parser.at };
}

/** A list or an object that is being read. */
type Open = OpenArray | OpenObject;

interface OpenArray {
  readonly t: 'array';
  readonly at: number;
  readonly items: JsonNode[];
}

interface OpenObject {
  readonly t: 'object';
  readonly at: number;
  readonly members: JsonMember[];
  /** Of the value that is read. */
  key: JsonString | undefined;
}

class Parser {
  /** Of the next backslash at or after the last place that was asked for. */
  #backslash = -1;
  #values = 0;

  constructor(
    readonly text: string,
    public at: number,
  ) {}

  hasMore(): boolean {
    this.#skipSpace();
    return this.at < this.text.length;
  }

  /** With a list of what is open, not by recursion: the stack would end before the depth that is allowed. */
  value(): JsonNode {
    const open: Open[] = [];
    for (;;) {
      let node = this.#begin(open);
      while (node !== undefined) {
        const around = open.at(-1);
        if (around === undefined) return node;
        if (this.#goesOn(around, node)) break;
        open.pop();
        node = around;
      }
    }
  }

  /** Undefined where others come first, which are inside of it. */
  #begin(open: Open[]): JsonNode | undefined {
    if (++this.#values > MAX_VALUES) throw new TooManyValuesError(`more than ${MAX_VALUES} values`);
    this.#skipSpace();
    const { at } = this;
    const char = this.text.charCodeAt(at);
    switch (char) {
      case 0x7b: {
        const object: OpenObject = { t: 'object', at, members: [], key: undefined };
        if (!this.#hasInside(open, 0x7d)) return object;
        object.key = this.#key();
        open.push(object);
        return undefined;
      }
      case 0x5b: {
        const array: OpenArray = { t: 'array', at, items: [] };
        if (!this.#hasInside(open, 0x5d)) return array;
        open.push(array);
        return undefined;
      }
      case 0x22:
        return this.#string(at);
      case 0x74:
        return this.#literal(at, 'true');
      case 0x66:
        return this.#literal(at, 'false');
      case 0x6e:
        return this.#literal(at, 'null');
      default:
        if (char === 0x2d || isDigit(char)) return this.#number(at);
        return this.#unexpected('looking for beginning of value');
    }
  }

  #hasInside(open: readonly Open[], close: number): boolean {
    if (open.length >= MAX_DEPTH) throw new JsonError(`invalid character '${this.text[this.at]}' exceeded max depth`);
    this.at++;
    if (this.#next() !== close) return true;
    this.at++;
    return false;
  }

  #key(): JsonString {
    if (this.#next() !== 0x22) this.#unexpected('looking for beginning of object key string');
    const key = this.#string(this.at);
    if (this.#next() !== 0x3a) this.#unexpected('after object key');
    this.at++;
    return key;
  }

  /** Takes in what has been read; false when nothing else is inside. */
  #goesOn(around: Open, node: JsonNode): boolean {
    if (around.t === 'array') {
      around.items.push(node);
      const after = this.#next();
      if (after !== 0x2c && after !== 0x5d) this.#unexpected('after array element');
      this.at++;
      return after === 0x2c;
    }
    if (around.key !== undefined) around.members.push({ key: around.key, value: node });
    const after = this.#next();
    if (after !== 0x2c && after !== 0x7d) this.#unexpected('after object key:value pair');
    this.at++;
    if (after === 0x2c) around.key = this.#key();
    return after === 0x2c;
  }

  #string(at: number): JsonString {
    const { text } = this;
    const plainEnd = text.indexOf('"', at + 1);
    if (plainEnd > 0 && this.#backslashAfter(at) > plainEnd) {
      const raw = text.slice(at, plainEnd + 1);
      const control = controlCharacter.exec(raw);
      if (control === null) {
        this.at = plainEnd + 1;
        return { t: 'string', at, raw, hasEscapes: false };
      }
      this.at = at + control.index;
      return this.#unexpected('in string literal');
    }
    for (this.at = at + 1; ; this.at++) {
      const char = this.#here();
      if (char === 0x22) break;
      if (char < 0x20) this.#unexpected('in string literal');
      if (char === 0x5c) this.#escape();
    }
    this.at++;
    return { t: 'string', at, raw: text.slice(at, this.at), hasEscapes: true };
  }

  /** Leaves `at` at its last character. */
  #escape(): void {
    this.at++;
    const char = String.fromCharCode(this.#here());
    if ('bfnrt\\/"'.includes(char)) return;
    if (char !== 'u') this.#unexpected('in string escape code');
    for (let digits = 0; digits < 4; digits++) {
      this.at++;
      if (!/[0-9a-fA-F]/.test(String.fromCharCode(this.#here())))
        this.#unexpected('in \\u hexadecimal character escape');
    }
  }

  #number(at: number): JsonNode {
    if (this.#here() === 0x2d) this.at++;
    if (!isDigit(this.#here())) this.#unexpected('in numeric literal');
    if (this.#here() === 0x30) this.at++;
    else this.#digits();
    if (this.text[this.at] === '.') {
      this.at++;
      if (!isDigit(this.#here())) this.#unexpected('after decimal point in numeric literal');
      this.#digits();
    }
    if (this.text[this.at] === 'e' || this.text[this.at] === 'E') {
      this.at++;
      if (this.#here() === 0x2b || this.#here() === 0x2d) this.at++;
      if (!isDigit(this.#here())) this.#unexpected('in exponent of numeric literal');
      this.#digits();
    }
    return { t: 'number', at, raw: this.text.slice(at, this.at) };
  }

  #digits(): void {
    while (isDigit(this.text.charCodeAt(this.at))) this.at++;
  }

  #literal(at: number, word: 'true' | 'false' | 'null'): JsonNode {
    for (let index = 1; index < word.length; index++) {
      this.at = at + index;
      if (this.#here() !== word.charCodeAt(index))
        this.#unexpected(`in literal ${word} (expecting '${word.charAt(index)}')`);
    }
    this.at = at + word.length;
    return { t: 'literal', at, raw: word };
  }

  #backslashAfter(at: number): number {
    if (this.#backslash < at) {
      const found = this.text.indexOf('\\', at);
      this.#backslash = found < 0 ? Number.POSITIVE_INFINITY : found;
    }
    return this.#backslash;
  }

  #skipSpace(): void {
    for (;;) {
      const char = this.text.charCodeAt(this.at);
      if (char !== 0x20 && char !== 0x0a && char !== 0x0d && char !== 0x09) return;
      this.at++;
    }
  }

  #next(): number {
    this.#skipSpace();
    return this.#here();
  }

  #here(): number {
    if (this.at >= this.text.length) throw new JsonEndError();
    return this.text.charCodeAt(this.at);
  }

  #unexpected(where: string): never {
    throw new JsonError(`invalid character ${quoteChar(this.#here())} ${where}`);
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controlCharacter = /[\u0000-\u001f]/;

const isDigit = (char: number): boolean => char >= 0x30 && char <= 0x39;

/** As scanner.go quotes the offending byte. */
function quoteChar(byte: number): string {
  if (byte === 0x27) return "'\\''";
  if (byte === 0x22) return `'"'`;
  return `'${goQuote(String.fromCharCode(byte)).slice(1, -1)}'`;
}

/**
 * The text of the string. What is no UTF-8, or half a pair of surrogates, is the replacement character, as
 * encoding/json takes it.
 */
export function stringText({ raw, hasEscapes }: JsonString): string {
  const inner = raw.slice(1, -1);
  const text = isAscii(inner) ? inner : Buffer.from(inner, 'latin1').toString('utf8');
  if (!hasEscapes) return text;
  const unescaped = text.replace(/\\(u([0-9a-fA-F]{4})|.)/gs, (_, char: string, code: string | undefined) =>
    code === undefined ? (escapes[char] ?? char) : String.fromCharCode(Number.parseInt(code, 16)),
  );
  return unescaped.replace(/\p{Cs}/gu, '\ufffd');
}

const escapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is ASCII
export const isAscii = (text: string): boolean => /^[\u0000-\u007f]*$/.test(text);
