/**
 * How a member that begins a cluster learns who the others are, where they are not named: by a v2 or v3 token, or by
 * SRV records. Yields the options as they are with the members named, so that what follows knows one way to begin.
 */
import { Client } from '../client/client.js';
import { parseInitialCluster } from '../config/listen-url.js';
import type { LogLine } from '../config/log-line.js';
import type { MemberOptions, V3DiscoveryOptions } from '../config/member-options.js';
import { bootstrapMemberId } from '../datadir/ids.js';
import { DiscoveryError } from '../discovery/errors.js';
import { clusterThrough, type DiscoveryWords, FullError, joinThrough } from '../discovery/join.js';
import type { Registry } from '../discovery/registry.js';
import { clusterFromSrv } from '../discovery/srv.js';
import { v2Registry } from '../discovery/v2-registry.js';
import { v3Registry } from '../discovery/v3-registry.js';
import type { Disk } from '../lib/disk.js';
import { differenceOf, type EmulatedVersion } from '../lib/emulate.js';
import type { LogFields, Logger } from '../lib/logger.js';
import { osClock } from '../lib/os/clock.js';
import { lookUpHost, lookUpServices } from '../lib/os/look-up.js';
import { systemAuthorities } from '../lib/os/system-authorities.js';
import { readTls } from '../lib/os/tls-files.js';
import { hasAuthorities, hasCertificate } from '../lib/tls.js';
import { walDirOf } from '../member/bootstrap/paths.js';
import { hasWal } from '../wal/index.js';

/** What keeps a member from joining through a token, and what etcd advises. */
export class JoinError extends Error {
  override readonly name = 'JoinError';

  constructor(
    override readonly cause: Error,
    readonly advice: readonly Advice[],
  ) {
    super(`failed to join discovery cluster (${cause.message})`);
  }

  /** What is logged of it, in place of a start's usual end. */
  lines(emulate: EmulatedVersion): readonly LogLine[] {
    const isFull = this.cause instanceof FullError;
    const failed: LogLine = { level: 'warn', message: 'failed to start etcd', fields: { error: this.message } };
    const advice = this.advice.map(({ message, fields }): LogLine => ({ level: 'warn', message, fields }));
    return differenceOf('warnsFailedToStart', emulate) && !isFull ? [failed, ...advice] : advice;
  }
}

interface Advice {
  readonly message: string;
  readonly fields: LogFields;
}

/** Rejects with JoinError, or an Error in etcd's words. `signal` ends the waiting for others. */
export async function discover(
  options: MemberOptions,
  { disk, logger, signal }: { disk: Disk; logger: Logger; signal: AbortSignal },
): Promise<MemberOptions> {
  const { discovery } = options;
  if (discovery.t === 'none') return options;
  const walDir = walDirOf(options);
  const isInitialized = hasWal(disk, walDir);
  if (discovery.t === 'srv') return isInitialized ? options : namedByDns(options, await fromDns(options, true, logger));
  if (isInitialized) {
    logger.warn('discovery token is ignored since cluster already initialized; valid logs are found', {
      'wal-dir': walDir,
    });
    return options;
  }
  if (options.initialClusterState === 'existing') {
    throw new Error('discovery URL should not be set when joining existing initial cluster');
  }
  const { token, service } =
    discovery.t === 'v2'
      ? { token: discovery.url, service: originOf(discovery.url) }
      : { token: discovery.token, service: discovery.endpoints.join(',') };
  const id = bootstrapMemberId(options.initialAdvertisePeerUrls, token).toString(16);
  const value = options.initialAdvertisePeerUrls.map((url) => `${options.name}=${url}`).join(',');
  if (discovery.t === 'v3') logger.info('Bootstrapping cluster using v3 discovery.', {});
  let registry: Registry | undefined;
  try {
    registry = discovery.t === 'v2' ? openV2Registry(discovery) : openV3Registry(discovery, logger);
    const words = discovery.t === 'v2' ? v2Words : v3Words;
    const deps = { registry, clock: osClock, logger, words, service, signal };
    return named({ ...options, initialClusterToken: token }, await joinThrough({ id, value }, deps));
  } catch (cause) {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    throw new JoinError(error, adviceFor(error, token, options));
  } finally {
    await registry?.close();
  }
}

/**
 * The cluster that the options name, or lead to, for one that takes no part in it: a proxy. Rejects with an Error in
 * etcd's words.
 */
export async function clusterOfOptions(
  options: MemberOptions,
  { logger, signal }: { readonly logger: Logger; readonly signal: AbortSignal },
): Promise<ReadonlyMap<string, readonly string[]>> {
  const { discovery } = options;
  if (discovery.t === 'srv') return parseInitialCluster(await fromDns(options, false, logger));
  if (discovery.t !== 'v2') return options.initialCluster;
  const registry = openV2Registry(discovery);
  try {
    const service = originOf(discovery.url);
    return parseInitialCluster(
      await clusterThrough({ registry, clock: osClock, logger, words: v2Words, service, signal }),
    );
  } finally {
    await registry.close();
  }
}

function named(options: MemberOptions, cluster: string): MemberOptions {
  return { ...options, initialCluster: parseInitialCluster(cluster) };
}

/**
 * Peers that DNS names with https are taken for whom the domain's certificate is shown, unless authorities are named
 * that vouch for each. As etcd's PeerURLsMapAndToken, which comes to this only where nothing is initialized: later the
 * certificates are to be for the hosts.
 */
function namedByDns(options: MemberOptions, cluster: string): MemberOptions {
  const { discovery, peerTls } = options;
  const found = named(options, cluster);
  if (discovery.t !== 'srv' || !cluster.includes('https://') || hasAuthorities(peerTls)) return found;
  return { ...found, peerTls: { ...peerTls, serverName: discovery.domain } };
}

const v2Words: DiscoveryWords = {
  self: 'found self from discovery server',
  peer: 'found peer from discovery server',
  waiting: 'found peers from discovery server; waiting for more',
  complete: 'found all needed peers from discovery server',
  unreachable: 'failed to get from discovery server',
  badRegistration: 'invalidUrl',
};

const v3Words: DiscoveryWords = {
  self: 'register member itself successfully',
  peer: 'found peer from discovery service',
  waiting: 'waiting for peers from discovery service',
  complete: 'found all needed peers from discovery service',
  unreachable: 'failed to reach discovery service',
  badRegistration: 'invalidPeerUrl',
};

async function fromDns(options: MemberOptions, takesPart: boolean, logger: Logger): Promise<string> {
  const { discovery, name, initialAdvertisePeerUrls: advertisedPeerUrls } = options;
  if (discovery.t !== 'srv') throw new Error('not discovered by DNS');
  try {
    return await clusterFromSrv(
      { ...discovery, name, advertisedPeerUrls, takesPart },
      { services: lookUpServices, host: lookUpHost },
      logger,
    );
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`error setting up initial cluster: ${why}`, { cause });
  }
}

function openV2Registry({ url, proxy }: { readonly url: string; readonly proxy: string }): Registry {
  const ca = url.startsWith('https:') ? systemAuthorities() : undefined;
  return v2Registry({ url, proxy, ca, clock: osClock });
}

function openV3Registry(options: V3DiscoveryOptions, logger: Logger): Registry {
  const { tls, insecureTransport, endpoints, username } = options;
  const isSecure = !insecureTransport || hasCertificate(tls) || hasAuthorities(tls);
  const client = new Client({
    endpoints,
    tls: isSecure ? readTls(tls) : undefined,
    ...(username === '' ? {} : { username, password: options.password }),
    dialTimeoutMs: options.dialTimeoutMs,
    keepAlive: { timeMs: options.keepaliveTimeMs, timeoutMs: options.keepaliveTimeoutMs },
    // Which says why a service is not to be reached.
    logger,
  });
  return v3Registry({ client, token: options.token, requestTimeoutMs: options.requestTimeoutMs });
}

const originOf = (url: string): string => (URL.canParse(url) ? new URL(url).origin : url);

/** As etcd's startEtcdOrProxyV2. */
function adviceFor(error: Error, token: string, { name, dataDir }: MemberOptions): readonly Advice[] {
  const about = { 'discovery-token': token, error: error.message };
  const problem = error instanceof DiscoveryError ? error.problem : undefined;
  const line = (message: string, fields: LogFields = {}) => ({ message, fields });
  switch (problem) {
    case 'duplicateId':
      return [
        line('member has been registered with discovery service', { name, ...about }),
        line('but could not find valid cluster configuration', { 'data-dir': dataDir }),
        line('check data dir if previous bootstrap succeeded'),
        line('or use a new discovery token if previous bootstrap failed'),
      ];
    case 'duplicateName':
      return [
        line('member with duplicated name has already been registered', about),
        line('cURL the discovery token URL for details'),
        line('do not reuse discovery token; generate a new one to bootstrap a cluster'),
      ];
    default:
      return [
        line('failed to bootstrap; discovery token was already used', {
          ...about,
          error: `failed to join discovery cluster (${error.message})`,
        }),
        line('do not reuse discovery token; generate a new one to bootstrap a cluster'),
      ];
  }
}
