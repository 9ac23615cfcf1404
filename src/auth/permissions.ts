/** The permissions of a role as they are kept, and what those of a user's roles come to. */
import { goSort } from '../lib/go/sort.js';
import { type Permission, Permission_Type as PermType } from '../proto/gen/authpb.js';
import { KeyRanges } from './key-ranges.js';

export interface Rights {
  readonly isRoot: boolean;
  readonly read: KeyRanges;
  readonly write: KeyRanges;
}

export function rightsFrom(permissions: readonly Permission[], { isRoot }: Pick<Rights, 'isRoot'>): Rights {
  const allowing = (wanted: PermType) =>
    new KeyRanges(permissions.filter(({ permType }) => permType === wanted || permType === PermType.READWRITE));
  return { isRoot, read: allowing(PermType.READ), write: allowing(PermType.WRITE) };
}

/** Requests are views into bytes that others own. */
export function copyOf({ permType, key, rangeEnd }: Permission): Permission {
  return { permType, key: Uint8Array.from(key), rangeEnd: Uint8Array.from(rangeEnd) };
}

export function isOn(perm: Permission, key: Uint8Array, rangeEnd: Uint8Array): boolean {
  return Buffer.compare(perm.key, key) === 0 && Buffer.compare(perm.rangeEnd, rangeEnd) === 0;
}

/**
 * In order of keys. Only the first permission on the key is looked at for being the same, and ties are left as Go's
 * sorting leaves them: the order of what is stored must be the same on every member, whoever wrote it.
 */
export function withPermission(permissions: readonly Permission[], granted: Permission): Permission[] {
  const result = [...permissions];
  const at = result.findIndex(({ key }) => Buffer.compare(key, granted.key) >= 0);
  const there = result[at];
  if (there !== undefined && isOn(there, granted.key, granted.rangeEnd)) {
    result[at] = { ...there, permType: granted.permType };
    return result;
  }
  result.push(granted);
  goSort(result, (a, b) => Buffer.compare(a.key, b.key) < 0);
  return result;
}
