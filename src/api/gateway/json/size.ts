/** How many bytes a message takes on the wire, where some of its values are longer than they look. */
import type { AnyMessage, GroupValue, JsonField, JsonMessage } from './schema.js';

/** How much longer than they look values are. */
export interface CutStrings {
  /** By the length that is left, in characters: what was cut. Always a multiple of four. */
  readonly text: ReadonlyMap<number, number>;
  /** The same in bytes, of what is base64. */
  readonly base64: ReadonlyMap<number, number>;
}

export interface SizeOptions {
  readonly cut: CutStrings;
  readonly textBytes: boolean;
}

export function sizeOfMessage(message: AnyMessage, schema: JsonMessage, options: SizeOptions): number {
  let size = 0;
  for (const field of schema.fields) {
    const { group, localName } = field;
    if (group !== undefined) {
      const chosen = message[group.localName] as GroupValue;
      if (chosen.case === localName) size += field.tagBytes + sizeOfValue(chosen.value, field, options);
      continue;
    }
    const value = message[localName];
    if (!field.repeated) {
      if (!isZero(value)) size += field.tagBytes + sizeOfValue(value, field, options);
      continue;
    }
    const sizes = (value as readonly unknown[]).map((item) => sizeOfValue(item, field, options));
    const all = sizes.reduce((sum, one) => sum + one, 0);
    // Lists of numbers have one tag and one length.
    if (sizes.length > 0)
      size += isNumeric(field) ? field.tagBytes + prefixed(all) : all + sizes.length * field.tagBytes;
  }
  return size;
}

function sizeOfValue(value: unknown, field: JsonField, options: SizeOptions): number {
  const { type } = field;
  const { cut, textBytes } = options;
  switch (type.kind) {
    case 'message':
      return prefixed(sizeOfMessage(value as AnyMessage, type, options));
    case 'bytes': {
      const { length } = value as Uint8Array;
      return prefixed(length + ((textBytes ? cut.text : cut.base64).get(length) ?? 0));
    }
    case 'string': {
      const length = Buffer.byteLength(value as string);
      return prefixed(length + (cut.text.get(length) ?? 0));
    }
    case 'bool':
      return 1;
    default:
      return varintBytes(BigInt.asUintN(64, BigInt(value as number | bigint)));
  }
}

const isNumeric = ({ type }: JsonField): boolean => !['message', 'bytes', 'string'].includes(type.kind);

function isZero(value: unknown): boolean {
  return value instanceof Uint8Array ? value.length === 0 : !value;
}

const prefixed = (length: number): number => varintBytes(BigInt(length)) + length;

function varintBytes(value: bigint): number {
  let bytes = 1;
  for (let left = value >> 7n; left > 0n; left >>= 7n) bytes++;
  return bytes;
}
