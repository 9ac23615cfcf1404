/**
 * The metrics of a gRPC proxy itself, at `/proxy/metrics`: its calls and its process. What the cluster says of itself
 * is at `/metrics`.
 */
import { Registry } from 'prom-client';
import { collectProcessMetrics } from '../../member/metrics/process-metrics.js';
import { addRpcMetrics, type RpcFigures } from '../../member/metrics/rpc-metrics.js';

/** `rpcs` is read at each scrape. */
export function proxyMetrics(rpcs: () => Iterable<RpcFigures>): { metrics(): Promise<string> } {
  const register = new Registry();
  collectProcessMetrics(register);
  addRpcMetrics(register, rpcs);
  return register;
}
