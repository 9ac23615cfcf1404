/**
 * Flags of the client programs. A flag is one row: type, default, help. It has the shape that oclif wants of a flag,
 * and in `go` what pflag's parser needs, so that values, errors and help read as etcdctl's do
 * (https://pkg.go.dev/github.com/spf13/pflag).
 *
 * ```ts
 * static override flags = {
 *   prefix: flag.bool('Get keys with matching prefix'),
 *   limit: flag.int64(0, 'Most results to show'),
 * };
 * ```
 */
import { durationToMs, formatMs, parseDuration } from '../lib/go/duration.js';
import { parseBool, parseInteger, parseUnsigned } from '../lib/go/number.js';

/** A Go flag type: how its text is read, and how its default stands in the help. */
export interface GoType<T> {
  /** pflag's name for it; help of etcdutl prints it. */
  readonly name: 'bool' | 'string' | 'strings' | 'int' | 'int64' | 'uint' | 'uint64' | 'duration';
  /** Throws an Error whose message is Go's reason. `before` is what an earlier use of the flag gave, or undefined. */
  parse(text: string, before: T | undefined): T;
  /** The default as etcdctl's help shows it: `"simple"`, `5s`, `[127.0.0.1:2379]`. */
  show(value: T): string;
}

interface Shape<T> {
  readonly name: string;
  /** One letter for the short form. */
  char?: Letter;
  /** Another long name. */
  readonly alias?: string;
  readonly summary: string;
  readonly hidden?: boolean;
  readonly required?: boolean;
  readonly go: { readonly type: GoType<T>; readonly initial: T };
  /** oclif's parser is never reached: `base-command.ts` reads the words. */
  readonly parse: () => Promise<undefined>;
}

type Lower = 'a' | 'b' | 'c' | 'd' | 'e' | 'f' | 'g' | 'h' | 'i' | 'j' | 'k' | 'l' | 'm';
type Letter = Lower | 'n' | 'o' | 'p' | 'q' | 'r' | 's' | 't' | 'u' | 'v' | 'w' | 'x' | 'y' | 'z' | 'C' | 'D';

export interface BoolFlag extends Shape<boolean> {
  readonly type: 'boolean';
  readonly allowNo: false;
}
export interface ValueFlag<T> extends Shape<T> {
  readonly type: 'option';
  readonly input: string[];
}
/** A flag of any type. */
export type AnyFlag = (Omit<BoolFlag, 'go'> | Omit<ValueFlag<unknown>, 'go'>) & Pick<Shape<unknown>, 'go'>;
/** Flags by name, as a command declares them. */
export type FlagTable = Readonly<Record<string, AnyFlag>>;
/** Their values by name. */
export type FlagValues<F> = { readonly [K in keyof F]: F[K] extends { go: { initial: infer T } } ? T : never };

export interface FlagOptions {
  readonly char?: Letter;
  readonly alias?: string;
  readonly hidden?: boolean;
  readonly required?: boolean;
}

const unread = (): Promise<undefined> => Promise.resolve(undefined);

/** Bytes, counts and revisions are exact numbers; beyond 2^53 they would not be, and nothing real is that large. */
const toNumber = (value: bigint): number => Number(value);

const goTypes = {
  bool: { name: 'bool', parse: (text: string) => parseBool(text), show: String },
  string: { name: 'string', parse: (text: string) => text, show: (value: string) => `"${value}"` },
  strings: {
    name: 'strings',
    parse: (text: string, before: readonly string[] | undefined) => [...(before ?? []), ...parseCsvRecord(text)],
    show: (value: readonly string[]) => `[${value.join(',')}]`,
  },
  /** Each use adds one. */
  list: {
    name: 'strings',
    parse: (text: string, before: readonly string[] | undefined) => [...(before ?? []), text],
    show: (value: readonly string[]) => `[${value.join(',')}]`,
  },
  int: { name: 'int', parse: (text: string) => toNumber(parseInteger(text, { base: 0, bits: 64 })), show: String },
  int64: { name: 'int64', parse: (text: string) => toNumber(parseInteger(text, { base: 0, bits: 64 })), show: String },
  uint: { name: 'uint', parse: (text: string) => toNumber(parseUnsigned(text, { base: 0, bits: 64 })), show: String },
  uint64: {
    name: 'uint64',
    parse: (text: string) => toNumber(parseUnsigned(text, { base: 0, bits: 64 })),
    show: String,
  },
  /** Milliseconds. */
  duration: { name: 'duration', parse: (text: string) => durationToMs(parseDuration(text)), show: formatMs },
} as const satisfies Record<string, GoType<unknown>>;

function valueFlag<T>(type: GoType<T>, initial: T, summary: string, options: FlagOptions): ValueFlag<T> {
  return { type: 'option', name: '', input: [], summary, go: { type, initial }, parse: unread, ...options };
}

/** Builders, one for each Go type. */
export const flag = {
  bool: (summary: string, options: FlagOptions & { default?: boolean } = {}): BoolFlag => {
    const { default: initial = false, ...rest } = options;
    return {
      type: 'boolean',
      name: '',
      allowNo: false,
      summary,
      go: { type: goTypes.bool, initial },
      parse: unread,
      ...rest,
    };
  },
  string: (initial: string, summary: string, options: FlagOptions = {}): ValueFlag<string> =>
    valueFlag(goTypes.string, initial, summary, options),
  /** A comma list; the flag given again adds to it. */
  strings: (initial: readonly string[], summary: string, options: FlagOptions = {}): ValueFlag<readonly string[]> =>
    valueFlag<readonly string[]>(goTypes.strings, initial, summary, options),
  /** The flag given again adds to it; a comma is part of the text. */
  list: (summary: string, options: FlagOptions = {}): ValueFlag<readonly string[]> =>
    valueFlag<readonly string[]>(goTypes.list, [], summary, options),
  int: (initial: number, summary: string, options: FlagOptions = {}): ValueFlag<number> =>
    valueFlag<number>(goTypes.int, initial, summary, options),
  int64: (initial: number, summary: string, options: FlagOptions = {}): ValueFlag<number> =>
    valueFlag<number>(goTypes.int64, initial, summary, options),
  uint: (initial: number, summary: string, options: FlagOptions = {}): ValueFlag<number> =>
    valueFlag<number>(goTypes.uint, initial, summary, options),
  uint64: (initial: number, summary: string, options: FlagOptions = {}): ValueFlag<number> =>
    valueFlag<number>(goTypes.uint64, initial, summary, options),
  /** Milliseconds. */
  duration: (initialMs: number, summary: string, options: FlagOptions = {}): ValueFlag<number> =>
    valueFlag<number>(goTypes.duration, initialMs, summary, options),
};

/** One line of CSV as Go's encoding/csv reads it, which is how pflag cuts a list: fields may stand in double quotes. */
function parseCsvRecord(text: string): string[] {
  if (text === '') return [];
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    let field = '';
    if (text[at] === '"') {
      at += 1;
      for (;;) {
        const quote = text.indexOf('"', at);
        if (quote < 0)
          throw new Error(`parse error on line 1, column ${text.length + 1}: extraneous or missing " in quoted-field`);
        field += text.slice(at, quote);
        at = quote + 1;
        if (text[at] !== '"') break;
        field += '"';
        at += 1;
      }
      if (at < text.length && text[at] !== ',') {
        throw new Error(`parse error on line 1, column ${at}: extraneous or missing " in quoted-field`);
      }
    } else {
      const comma = text.indexOf(',', at);
      const end = comma < 0 ? text.length : comma;
      field = text.slice(at, end);
      const bare = field.indexOf('"');
      if (bare >= 0) throw new Error(`parse error on line 1, column ${at + bare + 1}: bare " in non-quoted-field`);
      at = end;
    }
    fields.push(field);
    if (at >= text.length) return fields;
    at += 1;
  }
}
