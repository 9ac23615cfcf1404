/**
 * What a row of the option table says, and the types its values may have. One row serves the command line, the
 * environment, the configuration file, help, the man page and completion.
 */
import type { EmulatedVersion } from '../lib/emulate.js';
import { durationToMs, formatMs, parseDuration } from '../lib/go/duration.js';
import { NumberError, parseBool, parseInteger, parseUnsigned } from '../lib/go/number.js';
import { type ListenUrl, parseUrlList } from './listen-url.js';

/** A JSON value that has the wrong type: what was found, and Go's name for what was wanted. */
export class WrongType extends Error {
  override readonly name = 'WrongType';
  constructor(
    readonly found: string,
    readonly wanted: string,
  ) {
    super(`cannot unmarshal ${found} into ${wanted}`);
  }
}

export interface Kind<T> {
  /** A boolean takes no word of its own after the flag. */
  readonly isBool: boolean;
  /** Throws an Error whose message is Go's reason. */
  parse(text: string): T;
  /** As `--help` shows a default. */
  show(value: T): string;
  /** From the configuration file; throws WrongType, or an Error in etcd's words. */
  fromFile(value: unknown): T;
}

/** The number types of Go's flag package have shorter reasons than strconv. */
function short<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    const isRange = error instanceof NumberError && error.reason === 'value out of range';
    throw new Error(isRange ? 'value out of range' : 'parse error', { cause: error });
  }
}

/** How Go's decoder names what it found. */
export function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'object' ? 'object' : typeof value;
}

/** In `[minimum, limit)`. */
function fileNumber(value: unknown, goType: string, minimum: number, limit: number): number {
  if (typeof value !== 'number') throw new WrongType(jsonKind(value), goType);
  if (!Number.isInteger(value) || value < minimum || value >= limit) {
    throw new WrongType(`number ${goNumber(value)}`, goType);
  }
  return value;
}

/** What 64 bits hold is told to its last digit, beyond that as a float is. */
function goNumber(value: number): string {
  if (Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 64) return String(BigInt(value));
  return String(value).replace(/e([+-])(\d)$/, 'e$10$2');
}

function fileString(value: unknown): string {
  if (typeof value !== 'string') throw new WrongType(jsonKind(value), 'string');
  return value;
}

function fileList(value: unknown): string[] {
  if (!Array.isArray(value)) throw new WrongType(jsonKind(value), '[]string');
  return value.map(fileString);
}

function numberKind(goType: string, parse: (text: string) => bigint, minimum: number, limit: number): Kind<number> {
  return {
    isBool: false,
    parse: (text) => short(() => Number(parse(text))),
    show: String,
    fromFile: (value) => fileNumber(value, goType, minimum, limit),
  };
}

const unsigned = (text: string): bigint => parseUnsigned(text, { base: 0, bits: 64 });
const signed = (text: string): bigint => parseInteger(text, { base: 0, bits: 64 });

const splitList = (text: string): readonly string[] => (text === '' ? [] : text.split(','));
const unique = (list: readonly string[]): readonly string[] => [...new Set(list)].sort();

export const kinds = {
  string: { isBool: false, parse: (text) => text, show: (value) => value, fromFile: fileString } satisfies Kind<string>,
  bool: {
    isBool: true,
    parse: (text) => short(() => parseBool(text)),
    show: String,
    fromFile: (value) => {
      if (typeof value !== 'boolean') throw new WrongType(jsonKind(value), 'bool');
      return value;
    },
  } satisfies Kind<boolean>,
  int: numberKind('int', signed, -(2 ** 63), 2 ** 63),
  int64: numberKind('int64', signed, -(2 ** 63), 2 ** 63),
  uint: numberKind('uint', unsigned, 0, 2 ** 64),
  uint64: numberKind('uint64', unsigned, 0, 2 ** 64),
  /** etcd's own type: its reason is strconv's, unshortened. */
  uint32: {
    isBool: false,
    parse: (text) => Number(parseUnsigned(text, { base: 0, bits: 32 })),
    show: String,
    fromFile: (value) => fileNumber(value, 'uint32', 0, 2 ** 32),
  } satisfies Kind<number>,
  /** Milliseconds; Go strings on the command line, integer nanoseconds in the file. */
  durationMs: {
    isBool: false,
    parse: (text) => {
      try {
        return durationToMs(parseDuration(text));
      } catch (cause) {
        throw new Error('parse error', { cause });
      }
    },
    show: formatMs,
    fromFile: (value) => fileNumber(value, 'time.Duration', -(2 ** 63), 2 ** 63) / 1e6,
  } satisfies Kind<number>,
  urls: {
    isBool: false,
    parse: parseUrlList,
    show: (value) => value.map((url) => url.text).join(','),
    fromFile: (value) => parseUrlList(fileString(value)),
  } satisfies Kind<readonly ListenUrl[]>,
  /** A comma string everywhere. */
  words: {
    isBool: false,
    parse: (text) => unique(splitList(text)),
    show: (value) => value.join(','),
    fromFile: (value) => unique(splitList(fileString(value))),
  } satisfies Kind<readonly string[]>,
  /**
   * A comma string on the command line, a list or (before 3.5.15) one text in the file. An empty string names one that
   * nobody has: it must not let everybody in.
   */
  nameList: {
    isBool: false,
    parse: (text) => unique(text.split(',')),
    show: (value) => value.join(','),
    fromFile: (value) => unique(typeof value === 'string' ? splitList(value) : fileList(value)),
  } satisfies Kind<readonly string[]>,
  /** A comma string on the command line, a list in the file. */
  list: {
    isBool: false,
    parse: (text) => unique(splitList(text)),
    show: (value) => value.join(','),
    fromFile: (value) => unique(fileList(value)),
  } satisfies Kind<readonly string[]>,
  /** The same, but an empty text is one empty word, which nothing can be done with. */
  filledList: {
    isBool: false,
    parse: (text) => unique(text.split(',')),
    show: (value) => value.join(','),
    fromFile: (value) => unique(fileList(value)),
  } satisfies Kind<readonly string[]>,
} as const;

/** One of a few words. */
export function oneOf<const W extends string>(...words: readonly W[]): Kind<W> {
  const find = (text: string): W | undefined => words.find((word) => word === text);
  return {
    isBool: false,
    parse: (text) => {
      const word = find(text);
      if (word === undefined) throw new Error('invalid value');
      return word;
    },
    show: (value) => value,
    fromFile: (value) => {
      const word = find(fileString(value));
      if (word === undefined) throw new Error(`invalid value "${String(value)}"`);
      return word;
    },
  };
}

export type Section =
  | 'member'
  | 'clustering'
  | 'v2 proxy'
  | 'security'
  | 'logging'
  | 'observability'
  | 'tuning'
  | 'unsafe'
  | 'etcd-ts'
  | 'older';

export interface Option<T> {
  readonly kind: Kind<T>;
  readonly initial: T;
  readonly section: Section;
  readonly help: string;
  /**
   * Key in the configuration file where it is not the flag's name (dots lead into maps); null = the file cannot say it.
   */
  readonly fileKey?: string | null;
  /** The flag whose older name this is; its value goes there. */
  readonly olderNameOf?: string;
  /** Shown instead of the default. */
  readonly shownDefault?: string;
  readonly isHidden?: boolean;
  /** The default, where it depends on the version of etcd. */
  initialIn?(version: EmulatedVersion): T;
}

export type OptionTable = Readonly<Record<string, Option<unknown>>>;
export type OptionValues<T extends OptionTable> = { readonly [K in keyof T]: T[K]['initial'] };
