/**
 * Names to addresses, as the system resolves them (hosts file, then DNS). Errors are worded as Go's resolver words
 * them.
 */
import type { SrvRecord } from 'node:dns';
import { lookup, Resolver } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { lookUpError } from './look-up-error.js';

/**
 * All addresses of a host, IPv4 first; an address is its own, and no name at all is any of the machine's. Rejects when
 * there is none. A dot at the end is one in words alone: files of hosts have names without.
 */
export async function lookUpHost(host: string): Promise<readonly string[]> {
  try {
    const found = await lookup(host.replace(/(.)\.$/, '$1'), { all: true, order: 'ipv4first' });
    return found.map(({ address }) => address);
  } catch (cause) {
    throw lookUpError(host, cause);
  }
}

export interface FoundService {
  /** With a dot at its end: no other name is meant. */
  readonly host: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** What the SRV records of `name` list, in the order in which to try them. Rejects when there are none. */
export async function lookUpServices(name: string): Promise<readonly FoundService[]> {
  try {
    const records = await askServers(name);
    if (!records.every(({ name: host }) => isDomainName(host))) throw new InvalidNamesError(name);
    records.sort((a, b) => a.priority - b.priority || b.weight - a.weight);
    return records.map(({ name: host, port, priority, weight }) => ({
      host: host.endsWith('.') ? host : `${host}.`,
      port,
      priority,
      weight,
    }));
  } catch (cause) {
    throw cause instanceof InvalidNamesError ? cause : lookUpError(name, cause);
  }
}

/**
 * As often, and each time as long, as /etc/resolv.conf says: left to itself, Node's resolver asks four times and
 * doubles its patience each time.
 */
async function askServers(name: string): Promise<SrvRecord[]> {
  const { timeoutMs, attempts } = patience();
  for (let attempt = 1; ; attempt++) {
    try {
      return await new Resolver({ timeout: timeoutMs, tries: 1 }).resolveSrv(name);
    } catch (cause) {
      const isSilent = cause instanceof Error && 'code' in cause && cause.code === 'ETIMEOUT';
      if (!isSilent || attempt >= attempts) throw cause;
    }
  }
}

function patience(): { timeoutMs: number; attempts: number } {
  let options = '';
  try {
    options = (/^options .*/m.exec(readFileSync('/etc/resolv.conf', 'utf8')) ?? [''])[0];
  } catch {
    // The defaults.
  }
  const told = (option: string, otherwise: number): number =>
    Math.max(1, Number(new RegExp(` ${option}:(\\d+)`).exec(options)?.[1] ?? otherwise));
  return { timeoutMs: told('timeout', 5) * 1000, attempts: told('attempts', 2) };
}

/** Of a service's name only the domain is told, as by Go. */
class InvalidNamesError extends Error {
  override readonly name = 'InvalidNamesError';

  constructor(service: string) {
    const domain = service.replace(/^_[^.]*\._[^.]*\./, '');
    super(`lookup ${domain}: DNS response contained records which contain invalid names`);
  }
}

/** As Go's isDomainName: what is no name of a host is not passed on to who might print or dial it. */
function isDomainName(text: string): boolean {
  const name = text.replace(/\.$/, '');
  if (name === '') return true;
  const isLong = name.length > 253 || name.split('.').some((label) => label.length > 63);
  return !isLong && /^[\w-]+(\.[\w-]+)*$/.test(name) && !/(^|\.)-|-(\.|$)/.test(name) && /[^\d.]/.test(name);
}
