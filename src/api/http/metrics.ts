/** `/metrics`: the registry in Prometheus's text form 0.0.4. */
import type { HttpHandler } from './types.js';

export interface MetricsSource {
  metrics(): Promise<string>;
}

export function metricsHandler(source: MetricsSource): HttpHandler {
  return async (_request, url) => {
    if (url.pathname !== '/metrics') return undefined;
    return {
      status: 200,
      headers: { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores' },
      body: await source.metrics(),
    };
  };
}
