/**
 * What the v2 store and its HTTP API count, as etcd's api/v2store/metrics.go and api/v2http/metrics.go name it. Reads
 * and writes include those that fail; etcd's counters of failures are registered nowhere and never shown.
 */
import { Counter, Histogram, type Registry } from 'prom-client';
import { doubling } from './timings.js';

export interface V2StoreFigures {
  /** By action. */
  readonly v2Reads: ReadonlyMap<string, number>;
  readonly v2Writes: ReadonlyMap<string, number>;
}

export function addV2StoreMetrics(registry: Registry, figures: () => V2StoreFigures): void {
  const byAction = (name: string, help: string, read: () => ReadonlyMap<string, number>): void => {
    new Counter({
      name: `etcd_debugging_store_${name}_total`,
      help,
      labelNames: ['action'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [action, count] of read()) this.inc({ action }, count);
      },
    });
  };
  byAction(
    'reads',
    'Total number of reads action by (get/getRecursive), local to this member.',
    () => figures().v2Reads,
  );
  byAction(
    'writes',
    'Total number of writes (e.g. set/compareAndDelete) seen by this member.',
    () => figures().v2Writes,
  );
}

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
