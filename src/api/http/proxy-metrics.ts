/**
 * The metrics of a gRPC proxy itself, at `/proxy/metrics`: its calls and its process. What the cluster says of itself
 * is at `/metrics`.
 */
import { Registry } from 'prom-client';
import type { Clock } from '../../lib/clock.js';
import type { Runtime } from '../../lib/runtime.js';
import { SharedWork } from '../../lib/shared-work.js';
import { asGoShows } from '../../member/metrics/exposition.js';
import { collectProcessMetrics } from '../../member/metrics/process-metrics.js';
import { addRpcMetrics, type RpcFigures } from '../../member/metrics/rpc-metrics.js';
import { addScalars } from '../../member/metrics/scalars.js';
import { PROXY_SCALARS } from '../../member/metrics/server-metrics.js';

/** `rpcs` is read for each text, which is made once for all who wait for it. */
export function proxyMetrics(
  runtime: Runtime,
  rpcs: () => Iterable<RpcFigures>,
  clock: Pick<Clock, 'monotonicMs' | 'after'>,
): { metrics(): Promise<string> } {
  const register = new Registry();
  collectProcessMetrics(register, runtime);
  addScalars(register, PROXY_SCALARS, () => undefined);
  addRpcMetrics(register, rpcs);
  const text = new SharedWork(clock, async () => asGoShows(await register.metrics()));
  return { metrics: () => text.run() };
}
