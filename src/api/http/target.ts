/**
 * A request's target as Go's HTTP server reads it: the path with its escapes undone, the query as it came. Text is
 * bytes as latin1. A path that is not clean is answered by a redirect to the clean one, whatever the method.
 */
import type { EmulatedVersion } from '../../lib/emulate.js';
import { movedTo } from '../../lib/go/redirect.js';
import type { HttpResponse } from '../../lib/http.js';

export interface Target {
  readonly path: string;
  readonly query: string;
}

/** Path and query of a target that may be a whole address, as proxies send it. */
export const relativeTarget = (target: string): string =>
  target.startsWith('/') ? target : target.replace(/^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/[^/?]*/, '');

/** undefined for what is no path: Go's server answers 400. */
export function readTarget(target: string): Target | undefined {
  const relative = relativeTarget(target);
  const mark = relative.indexOf('?');
  const raw = mark < 0 ? relative : relative.slice(0, mark);
  const query = mark < 0 ? '' : relative.slice(mark + 1);
  if (raw !== '' && !raw.startsWith('/')) return undefined;
  const path = raw.includes('%') ? unescapePath(raw) : raw;
  return path === undefined ? undefined : { path, query };
}

function unescapePath(raw: string): string | undefined {
  if (/%(?![0-9a-fA-F]{2})/.test(raw)) return undefined;
  return raw.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Where to go instead; undefined when the path is clean. A trailing slash stays. */
export function redirectOf(
  { path, query }: Target,
  asked: { readonly method: string; readonly emulate: EmulatedVersion },
): HttpResponse | undefined {
  if (isClean(path)) return undefined;
  const clean = cleaned(path);
  if (clean === path) return undefined;
  const location = escapePath(clean) + (query === '' ? '' : `?${query}`);
  return movedTo(location.replace(/[\x80-\xff]/g, escapeByte), asked);
}

/** Dots inside a name are fine, but looking closer costs more than cleaning what need not be. */
const isClean = (path: string): boolean => path.startsWith('/') && !path.includes('//') && !path.includes('/.');

function cleaned(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') kept.pop();
    else kept.push(segment);
  }
  const clean = `/${kept.join('/')}`;
  return path.endsWith('/') && clean !== '/' ? `${clean}/` : clean;
}

const escapeByte = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
/** What Go leaves as it is in a path. */
const escapePath = (path: string): string => path.replace(/[^a-zA-Z0-9\-_.~$&+,/:;=@]/g, escapeByte);

/** As Go's ServeMux answers what is no path. */
export const badRequest: HttpResponse = { status: 400, headers: { Connection: 'close' }, body: '' };
