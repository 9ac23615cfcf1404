/**
 * URLs as Go's net/url reads them, as far as addresses of servers need it: scheme, host with port, path. Error texts
 * are Go's, since etcd prints them. https://pkg.go.dev/net/url#Parse
 */
import { goQuote } from './quote.js';

export interface GoUrl {
  readonly scheme: string;
  /** Host and port as written, brackets included; `''` when there is none. */
  readonly host: string;
  readonly path: string;
}

export class UrlError extends Error {
  override readonly name = 'UrlError';
}

/** Throws UrlError: `parse "127.0.0.1:2379": first path segment in URL cannot contain colon`. */
export function parseGoUrl(text: string): GoUrl {
  const fail = (why: string): UrlError => new UrlError(`parse ${goQuote(text)}: ${why}`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\x00-\x1f\x7f]/.test(text)) throw fail('net/url: invalid control character in URL');
  const { scheme, rest } = splitScheme(text, fail);
  const [beforeFragment = ''] = rest.split('#', 1);
  const [beforeQuery = ''] = beforeFragment.split('?', 1);
  if (!beforeQuery.startsWith('/')) {
    // `scheme:opaque` has neither host nor path.
    if (scheme !== '') return { scheme, host: '', path: '' };
    const [firstSegment = ''] = beforeQuery.split('/', 1);
    if (firstSegment.includes(':')) throw fail('first path segment in URL cannot contain colon');
  }
  if (!beforeQuery.startsWith('//') || (scheme === '' && beforeQuery.startsWith('///'))) {
    return { scheme, host: '', path: unescapePath(beforeQuery, fail) };
  }
  const authority = /^\/\/([^/]*)/.exec(beforeQuery)?.[1] ?? '';
  const path = beforeQuery.slice(2 + authority.length);
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  checkHost(host, fail);
  return { scheme, host, path: unescapePath(path, fail) };
}

type Fail = (why: string) => UrlError;

function splitScheme(text: string, fail: Fail): { scheme: string; rest: string } {
  const found = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(text);
  if (found?.[1] !== undefined) return { scheme: found[1].toLowerCase(), rest: text.slice(found[0].length) };
  if (text.startsWith(':')) throw fail('missing protocol scheme');
  return { scheme: '', rest: text };
}

function checkHost(host: string, fail: Fail): void {
  if (host.startsWith('[')) {
    const end = host.lastIndexOf(']');
    if (end < 0) throw fail("missing ']' in host");
    checkPort(host.slice(end + 1), fail);
    return;
  }
  const colon = host.lastIndexOf(':');
  if (colon >= 0) checkPort(host.slice(colon), fail);
  const badEscape = /%(?![0-9a-fA-F]{2}).{0,2}/u.exec(host);
  if (badEscape !== null) throw fail(`invalid URL escape ${goQuote(badEscape[0])}`);
  const bad = /[ "<>\\^`{|}]/.exec(host);
  if (bad !== null) throw fail(`invalid character ${goQuote(bad[0])} in host name`);
}

function checkPort(text: string, fail: Fail): void {
  if (text !== '' && !/^:\d*$/.test(text)) throw fail(`invalid port ${goQuote(text)} after host`);
}

function unescapePath(path: string, fail: Fail): string {
  const badEscape = /%(?![0-9a-fA-F]{2}).{0,2}/u.exec(path);
  if (badEscape !== null) throw fail(`invalid URL escape ${goQuote(badEscape[0])}`);
  return Buffer.from(
    path.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    path.includes('%') ? 'latin1' : 'utf8',
  ).toString('utf8');
}

/**
 * `host:port` cut in two as Go's net.SplitHostPort does; undefined when it has not that form. An IPv6 host loses its
 * brackets.
 */
export function splitHostPort(text: string): { readonly host: string; readonly port: string } | undefined {
  if (text.startsWith('[')) {
    const end = text.indexOf(']');
    if (end < 0 || text[end + 1] !== ':' || text.indexOf(':', end + 2) >= 0) return undefined;
    return { host: text.slice(1, end), port: text.slice(end + 2) };
  }
  const colon = text.lastIndexOf(':');
  if (colon < 0 || text.indexOf(':') !== colon) return undefined;
  return { host: text.slice(0, colon), port: text.slice(colon + 1) };
}
