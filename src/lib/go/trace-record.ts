/** Where the time of something slow went, as one record of the log. As etcd's pkg/traceutil writes it. */
import type { Clock } from '../clock.js';
import type { Logger } from '../logger.js';
import { formatMs } from './duration.js';

/** What lasts longer is logged. */
export const TRACE_MS = 100;
export const TRACE_NUMBERS = 2 ** 31;

export interface TraceRecord {
  readonly number: number;
  readonly operation: string;
  readonly detail: string;
  /** Until now. */
  readonly tookMs: number;
  readonly steps: readonly { readonly text: string; readonly ms: number }[];
}

export function logTrace(
  { number, operation, detail, tookMs, steps }: TraceRecord,
  { clock, logger }: { readonly clock: Pick<Clock, 'wallMs'>; readonly logger: Logger },
): void {
  const name = `trace[${number}]`;
  const endMs = clock.wallMs();
  logger.info(`${name} ${operation}`, {
    detail,
    duration: formatMs(tookMs),
    start: new Date(endMs - tookMs).toISOString(),
    end: new Date(endMs).toISOString(),
    steps: steps.map(({ text, ms }) => `${name} '${text}'  (duration: ${formatMs(ms)})`),
    step_count: steps.length,
  });
}
