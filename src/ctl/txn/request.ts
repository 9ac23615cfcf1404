/**
 * One operation of a transaction: a line as `get`, `put` or `del` would be typed. Lines are latin1 strings, one
 * character a byte.
 */

import { ExitCode, fail } from '../../cli/exit.js';
import type { FlagTable, FlagValues } from '../../cli/flags.js';
import { FlagError, type ParsedWords, parseWords } from '../../cli/pflag.js';
import { op } from '../../client/kv.js';
import { latin1Bytes } from '../../lib/latin1.js';
import type { RequestOp } from '../../proto/gen/etcdserverpb.js';
import {
  delFlags,
  delOperation,
  getFlags,
  getOperation,
  PUT_NEEDS_VALUE,
  parsePutLease,
  putFlags,
  putOperation,
} from '../kv-operations.js';
import { cutWords, shown } from '../words.js';

const commands = ['put', 'get', 'del'] as const;

export interface ParsedRequest {
  readonly op: RequestOp;
  /** A deletion of `[key, end)` that may have been meant as one of two keys. */
  readonly doubtful?: { readonly key: string; readonly end: string } | undefined;
}

/** Ends the command when `line` is none of the three. */
export function parseRequest(line: string): ParsedRequest {
  const [name, ...words] = cutWords(line);
  if (name === undefined || words.length === 0) {
    fail(ExitCode.invalidInput, `invalid txn compare request: ${shown(line)}`);
  }
  const invalid = (): never => fail(ExitCode.invalidInput, `invalid txn request: ${shown(line)}`);
  // Any beginning of a name will do, as on the command line.
  const command = commands.find((it) => it.startsWith(name)) ?? invalid();
  const parse = <F extends FlagTable>(table: F): { args: readonly string[]; flags: FlagValues<F> } => {
    const parsed = readWords(words, table) ?? invalid();
    // The parser filled in a value for every row of the table.
    return { args: parsed.args, flags: parsed.values as FlagValues<F> };
  };
  switch (command) {
    case 'put': {
      const { args, flags } = parse(putFlags);
      const { key, value, options } = putOperation(args, flags);
      // Standard input is the transaction itself: there is no value to be read from it.
      if (value === undefined) fail(ExitCode.badArgs, PUT_NEEDS_VALUE);
      return { op: op.put(latin1Bytes(key), latin1Bytes(value), { ...options, lease: parsePutLease(flags) }) };
    }
    case 'get': {
      const { args, flags } = parse(getFlags);
      const { key, end, options } = getOperation(args, flags);
      return { op: op.get(latin1Bytes(key), { ...options, end: end === undefined ? undefined : latin1Bytes(end) }) };
    }
    case 'del': {
      const { args, flags } = parse(delFlags);
      const { key, end, options, isDoubtful } = delOperation(args, flags);
      return {
        op: op.delete(latin1Bytes(key), { ...options, end: end === undefined ? undefined : latin1Bytes(end) }),
        doubtful: isDoubtful && end !== undefined ? { key: shown(key), end: shown(end) } : undefined,
      };
    }
  }
}

function readWords(words: readonly string[], table: FlagTable): ParsedWords | undefined {
  try {
    return parseWords(words, table);
  } catch (error) {
    if (error instanceof FlagError) return undefined;
    throw error;
  }
}
