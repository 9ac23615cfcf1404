/**
 * What the log says of calls that took long, in etcd's words: ranges in those of its apply, all of them with what they
 * were.
 */
import type { Clock } from '../../lib/clock.js';
import type { Logger } from '../../lib/logger.js';
import type { RangeRequest } from '../../proto/gen/etcdserverpb.js';
import { rangeText } from '../apply/request-text.js';
import type { MemberConfig } from '../world/types.js';

export interface SlowCall {
  readonly path: string;
  readonly tookMs: number;
  /** Address of the caller. */
  readonly remote: string;
  readonly request: unknown;
  readonly error?: unknown;
}

type Limits = Pick<MemberConfig, 'warningApplyDurationMs' | 'warningUnaryRequestDurationMs'>;

/** How many slow ranges it was. */
export function warnOfSlowCall(
  { path, tookMs, remote, request, error }: SlowCall,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  { warningApplyDurationMs, warningUnaryRequestDurationMs }: Limits,
): 0 | 1 {
  if (tookMs > warningUnaryRequestDurationMs) {
    logger.warn('request stats', {
      'start time': new Date(clock.wallMs() - tookMs).toISOString(),
      'time spent': `${tookMs.toFixed(3)}ms`,
      remote,
      'response type': path,
    });
  }
  if (path !== '/etcdserverpb.KV/Range' || tookMs <= warningApplyDurationMs) return 0;
  logger.warn('apply request took too long', {
    took: `${tookMs.toFixed(3)}ms`,
    'expected-duration': `${warningApplyDurationMs}ms`,
    prefix: 'read-only range ',
    request: rangeText(request as RangeRequest),
    response: '',
    ...(error === undefined ? {} : { error: error instanceof Error ? error.message : String(error) }),
  });
  return 1;
}
