/**
 * Whether a client's certificate is for the address that it calls from, as etcd demands of peers: one of its addresses,
 * or a name that leads to the address, or that the address leads to. A certificate with neither is not asked, nor is
 * who calls over a unix socket: a real etcd listens for its peers there in clear. Source: etcd's
 * client/pkg/transport/listener_tls.go.
 */
import { lookup, reverse } from 'node:dns/promises';
import { goQuote } from '../go/quote.js';
import type { TlsPeer } from '../tls.js';
import { plainAddress } from './certificate-names.js';

/**
 * A lookup that takes longer is as good as none: whoever connects must not hold up the handshake for as long as its
 * name server likes.
 */
const LOOKUP_TIMEOUT_MS = 5000;

/** undefined = it is. `remoteAddress` is `127.0.0.1:40312`, or `@` for a unix socket. */
export async function refusalOfAddress(peer: TlsPeer, remoteAddress: string): Promise<string | undefined> {
  const { addresses, dnsNames: names } = peer;
  if (addresses.length + names.length === 0 || remoteAddress === '@') return undefined;
  const host = remoteAddress.slice(0, remoteAddress.lastIndexOf(':')).replace(/^\[|\]$/g, '');
  if (addresses.includes(plainAddress(host))) return undefined;
  if (names.length === 0) return `x509: certificate is valid for ${addresses.join(', ')}, not ${host}`;
  const { found, failure } = await leadTo(names, host);
  if (found) return undefined;
  const why = failure === undefined ? '' : ` (${failure})`;
  return `tls: ${goQuote(host)} does not match any of DNSNames [${names.map(goQuote).join(' ')}]${why}`;
}

async function leadTo(
  names: readonly string[],
  host: string,
): Promise<{ readonly found: boolean; readonly failure?: string }> {
  const isWildcard = (name: string): boolean => name.startsWith('*.');
  const patterns = names.filter((name) => !isWildcard(name));
  const suffixes = names.filter(isWildcard).map((name) => name.slice(1));
  let failure: string | undefined;
  try {
    const ownNames = (await within(reverse(host))).map((name) => name.replace(/\.$/, ''));
    const fits = (own: string): boolean => patterns.includes(own) || suffixes.some((suffix) => own.endsWith(suffix));
    if (ownNames.some(fits)) return { found: true };
  } catch (error) {
    failure = `lookup ${host}: ${reasonOf(error)}`;
  }
  for (const name of patterns) {
    try {
      const addresses = await within(lookup(name, { all: true }));
      if (addresses.some(({ address }) => plainAddress(address) === plainAddress(host))) return { found: true };
    } catch (error) {
      failure = `lookup ${name}: ${reasonOf(error)}`;
    }
  }
  return { found: false, ...(failure !== undefined && { failure }) };
}

function reasonOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return code === 'ENOTFOUND' || code === 'ENODATA' ? 'no such host' : String(code ?? error);
}

async function within<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('i/o timeout')), LOOKUP_TIMEOUT_MS);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
