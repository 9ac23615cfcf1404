/** What the v2 API counts, as etcd's api/v2http/metrics.go names it. */
import { Counter, type Registry } from 'prom-client';
import { doubling } from '../../lib/metrics.js';
import { type Series, TalliedHistogram } from '../../member/metrics/tallied-histogram.js';

/** Requests for keys that are not watches. Only methods that keys have come here. */
export class V2HttpMetrics {
  /** By method. */
  readonly #received = new Map<string, number>();
  readonly #failed: Counter;
  readonly #duration: TalliedHistogram;
  /** By method. */
  readonly #durations = new Map<string, Series>();

  constructor(registry: Registry) {
    const registers = [registry];
    const received = this.#received;
    new Counter({
      name: 'etcd_http_received_total',
      help: 'Counter of requests received into the system (successfully parsed and authd).',
      labelNames: ['method'],
      registers,
      collect() {
        this.reset();
        for (const [method, count] of received) this.inc({ method }, count);
      },
    });
    this.#failed = new Counter({
      name: 'etcd_http_failed_total',
      help: 'Counter of handle failures of requests (non-watches), by method (GET/PUT etc.) and code (400, 500 etc.).',
      labelNames: ['code', 'method'],
      registers,
    });
    this.#duration = new TalliedHistogram({
      name: 'etcd_http_successful_duration_seconds',
      help:
        'Bucketed histogram of processing time (s) of successfully handled requests (non-watches), by method ' +
        '(GET/PUT etc.).',
      labelNames: ['method'],
      buckets: doubling(0.0005, 13),
      registers,
    });
  }

  received(method: string): void {
    this.#received.set(method, (this.#received.get(method) ?? 0) + 1);
  }

  failed(method: string, code: number): void {
    this.#failed.inc({ code: String(code), method });
  }

  succeeded(method: string, tookMs: number): void {
    let series = this.#durations.get(method);
    if (series === undefined) {
      series = this.#duration.series({ method });
      this.#durations.set(method, series);
    }
    series.observe(tookMs / 1000);
  }
}
