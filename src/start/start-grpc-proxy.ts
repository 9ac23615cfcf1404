/**
 * Composition root of `etcd grpc-proxy`: a gRPC server whose calls are answered by the cluster, and the proxy's own
 * health and metrics. Order and texts: etcd's etcdmain/grpc_proxy.go.
 */

import { X509Certificate } from 'node:crypto';
import { proxyMetrics } from '../api/http/proxy-metrics.js';
import { createRouter } from '../api/http/router.js';
import type { HttpHandler } from '../api/http/types.js';
import { RpcCounts } from '../api/v3/register.js';
import { Balancer } from '../client/balancer.js';
import { Client } from '../client/client.js';
import { parseEndpoint } from '../client/endpoint.js';
import type { ClientOptions } from '../client/options.js';
import { osWorld } from '../client/os-world.js';
import { parseUrlList } from '../config/listen-url.js';
import type { ListenUrl } from '../config/member-options.js';
import { createGrpcServer } from '../grpc/server.js';
import type { GrpcServer } from '../grpc/types.js';
import { checkTlsLimits, parseTlsVersion, tlsLimits } from '../lib/go/tls.js';
import type { Logger } from '../lib/logger.js';
import type { NetworkAddress } from '../lib/network.js';
import { osClock } from '../lib/os/clock.js';
import { hostName } from '../lib/os/host-name.js';
import { osNetwork } from '../lib/os/net.js';
import { watchRuntime } from '../lib/os/runtime.js';
import { readTls } from '../lib/os/tls-files.js';
import { rawBytes } from '../lib/raw-text.js';
import { hasAuthorities, hasCertificate, type TlsContents, type TlsOptions } from '../lib/tls.js';
import { Cluster } from '../proto/gen/etcdserverpb.js';
import { EndpointSync } from '../proxy/grpc/endpoint-sync.js';
import { forwardedMethods, forwardServices } from '../proxy/grpc/forward.js';
import { proxyHealth } from '../proxy/grpc/health.js';
import { ownMemberList } from '../proxy/grpc/member-list.js';
import { Namespace } from '../proxy/grpc/namespace.js';
import { opaque } from '../proxy/grpc/opaque.js';
import { translations } from '../proxy/grpc/translation.js';
import { Upstream } from '../proxy/grpc/upstream.js';
import { discoverRemotes } from './discover-remotes.js';
import type { GrpcProxyOptions } from './grpc-proxy-options.js';
import { ListenAddressError, parseListenAddress } from './listen-address.js';
import { Ports } from './ports.js';
import { relayMetrics } from './relay-metrics.js';
import { StartRefusal } from './start-refusal.js';

export interface RunningGrpcProxy {
  readonly address: NetworkAddress;
  readonly metricsAddress: NetworkAddress | undefined;
  /** Ends calls under way with Unavailable, closes ports and connections. */
  close(): Promise<void>;
}

/** Throws StartRefusal; then nothing is left open. */
export async function startGrpcProxy(options: GrpcProxyOptions, logger: Logger): Promise<RunningGrpcProxy> {
  const listenTls = await refusing(async () => serverTls(options));
  const listen = await refusing(async () => listenUrl(options));
  const cluster = await refusing(async () => clusterTls(options));
  const ports = new Ports({
    network: osNetwork,
    clock: osClock,
    logger,
    keepalive: {
      minTimeMs: options.keepaliveMinTimeMs,
      timeMs: options.keepaliveIntervalMs,
      timeoutMs: options.keepaliveTimeoutMs,
    },
    maxConcurrentStreams: options.maxConcurrentStreams,
  });
  const close = () => ports.close({ graceMs: 0, busy: () => false });
  let found: readonly string[] = [];
  try {
    await refusing(async () => {
      await ports.listen('client', [listen], listenTls);
      logger.info('listening for gRPC proxy client requests', { address: options.listenAddr });
      if (options.discovery !== undefined) {
        found = (await discoverRemotes(options.discovery, logger)).map(({ url }) => url);
      }
      const metricsUrls = parseUrlList(options.metricsAddr);
      await ports.listen('metrics', metricsUrls, listenTls);
      for (const { text } of metricsUrls) logger.info('gRPC proxy listening for metrics', { address: text });
    });
  } catch (cause) {
    await close();
    throw cause;
  }
  const backing = openBacking(found.length === 0 ? options : { ...options, endpoints: found }, cluster, logger);
  ports.serve('client', { grpc: backing.grpc, http: backing.http });
  ports.serve('metrics', { http: backing.http });
  logger.info('started gRPC proxy', { address: options.listenAddr });
  const [address = parseListenAddress(options.listenAddr)] = ports.addresses('client');
  return {
    address,
    metricsAddress: ports.addresses('metrics')[0],
    close: async () => {
      await close();
      await backing.close();
    },
  };
}

/** What stands behind the ports: connections to the cluster, and the faces that use them. */
function openBacking(options: GrpcProxyOptions, tls: TlsContents | undefined, logger: Logger) {
  const keepAlive =
    options.dialKeepaliveTimeMs === 0
      ? undefined
      : {
          timeMs: options.dialKeepaliveTimeMs,
          timeoutMs: options.dialKeepaliveTimeoutMs,
          permitWithoutStream: options.permitWithoutStream,
        };
  const { maxSendBytes, maxReceiveBytes } = options;
  const connect = (endpoints: readonly string[]): Balancer => {
    const channels = endpoints.map((text) => {
      const endpoint = parseEndpoint(text);
      // The scheme of an endpoint decides; without one the TLS flags do.
      const used = endpoint.tls === 'drop' ? undefined : endpoint.tls === 'require' ? (tls ?? {}) : tls;
      return osWorld.connect(endpoint, { tls: used, keepAlive, maxSendBytes, maxReceiveBytes });
    });
    return new Balancer(channels, osWorld);
  };
  const upstream = new Upstream(connect(options.endpoints), osClock);
  const sync = new EndpointSync(options.endpoints, {
    upstream,
    connect,
    clock: osClock,
    logger,
    intervalMs: options.endpointsAutoSyncIntervalMs,
  });
  sync.start();
  const counts = new RpcCounts();
  const grpc = createGrpcServer({
    clock: osClock,
    observer: counts,
    onError: (cause, path) => logger.error('handler failed', { path, error: String(cause) }),
  });
  register(grpc, upstream, options);
  for (const method of forwardedMethods()) counts.add({ method });

  const clusterClient = new Client({ endpoints: options.endpoints, tls });
  const selfClient = options.advertiseClientUrl === '' ? undefined : new Client(selfOptions(options));
  const health = proxyHealth({
    clock: osClock,
    cluster: clusterClient,
    self: selfClient,
    key: rawBytes(`${options.namespace}a`),
  });
  const own = proxyMetrics(watchRuntime(), () => counts.all(), osClock);
  const ownMetrics: HttpHandler = async (_request, { pathname }) =>
    pathname === '/proxy/metrics'
      ? {
          status: 200,
          headers: { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' },
          body: await own.metrics(),
        }
      : undefined;
  const relayed = relayMetrics(() => sync.endpoints, tls, osClock);
  return {
    grpc,
    http: createRouter({ handlers: [health, ownMetrics, relayed] }),
    close: async () => {
      sync.stop();
      await Promise.all([upstream.close(), clusterClient.close(), selfClient?.close()]);
    },
  };
}

function register(grpc: GrpcServer, upstream: Upstream, options: GrpcProxyOptions): void {
  const except = new Set<string>();
  if (options.advertiseClientUrl !== '') {
    const list = ownMemberList(hostName(), options.advertiseClientUrl);
    grpc.unary(opaque(Cluster.memberList), () => list);
    except.add(Cluster.memberList.path);
  }
  const { namespace } = options;
  forwardServices(grpc, upstream, {
    translations: namespace === '' ? new Map() : translations(new Namespace(rawBytes(namespace))),
    except,
  });
}

/** The address as the ports take it; TLS is spoken where there is a certificate. */
function listenUrl(options: GrpcProxyOptions): ListenUrl {
  const address = parseListenAddress(options.listenAddr);
  const scheme = hasCertificate(options.listenTls) ? 'https' : 'http';
  const { host, port } = address.t === 'tcp' ? address : { host: '', port: 0 };
  return { scheme, text: `${scheme}://${options.listenAddr}`, host, port, socketPath: undefined };
}

/** undefined without a certificate; what the other flags say is checked all the same. */
function serverTls({ listenTls }: GrpcProxyOptions): TlsOptions | undefined {
  checkVersion('tls-min-version', listenTls.minVersion);
  checkVersion('tls-max-version', listenTls.maxVersion);
  checkTlsLimits(listenTls);
  tlsLimits(listenTls);
  return hasCertificate(listenTls) ? listenTls : undefined;
}

function checkVersion(flag: string, text = ''): void {
  try {
    parseTlsVersion(text);
  } catch (cause) {
    throw new Error(`${flag} is invalid: ${(cause as Error).message}`, { cause });
  }
}

/**
 * undefined without TLS flags. A certificate with a common name would make the cluster take every caller for that user,
 * so it is refused.
 */
function clusterTls({ clusterTls: options }: GrpcProxyOptions): TlsContents | undefined {
  const isWanted = hasCertificate(options) || hasAuthorities(options) || options.insecureSkipVerify === true;
  if (!isWanted) return undefined;
  const contents = readTls(options);
  if (contents.cert !== undefined) {
    // Go keeps the last of several.
    const commonName = [...(new X509Certificate(contents.cert).subject ?? '').matchAll(/^CN=(.+)$/gm)].at(-1)?.[1];
    if (commonName !== undefined)
      throw new Error(`cert has non empty Common Name (${commonName}): ${options.certFile}`);
  }
  return contents;
}

/** A client of the proxy itself: with the proxy's own certificate, as clients may be asked for one. */
function selfOptions({
  advertiseClientUrl,
  listenTls,
  clusterTls: { insecureSkipVerify },
}: GrpcProxyOptions): ClientOptions {
  const base = { endpoints: [advertiseClientUrl] };
  return hasCertificate(listenTls) ? { ...base, tls: readTls({ ...listenTls, insecureSkipVerify }) } : base;
}

/** Runs a step whose failure is for the user to read. */
async function refusing<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    if (!(cause instanceof Error) || cause instanceof StartRefusal) throw cause;
    // A mistake of ours is no refusal: those are known by their class or by the system's code.
    const isForeseen =
      cause instanceof ListenAddressError ||
      'code' in cause ||
      cause.constructor === Error ||
      cause.name === 'UrlError';
    if (!isForeseen) throw cause;
    throw new StartRefusal(`${cause.message}\n`, 'stderr', { cause });
  }
}
