/** How long calls, ranges and the sending of watches' answers take: histograms that etcd has from 3.6 or 3.7 on. */
import type { Registry } from 'prom-client';
import { doubling } from '../../lib/metrics.js';
import { Code } from '../../proto/code.js';
import type { TxnRequest } from '../../proto/gen/etcdserverpb.js';
import { isReadOnlyTxn } from '../apply/txn.js';
import { type Series, TalliedHistogram } from './tallied-histogram.js';

/** Ended without what was asked for having been looked at. What is looked at and refused has succeeded, to etcd. */
const UNHEARD = new Set<number>([Code.Canceled, Code.DeadlineExceeded, Code.ResourceExhausted, Code.Unavailable]);

/** Of the services whose calls etcd times: what its `type` says of a method, or which methods count. */
const typeOf: Readonly<Record<string, (method: string) => string | undefined>> = {
  'etcdserverpb.KV': (method) => (method === 'Compact' ? 'Compaction' : method),
  'etcdserverpb.Lease': (method) => (method === 'LeaseGrant' || method === 'LeaseRevoke' ? method : undefined),
  'etcdserverpb.Maintenance': (method) => (method === 'Alarm' ? method : undefined),
  'etcdserverpb.Auth': (method) => (/^User|^Role/.test(method) ? `Auth${method}` : method),
};

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
  /** By path. */
  readonly #typeOf = new Map<string, string | undefined>();
  readonly #ranges: BySuccess;
  readonly #watchAnswers: Series;
  readonly #watchMessages: Series;
  readonly #watchEvents: Series;
  readonly #watchProgress: Series;

  constructor(registry: Registry) {
    const histogram = (name: string, help: string, labelNames: string[], buckets = doubling(0.001, 14)) =>
      new TalliedHistogram({ name, help, labelNames, buckets, registers: [registry] });
    const alone = (name: string, help: string): Series => histogram(name, help, []).series({});
    this.#calls = histogram('etcd_server_request_duration_seconds', 'How long requests took, by type.', [
      'success',
      'type',
    ]);
    const rangeBuckets = doubling(0.0001, 20);
    this.#ranges = bySuccess(
      histogram('etcd_server_range_duration_seconds', 'How long ranges took to read.', ['success'], rangeBuckets),
      {},
    );
    this.#watchAnswers = alone(
      `${WATCH_LOOP}_control_stream_duration_seconds`,
      'How long it took to send the answer to a request for a watch or its end.',
    );
    this.#watchMessages = alone(
      `${WATCH_LOOP}_watch_stream_duration_seconds`,
      'How long it took to send a message of a watch.',
    );
    this.#watchEvents = alone(
      `${WATCH_LOOP}_watch_stream_duration_per_event_seconds`,
      'The same, divided by the events in it.',
    );
    this.#watchProgress = alone(
      `${WATCH_LOOP}_progress_duration_seconds`,
      'How long it took to see which watches are to be told of their progress.',
    );
  }

  served(path: string, request: unknown, tookMs: number, code: Code): void {
    // What cannot be meant is refused before its time is taken.
    if (code === Code.InvalidArgument) return;
    let type = this.#typeOf.get(path);
    if (type === undefined) {
      if (this.#typeOf.has(path)) return;
      const [, service = '', method = ''] = path.split('/');
      type = typeOf[service]?.(method);
      this.#typeOf.set(path, type);
      if (type === undefined) return;
    }
    if (type === 'Txn' && isReadOnlyTxn(request as TxnRequest)) type = 'ReadonlyTxn';
    let known = this.#known.get(type);
    if (known === undefined) {
      known = bySuccess(this.#calls, { type });
      this.#known.set(type, known);
    }
    const failed = type === 'Range' ? code !== Code.Ok : UNHEARD.has(code);
    known[failed ? 'false' : 'true'].observe(tookMs / 1000);
  }

  ranged(ok: boolean, tookMs: number): void {
    this.#ranges[ok ? 'true' : 'false'].observe(tookMs / 1000);
  }

  readonly watchAnswered = (tookMs: number): void => this.#watchAnswers.observe(tookMs / 1000);

  readonly watchSent = (tookMs: number, events: number): void => {
    this.#watchMessages.observe(tookMs / 1000);
    if (events > 0) this.#watchEvents.observe(tookMs / 1000 / events);
  };

  readonly watchProgressed = (tookMs: number): void => this.#watchProgress.observe(tookMs / 1000);
}
