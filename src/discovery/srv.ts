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
  /** With a dot at its end. */
  readonly host: string;
  readonly port: number;
}

/** Names as the system and DNS resolve them; both reject, with an error in Go's words, when there is nothing. */
export interface Resolver {
  services(name: string): Promise<readonly ServiceRecord[]>;
  /** Addresses of a host, IPv4 first; of an address itself. A dot at the end is one in words alone. */
  host(name: string): Promise<readonly string[]>;
}

export interface SrvOptions {
  readonly domain: string;
  /** `''`, or what stands behind a dash in the service's name. */
  readonly serviceSuffix: string;
  /** Of this member. */
  readonly name: string;
  readonly advertisedPeerUrls: readonly string[];
  /** Whether this member must be one of the cluster's; a proxy need not be. */
  readonly takesPart: boolean;
}

const services = [
  ['etcd-server-ssl', 'https'],
  ['etcd-server', 'http'],
] as const;

/** The text of `--initial-cluster`. Rejects in etcd's words. */
export async function clusterFromSrv(options: SrvOptions, resolver: Resolver, logger: Logger): Promise<string> {
  const { domain, serviceSuffix, name, advertisedPeerUrls } = options;
  const found: string[] = [];
  const failures: string[] = [];
  for (const [service, scheme] of services) {
    const suffixed = serviceSuffix === '' ? service : `${service}-${serviceSuffix}`;
    let failure: string | undefined;
    try {
      appendAll(found, await lookUp(suffixed, scheme, options, resolver));
    } catch (cause) {
      failure = textOf(cause);
      failures.push(failure);
    }
    logger.info(`get cluster for ${service} SRV`, {
      'service-scheme': scheme,
      'service-name': suffixed,
      'server-name': name,
      'discovery-srv': domain,
      'advertise-peer-urls': advertisedPeerUrls,
      'found-cluster': [...found],
      ...(failure === undefined ? {} : { error: failure }),
    });
  }
  const error = failures.join('; ');
  if (failures.length > 0) {
    const causes = failures.length === 1 ? {} : { errorCauses: failures.map((each) => ({ error: each })) };
    logger.warn('failed to resolve during SRV discovery', { error, ...causes });
  }
  if (found.length === 0) throw new Error(error);
  for (const node of found) logger.info('got bootstrap from DNS for etcd-server', { node });
  if (options.takesPart && !found.some((member) => member.startsWith(`${name}=`))) {
    throw new Error(`cannot find local etcd member ${goQuote(name)} in SRV records`);
  }
  return found.join(',');
}

/** What one service's records list; rejects where that is nobody, with what happened last. */
async function lookUp(
  service: string,
  scheme: 'http' | 'https',
  { domain, name, advertisedPeerUrls }: SrvOptions,
  resolver: Resolver,
): Promise<readonly string[]> {
  const own = await ownAddresses(advertisedPeerUrls, resolver);
  const querying = (cause: unknown): Error =>
    new Error(`error querying DNS SRV records for _${service} ${textOf(cause)}`, { cause });
  const records = await resolver.services(`_${service}._tcp.${domain}`).catch((cause: unknown) => {
    throw querying(cause);
  });
  const members: string[] = [];
  let failure: unknown;
  let number = 0;
  for (const { host, port } of records) {
    const url = `${scheme}://${host.replace(/\.$/, '')}:${port}`;
    let address: string;
    try {
      address = await firstAddress(host, port, resolver);
    } catch (cause) {
      failure = cause;
      continue;
    }
    const advertised = own.get(address);
    const memberName = advertised === undefined ? String(number++) : name;
    if (advertised === undefined || advertised.startsWith(`${scheme}:`)) {
      members.push(`${memberName}=${url}`);
      continue;
    }
    failure = new Error(
      `bootstrap at ${url} from DNS for ${service} has scheme mismatch with expected peer ${advertised}`,
    );
  }
  if (members.length === 0) throw querying(failure);
  return members;
}

/** The URLs that this member advertises, by their addresses. */
async function ownAddresses(urls: readonly string[], resolver: Resolver): Promise<ReadonlyMap<string, string>> {
  const addresses = new Map<string, string>();
  for (const text of urls) {
    const url = new URL(text);
    const host = url.hostname.replace(/^\[|\]$/g, '');
    addresses.set(await firstAddress(host, portOf(url), resolver), text);
  }
  return addresses;
}

const portOf = ({ port, protocol }: URL): number => Number(port === '' ? (protocol === 'https:' ? 443 : 80) : port);

async function firstAddress(host: string, port: number, resolver: Resolver): Promise<string> {
  const [first] = await resolver.host(host);
  if (first === undefined) throw new Error(`lookup ${host}: no such host`);
  return `${first}:${port}`;
}

const textOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
