/**
 * `grpc_server_*`, as go-grpc-prometheus names and describes them: a member and a gRPC proxy count their calls alike.
 */
import { Counter, Histogram, type Registry } from 'prom-client';
import { codeNames } from '../../proto/code.js';

export interface RpcFigures {
  readonly type: string;
  readonly service: string;
  readonly method: string;
  readonly started: number;
  readonly received: number;
  readonly sent: number;
  /** By name of the status code, `OK` among them. */
  readonly handled: Readonly<Record<string, number>>;
}

/**
 * A series for each status there is, at 0 from the start: what begins to exist with its first failure has no rate
 * before it.
 */
const unhandled: Readonly<Record<string, number>> = Object.fromEntries(codeNames.map((code) => [code, 0]));

/** go-grpc-prometheus's own, Prometheus's default. */
const HANDLING_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

type Method = Pick<RpcFigures, 'type' | 'service' | 'method'>;

/**
 * `grpc_server_handling_seconds`, which `--metrics extensive` adds, of every method from the start. Returns what
 * observes a call.
 */
export function addHandlingHistogram(
  registry: Registry,
  rpcs: () => Iterable<Method>,
): (of: Method, seconds: number) => void {
  const shown = new Set<string>();
  const isNew = ({ service, method }: Method): boolean => {
    const name = `${service}/${method}`;
    if (shown.has(name)) return false;
    shown.add(name);
    return true;
  };
  const histogram = new Histogram({
    name: 'grpc_server_handling_seconds',
    help: 'Histogram of response latency (seconds) of gRPC that had been application-level handled by the server.',
    labelNames: ['grpc_method', 'grpc_service', 'grpc_type'],
    buckets: HANDLING_BUCKETS,
    registers: [registry],
    collect() {
      for (const rpc of rpcs()) if (isNew(rpc)) this.zero(labelsOf(rpc));
    },
  });
  return (of, seconds) => {
    isNew(of);
    histogram.observe(labelsOf(of), seconds);
  };
}

const labelsOf = ({ method, service, type }: Method) => ({
  grpc_method: method,
  grpc_service: service,
  grpc_type: type,
});

/** `rpcs` is read at each scrape. */
export function addRpcMetrics(registry: Registry, rpcs: () => Iterable<RpcFigures>): void {
  const registers = [registry];
  const labelNames = ['grpc_method', 'grpc_service', 'grpc_type'];
  const perRpc = (name: string, help: string, read: (rpc: RpcFigures) => number): void => {
    new Counter({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        for (const rpc of rpcs()) this.inc(labelsOf(rpc), read(rpc));
      },
    });
  };
  perRpc('grpc_server_started_total', 'Total number of RPCs started on the server.', (rpc) => rpc.started);
  perRpc(
    'grpc_server_msg_received_total',
    'Total number of RPC stream messages received on the server.',
    (rpc) => rpc.received,
  );
  perRpc('grpc_server_msg_sent_total', 'Total number of gRPC stream messages sent by the server.', (rpc) => rpc.sent);
  new Counter({
    name: 'grpc_server_handled_total',
    help: 'Total number of RPCs completed on the server, regardless of success or failure.',
    labelNames: ['grpc_code', ...labelNames],
    registers,
    collect() {
      this.reset();
      for (const rpc of rpcs()) {
        for (const [code, count] of Object.entries({ ...unhandled, ...rpc.handled }))
          this.inc({ grpc_code: code, ...labelsOf(rpc) }, count);
      }
    },
  });
}
