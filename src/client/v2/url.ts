/**
 * Paths, queries and forms as Go's net/url writes them: what the server sees, and what debugging prints, is then what
 * etcd's client sends.
 */

const percent = (byte: number): string => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;

function escapeBytes(text: string, plain: RegExp): string {
  return Array.from(text, (char) => (plain.test(char) ? char : [...Buffer.from(char)].map(percent).join(''))).join('');
}

const plainInPath = /^[A-Za-z0-9\-_.~$&+,/:;=@]$/;
const plainInQuery = /^[A-Za-z0-9\-_.~]$/;

const escapePath = (path: string): string => escapeBytes(path, plainInPath);

const escapeQuery = (text: string): string =>
  text
    .split(' ')
    .map((part) => escapeBytes(part, plainInQuery))
    .join('+');

/** Pairs whose value is undefined are left out; sorted by name. */
export function encodeValues(values: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(values)
    .filter((entry): entry is [string, string] => entry[1] !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${escapeQuery(name)}=${escapeQuery(value)}`)
    .join('&');
}

/** An absolute path without `//`, `.` and `..`; a slash at its end stays. As etcd's pkg/pathutil.CanonicalURLPath. */
export function canonicalPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  const clean = `/${parts.join('/')}`;
  return path.endsWith('/') && clean !== '/' ? `${clean}/` : clean;
}

/** `endpoint` is `scheme://host[/path]`; its path comes before `path`. */
export function joinUrl(endpoint: string, path: string, query: string): string {
  const [, base = endpoint, prefix = ''] = /^([^:]*:\/\/[^/?#]*)([^?#]*)/.exec(endpoint) ?? [];
  return `${base}${escapePath(canonicalPath(decodeURI(prefix) + path))}${query === '' ? '' : `?${query}`}`;
}
