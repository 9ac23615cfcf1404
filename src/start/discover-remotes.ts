/**
 * The endpoints behind a gateway or gRPC proxy from SRV records, with their priorities and weights. Unless told
 * otherwise only those are taken that are to be reached, under the service for TLS. Order and texts: etcd's
 * etcdmain/util.go, discoverEndpoints, and transport.ValidateSecureEndpoints.
 */
import { goQuote } from '../lib/go/quote.js';
import type { Logger } from '../lib/logger.js';
import { type FoundService, lookUpServices } from '../lib/os/look-up.js';
import { readTls } from '../lib/os/tls-files.js';
import { hasAuthorities, type TlsContents, type TlsOptions } from '../lib/tls.js';
import { secureEndpointCheck } from './secure-endpoint-check.js';
import { StartRefusal } from './start-refusal.js';

export interface SrvDiscovery {
  readonly domain: string;
  /** Suffix of the service's name, or `''`. */
  readonly serviceSuffix: string;
  /** Whatever is found is taken. */
  readonly insecure: boolean;
  /** With authorities, theirs must be the endpoints' certificates, for the domain; without, nobody need vouch. */
  readonly tls: TlsOptions;
}

interface FoundEndpoint extends FoundService {
  readonly url: string;
}

/** Maybe none. Throws StartRefusal where DNS knows nothing. */
export async function discoverRemotes(
  { domain, serviceSuffix, insecure, tls }: SrvDiscovery,
  logger: Logger,
): Promise<readonly FoundEndpoint[]> {
  const suffix = serviceSuffix === '' ? '' : `-${serviceSuffix}`;
  const failures: string[] = [];
  const lookUp = async (service: string, scheme: string): Promise<readonly FoundEndpoint[]> => {
    try {
      const services = await lookUpServices(`_${service}${suffix}._tcp.${domain}`);
      return services.map((found) => ({ ...found, url: `${scheme}://${found.host}:${found.port}` }));
    } catch (cause) {
      failures.push(cause instanceof Error ? cause.message : String(cause));
      return [];
    }
  };
  const found = [...(await lookUp('etcd-client-ssl', 'https')), ...(await lookUp('etcd-client', 'http'))];
  if (failures.length === 2) {
    throw new StartRefusal(`dns lookup errors: ${failures.join(' and ')}\n`, 'stdout');
  }
  const named = { 'srv-server': domain, endpoints: found.map(({ url }) => url) };
  logger.info('discovered cluster from SRV', named);
  if (insecure) return found;
  logger.info('validating discovered SRV endpoints', named);
  const { good, error } = await validate(found, { ...tls, serverName: domain });
  const taken = { 'srv-server': domain, endpoints: good.map(({ url }) => url) };
  if (error === undefined) logger.info('using validated discovered SRV endpoints', taken);
  else logger.warn('failed to validate discovered endpoints', { ...taken, error });
  return good;
}

async function validate(
  found: readonly FoundEndpoint[],
  options: TlsOptions,
): Promise<{ readonly good: readonly FoundEndpoint[]; readonly error: string | undefined }> {
  let tls: TlsContents | undefined;
  try {
    tls = hasAuthorities(options) ? readTls(options) : undefined;
  } catch (cause) {
    return { good: [], error: cause instanceof Error ? cause.message : String(cause) };
  }
  const errors = await Promise.all(
    found.map(async (endpoint) => {
      if (!endpoint.url.startsWith('https://')) return `${goQuote(endpoint.url)} is insecure`;
      const failure = await secureEndpointCheck(endpoint, tls);
      return failure === undefined ? undefined : `${goQuote(endpoint.url)} failed to dial (${failure})`;
    }),
  );
  const said = errors.filter((error) => error !== undefined);
  return {
    good: found.filter((_, at) => errors[at] === undefined),
    error: said.length === 0 ? undefined : said.join(','),
  };
}
