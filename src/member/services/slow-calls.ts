/**
 * What the log says of calls that took long, in etcd's words: reads in those of its apply, all of them with what they
 * were, and where the time went. Sources: etcd's etcdserver/util.go, v3rpc/interceptor.go, pkg/traceutil.
 */

import type { Clock } from '../../lib/clock.js';
import { formatMs } from '../../lib/go/duration.js';
import { logTrace, TRACE_MS, TRACE_NUMBERS } from '../../lib/go/trace-record.js';
import type { Logger } from '../../lib/logger.js';
import type { Random } from '../../lib/random.js';
import { errorText } from '../apply/request-text.js';
import type { MemberConfig } from '../world/types.js';
import { type CallStats, onlyReads, statsOf } from './call-stats.js';

export interface SlowCall {
  readonly path: string;
  readonly tookMs: number;
  /** Of these, until the cluster had agreed on how far to read. */
  readonly agreedMs?: number | undefined;
  /** Address of the caller. */
  readonly remote: string;
  readonly request: unknown;
  /** A message, encoded or not; undefined where there was an error. */
  readonly response?: unknown;
  readonly error?: unknown;
}

export interface SlowCallsWorld {
  readonly clock: Clock;
  readonly random: Pick<Random, 'below'>;
  readonly logger: Logger;
}

type Limits = Pick<MemberConfig, 'warningApplyDurationMs' | 'warningUnaryRequestDurationMs'>;

/** How many slow reads it was. */
export function warnOfSlowCall(call: SlowCall, world: SlowCallsWorld, limits: Limits): 0 | 1 {
  const { path, tookMs, remote, error } = call;
  const { clock, logger } = world;
  if (logger.isLogged?.('warn') === false) return tookMs > limits.warningApplyDurationMs && onlyReads(call) ? 1 : 0;
  const stats = statsOf(call);
  if (tookMs > TRACE_MS && stats.trace !== undefined) trace(call, stats.trace, world);
  // With the log at debug, of all calls.
  const isDebugged = logger.isLogged?.('debug') === true;
  if (isDebugged || tookMs > limits.warningUnaryRequestDurationMs) {
    logger[isDebugged ? 'debug' : 'warn']('request stats', {
      'start time': new Date(clock.wallMs() - tookMs).toISOString(),
      'time spent': formatMs(tookMs),
      remote,
      'response type': path,
      'request count': stats.requestCount,
      'request size': stats.requestSize,
      'response count': stats.responseCount,
      'response size': stats.responseSize,
      'request content': stats.content,
    });
  }
  if (stats.read === undefined || tookMs <= limits.warningApplyDurationMs) return 0;
  logger.warn('apply request took too long', {
    took: formatMs(tookMs),
    'expected-duration': formatMs(limits.warningApplyDurationMs),
    prefix: stats.read.prefix,
    request: stats.content,
    response: stats.read.response,
    ...(error === undefined ? {} : { error: errorText(error) }),
  });
  return 1;
}

function trace(
  { tookMs, agreedMs = 0 }: SlowCall,
  { operation, detail, step }: NonNullable<CallStats['trace']>,
  { clock, random, logger }: SlowCallsWorld,
): void {
  const steps = [
    { text: 'agreement among raft nodes before linearized reading', ms: agreedMs },
    { text: step, ms: tookMs - agreedMs },
  ].filter(({ ms }) => ms > TRACE_MS);
  logTrace({ number: random.below(TRACE_NUMBERS), operation, detail, tookMs, steps }, { clock, logger });
}
