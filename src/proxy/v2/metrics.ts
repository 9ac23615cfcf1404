/** `etcd_proxy_*`, as etcd's proxy/httpproxy/metrics.go names and describes them. */
import { Counter, exponentialBuckets, Histogram, type Registry } from 'prom-client';

/** Why a request was not passed on. */
export type Dropped = 'zero_endpoints' | 'failed_sending_request' | 'failed_getting_response';

export class ProxyMetrics {
  readonly #requests: Counter;
  readonly #handled: Counter;
  readonly #dropped: Counter;
  readonly #duration: Histogram;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#requests = new Counter({
      name: 'etcd_proxy_requests_total',
      help: 'Counter requests incoming by method.',
      labelNames: ['method'],
      registers,
    });
    this.#handled = new Counter({
      name: 'etcd_proxy_handled_total',
      help: 'Counter of requests fully handled (by authoratitave servers)',
      labelNames: ['method', 'code'],
      registers,
    });
    this.#dropped = new Counter({
      name: 'etcd_proxy_dropped_total',
      help: 'Counter of requests dropped on the proxy.',
      labelNames: ['method', 'proxying_error'],
      registers,
    });
    this.#duration = new Histogram({
      name: 'etcd_proxy_handling_duration_seconds',
      help: 'Bucketed histogram of handling time of successful events (non-watches), by method (GET/PUT etc.).',
      labelNames: ['method'],
      buckets: exponentialBuckets(0.0005, 2, 13),
      registers,
    });
  }

  came(method: string): void {
    this.#requests.inc({ method: known(method) });
  }

  handled(method: string, { code, tookMs }: { readonly code: number; readonly tookMs: number }): void {
    this.#handled.inc({ method: known(method), code: String(code) });
    this.#duration.observe({ method: known(method) }, tookMs / 1000);
  }

  dropped(method: string, why: Dropped): void {
    this.#dropped.inc({ method: known(method), proxying_error: why });
  }
}

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT']);

/** Callers choose methods: what none knows shares one series, so that they cannot fill the memory. */
const known = (method: string): string => (methods.has(method) ? method : 'other');
