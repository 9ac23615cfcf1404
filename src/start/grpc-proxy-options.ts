/**
 * A gRPC proxy's options; `commands/etcd/grpc-proxy/start.ts` reads it from flags. Names follow etcd's
 * flags, units stand last.
 */
import type { TlsOptions } from '../lib/tls.js';
import type { SrvDiscovery } from './discover-remotes.js';

export interface GrpcProxyOptions {
  /** `host:port` */
  readonly listenAddr: string;
  /** Of the cluster; at least one. Passed over where DNS names some. */
  readonly endpoints: readonly string[];
  /** Whose SRV records name the endpoints; undefined = none. */
  readonly discovery?: SrvDiscovery | undefined;
  /** How often the members are asked for their addresses; 0 = never. */
  readonly endpointsAutoSyncIntervalMs: number;
  /** URL of one more address for health and metrics; `''` = none. */
  readonly metricsAddr: string;
  /** What the member list names; `''` = the cluster's own list. */
  readonly advertiseClientUrl: string;
  /** Before every key; `''` = none. */
  readonly namespace: string;
  readonly maxSendBytes: number;
  readonly maxReceiveBytes: number;
  readonly maxConcurrentStreams: number;
  /** 0 = no pings to the cluster. */
  readonly dialKeepaliveTimeMs: number;
  readonly dialKeepaliveTimeoutMs: number;
  readonly permitWithoutStream: boolean;
  readonly keepaliveMinTimeMs: number;
  readonly keepaliveIntervalMs: number;
  readonly keepaliveTimeoutMs: number;
  /** Towards the cluster. */
  readonly clusterTls: TlsOptions;
  /** Towards clients; with authorities they must show a certificate. */
  readonly listenTls: TlsOptions;
}
