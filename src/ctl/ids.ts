/** Ids on the command line are hexadecimal: leases signed, members not. */

import { ExitCode, fail } from '../cli/exit.js';
import { NumberError, parseInteger, parseUnsigned } from '../lib/go/number.js';
import type { LeaseId, MemberId } from '../lib/ids.js';

/** A lease id; `message` makes the error's text of Go's reason. */
export function parseHexId(text: string, message: (why: string) => string): bigint {
  try {
    return parseInteger(text, { base: 16, bits: 64 });
  } catch (error) {
    if (!(error instanceof NumberError)) throw error;
    return fail(ExitCode.badArgs, message(error.message));
  }
}

export const parseLeaseArg = (text: string): LeaseId =>
  parseHexId(text, (why) => `bad lease ID arg (${why}), expecting ID in Hex`);

/** The member that is the one word of a command. */
export function memberOf([text, ...more]: readonly string[]): MemberId {
  if (text === undefined || more.length > 0) fail(ExitCode.badArgs, 'member ID is not provided');
  try {
    return parseUnsigned(text, { base: 16, bits: 64 });
  } catch (error) {
    if (!(error instanceof NumberError)) throw error;
    return fail(ExitCode.badArgs, `bad member ID arg (${error.message}), expecting ID in Hex`);
  }
}
