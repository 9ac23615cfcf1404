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
import { ProxyMetrics } from '../proxy/v2/metrics.js';
import { remoteCluster } from '../proxy/v2/remote-members.js';
import { reverseProxy } from '../proxy/v2/reverse-proxy.js';
import { withOwnCertificates } from './own-certificates.js';
import { Ports } from './ports.js';

export interface RunningProxy {
  readonly clientAddresses: readonly NetworkAddress[];
  /** Connections end, waits with them. */
  close(): Promise<void>;
}

/** A proxy that knows no endpoint yet asks this often, where it would ask less often than every 30 s otherwise. */
const IMPATIENT_MS = 1000;
const LONG_INTERVAL_MS = 30_000;
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
  const endpoints = new EndpointRefresh(
    options,
    { director, file, http: toPeers, logger, signal: closing.signal },
    peers,
  );
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

interface RefreshDeps {
  readonly director: Director;
  readonly file: ClusterFile;
  readonly http: HttpClient;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Asks the peers for the cluster's endpoints, and keeps their own addresses for the next time. */
class EndpointRefresh {
  #peers: readonly string[];
  #hasTold = false;
  #written: string | undefined;

  constructor(
    readonly options: MemberOptions,
    readonly deps: RefreshDeps,
    peers: readonly string[],
  ) {
    this.#peers = peers;
  }

  async refresh(): Promise<void> {
    const { director, file, logger, http, signal } = this.deps;
    const cluster = await remoteCluster(this.#peers, { http, clock: osClock, logger, signal });
    if (cluster === undefined) {
      const error = 'could not retrieve cluster information from the given URLs';
      logger.warn('failed to get cluster from remote peers', { 'peer-urls': this.#peers, error });
      director.refresh([]);
      return;
    }
    const text = cluster.peerUrls.join(',');
    if (text !== this.#written) {
      file.write(cluster.peerUrls);
      this.#written = text;
    }
    if (text !== this.#peers.join(',')) {
      logger.info('proxy updated peer URLs', { from: this.#peers, to: cluster.peerUrls });
    }
    this.#peers = cluster.peerUrls;
    director.refresh(cluster.clientUrls);
    if (this.#hasTold || cluster.clientUrls.length === 0) return;
    this.#hasTold = true;
    logger.info('endpoints found', { endpoints: director.available().map(({ url }) => url) });
  }

  /** Resolves when the signal has aborted. */
  async keepRefreshing(): Promise<void> {
    const { director, logger, signal } = this.deps;
    const { refreshIntervalMs } = this.options.v2Proxy;
    while (!signal.aborted) {
      const isImpatient = refreshIntervalMs >= LONG_INTERVAL_MS && director.available().length === 0;
      await pause(isImpatient ? IMPATIENT_MS : Math.max(1, refreshIntervalMs), signal);
      if (signal.aborted) return;
      try {
        await this.refresh();
      } catch (error) {
        if (!signal.aborted) logger.warn('failed to refresh the endpoints of the proxy', { error });
      }
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      cancel();
      signal.removeEventListener('abort', wake);
      resolve();
    };
    const cancel = osClock.after(ms, wake);
    signal.addEventListener('abort', wake);
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
