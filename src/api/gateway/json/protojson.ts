/**
 * Proto3 JSON to messages as protobuf-go's protojson reads it (grpc-gateway v2, with unknown fields discarded): either
 * spelling of a name, numbers as text or not, `null` as absent, unknown words of an enum dropped. Errors carry its
 * texts and the place they name. From etcd 3.5.30 on. Source: google.golang.org/protobuf/encoding/protojson/decode.go.
 */

import { decodeBase64 } from '../../../lib/go/base64.js';
import { goQuote } from '../../../lib/go/quote.js';
import {
  isAscii,
  type JsonDocument,
  JsonError,
  type JsonMember,
  type JsonNode,
  type JsonString,
  stringText,
} from './parse.js';
import {
  type AnyMessage,
  emptyMessage,
  type GroupValue,
  integerOf,
  type JsonField,
  type JsonMessage,
} from './schema.js';

export interface DecodeOptions {
  /** Bytes are text (`?text=1`), or `{"base64": "…"}`. */
  readonly textBytes: boolean;
}

/** The message of a document. Throws JsonError. */
export function readProtoJson(document: JsonDocument, schema: JsonMessage, options: DecodeOptions): AnyMessage {
  return new Reader(document, options).message(document.root, schema);
}

/**
 * Before each message; the space is one that does not break, by which protobuf-go keeps people from comparing its
 * texts.
 */
const PROTO = 'proto:\u00a0';
/** What stands for a value that is left at zero. */
const NOTHING = Symbol('nothing');

class Reader {
  /** Whether strings may be anything but plain ASCII; most bodies are checked once, here. */
  readonly #needsCheck: boolean;

  constructor(
    readonly document: JsonDocument,
    readonly options: DecodeOptions,
  ) {
    this.#needsCheck = document.text.includes('\\') || !isAscii(document.text);
  }

  message(node: JsonNode, schema: JsonMessage): AnyMessage {
    if (node.t !== 'object') return this.#unexpectedToken(node);
    const message = emptyMessage(schema);
    const seen = new Set<JsonField>();
    for (const member of node.members) {
      this.#check(member.key);
      const field = schema.byName.get(keyText(member.key));
      if (field === undefined) this.#skip(member.value);
      else this.#field(message, field, member, seen);
    }
    return message;
  }

  #field(message: AnyMessage, field: JsonField, { key, value }: JsonMember, seen: Set<JsonField>): void {
    if (seen.has(field)) this.#fail(key.at, `duplicate field ${key.raw}`);
    seen.add(field);
    if (value.t === 'literal' && value.raw === 'null') return;
    if (field.repeated) {
      if (value.t !== 'array') this.#unexpectedToken(value);
      const list = message[field.localName] as unknown[];
      for (const item of value.items) {
        const element = this.#single(item, field);
        if (element !== NOTHING) list.push(element);
      }
      return;
    }
    const { group } = field;
    if (group === undefined) {
      const single = this.#single(value, field);
      if (single !== NOTHING) message[field.localName] = single;
      return;
    }
    if ((message[group.localName] as GroupValue).case !== undefined)
      this.#fail(key.at, `error parsing ${key.raw}, oneof ${group.fullName} is already set`);
    message[group.localName] = { case: field.localName, value: this.#single(value, field) };
  }

  #single(node: JsonNode, field: JsonField): unknown {
    const { type } = field;
    if (node.t === 'string') this.#check(node);
    switch (type.kind) {
      case 'message':
        return this.message(node, type);
      case 'bool':
        if (node.t === 'literal' && node.raw !== 'null') return node.raw === 'true';
        break;
      case 'string':
        if (node.t === 'string') return stringText(node);
        break;
      case 'bytes': {
        const bytes = this.options.textBytes ? this.#textBytes(node) : base64Of(node);
        if (bytes !== undefined) return bytes;
        break;
      }
      case 'enum': {
        if (node.t === 'string') return type.numbers.get(stringText(node)) ?? NOTHING;
        const number = node.t === 'number' ? wholeNumber(node.raw) : undefined;
        if (number !== undefined && BigInt.asIntN(32, number) === number) return Number(number);
        break;
      }
      default: {
        const number =
          node.t === 'number' ? wholeNumber(node.raw) : node.t === 'string' ? quotedNumber(node) : undefined;
        if (number !== undefined && fits(number, type.kind)) return integerOf(number, field);
      }
    }
    return this.#fail(node.at, `invalid value for ${type.kind} field ${field.jsonName}: ${utf8(tokenText(node))}`);
  }

  #textBytes(node: JsonNode): Uint8Array | undefined {
    if (node.t === 'string') return Buffer.from(stringText(node), 'utf8');
    if (node.t !== 'object' || node.members.length !== 1) return undefined;
    const [member] = node.members;
    return member !== undefined && member.key.raw === '"base64"' ? base64Of(member.value) : undefined;
  }

  /** In the document's order, as deep as it goes. */
  #skip(unknown: JsonNode): void {
    if (!this.#needsCheck) return;
    const left = [unknown];
    for (let node = left.pop(); node !== undefined; node = left.pop()) {
      if (node.t === 'string') this.#check(node);
      else if (node.t === 'array') for (const item of node.items.toReversed()) left.push(item);
      else if (node.t === 'object') for (const { key, value } of node.members.toReversed()) left.push(value, key);
    }
  }

  /** UTF-8 and surrogates, which encoding/json lets through. */
  #check({ at, raw, hasEscapes }: JsonString): void {
    if (!this.#needsCheck) return;
    if (!isAscii(raw) && !isUtf8(raw)) this.#failSyntax(at, 'invalid UTF-8 in string');
    if (!hasEscapes) return;
    for (let index = raw.indexOf('\\'); index >= 0; index = raw.indexOf('\\', index)) {
      const unit = raw[index + 1] === 'u' ? Number.parseInt(raw.slice(index + 2, index + 6), 16) : 0;
      index += raw[index + 1] === 'u' ? 6 : 2;
      if (unit < 0xd800 || unit > 0xdfff) continue;
      const rest = this.document.text.slice(at + index, Math.min(at + index + 6, this.document.end));
      if (rest.length < 6) throw new JsonError(`${PROTO}unexpected EOF`);
      if (unit > 0xdbff || !/^\\u[dD][c-fC-F][0-9a-fA-F]{2}$/.test(rest))
        this.#failSyntax(at, `invalid escape code ${goQuote(utf8(rest))} in string`);
      index += 6;
    }
  }

  #unexpectedToken(node: JsonNode): never {
    if (node.t === 'string') this.#check(node);
    return this.#failSyntax(node.at, `unexpected token ${utf8(tokenText(node))}`);
  }

  #failSyntax(at: number, text: string): never {
    throw new JsonError(`${PROTO}syntax error (${this.#place(at)}): ${text}`);
  }

  #fail(at: number, text: string): never {
    throw new JsonError(`${PROTO}(${this.#place(at)}): ${text}`);
  }

  /** Counted from the value's first character; columns are code points. */
  #place(at: number): string {
    const before = this.document.text.slice(this.document.root.at, at);
    const lineStart = before.lastIndexOf('\n') + 1;
    const line = before.split('\n').length;
    return `line ${line}:${Array.from(utf8(before.slice(lineStart))).length + 1}`;
  }
}

const keyText = (key: JsonString): string => (key.hasEscapes ? stringText(key) : key.raw.slice(1, -1));

const tokenText = (node: JsonNode): string => (node.t === 'object' ? '{' : node.t === 'array' ? '[' : node.raw);

const utf8 = (latin1: string): string => (isAscii(latin1) ? latin1 : Buffer.from(latin1, 'latin1').toString('utf8'));

function isUtf8(latin1: string): boolean {
  const bytes = Buffer.from(latin1, 'latin1');
  return Buffer.from(bytes.toString('utf8'), 'utf8').equals(bytes);
}

/** In the alphabet it is written in, padded if its length says so. */
function base64Of(node: JsonNode): Uint8Array | undefined {
  if (node.t !== 'string') return undefined;
  const text = node.hasEscapes ? stringText(node) : node.raw.slice(1, -1);
  const decoded = decodeBase64(text, {
    url: text.includes('-') || text.includes('_'),
    padded: Buffer.byteLength(text, isAscii(text) ? 'latin1' : 'utf8') % 4 === 0,
  });
  return decoded instanceof Uint8Array ? decoded : undefined;
}

/** `1`, `1.0`, `10e-1` are all one; undefined for what is no whole number, or has more digits than any that fits. */
function wholeNumber(raw: string): bigint | undefined {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(raw);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = '', exponentText = '0'] = match;
  // Not by an expression: a million zeros before another digit would be tried from each of them.
  let digits = fraction.length;
  while (fraction.charCodeAt(digits - 1) === 0x30) digits--;
  const kept = fraction.slice(0, digits);
  const int = whole === '0' ? '' : whole;
  if (int === '' && kept === '') return 0n;
  const exponent = Number(exponentText);
  if (exponent >= 0) {
    if (kept.length > exponent || int.length + exponent > 20) return undefined;
    return BigInt(`${sign}${int}${kept}${'0'.repeat(exponent - kept.length)}`);
  }
  if (kept.length > 0 || int.length + exponent < 0) return undefined;
  const left = int.slice(0, int.length + exponent);
  return /^0*$/.test(int.slice(left.length)) ? BigInt(`${sign}${left === '' ? '0' : left}`) : undefined;
}

/** A number within a string: nothing before it, and after it only what cannot belong to it. */
function quotedNumber(node: JsonString): bigint | undefined {
  const text = stringText(node);
  if (text.trim() !== text) return undefined;
  const match = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![-+.\w])/.exec(text);
  return match === null ? undefined : wholeNumber(match[0]);
}

function fits(number: bigint, kind: 'int32' | 'uint32' | 'int64' | 'uint64'): boolean {
  switch (kind) {
    case 'int32':
      return BigInt.asIntN(32, number) === number;
    case 'uint32':
      return BigInt.asUintN(32, number) === number;
    case 'int64':
      return BigInt.asIntN(64, number) === number;
    case 'uint64':
      return BigInt.asUintN(64, number) === number;
  }
}
