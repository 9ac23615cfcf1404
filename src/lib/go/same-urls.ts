/**
 * Whether two lists of URLs name the same addresses. They need not be written alike: where the texts differ, host names
 * are resolved and compared again, as etcd's pkg/netutil does; a name that does not resolve is tried again every second
 * until the deadline. `localhost` stays as it is.
 */
import type { Clock } from '../clock.js';
import type { Logger } from '../logger.js';
import { goQuote } from './quote.js';
import { parseGoUrl, splitHostPort } from './url.js';

export interface UrlResolver {
  readonly clock: Clock;
  readonly logger: Logger;
  /** All addresses of a host; an address is its own. Rejects when there is none. */
  readonly lookUpHost: (host: string) => Promise<readonly string[]>;
}

export const RESOLVE_TIMEOUT_MS = 30_000;
const RETRY_MS = 1000;

/** Why they differ, in etcd's words; undefined when they are the same. The order in a list does not matter. */
export async function urlsDifference(
  a: readonly string[],
  b: readonly string[],
  resolver: UrlResolver,
  deadlineMs = resolver.clock.monotonicMs() + RESOLVE_TIMEOUT_MS,
): Promise<string | undefined> {
  if (a.length !== b.length) return `len(${quotedList(a)}) != len(${quotedList(b)})`;
  const [left, right] = [[...a].sort(), [...b].sort()];
  if (left.every((url, i) => url === right[i])) return undefined;
  const resolved: string[][] = [];
  for (const urls of [left, right]) {
    const list: string[] = [];
    for (const url of urls) {
      try {
        list.push(await resolvedUrl(url, resolver, deadlineMs));
      } catch (cause) {
        return `failed to resolve ${goQuote(url)} (${cause instanceof Error ? cause.message : String(cause)})`;
      }
    }
    resolved.push(list.sort());
  }
  const [ours = [], theirs = []] = resolved;
  for (const [i, url] of ours.entries()) {
    const other = theirs[i] ?? '';
    if (url !== other) return `resolved urls: ${goQuote(url)} != ${goQuote(other)}`;
  }
  return undefined;
}

async function resolvedUrl(url: string, { clock, logger, lookUpHost }: UrlResolver, deadlineMs: number) {
  const { scheme, host: authority, path } = parseGoUrl(url);
  if (scheme === 'unix' || scheme === 'unixs') return url;
  const split = splitHostPort(authority);
  if (split === undefined) throw new Error(`address ${authority}: missing port in address`);
  const { host, port } = split;
  if (host === 'localhost') return url;
  for (let failure = new Error('context deadline exceeded'); ; ) {
    if (clock.monotonicMs() >= deadlineMs) throw failure;
    const fields = { url, host: authority };
    try {
      const [address] = host === '' ? [] : await lookUpHost(host);
      if (address === undefined) throw new Error('no such host');
      const resolved = `${inOneForm(address)}:${/^\d+$/.test(port) ? Number(port) : port}`;
      logger.info('resolved URL Host', { ...fields, 'resolved-addr': resolved });
      return `${scheme}://${resolved}${path}`;
    } catch (cause) {
      failure = lookUpFailure(host, cause);
    }
    const failed = { ...fields, 'retry-interval': '1s', error: failure.message };
    logger.warn('failed to resolve URL Host', failed);
    const waitMs = Math.min(RETRY_MS, deadlineMs - clock.monotonicMs());
    await new Promise<void>((resolve) => clock.after(waitMs, resolve));
    if (clock.monotonicMs() >= deadlineMs) logger.warn('failed to resolve URL Host; returning', failed);
  }
}

/** An address as Go writes it, whichever way it was written: IPv6 in brackets, IPv4 within IPv6 as IPv4. */
function inOneForm(address: string): string {
  if (!address.includes(':')) return address;
  const bracketed = `[${address}]`;
  if (!URL.canParse(`http://${bracketed}`)) return bracketed;
  const { hostname } = new URL(`http://${bracketed}`);
  const [, high, low] = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(hostname) ?? [];
  if (high === undefined || low === undefined) return hostname;
  return [high, low]
    .map((part) => Number.parseInt(part, 16))
    .flatMap((part) => [part >> 8, part & 0xff])
    .join('.');
}

/** A resolver that says which server it asked has said it all. */
function lookUpFailure(host: string, cause: unknown): Error {
  const { message } = cause instanceof Error ? cause : new Error(String(cause));
  return new Error(message.startsWith('lookup ') ? message : `lookup ${host}: ${message}`);
}

/** As Go's `%q` writes a list of texts. */
const quotedList = (texts: readonly string[]): string => `[${texts.map(goQuote).join(' ')}]`;
