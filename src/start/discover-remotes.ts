/**
 * The endpoints behind a gateway from SRV records, with their priorities and weights. Unless told otherwise only those
 * are taken that speak TLS and whose certificate fits the domain. As etcd's etcdmain/util.go, discoverEndpoints.
 */
import type { Logger } from '../lib/logger.js';
import { type FoundService, lookUpServices } from '../lib/os/look-up.js';
import type { RemoteAddress } from '../proxy/gateway/remotes.js';
import { rawTlsCheck } from './raw-tls-check.js';
import { StartRefusal } from './start-refusal.js';

export interface GatewayDiscovery {
  readonly domain: string;
  /** Suffix of the service's name, or `''`. */
  readonly serviceSuffix: string;
  /** Endpoints without TLS, and with certificates of other names, are taken too. */
  readonly insecure: boolean;
  /** File of the authorities to trust; `''` = the system's. */
  readonly trustedCaFile: string;
}

/** Throws StartRefusal where DNS knows nothing. */
export async function discoverRemotes(
  { domain, serviceSuffix, insecure, trustedCaFile }: GatewayDiscovery,
  logger: Logger,
): Promise<readonly RemoteAddress[]> {
  const suffix = serviceSuffix === '' ? '' : `-${serviceSuffix}`;
  const failures: string[] = [];
  const lookUp = async (service: string): Promise<readonly FoundService[]> => {
    try {
      return await lookUpServices(`_${service}${suffix}._tcp.${domain}`);
    } catch (cause) {
      failures.push(cause instanceof Error ? cause.message : String(cause));
      return [];
    }
  };
  const secure = await lookUp('etcd-client-ssl');
  const plain = await lookUp('etcd-client');
  if (failures.length === 2) {
    throw new StartRefusal(`dns lookup errors: ${failures.join(' and ')}\n`, 'stdout');
  }
  const found = [...secure, ...plain];
  const endpoints = found.map(({ host, port }) => `${host}:${port}`);
  logger.info('discovered cluster from SRV', { 'srv-server': domain, endpoints });
  if (insecure) return found;
  const checked = await Promise.all(
    secure.map(async (service) => ({ service, failure: await rawTlsCheck(service, domain, trustedCaFile) })),
  );
  for (const { service, failure } of checked) {
    if (failure === undefined) continue;
    logger.warn('failed to validate secure endpoints', { endpoint: `${service.host}:${service.port}`, error: failure });
  }
  const good = checked.filter(({ failure }) => failure === undefined).map(({ service }) => service);
  logger.info('using validated secure endpoints', {
    'srv-server': domain,
    endpoints: good.map(({ host, port }) => `https://${host}:${port}`),
  });
  return good;
}
