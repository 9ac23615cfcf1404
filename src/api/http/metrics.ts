/** `/metrics`: the registry in Prometheus's text form 0.0.4. */
import { differenceOf, type EmulatedVersion } from '../../lib/emulate.js';
import type { HttpHandler } from './types.js';

export interface MetricsSource {
  metrics(): Promise<string>;
  readonly emulate: EmulatedVersion;
}

export function metricsHandler(source: MetricsSource): HttpHandler {
  return async (_request, url) => {
    if (url.pathname !== '/metrics') return undefined;
    return {
      status: 200,
      headers: { 'Content-Type': differenceOf('metricsType', source.emulate) },
      body: await source.metrics(),
    };
  };
}
