/**
 * Composition root of a v2 proxy (`etcd --proxy on`, a data directory that was a proxy's, or discovery that found its
 * cluster full): listeners for clients, the cluster's endpoints asked for now and then, requests passed on to them.
 * Order and texts: etcd's etcdmain/etcd.go, startProxy.
 */
import { Registry } from 'prom-client';
import { metricsHandler } from '../api/http/metrics.js';
import { corsHeaders } from '../api/http/router.js';
import { onlyGet } from '../api/http/types.js';
import type { MemberOptions } from '../config/member-options.js';
import type { HttpRequest, HttpResponse, HttpService } from '../lib/http.js';
import type { HttpClient } from '../lib/http-client.js';
import type { Logger } from '../lib/logger.js';
import type { NetworkAddress } from '../lib/network.js';
import { osClock } from '../lib/os/clock.js';
import { osDisk } from '../lib/os/disk.js';
import { createHttpClient } from '../lib/os/http-client.js';
import { osNetwork } from '../lib/os/net.js';
import { osRandom } from '../lib/os/random.js';
import { watchRuntime } from '../lib/os/runtime.js';
import { readTls } from '../lib/os/tls-files.js';
import { hasAuthorities, hasCertificate, type TlsOptions } from '../lib/tls.js';
import { collectProcessMetrics } from '../member/metrics/process-metrics.js';
import { ClusterFile } from '../proxy/v2/cluster-file.js';
import { Director } from '../proxy/v2/director.js';
import { EndpointRefresh } from '../proxy/v2/endpoint-refresh.js';
import { ProxyMetrics } from '../proxy/v2/metrics.js';
import { reverseProxy } from '../proxy/v2/reverse-proxy.js';
import { withOwnCertificates } from './own-certificates.js';
import { Ports } from './ports.js';

export interface RunningProxy {
  readonly clientAddresses: readonly NetworkAddress[];
  /** Connections end, waits with them. */
  close(): Promise<void>;
}

const KEEP_ALIVE_MS = 4000;
const CONFIG_PATH = '/v2/config/local/proxy';

/**
 * `peerUrls` are where to ask for the cluster, unless the data directory knows better; asked for when it does not.
 * Rejects with what etcd says when it cannot start; then nothing is left open.
 */
export async function startProxy(
  given: MemberOptions,
  logger: Logger,
  peerUrls: () => Promise<readonly string[]>,
): Promise<RunningProxy> {
  logger.info('v2 API proxy starting');
  const options = withOwnCertificates(given, logger);
  const file = new ClusterFile(osDisk, options.dataDir);
  const peers = await knownPeers(file, logger, peerUrls);
  const closing = new AbortController();
  const hasClientFiles = hasCertificate(options.clientTls) || hasAuthorities(options.clientTls);
  // As of old: without files for clients those for peers do for both.
  const toMembers = httpClientFor(options, hasClientFiles ? options.clientTls : options.peerTls);
  const toPeers = httpClientFor(options, options.peerTls);
  const director = new Director({
    clock: osClock,
    random: osRandom,
    logger,
    failureWaitMs: options.v2Proxy.failureWaitMs,
  });
  const endpoints = new EndpointRefresh(peers, {
    director,
    file,
    http: toPeers,
    clock: osClock,
    logger,
    intervalMs: options.v2Proxy.refreshIntervalMs,
    signal: closing.signal,
  });
  const ports = new Ports({
    network: osNetwork,
    clock: osClock,
    logger,
    keepalive: { minTimeMs: 0, timeMs: 0, timeoutMs: 0 },
    maxConcurrentStreams: options.maxConcurrentStreams,
  });
  const release = async (): Promise<void> => {
    closing.abort(new Error('the proxy is closed'));
    await ports.close({ graceMs: 0, busy: () => false });
    director.close();
    await Promise.all([toMembers.close(), toPeers.close()]);
  };
  try {
    await endpoints.refresh();
    await ports.listen('client', options.listenClientUrls, options.clientTls);
    const registry = new Registry();
    collectProcessMetrics(registry, watchRuntime());
    const metrics = new ProxyMetrics(registry);
    const forward = reverseProxy({ director, http: toMembers, clock: osClock, logger, metrics });
    ports.serve('client', { http: serviceOf(options, { director, forward, registry }) });
    for (const { text } of options.listenClientUrls) {
      logger.info('v2 proxy started listening on client requests', { host: text });
    }
    const refreshing = endpoints.keepRefreshing();
    return {
      clientAddresses: ports.addresses('client'),
      async close() {
        await release();
        await refreshing;
      },
    };
  } catch (cause) {
    await release();
    throw cause;
  }
}

async function knownPeers(
  file: ClusterFile,
  logger: Logger,
  otherwise: () => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const kept = file.read();
  if (kept !== undefined) {
    logger.info('proxy using peer URLS from cluster file', { 'peer-urls': kept, 'cluster-file': file.path });
    return kept;
  }
  const urls = await otherwise();
  file.makeDir();
  logger.info('proxy using peer URLS', { 'peer-urls': urls });
  return urls;
}

function httpClientFor({ v2Proxy }: MemberOptions, tls: TlsOptions): HttpClient {
  const { dialTimeoutMs, readTimeoutMs, writeTimeoutMs } = v2Proxy;
  return createHttpClient({
    network: osNetwork,
    dialTimeoutMs: dialTimeoutMs === 0 ? Number.MAX_SAFE_INTEGER : dialTimeoutMs,
    tls: () => readTls(tls),
    keepAliveMs: KEEP_ALIVE_MS,
    stalls: { clock: osClock, readTimeoutMs, writeTimeoutMs },
  });
}

interface ProxyParts {
  readonly director: Director;
  readonly forward: HttpService;
  readonly registry: Registry;
}

function serviceOf(
  { cors, v2Proxy, emulate }: MemberOptions,
  { director, forward, registry }: ProxyParts,
): HttpService {
  const metrics = metricsHandler({ emulate, metrics: () => registry.metrics() });
  return async (request) => {
    const url = URL.canParse(request.target, 'http://etcd') ? new URL(request.target, 'http://etcd') : undefined;
    const scrape = url === undefined ? undefined : await metrics(request, url);
    if (scrape !== undefined) return scrape;
    if (v2Proxy.mode === 'readonly' && request.method !== 'GET') return { status: 501, headers: {}, body: '' };
    const own = corsHeaders(cors, request.headers.origin);
    if (request.method === 'OPTIONS') return { status: 200, headers: own, body: '' };
    const response = url?.pathname === CONFIG_PATH ? configuration(request, director) : await forward(request);
    return { ...response, headers: bothHeaders(own, response.headers) };
  };
}

function configuration(request: HttpRequest, director: Director): HttpResponse {
  const refused = onlyGet(request);
  if (refused !== undefined) return refused;
  const endpoints = director.available().map(({ url }) => url);
  return {
    status: 200,
    headers: { 'Content-Type': 'text/plain; charset=utf-8' },
    body: `${JSON.stringify({ endpoints })}\n`,
  };
}

/**
 * Members add headers for pages of other origins too, so that passed-on answers have each of them twice, as etcd's
 * have.
 */
function bothHeaders(own: Readonly<Record<string, string>>, theirs: HttpResponse['headers']): HttpResponse['headers'] {
  const all: Record<string, string | readonly string[]> = { ...theirs };
  for (const [name, value] of Object.entries(own)) {
    const other = all[name];
    all[name] = other === undefined ? value : [value, ...(typeof other === 'string' ? [other] : other)];
  }
  return all;
}
