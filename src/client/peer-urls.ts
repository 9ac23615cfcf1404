/**
 * Checks member URLs before they are sent, as clientv3 does (client/pkg/types.NewURLs), with its and Go's words. A URL that passed
 * here can still be refused by the server.
 */

import { Code } from '../grpc/types.js';
import { goQuote } from '../lib/go/quote.js';
import { EtcdError } from './errors.js';

/** Throws EtcdError when one of `urls` is not `http(s)://host:port` or `unix(s)://…`. */
export function checkPeerUrls(urls: readonly string[]): void {
  for (const url of urls) {
    const problem = problemOf(url.trim());
    if (problem !== undefined) throw new EtcdError(Code.InvalidArgument, problem);
  }
}

function problemOf(url: string): string | undefined {
  const parse = (reason: string) => `parse ${goQuote(url)}: ${reason}`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
  if (/[\x00-\x1f\x7f]/.test(url)) return parse('net/url: invalid control character in URL');
  if (url.startsWith(':')) return parse('missing protocol scheme');
  const [, scheme, rest = ''] = /^([A-Za-z][A-Za-z0-9+.-]*):(.*)$/s.exec(url) ?? [];
  if (scheme === undefined) {
    const [firstSegment = ''] = url.split('/');
    if (firstSegment.includes(':')) return parse('first path segment in URL cannot contain colon');
    return `URL scheme must be http, https, unix, or unixs: ${url}`;
  }
  switch (scheme.toLowerCase()) {
    case 'unix':
    case 'unixs':
      return undefined;
    case 'http':
    case 'https':
      return problemOfHttp(url, rest, parse);
    default:
      return `URL scheme must be http, https, unix, or unixs: ${url}`;
  }
}

function problemOfHttp(url: string, rest: string, parse: (reason: string) => string): string | undefined {
  const noPort = `URL address does not have the form "host:port": ${url}`;
  const [, authority, path = ''] = /^\/\/([^/?#]*)([^?#]*)/.exec(rest) ?? [];
  if (authority === undefined) return noPort;
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  const [, bracketed, port] = /^(\[[^\]]*\])?(?:[^:]*?)(:[^:]*)?$/.exec(host) ?? [];
  if (host.startsWith('[') && bracketed === undefined) return parse("missing ']' in host");
  if (port !== undefined && !/^:\d*$/.test(port)) return parse(`invalid port ${goQuote(port)} after host`);
  if (port === undefined) return noPort;
  return path === '' ? undefined : `URL must not contain a path: ${url}`;
}
