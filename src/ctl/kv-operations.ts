/**
 * The words of `get`, `put` and `del` turned into requests: used by the commands themselves and by the lines of `txn`.
 * Checks, their order and their words are etcdctl's (ctlv3/command/{get,put,del}_command.go).
 */

import { ExitCode, fail } from '../cli/exit.js';
import { type FlagValues, flag } from '../cli/flags.js';
import type { DeleteOptions, GetOptions, PutOptions, SortBy } from '../client/kv.js';
import { goQuote } from '../lib/go/quote.js';
import { parseHexId } from './ids.js';

export const getFlags = {
  consistency: flag.string('l', 'linearizable (l) or serializable (s)'),
  'count-only': flag.bool('print the number of keys alone'),
  'from-key': flag.bool('all keys from this one on, in byte order'),
  'keys-only': flag.bool('print keys without values'),
  limit: flag.int64(0, 'at most this many keys (0 = all)'),
  'max-create-rev': flag.int64(0, 'keys created at this revision or before'),
  'max-mod-rev': flag.int64(0, 'keys last changed at this revision or before'),
  'min-create-rev': flag.int64(0, 'keys created at this revision or later'),
  'min-mod-rev': flag.int64(0, 'keys last changed at this revision or later'),
  order: flag.string('', 'direction of sorting, ASCEND or DESCEND'),
  prefix: flag.bool('all keys that begin with this'),
  'print-value-only': flag.bool('print values without keys (simple output only)'),
  rev: flag.int64(0, 'as of this revision (0 = now)'),
  'sort-by': flag.string('', 'what to sort by: CREATE, KEY, MODIFY, VALUE or VERSION'),
} as const;

export const putFlags = {
  'ignore-lease': flag.bool("keep the key's lease"),
  'ignore-value': flag.bool("keep the key's value"),
  lease: flag.string('0', 'lease to attach, in hexadecimal'),
  'prev-kv': flag.bool('print what was there before'),
} as const;

export const delFlags = {
  'from-key': flag.bool('all keys from this one on, in byte order'),
  prefix: flag.bool('all keys that begin with this'),
  'prev-kv': flag.bool('print what is deleted'),
  range: flag.bool('a range end is meant, do not warn'),
} as const;

/** A flag's number is exact up to 2^53; whatever is beyond means "more than there can be". */
export const asInt64 = (value: number): number =>
  Math.max(-Number.MAX_SAFE_INTEGER, Math.min(value, Number.MAX_SAFE_INTEGER));

const TOO_MANY = 'too many arguments, only accept one argument when `--prefix` or `--from-key` is set';
const PREFIX_AND_FROM_KEY = '`--prefix` and `--from-key` cannot be set at the same time, choose one';

/** `key` and `end` as given: bytes of any kind are the caller's business. */
export interface GetOperation {
  readonly key: string;
  readonly end: string | undefined;
  readonly options: GetOptions;
}

export function getOperation(args: readonly string[], flags: FlagValues<typeof getFlags>): GetOperation {
  const [key, end] = args;
  if (key === undefined) {
    fail(ExitCode.badArgs, 'get command needs one argument as key and an optional argument as range_end');
  }
  const { prefix } = flags;
  const fromKey = flags['from-key'];
  if (prefix && fromKey) fail(ExitCode.badArgs, PREFIX_AND_FROM_KEY);
  if (flags['keys-only'] && flags['count-only']) {
    fail(ExitCode.badArgs, '`--keys-only` and `--count-only` cannot be set at the same time, choose one');
  }
  const serializable = isSerializable(flags.consistency);
  if (end !== undefined && (prefix || fromKey)) fail(ExitCode.badArgs, TOO_MANY);
  const order = orderOf(flags.order);
  const by = targetOf(flags['sort-by']);
  checkLimits('CreateRev', flags['min-create-rev'], flags['max-create-rev']);
  checkLimits('ModRev', flags['min-mod-rev'], flags['max-mod-rev']);
  const positive = (value: number) => Math.max(0, asInt64(value));
  return {
    key,
    end,
    options: {
      prefix,
      fromKey,
      serializable,
      limit: asInt64(flags.limit),
      revision: positive(flags.rev),
      sort: { by, order },
      keysOnly: flags['keys-only'],
      countOnly: flags['count-only'],
      minCreateRevision: positive(flags['min-create-rev']),
      maxCreateRevision: positive(flags['max-create-rev']),
      minModRevision: positive(flags['min-mod-rev']),
      maxModRevision: positive(flags['max-mod-rev']),
    },
  };
}

export function isSerializable(consistency: string): boolean {
  if (consistency !== 's' && consistency !== 'l') {
    fail(ExitCode.badFeature, `unknown consistency flag ${goQuote(consistency)}`);
  }
  return consistency === 's';
}

function checkLimits(what: string, minimum: number, maximum: number): void {
  if (maximum > 0 && minimum > maximum) {
    fail(ExitCode.badFeature, `getMin${what}(=${minimum}) > getMax${what}(=${maximum})`);
  }
}

function orderOf(text: string): 'ascend' | 'descend' | undefined {
  switch (text.toUpperCase()) {
    case 'ASCEND':
      return 'ascend';
    case 'DESCEND':
      return 'descend';
    case '':
      return undefined;
    default:
      return fail(ExitCode.badFeature, `bad sort order ${text}`);
  }
}

const targets: Readonly<Record<string, SortBy>> = {
  CREATE: 'create',
  KEY: 'key',
  MODIFY: 'mod',
  VALUE: 'value',
  VERSION: 'version',
  '': 'key',
};

function targetOf(text: string): SortBy {
  return targets[text.toUpperCase()] ?? fail(ExitCode.badFeature, `bad sort target ${text}`);
}

export interface PutOperation {
  readonly key: string;
  /** Undefined: to be read from standard input. */
  readonly value: string | undefined;
  readonly options: PutOptions;
}

export const PUT_NEEDS_VALUE = 'put command needs 1 argument and input from stdin or 2 arguments';

/** The lease is looked at last, as etcdctl does, so it is left to `parsePutLease`, after the value was read. */
export function putOperation(args: readonly string[], flags: FlagValues<typeof putFlags>): PutOperation {
  const [key, value] = args;
  if (key === undefined) fail(ExitCode.badArgs, PUT_NEEDS_VALUE);
  const ignoreValue = flags['ignore-value'];
  if (ignoreValue && value !== undefined) {
    fail(ExitCode.badArgs, "put command needs only 1 argument when 'ignore-value' is set");
  }
  return {
    key,
    value: ignoreValue ? '' : value,
    options: { prevKv: flags['prev-kv'], ignoreValue, ignoreLease: flags['ignore-lease'] },
  };
}

export function parsePutLease(flags: FlagValues<typeof putFlags>): bigint {
  return parseHexId(flags.lease, (why) => `bad lease ID (${why}), expecting ID in Hex`);
}

export interface DelOperation {
  readonly key: string;
  readonly end: string | undefined;
  readonly options: DeleteOptions;
  /** Two keys were given without `--range`, so they may have been meant as two keys. */
  readonly isDoubtful: boolean;
}

export function delOperation(args: readonly string[], flags: FlagValues<typeof delFlags>): DelOperation {
  const [key, end] = args;
  if (key === undefined || args.length > 2) {
    fail(ExitCode.badArgs, 'del command needs one argument as key and an optional argument as range_end');
  }
  const { prefix } = flags;
  const fromKey = flags['from-key'];
  if (prefix && fromKey) fail(ExitCode.badArgs, PREFIX_AND_FROM_KEY);
  if (end !== undefined && (prefix || fromKey)) fail(ExitCode.badArgs, TOO_MANY);
  return {
    key,
    end,
    options: { prefix, fromKey, prevKv: flags['prev-kv'] },
    isDoubtful: end !== undefined && !flags.range,
  };
}
