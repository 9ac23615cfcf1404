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

export function judge(
  error: GrpcError,
  call: { policy: RetryPolicy; endpointCount: number; hasLogin: boolean; isOwnDeadline: boolean },
): RetryDecision {
  // A context error that is not the caller's own came from the server's side of the call.
  if (error.code === Code.DeadlineExceeded || error.code === Code.Canceled)
    return call.isOwnDeadline ? 'fail' : 'again';
  switch (error.message) {
    case wireErrors.userEmpty.message:
      if (call.hasLogin) return 'renew-token';
      break;
    case wireErrors.invalidAuthToken.message:
    case wireErrors.authOldRevision.message:
      return 'renew-token';
    case wireErrors.notSupportedForLearner.message:
      if (call.endpointCount > 1) return 'again';
      break;
  }
  return call.policy === 'repeatable' && error.code === Code.Unavailable ? 'again' : 'fail';
}
