/**
 * Checks member URLs before they are sent, as clientv3 does (client/pkg/types.NewURLs), with its and Go's words. A URL
 * that passed here can still be refused by the server.
 */
import { Code } from '../grpc/types.js';
import { type GoUrl, parseGoUrl, splitHostPort, UrlError } from '../lib/go/url.js';
import { EtcdError } from './errors.js';

/** Throws EtcdError when one of `urls` is not `http(s)://host:port` or `unix(s)://…`. */
export function checkPeerUrls(urls: readonly string[]): void {
  for (const url of urls) {
    const text = url.trim();
    const problem = problemOf(text, parsed(text));
    if (problem !== undefined) throw new EtcdError(Code.InvalidArgument, problem);
  }
}

function parsed(text: string): GoUrl {
  try {
    return parseGoUrl(text);
  } catch (error) {
    if (!(error instanceof UrlError)) throw error;
    throw new EtcdError(Code.InvalidArgument, error.message, { cause: error });
  }
}

function problemOf(text: string, { scheme, host, path }: GoUrl): string | undefined {
  switch (scheme) {
    case 'http':
    case 'https':
      if (splitHostPort(host) === undefined) return `URL address does not have the form "host:port": ${text}`;
      return path === '' ? undefined : `URL must not contain a path: ${text}`;
    case 'unix':
    case 'unixs':
      return undefined;
    default:
      return `URL scheme must be http, https, unix, or unixs: ${text}`;
  }
}
