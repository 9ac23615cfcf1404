/**
 * The keys that a permission is about: one, `[key, end)`, a prefix, or all from a key on. As etcdctl's `role` commands
 * read them.
 */

import { ExitCode, fail } from '../cli/exit.js';
import { type FlagValues, flag } from '../cli/flags.js';
import { prefixEnd, toBytes } from '../client/key-range.js';

export const permissionFlags = {
  'from-key': flag.bool('all keys from this one on, in byte order'),
  prefix: flag.bool('all keys that begin with this'),
} as const;

/** Beyond every key, and (as a key) before all others. */
const ZERO = '\0';

export interface PermissionRange {
  readonly key: string;
  /** '' = the key alone. */
  readonly rangeEnd: string | Uint8Array;
}

export function permissionRange(
  key: string,
  end: string | undefined,
  flags: FlagValues<typeof permissionFlags>,
): PermissionRange {
  const { prefix } = flags;
  const fromKey = flags['from-key'];
  const isAmbiguous = prefix && fromKey && (key === '' || end === undefined);
  if (isAmbiguous) fail(ExitCode.badArgs, '--from-key and --prefix flags are mutually exclusive');
  // The empty key stands for the first there can be; with a flag, for all of them.
  if (key === '') return { key: ZERO, rangeEnd: prefix || fromKey ? ZERO : '' };
  if (end !== undefined) {
    if (prefix) fail(ExitCode.badArgs, 'unexpected endkey argument with --prefix flag');
    if (fromKey) fail(ExitCode.badArgs, 'unexpected endkey argument with --from-key flag');
    return { key, rangeEnd: end };
  }
  if (prefix) return { key, rangeEnd: prefixEnd(toBytes(key)) };
  return { key, rangeEnd: fromKey ? ZERO : '' };
}
