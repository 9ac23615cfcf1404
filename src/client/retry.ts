/**
 * Which failed calls are made again. As clientv3 (client/v3/retry.go): a call that may be repeated (reads, and writes
 * that come out the same when done twice) is repeated while servers say Unavailable; any other is not, since a lost
 * answer does not say whether it was done. Calls that were never sent are no failures at all: they wait in the
 * balancer.
 */

import { Code, type GrpcError } from '../grpc/types.js';
import { wireErrors } from '../proto/errors.js';
import type { CallLimits } from './options.js';

export type RetryPolicy = 'repeatable' | 'non-repeatable';

/** The limits of one call, without the caller's other options. */
export const limitsOf = ({ timeoutMs, signal }: CallLimits, policy: RetryPolicy) => ({ timeoutMs, signal, policy });

/** Attempts of one call, the first included. */
export const MAX_ATTEMPTS = 100;

export type RetryDecision = 'fail' | 'again' | 'renew-token';

/** So members before 3.6 refuse maintenance, and 3.4 what has to do with alarms: in the words of their store. */
const USER_EMPTY_IN_STORE = 'auth: user name is empty';

export function judge(
  error: GrpcError,
  call: {
    readonly policy: RetryPolicy;
    readonly endpointCount: number;
    readonly hasLogin: boolean;
    /** One that the client was given: there is no other. */
    readonly hasFixedToken: boolean;
    readonly isOwnDeadline: boolean;
  },
): RetryDecision {
  // A context error that is not the caller's own came from the server's side of the call.
  if (error.code === Code.DeadlineExceeded || error.code === Code.Canceled)
    return call.isOwnDeadline ? 'fail' : 'again';
  switch (error.message) {
    case wireErrors.userEmpty.message:
    case USER_EMPTY_IN_STORE:
      if (call.hasLogin) return 'renew-token';
      break;
    case wireErrors.invalidAuthToken.message:
    case wireErrors.authOldRevision.message:
      if (!call.hasFixedToken) return 'renew-token';
      break;
    case wireErrors.notSupportedForLearner.message:
      if (call.endpointCount > 1) return 'again';
      break;
  }
  return call.policy === 'repeatable' && error.code === Code.Unavailable ? 'again' : 'fail';
}
