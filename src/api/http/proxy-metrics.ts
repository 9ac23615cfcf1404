/**
 * The metrics of a gRPC proxy itself, at `/proxy/metrics`: its calls and its process. What the cluster says of itself
 * is at `/metrics`.
 */
import { Registry } from 'prom-client';
import type { Runtime } from '../../lib/runtime.js';
import { asGoShows } from '../../member/metrics/exposition.js';
import { collectProcessMetrics } from '../../member/metrics/process-metrics.js';
import { addRpcMetrics, type RpcFigures } from '../../member/metrics/rpc-metrics.js';
import { addScalars } from '../../member/metrics/scalars.js';
import { PROXY_SCALARS } from '../../member/metrics/server-metrics.js';

/** `rpcs` is read at each scrape. */
export function proxyMetrics(runtime: Runtime, rpcs: () => Iterable<RpcFigures>): { metrics(): Promise<string> } {
  const register = new Registry();
  collectProcessMetrics(register, runtime);
  addScalars(register, PROXY_SCALARS, () => undefined);
  addRpcMetrics(register, rpcs);
  return { metrics: async () => asGoShows(await register.metrics()) };
}
