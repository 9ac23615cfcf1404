/**
 * Where keys of the v2 API lie among v3 keys, as etcd 3.4 puts them:
 *
 *     PREFIX/003/k//1/a/b     value of the file /a/b; 003 = how many slashes its path has, so that one level of a
 *                             directory is one range
 *     PREFIX/002/k//1/a/      that /a is a directory
 *     PREFIX/act              the last change's action, written with each: its events tell watchers what was meant
 *
 * An index of v2 is the v3 revision less one. All text is bytes as latin1.
 */
import { latin1Bytes } from '../../../lib/latin1.js';
import { cleanPath } from '../../../v2/path.js';

/** No directory lies deeper below another: so many ranges take it away whole. */
export const MAX_DEPTH = 63;

export class V3Paths {
  constructor(readonly prefix: string) {}

  get action(): string {
    return `${this.prefix}/act`;
  }

  file(path: string, deeper = 0): string {
    const clean = cleanPath(path);
    const depth = clean.split('/').length - 1 + deeper;
    return `${this.prefix}/${String(depth).padStart(3, '0')}/k/${clean}`;
  }

  directory(path: string): string {
    return `${this.file(path)}/`;
  }

  /** What lies `deeper` levels below a directory: all keys that begin so. */
  level(path: string, deeper: number): string {
    const start = this.file(path, deeper);
    return start.endsWith('/') ? start : `${start}/`;
  }

  /** undefined for keys that are none of ours. */
  read(key: string): { readonly path: string; readonly isDirectory: boolean } | undefined {
    const match = /^\/\d{3,}\/k\/(\/.+)$/s.exec(key.startsWith(this.prefix) ? key.slice(this.prefix.length) : '');
    const path = match?.[1];
    return path === undefined ? undefined : { path: cleanPath(path), isDirectory: path.endsWith('/') };
  }
}

export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

export const indexOf = (revision: number): number => Math.max(0, revision - 1);

/** The end of all keys that begin with `start`, which ends with a slash. */
export const endOf = (start: string): Uint8Array => latin1Bytes(`${start.slice(0, -1)}0`);
