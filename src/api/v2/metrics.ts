/** What the v2 API counts, as etcd's api/v2http/metrics.go names it. */
import { Counter, Histogram, type Registry } from 'prom-client';
import { doubling } from '../../lib/metrics.js';

/** Requests for keys that are not watches. Only methods that keys have come here. */
export class V2HttpMetrics {
  readonly #received: Counter;
  readonly #failed: Counter;
  readonly #duration: Histogram;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#received = new Counter({
      name: 'etcd_http_received_total',
      help: 'Counter of requests received into the system (successfully parsed and authd).',
      labelNames: ['method'],
      registers,
    });
    this.#failed = new Counter({
      name: 'etcd_http_failed_total',
      help: 'Counter of handle failures of requests (non-watches), by method (GET/PUT etc.) and code (400, 500 etc.).',
      labelNames: ['code', 'method'],
      registers,
    });
    this.#duration = new Histogram({
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
    this.#received.inc({ method });
  }

  failed(method: string, code: number): void {
    this.#failed.inc({ code: String(code), method });
  }

  succeeded(method: string, tookMs: number): void {
    this.#duration.observe({ method }, tookMs / 1000);
  }
}
