/** Failures of calls, told in a command's own words or with an exit code of its own. */

import { ExitCode, fail } from '../cli/exit.js';
import { EtcdError } from '../client/errors.js';

/** `message` makes the error's text of the call's. */
export async function wrapError<T>(
  call: Promise<T>,
  message: (why: string) => string,
  exitCode: number = ExitCode.error,
): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof EtcdError)) throw error;
    return fail(exitCode, message(error.message));
  }
}

/** Commands whose failures count as a bad connection, whatever they are. */
export const orBadConnection = <T>(call: Promise<T>): Promise<T> =>
  wrapError(call, (why) => why, ExitCode.badConnection);
