/**
 * One condition of a transaction: `mod("key") > "0"`. The text is scanned as Go's `Sscanf(rest, "%q) %s %q")` would,
 * with the same messages for what does not fit (ctlv3/command/txn_command.go). Lines are latin1 strings, one character
 * a byte.
 */

import { ExitCode, fail } from '../../cli/exit.js';
import { type CompareSign, compare } from '../../client/kv.js';
import { parseInteger } from '../../lib/go/number.js';
import { goQuoteBytes } from '../../lib/go/quote.js';
import { scanQuoted } from '../../lib/go/unquote.js';
import { latin1Bytes } from '../../lib/latin1.js';
import type { Compare } from '../../proto/gen/etcdserverpb.js';
import { shown } from '../words.js';

interface Scanned {
  readonly key: string;
  readonly sign: string;
  readonly value: string;
  readonly isWhole: boolean;
}

const signs: readonly string[] = ['=', '!=', '<', '>'] satisfies CompareSign[];
const isSign = (text: string): text is CompareSign => signs.includes(text);

/** `line` has no blanks around it. Ends the command when it is malformed. */
export function parseCompare(line: string): Compare {
  const malformed = (more: string): never => fail(ExitCode.invalidInput, `malformed comparison: ${shown(line)}${more}`);
  const open = line.indexOf('(');
  if (open < 0) return malformed('');
  const target = line.slice(0, open);
  const { key, sign, value, isWhole } = scan(line.slice(open + 1));
  if (!isWhole) {
    const quote = (text: string) => goQuoteBytes(latin1Bytes(text));
    return malformed(`; got ${shown(target)}(${quote(key)}) ${shown(sign)} ${quote(value)}`);
  }
  const invalid = (): never => fail(ExitCode.invalidInput, `invalid txn compare request: ${shown(line)}`);
  // etcdctl dies of a panic here; refused instead.
  if (!isSign(sign)) return invalid();
  const keyBytes = latin1Bytes(key);
  const number = () => clamped(value, 10) ?? invalid();
  switch (target) {
    case 'ver':
    case 'version':
      return compare.version(keyBytes, sign, Number(number()));
    case 'c':
    case 'create':
      return compare.createRevision(keyBytes, sign, Number(number()));
    case 'm':
    case 'mod':
      return compare.modRevision(keyBytes, sign, Number(number()));
    case 'val':
    case 'value':
      return compare.value(keyBytes, sign, latin1Bytes(value));
    case 'lease':
      // etcd-diff: etcdctl knows the target and panics on it. Lease ids are hexadecimal everywhere else on its command
      // line, so here too.
      return compare.lease(keyBytes, sign, parsed(value, 16) ?? invalid());
    default:
      return malformed(` (unknown target ${shown(target)})`);
  }
}

function parsed(text: string, base: 10 | 16): bigint | undefined {
  try {
    return parseInteger(text, { base, bits: 64 });
  } catch {
    return undefined;
  }
}

/** Nothing has more revisions than 2^53, so what is beyond compares as that does. */
function clamped(text: string, base: 10): bigint | undefined {
  const value = parsed(text, base);
  if (value === undefined) return undefined;
  const limit = BigInt(Number.MAX_SAFE_INTEGER);
  return value > limit ? limit : value < -limit ? -limit : value;
}

/** `"key") sign "value"`; what did not come before the first misfit is empty. Anything behind it is not looked at. */
function scan(text: string): Scanned {
  const nothing: Scanned = { key: '', sign: '', value: '', isWhole: false };
  const trimmed = text.trimStart();
  const key = scanQuoted(trimmed);
  if (key === undefined) return nothing;
  const withKey = { ...nothing, key: key.value };
  const [, sign = '', rest = ''] = /^\)[ \t\r]+([^ \t\r\n]+)(.*)$/s.exec(trimmed.slice(key.length)) ?? [];
  if (sign === '') return withKey;
  const withSign = { ...withKey, sign };
  if (rest !== '' && !/^[ \t\r]/.test(rest)) return withSign;
  const value = scanQuoted(rest.trimStart());
  return value === undefined ? withSign : { ...withSign, value: value.value, isWhole: true };
}
