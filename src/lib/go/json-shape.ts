/**
 * What a Go program expects of JSON, and what encoding/json says of what has another type. Fields that are not named
 * are ignored, null is the same as nothing. https://pkg.go.dev/encoding/json#UnmarshalTypeError
 */
import { jsonSyntaxError } from './json.js';

export type JsonShape =
  | { readonly t: 'string' | 'bool' | 'int64' | 'uint64' | 'time.Time' }
  | { readonly t: 'list'; readonly of: JsonShape }
  | {
      readonly t: 'struct';
      /** `client.Member`; of one without a name all of it: `struct { Members []client.Member }`. */
      readonly go: string;
      /** By name, which is matched in either case. */
      readonly fields: Readonly<Record<string, JsonShape>>;
    };

export type Json = Readonly<Record<string, unknown>>;

export class JsonError extends Error {
  override readonly name = 'JsonError';
}

/** The object in `text`, without fields for `null`. Throws JsonError. */
export function parseJson(text: string, shape: JsonShape): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new JsonError(jsonSyntaxError(text) ?? 'unexpected end of JSON input', { cause });
  }
  const mismatch = mismatchIn(value, shape, undefined);
  if (mismatch !== undefined) throw new JsonError(`json: cannot unmarshal ${mismatch}`);
  return (value ?? {}) as Json;
}

/** `string into Go struct field Member.Members.id of type int64`: the first in the text. */
function mismatchIn(value: unknown, shape: JsonShape, field: Field | undefined): string | undefined {
  if (value === null || value === undefined) return undefined;
  const wrong = (what: string): string =>
    field === undefined
      ? `${what} into Go value of type ${goName(shape)}`
      : `${what} into Go struct field ${field.struct}.${field.path} of type ${goName(shape)}`;
  switch (shape.t) {
    case 'string':
    case 'bool':
      return typeof value === typeNames[shape.t] ? undefined : wrong(kindOf(value));
    case 'time.Time':
      return typeof value === 'string' && MOMENT.test(value) ? undefined : wrong(kindOf(value));
    case 'int64':
    case 'uint64':
      if (typeof value !== 'number') return wrong(kindOf(value));
      return isWithin(value, shape.t) ? undefined : wrong(`number ${value}`);
    case 'list':
      if (!Array.isArray(value)) return wrong(kindOf(value));
      return firstOf(value, (item) => mismatchIn(item, shape.of, field));
    case 'struct': {
      if (typeof value !== 'object' || Array.isArray(value)) return wrong(kindOf(value));
      const struct = shape.go.startsWith('struct') ? '' : shape.go.slice(shape.go.lastIndexOf('.') + 1);
      return firstOf(Object.entries(value), ([name, each]) => {
        const known = Object.keys(shape.fields).find((one) => one.toLowerCase() === name.toLowerCase());
        const path = field === undefined ? known : `${field.path}.${known}`;
        return known === undefined || path === undefined
          ? undefined
          : mismatchIn(each, shape.fields[known] as JsonShape, { struct, path });
      });
    }
  }
}

interface Field {
  readonly struct: string;
  readonly path: string;
}

const typeNames = { string: 'string', bool: 'boolean' } as const;
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

function firstOf<T>(list: readonly T[], find: (item: T) => string | undefined): string | undefined {
  for (const item of list) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

const isWithin = (value: number, type: 'int64' | 'uint64'): boolean =>
  Number.isInteger(value) && (type === 'int64' ? Math.abs(value) <= 2 ** 63 : value >= 0 && value < 2 ** 64);

function goName(shape: JsonShape): string {
  return shape.t === 'struct' ? shape.go : shape.t === 'list' ? `[]${goName(shape.of)}` : shape.t;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
