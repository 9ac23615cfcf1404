/**
 * The metrics of a gRPC proxy itself, at `/proxy/metrics`: its calls and its process. What the cluster says of itself
 * is at `/metrics`.
 */
import { collectDefaultMetrics, Registry } from 'prom-client';
import { addRpcMetrics, type RpcFigures } from '../../member/metrics/rpc-metrics.js';

/** `rpcs` is read at each scrape. */
export function proxyMetrics(rpcs: () => Iterable<RpcFigures>): { metrics(): Promise<string> } {
  const register = new Registry();
  collectDefaultMetrics({ register });
  addRpcMetrics(register, rpcs);
  return register;
}
