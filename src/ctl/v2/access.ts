/** Flags of `role grant` and `role revoke`: a path, and one kind of access. */
import type { V2Access } from '../../client/v2/auth.js';
import { canonicalPath } from '../../client/v2/url.js';

export interface AccessFlags {
  readonly path: string;
  readonly read: boolean;
  readonly write: boolean;
  readonly readwrite: boolean;
}

export type Access =
  | { readonly t: 'ok'; readonly access: V2Access }
  | { readonly t: 'refuse'; readonly message: string };

export function accessOf({ path, ...kinds }: AccessFlags): Access {
  if (path === '') return { t: 'refuse', message: 'No path specified; please use `--path`' };
  if (canonicalPath(path) !== path) {
    return { t: 'refuse', message: `Not canonical path; please use \`--path=${canonicalPath(path)}\`` };
  }
  const asked = (['read', 'write', 'readwrite'] as const).filter((kind) => kinds[kind]);
  const [access] = asked;
  if (asked.length !== 1 || access === undefined) {
    return { t: 'refuse', message: 'Please specify exactly one of --read, --write or --readwrite' };
  }
  return { t: 'ok', access };
}
