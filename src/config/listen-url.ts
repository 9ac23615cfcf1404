/**
 * Lists of URLs as etcd's flags take them: comma-separated, each checked, the list sorted and without duplicates.
 * (etcd's client/pkg/types/urls.go)
 */
import { parseGoUrl, splitHostPort } from '../lib/go/url.js';

/** A URL that passed etcd's checks: scheme http, https, unix or unixs; a port where there is a host; no path. */
export interface ListenUrl {
  readonly scheme: 'http' | 'https' | 'unix' | 'unixs';
  /** As given, e.g. `http://127.0.0.1:2379`: what members and clients see. */
  readonly text: string;
  /** Host without brackets, `''` for unix sockets. */
  readonly host: string;
  /** 0 = any free port. Always 0 for unix sockets. */
  readonly port: number;
  /** File name of a unix socket (host and path of the URL, relative to the working folder), else undefined. */
  readonly socketPath: string | undefined;
}

/**
 * Throws an Error in etcd's words, e.g. `URL must not contain a path: http://a:1/x`. An empty text is an empty list.
 */
export function parseUrlList(text: string): readonly ListenUrl[] {
  if (text === '') return [];
  const byText = new Map(
    text
      .split(',')
      .map((item) => parseUrl(item.trim()))
      .map((url) => [url.text, url]),
  );
  return [...byText.values()].sort((a, b) => (a.text < b.text ? -1 : 1));
}

function parseUrl(text: string): ListenUrl {
  const { scheme, host: authority, path } = parseGoUrl(text);
  switch (scheme) {
    case 'http':
    case 'https': {
      const split = splitHostPort(authority);
      if (split === undefined) throw new Error(`URL address does not have the form "host:port": ${text}`);
      if (path !== '') throw new Error(`URL must not contain a path: ${text}`);
      const port = Number(split.port === '' ? '0' : split.port);
      return { scheme, text: `${scheme}://${authority}`, host: split.host, port, socketPath: undefined };
    }
    case 'unix':
    case 'unixs':
      return { scheme, text: `${scheme}://${authority}${path}`, host: '', port: 0, socketPath: `${authority}${path}` };
    default:
      throw new Error(`URL scheme must be http, https, unix, or unixs: ${text}`);
  }
}

export const textsOf = (urls: readonly ListenUrl[]): readonly string[] => urls.map((url) => url.text);

/**
 * `name=url,name=url` to URLs by name; a name may come again with another URL (the same one twice is for the member's
 * start to refuse). A word without `=` is a URL-less name, which fails. (etcd's client/pkg/types/urlsmap.go)
 */
export function parseInitialCluster(text: string): ReadonlyMap<string, readonly string[]> {
  const urls = new Map<string, string[]>();
  for (const item of text.split(',')) {
    if (item === '') continue;
    const equals = item.indexOf('=');
    const name = equals < 0 ? item : item.slice(0, equals);
    const [url] = parseUrlList(equals < 0 ? ' ' : item.slice(equals + 1) || ' ');
    urls.set(name, [...(urls.get(name) ?? []), ...(url === undefined ? [] : [url.text])]);
  }
  return new Map([...urls].map(([name, list]) => [name, [...list].sort()]));
}
