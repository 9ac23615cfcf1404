/**
 * Proto3 JSON to messages as golang/protobuf's jsonpb reads it (grpc-gateway v1): field by field in the order of
 * declaration, the last of several members of one name counts, `null` is zero, numbers are whole as they stand. Etcd
 * 3.4. Source: github.com/golang/protobuf/jsonpb, encoding/json.
 */

import { decodeBase64 } from '../../../lib/go/base64.js';
import { goQuote } from '../../../lib/go/quote.js';
import {
  type JsonDocument,
  JsonEndError,
  JsonError,
  type JsonNode,
  type JsonString,
  parseJson,
  stringText,
} from './parse.js';
import type { DecodeOptions } from './protojson.js';
import { type AnyMessage, emptyMessage, integerOf, type JsonField, type JsonMessage } from './schema.js';

/** The message of a document. Throws JsonError. */
export function readJsonPb(document: JsonDocument, schema: JsonMessage, options: DecodeOptions): AnyMessage {
  return messageOf(document.root, schema, options);
}

function messageOf(node: JsonNode, schema: JsonMessage, options: DecodeOptions): AnyMessage {
  const message = emptyMessage(schema);
  if (isNull(node)) return message;
  if (node.t !== 'object') throw cannotUnmarshal(node, 'map[string]json.RawMessage');
  const values = new Map<string, JsonNode>();
  for (const { key, value } of node.members) values.set(stringText(key), value);
  for (const field of schema.fields) {
    const value = values.get(field.name) ?? values.get(field.jsonName);
    if (value === undefined || isNull(value)) continue;
    if (field.repeated) message[field.localName] = listOf(value, field, options);
    else if (field.group === undefined) message[field.localName] = singleOf(value, field, options);
    else message[field.group.localName] = { case: field.localName, value: singleOf(value, field, options) };
  }
  return message;
}

function listOf(node: JsonNode, field: JsonField, options: DecodeOptions): unknown[] {
  if (node.t !== 'array') throw cannotUnmarshal(node, '[]json.RawMessage');
  return node.items.map((item) => singleOf(item, field, options));
}

function singleOf(node: JsonNode, field: JsonField, options: DecodeOptions): unknown {
  const { type } = field;
  switch (type.kind) {
    case 'message':
      return messageOf(node, type, options);
    case 'bool':
      if (isNull(node)) return false;
      if (node.t === 'literal') return node.raw === 'true';
      throw cannotUnmarshal(node, 'bool');
    case 'string':
      if (isNull(node)) return '';
      if (node.t === 'string') return stringText(node);
      throw cannotUnmarshal(node, 'string');
    case 'bytes':
      return bytesOf(node, options);
    case 'enum': {
      if (isNull(node)) return 0;
      if (node.t === 'string') {
        const number = type.numbers.get(stringText(node));
        if (number !== undefined) return number;
        throw new JsonError(`unknown value ${goQuote(stringText(node))} for enum ${type.goName}`);
      }
      return Number(numberOf(node, 'int32', type.goName));
    }
    default: {
      const value = node.t === 'string' ? unquoted(node) : node;
      return isNull(value) ? integerOf(0n, field) : integerOf(numberOf(value, type.kind, type.kind), field);
    }
  }
}

/** What stands between a number's quotes, read as JSON of its own. */
function unquoted(node: JsonString): JsonNode {
  const text = node.raw.slice(1, -1);
  try {
    const document = parseJson(text);
    if (document !== undefined && text.slice(document.end).trim() === '') return document.root;
  } catch (cause) {
    if (!(cause instanceof JsonEndError)) throw cause;
    throw new JsonError('unexpected end of JSON input');
  }
  if (text.trim() === '') throw new JsonError('unexpected end of JSON input');
  const extra = /^\s*\S+?\s+(\S)/.exec(text)?.[1] ?? text.slice(-1);
  throw new JsonError(`invalid character '${extra}' after top-level value`);
}

function numberOf(node: JsonNode, kind: 'int32' | 'uint32' | 'int64' | 'uint64', goType: string): bigint {
  if (node.t !== 'number') throw cannotUnmarshal(node, goType);
  if (/^-?\d+$/.test(node.raw)) {
    const number = BigInt(node.raw);
    const bits = kind.endsWith('32') ? 32 : 64;
    const wrapped = kind.startsWith('u') ? BigInt.asUintN(bits, number) : BigInt.asIntN(bits, number);
    if (wrapped === number && !(kind.startsWith('u') && node.raw.startsWith('-'))) return number;
  }
  throw new JsonError(`json: cannot unmarshal number ${node.raw} into Go value of type ${goType}`);
}

function bytesOf(node: JsonNode, { textBytes }: DecodeOptions): Uint8Array {
  if (isNull(node)) return new Uint8Array(0);
  if (node.t === 'array') return Uint8Array.from(node.items.map((item) => byteOf(item)));
  if (textBytes && node.t === 'object') {
    const [member] = node.members;
    if (node.members.length === 1 && member?.key.raw === '"base64"') return bytesOf(member.value, { textBytes: false });
  }
  if (node.t !== 'string') throw cannotUnmarshal(node, '[]uint8');
  if (textBytes) return Buffer.from(stringText(node), 'utf8');
  const decoded = decodeBase64(stringText(node), { url: false, padded: true });
  if (decoded instanceof Uint8Array) return decoded;
  throw new JsonError(`illegal base64 data at input byte ${decoded.illegalAt}`);
}

function byteOf(node: JsonNode): number {
  if (isNull(node)) return 0;
  if (node.t !== 'number') throw cannotUnmarshal(node, 'uint8');
  if (/^\d{1,3}$/.test(node.raw) && Number(node.raw) < 256) return Number(node.raw);
  throw new JsonError(`json: cannot unmarshal number ${node.raw} into Go value of type uint8`);
}

const isNull = (node: JsonNode): boolean => node.t === 'literal' && node.raw === 'null';

function cannotUnmarshal(node: JsonNode, goType: string): JsonError {
  const kind = node.t === 'literal' ? 'bool' : node.t;
  return new JsonError(`json: cannot unmarshal ${kind} into Go value of type ${goType}`);
}
