/**
 * Messages to proto3 JSON as etcd's gateway writes it: names as the `.proto` has them, 64-bit numbers as text, bytes as
 * base64, what is zero left out. Builds differ in the space after a comma; scripts that cut the text with tools of
 * lines see what that build of etcd shows.
 */
import type { AnyMessage, GroupValue, JsonField, JsonMessage } from './schema.js';

export interface EncodeOptions {
  /** Between members and elements: `,` or `, `. */
  readonly comma: string;
  /** `<`, `>` and `&` become escapes, as encoding/json writes them. */
  readonly escapeHtml: boolean;
  /** Bytes that are UTF-8 are written as text, others as `{"base64":"…"}` (`?text=1`). */
  readonly textBytes: boolean;
}

export function writeJson(message: AnyMessage, schema: JsonMessage, options: EncodeOptions): string {
  let text = '';
  for (const field of schema.fields) {
    const member = memberText(message, field, options);
    if (member !== '') text += text === '' ? member : options.comma + member;
  }
  return `{${text}}`;
}

/**
 * The same in pieces of some ten thousand characters, for messages that are too long for one text, and for one turn: a
 * text has at most 2^29 characters.
 */
export function* jsonPieces(message: AnyMessage, schema: JsonMessage, options: EncodeOptions): Generator<string> {
  let piece = '';
  for (const part of partsOf(message, schema, options)) {
    piece += part;
    if (piece.length < PIECE_CHARACTERS) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

const PIECE_CHARACTERS = 64 * 1024;

/** Lists element by element, in whatever messages they are. */
function* partsOf(message: AnyMessage, schema: JsonMessage, options: EncodeOptions): Generator<string> {
  let before = '{';
  for (const field of schema.fields) {
    const { type, group } = field;
    const value = group === undefined ? message[field.localName] : (message[group.localName] as GroupValue).value;
    const isThere = group === undefined || (message[group.localName] as GroupValue).case === field.localName;
    if (field.repeated && (value as readonly unknown[]).length > 0) {
      yield `${before}${field.label}[`;
      for (const [at, item] of (value as readonly unknown[]).entries()) {
        if (at > 0) yield options.comma;
        if (type.kind === 'message') yield* partsOf(item as AnyMessage, type, options);
        else yield elementText(item, field, options);
      }
      yield ']';
    } else if (type.kind === 'message' && !field.repeated && isThere && value !== undefined) {
      yield before + field.label;
      yield* partsOf(value as AnyMessage, type, options);
    } else {
      const member = memberText(message, field, options);
      if (member === '') continue;
      yield before + member;
    }
    before = options.comma;
  }
  yield before === '{' ? '{}' : '}';
}

/** Empty for what is left out. */
function memberText(message: AnyMessage, field: JsonField, options: EncodeOptions): string {
  if (field.group !== undefined) {
    const group = message[field.group.localName] as GroupValue;
    return group.case === field.localName ? field.label + elementText(group.value, field, options) : '';
  }
  const value = message[field.localName];
  if (field.repeated) {
    const list = value as readonly unknown[];
    if (list.length === 0) return '';
    return `${field.label}[${list.map((item) => elementText(item, field, options)).join(options.comma)}]`;
  }
  return isZero(value) ? '' : field.label + elementText(value, field, options);
}

function isZero(value: unknown): boolean {
  return !value || (value instanceof Uint8Array && value.length === 0);
}

function elementText(value: unknown, { type }: JsonField, options: EncodeOptions): string {
  switch (type.kind) {
    case 'message':
      return writeJson(value as AnyMessage, type, options);
    case 'bytes':
      return bytesText(value as Uint8Array, options);
    case 'string':
      return quoteJson(value as string, options);
    case 'int64':
    case 'uint64':
      return `"${type.kind === 'uint64' && typeof value === 'bigint' ? BigInt.asUintN(64, value) : value}"`;
    case 'enum': {
      const name = type.names.get(value as number);
      return name === undefined ? String(value) : `"${name}"`;
    }
    default:
      return String(value);
  }
}

function bytesText(bytes: Uint8Array, options: EncodeOptions): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!options.textBytes) return `"${buffer.toString('base64')}"`;
  const text = buffer.toString('utf8');
  if (Buffer.from(text, 'utf8').equals(buffer)) return quoteJson(text, options);
  return `{"base64":"${buffer.toString('base64')}"}`;
}

/**
 * A JSON string. Go leaves nothing but quotes, backslashes and control characters escaped, and with `escapeHtml` what a
 * page could mistake for tags.
 */
export function quoteJson(text: string, { escapeHtml }: Pick<EncodeOptions, 'escapeHtml'>): string {
  const quoted = JSON.stringify(text);
  if (!escapeHtml || !/[<>&\u2028\u2029]/.test(quoted)) return quoted;
  return quoted.replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
