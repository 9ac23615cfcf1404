/**
 * JSON read from its bytes, one value after the other, by a caller who knows what is to come: of a text of any size,
 * only what is being read becomes objects. Strings are bytes as latin1, as everywhere in the store. Throws SyntaxError
 * at what is no JSON, or not what was asked for.
 */
import { bytesOf } from './json.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;

export class JsonReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** How much has been read. */
  get position(): number {
    return this.#at;
  }

  /** Whether the next is this character, which is read then. */
  takes(character: string): boolean {
    if (this.#next() !== character.charCodeAt(0)) return false;
    this.#at++;
    return true;
  }

  /** Nothing may follow. */
  end(): void {
    if (this.#next() !== undefined) throw this.#unexpected();
  }

  /**
   * The next name in an object whose brace was read, with its colon; undefined at the end of the object, which is read.
   * `isFirst`: none was read before.
   */
  name(isFirst: boolean): string | undefined {
    if (this.takes('}')) return undefined;
    if (!isFirst) this.#expect(COMMA);
    const name = this.string();
    this.#expect(COLON);
    return name;
  }

  open(): void {
    if (!this.takes('{')) throw this.#unexpected();
  }

  isNull(): boolean {
    if (this.#next() !== 0x6e) return false;
    this.value();
    return true;
  }

  string(): string {
    if (this.#next() !== QUOTE) throw this.#unexpected();
    const from = this.#at + 1;
    const end = this.#stringEnd(from);
    this.#at = end + 1;
    const text = this.#bytes.toString('latin1', from, end);
    if (plain.test(text)) return text;
    return bytesOf(JSON.parse(`"${this.#bytes.toString('utf8', from, end)}"`) as string);
  }

  number(): number {
    const value = this.value();
    if (typeof value !== 'number') throw this.#unexpected();
    return value;
  }

  /** Whatever comes, as JSON.parse reads it. */
  value(): unknown {
    this.#next();
    const from = this.#at;
    this.skip();
    return JSON.parse(this.#bytes.toString('utf8', from, this.#at));
  }

  /** Past a value, which is looked at only for its end. */
  skip(): void {
    let depth = 0;
    do {
      const byte = this.#next();
      if (byte === undefined) throw this.#unexpected();
      if (byte === QUOTE) {
        this.#at = this.#stringEnd(this.#at + 1) + 1;
        continue;
      }
      if (opening.has(byte)) depth++;
      else if (closing.has(byte)) depth--;
      if (depth < 0) throw this.#unexpected();
      this.#at++;
      if (!punctuation.has(byte)) while (isOfWord(this.#bytes[this.#at])) this.#at++;
    } while (depth > 0);
  }

  #stringEnd(from: number): number {
    for (let at = from; ; at++) {
      at = this.#bytes.indexOf(QUOTE, at);
      if (at < 0) throw new SyntaxError(`a string at ${from} does not end`);
      let escapes = 0;
      while (at - escapes > from && this.#bytes[at - escapes - 1] === BACKSLASH) escapes++;
      if (escapes % 2 === 0) return at;
    }
  }

  /** The next byte that is no space, not read. */
  #next(): number | undefined {
    while (spaces.has(this.#bytes[this.#at] ?? 0)) this.#at++;
    return this.#bytes[this.#at];
  }

  #expect(byte: number): void {
    if (this.#next() !== byte) throw this.#unexpected();
    this.#at++;
  }

  #unexpected(): SyntaxError {
    const byte = this.#bytes[this.#at];
    const what = byte === undefined ? 'end of JSON' : `character ${JSON.stringify(String.fromCharCode(byte))}`;
    return new SyntaxError(`unexpected ${what} at ${this.#at}`);
  }
}

/** Without escapes, and of one byte each. */
const plain = /^[ !#-[\]-\x7f]*$/;

const codes = (characters: string): ReadonlySet<number> => new Set(Buffer.from(characters));
const spaces = codes(' \t\r\n');
const opening = codes('{[');
const closing = codes('}]');
const punctuation = codes('{}[],:');

/** Of a number, true, false or null. */
const isOfWord = (byte: number | undefined): boolean =>
  byte !== undefined && (byte > 0x20 || byte === 0) && byte !== QUOTE && !punctuation.has(byte);
