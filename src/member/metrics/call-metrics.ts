/** How long calls, ranges and the sending of watches' answers take: histograms that etcd has from 3.6 or 3.7 on. */
import type { Registry } from 'prom-client';
import { doubling } from '../../lib/metrics.js';
import { Code } from '../../proto/code.js';
import { KV, type TxnRequest } from '../../proto/gen/etcdserverpb.js';
import { type OperationKind, operationName } from '../apply/operation.js';
import { isReadOnlyTxn } from '../apply/txn.js';
import { type Series, TalliedHistogram } from './tallied-histogram.js';

/** Ended before etcd takes the time of a transaction that reads: it was never looked at. */
const UNHEARD = new Set<number>([Code.Canceled, Code.DeadlineExceeded, Code.ResourceExhausted, Code.Unavailable]);

/** Who times what watches are told. */
export type WatchTimes = Pick<CallMetrics, 'watchAnswered' | 'watchSent' | 'watchProgressed'>;

type BySuccess = Readonly<Record<'true' | 'false', Series>>;

const bySuccess = (histogram: TalliedHistogram, labels: Readonly<Record<string, string>>): BySuccess => ({
  true: histogram.series({ success: 'true', ...labels }),
  false: histogram.series({ success: 'false', ...labels }),
});

const WATCH_LOOP = 'etcd_debugging_server_watch_send_loop';

export class CallMetrics {
  readonly #calls: TalliedHistogram;
  /** By type. */
  readonly #known = new Map<string, BySuccess>();
  readonly #ranges: BySuccess;
  readonly #watchAnswers: Series;
  readonly #watchMessages: Series;
  readonly #watchEvents: Series;
  readonly #watchProgress: Series;

  constructor(registry: Registry) {
    const histogram = (name: string, help: string, labelNames: string[], buckets = doubling(0.001, 14)) =>
      new TalliedHistogram({ name, help, labelNames, buckets, registers: [registry] });
    const alone = (name: string, help: string): Series => histogram(name, help, []).series({});
    this.#calls = histogram(
      'etcd_server_request_duration_seconds',
      'Response latency distribution in seconds for each type.',
      ['success', 'type'],
    );
    const rangeBuckets = doubling(0.0001, 20);
    this.#ranges = bySuccess(
      histogram(
        'etcd_server_range_duration_seconds',
        'The latency distributions of txn.Range',
        ['success'],
        rangeBuckets,
      ),
      {},
    );
    this.#watchAnswers = alone(
      `${WATCH_LOOP}_control_stream_duration_seconds`,
      'The total duration in seconds of running through the send loop control stream response.',
    );
    this.#watchMessages = alone(
      `${WATCH_LOOP}_watch_stream_duration_seconds`,
      'The total duration in seconds of running through the send loop watch stream response all events.',
    );
    this.#watchEvents = alone(
      `${WATCH_LOOP}_watch_stream_duration_per_event_seconds`,
      'The average duration in seconds of running through the send loop watch stream response, per event.',
    );
    this.#watchProgress = alone(
      `${WATCH_LOOP}_progress_duration_seconds`,
      'The total duration in seconds of running through the progress loop control stream response.',
    );
  }

  /** A call of `KV` has its answer: those that read are timed. */
  served(path: string, request: unknown, tookMs: number, code: Code): void {
    // What cannot be meant is refused before its time is taken.
    if (code === Code.InvalidArgument) return;
    if (path === KV.range.path) this.#took('Range', code === Code.Ok, tookMs);
    else if (path === KV.txn.path && !UNHEARD.has(code) && isReadOnlyTxn(request as TxnRequest))
      this.#took('ReadonlyTxn', code !== Code.OutOfRange, tookMs);
  }

  /** An operation that was proposed has its result, a refusal of what the log took among them. */
  readonly proposed = (kind: OperationKind, wasTaken: boolean, tookMs: number): void =>
    this.#took(operationName(kind), wasTaken, tookMs);

  #took(type: string, ok: boolean, tookMs: number): void {
    let known = this.#known.get(type);
    if (known === undefined) {
      known = bySuccess(this.#calls, { type });
      this.#known.set(type, known);
    }
    known[ok ? 'true' : 'false'].observe(tookMs / 1000);
  }

  ranged(ok: boolean, tookMs: number): void {
    this.#ranges[ok ? 'true' : 'false'].observe(tookMs / 1000);
  }

  readonly watchAnswered = (tookMs: number): void => this.#watchAnswers.observe(tookMs / 1000);

  readonly watchSent = (tookMs: number, events: number): void => {
    this.#watchMessages.observe(tookMs / 1000);
    // etcd divides by nothing here, where a message has no events.
    this.#watchEvents.observe(tookMs / 1000 / Math.max(events, 1));
  };

  readonly watchProgressed = (tookMs: number): void => this.#watchProgress.observe(tookMs / 1000);
}
