/**
 * The messages of the gateway's routes as proto3 JSON sees them: linked up from the generated table, once for each
 * process, at first use.
 */
import { jsonEnums, jsonFields } from '../../../proto/gen/json-fields.js';

export type ScalarKind = 'bytes' | 'string' | 'bool' | 'int32' | 'uint32' | 'int64' | 'uint64';

export interface JsonEnum {
  readonly kind: 'enum';
  /** As Go names its type: `etcdserverpb.RangeRequest_SortOrder`. */
  readonly goName: string;
  readonly names: ReadonlyMap<number, string>;
  readonly numbers: ReadonlyMap<string, number>;
}

export interface JsonField {
  /** As the `.proto` file spells it, and so as etcd writes it. */
  readonly name: string;
  /** Taken as well: `rangeEnd` for `range_end`. */
  readonly jsonName: string;
  /** In our types. */
  readonly localName: string;
  readonly type: { readonly kind: ScalarKind } | JsonEnum | JsonMessage;
  readonly repeated: boolean;
  /** A bigint in our types, else a number. */
  readonly big: boolean;
  /** Bytes that its number and kind take on the wire. */
  readonly tagBytes: 1 | 2;
  /** The group it is one of, in our types and in protobuf's words. */
  readonly group: { readonly localName: string; readonly fullName: string } | undefined;
  /** `"range_end":` */
  readonly label: string;
}

export interface JsonMessage {
  readonly kind: 'message';
  readonly typeName: string;
  readonly fields: readonly JsonField[];
  /** By either spelling. */
  readonly byName: ReadonlyMap<string, JsonField>;
}

/** A message of our types, whose fields are looked up by their names. */
export type AnyMessage = Record<string, unknown>;
export interface GroupValue {
  readonly case: string | undefined;
  readonly value?: unknown;
}

const NO_BYTES = new Uint8Array(0);
const messages = new Map<string, JsonMessage>();
const enums = new Map<string, JsonEnum>();
const scalars: Readonly<Record<string, { readonly kind: ScalarKind }>> = {
  bytes: { kind: 'bytes' },
  string: { kind: 'string' },
  bool: { kind: 'bool' },
  int32: { kind: 'int32' },
  uint32: { kind: 'uint32' },
  int64: { kind: 'int64' },
  uint64: { kind: 'uint64' },
};

export function schemaOf(typeName: string): JsonMessage {
  const known = messages.get(typeName);
  if (known !== undefined) return known;
  const lines = jsonFields[typeName];
  if (lines === undefined) throw new Error(`no JSON form is known of ${typeName}`);
  const fields: JsonField[] = [];
  const byName = new Map<string, JsonField>();
  const message: JsonMessage = { kind: 'message', typeName, fields, byName };
  // Before its fields: transactions contain transactions.
  messages.set(typeName, message);
  for (const line of lines) {
    const field = fieldOf(typeName, line);
    fields.push(field);
    byName.set(field.jsonName, field);
    byName.set(field.name, field);
  }
  return message;
}

function fieldOf(typeName: string, line: string): JsonField {
  const [name = '', jsonName = '', localName = '', type = '', flags = '', group, groupName] = line.split(' ');
  return {
    name,
    jsonName,
    localName,
    type: scalars[type] ?? (type in jsonEnums ? enumOf(type) : schemaOf(type)),
    repeated: flags.includes('r'),
    big: flags.includes('b'),
    tagBytes: flags.includes('w') ? 2 : 1,
    group: group === undefined ? undefined : { localName: group, fullName: `${typeName}.${groupName}` },
    label: `"${name}":`,
  };
}

function enumOf(typeName: string): JsonEnum {
  const known = enums.get(typeName);
  if (known !== undefined) return known;
  const names = new Map<number, string>();
  const numbers = new Map<string, number>();
  for (const pair of (jsonEnums[typeName] ?? '').split(', ')) {
    const [name = '', number = ''] = pair.split(' ');
    names.set(Number(number), name);
    numbers.set(name, Number(number));
  }
  const [packageName = '', ...nested] = typeName.split('.');
  const made: JsonEnum = { kind: 'enum', goName: `${packageName}.${nested.join('_')}`, names, numbers };
  enums.set(typeName, made);
  return made;
}

/** A message with every field at its zero value. */
export function emptyMessage(schema: JsonMessage): AnyMessage {
  const message: AnyMessage = {};
  for (const field of schema.fields) {
    if (field.group !== undefined) message[field.group.localName] ??= { case: undefined };
    else message[field.localName] = zeroOf(field);
  }
  return message;
}

function zeroOf({ type, repeated, big }: JsonField): unknown {
  if (repeated) return [];
  switch (type.kind) {
    case 'message':
      return undefined;
    case 'bytes':
      return NO_BYTES;
    case 'string':
      return '';
    case 'bool':
      return false;
    default:
      return big ? 0n : 0;
  }
}

/**
 * A whole number as our types hold it: beyond what a number can hold exactly it is the largest or least that can, as on
 * the wire.
 */
export function integerOf(value: bigint, { big }: JsonField): number | bigint {
  if (big) return value;
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  return number > 0 ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER;
}
