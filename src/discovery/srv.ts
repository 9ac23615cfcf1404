/**
 * A cluster that begins from DNS: SRV records `_etcd-server-ssl._tcp.<domain>` (https) and `_etcd-server._tcp.<domain>`
 * (http) name its members' peer addresses. Which of them is this member follows from the addresses that it advertises;
 * the others get numbers for names, since real ones are learnt when they publish themselves. Source: etcd's
 * client/pkg/srv/srv.go, GetCluster, and embed.Config.GetDNSClusterNames.
 */

import { goQuote } from '../lib/go/quote.js';
import type { Logger } from '../lib/logger.js';
import { appendAll } from '../lib/long-lists.js';

export interface ServiceRecord {
  /** Without the dot at its end. */
  readonly host: string;
  readonly port: number;
}

/** Names as the system and DNS resolve them; both reject, with an error in Go's words, when there is nothing. */
export interface Resolver {
  services(name: string): Promise<readonly ServiceRecord[]>;
  /** Addresses of a host; of an address itself. */
  host(name: string): Promise<readonly string[]>;
}

export interface SrvOptions {
  readonly domain: string;
  /** `''`, or what stands behind a dash in the service's name. */
  readonly serviceSuffix: string;
  /** Of this member. */
  readonly name: string;
  readonly advertisedPeerUrls: readonly string[];
}

/** The text of `--initial-cluster`. Rejects in etcd's words. */
export async function clusterFromSrv(options: SrvOptions, resolver: Resolver, logger: Logger): Promise<string> {
  const own = await ownAddresses(options.advertisedPeerUrls, resolver);
  const found: string[] = [];
  const failures: Error[] = [];
  let lookups = 0;
  for (const [service, scheme] of [
    ['etcd-server-ssl', 'https'],
    ['etcd-server', 'http'],
  ] as const) {
    const suffixed = options.serviceSuffix === '' ? service : `${service}-${options.serviceSuffix}`;
    lookups++;
    let members: readonly string[] = [];
    let failure: Error | undefined;
    try {
      members = await lookUp(suffixed, scheme, options, { own, resolver, logger });
    } catch (cause) {
      failure = asError(cause);
      failures.push(new Error(`error querying DNS SRV records for _${suffixed} ${failure.message}`, { cause }));
    }
    logger.info(`get cluster for ${suffixed} SRV`, {
      'service-scheme': scheme,
      'service-name': suffixed,
      'server-name': options.name,
      'discovery-srv': options.domain,
      'advertise-peer-urls': options.advertisedPeerUrls,
      'found-cluster': members,
      ...(failure === undefined ? {} : { error: failure.message }),
    });
    appendAll(found, members);
  }
  if (failures.length === lookups) throw new Error(failures.map(({ message }) => message).join('; '));
  const cluster = found.join(',');
  if (!found.some((member) => member.startsWith(`${options.name}=`))) {
    throw new Error(`cannot find local etcd member ${goQuote(options.name)} in SRV records`);
  }
  return cluster;
}

interface LookUpContext {
  readonly own: ReadonlySet<string>;
  readonly resolver: Resolver;
  readonly logger: Logger;
}

async function lookUp(
  service: string,
  scheme: 'http' | 'https',
  { domain, name, advertisedPeerUrls }: SrvOptions,
  { own, resolver, logger }: LookUpContext,
): Promise<readonly string[]> {
  const records = await resolver.services(`_${service}._tcp.${domain}`);
  const members: string[] = [];
  let number = 0;
  for (const { host, port } of records) {
    const url = `${scheme}://${host}:${port}`;
    let address: string;
    try {
      address = await firstAddress(host, port, resolver);
    } catch (cause) {
      logger.warn('failed to resolve during SRV discovery', { host: `${host}:${port}`, error: asError(cause).message });
      continue;
    }
    const isOwn = own.has(address);
    const expected = isOwn ? advertisedPeerUrls.map((each) => new URL(each).protocol) : [];
    if (isOwn && !expected.includes(`${scheme}:`)) {
      logger.error('failed to bootstrap from DNS', {
        error:
          `bootstrap at ${url} from DNS for ${service} has scheme mismatch with expected peer ` +
          `${advertisedPeerUrls.join(',')}`,
      });
      continue;
    }
    const memberName = isOwn ? name : String(number++);
    members.push(`${memberName}=${url}`);
    logger.info('got bootstrap from DNS for etcd-server', { node: `${memberName}=${url}` });
  }
  return members;
}

async function ownAddresses(urls: readonly string[], resolver: Resolver): Promise<ReadonlySet<string>> {
  const addresses = new Set<string>();
  for (const text of urls) {
    const url = new URL(text);
    const host = url.hostname.replace(/^\[|\]$/g, '');
    addresses.add(await firstAddress(host, portOf(url), resolver));
  }
  return addresses;
}

const portOf = ({ port, protocol }: URL): number => Number(port === '' ? (protocol === 'https:' ? 443 : 80) : port);

async function firstAddress(host: string, port: number, resolver: Resolver): Promise<string> {
  const [first] = await resolver.host(host);
  if (first === undefined) throw new Error(`lookup ${host}: no such host`);
  return `${first}:${port}`;
}

const asError = (cause: unknown): Error => (cause instanceof Error ? cause : new Error(String(cause)));
