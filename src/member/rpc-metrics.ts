/** `grpc_server_*`, as go-grpc-prometheus names and describes them: a member and a gRPC proxy count their calls alike. */
import { Counter, type Registry } from 'prom-client';

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

/** `rpcs` is read at each scrape. */
export function addRpcMetrics(registry: Registry, rpcs: () => Iterable<RpcFigures>): void {
  const registers = [registry];
  const labelNames = ['grpc_type', 'grpc_service', 'grpc_method'];
  const labels = (rpc: RpcFigures) => ({
    grpc_type: rpc.type,
    grpc_service: rpc.service,
    grpc_method: rpc.method,
  });
  const perRpc = (name: string, help: string, read: (rpc: RpcFigures) => number): void => {
    new Counter({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        for (const rpc of rpcs()) this.inc(labels(rpc), read(rpc));
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
    labelNames: [...labelNames, 'grpc_code'],
    registers,
    collect() {
      this.reset();
      for (const rpc of rpcs()) {
        for (const [code, count] of Object.entries(rpc.handled)) this.inc({ ...labels(rpc), grpc_code: code }, count);
      }
    },
  });
}
