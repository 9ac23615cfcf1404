/**
 * Users and roles of v2 auth as they are stored, sent and changed. `null` and `[]` are kept apart, as Go's JSON shows
 * them.
 */
import { MessageError } from '../answers/message-error.js';

export type Names = readonly string[] | null;

export interface Patterns {
  readonly read: Names;
  readonly write: Names;
}

export interface Permissions {
  readonly kv: Patterns;
}

export interface User {
  readonly user: string;
  readonly password: string;
  readonly roles: Names;
}

export interface Role {
  readonly role: string;
  readonly permissions: Permissions;
  /** Of a request; a role that is created keeps what was sent, empty as it is. */
  readonly grant?: Permissions | undefined;
  readonly revoke?: Permissions | undefined;
}

export const ROOT = 'root';
export const GUEST = 'guest';

const everything: Permissions = { kv: { read: ['/*'], write: ['/*'] } };
export const rootRole: Role = { role: ROOT, permissions: everything };
export const guestRole: Role = { role: GUEST, permissions: everything };

export const isEmpty = (permissions: Permissions | undefined): boolean =>
  permissions === undefined || ((permissions.kv.read?.length ?? 0) === 0 && (permissions.kv.write?.length ?? 0) === 0);

/** User `root` has the role, whatever is stored. */
export function withRootRole(user: User): User {
  if (user.user !== ROOT || user.roles?.includes(ROOT) === true) return user;
  return { ...user, roles: [...(user.roles ?? []), ROOT] };
}

/**
 * Whether `pattern` covers `key`: it ends in `*` and is a beginning, or is the key itself. For a whole subtree only the
 * first will do.
 */
export function covers(pattern: string, key: string, options: { readonly recursive: boolean }): boolean {
  if (pattern.endsWith('*')) return key.startsWith(pattern.slice(0, -1));
  return !options.recursive && pattern !== '' && key === pattern;
}

export function allows(role: Role, key: string, options: { readonly write: boolean; readonly recursive: boolean }) {
  if (role.role === ROOT) return true;
  const patterns = options.write ? role.permissions.kv.write : role.permissions.kv.read;
  return (patterns ?? []).some((pattern) => covers(pattern, key, options));
}

const conflict = (message: string): MessageError => new MessageError(409, `auth: ${message}`);

export function changeRoles(user: User, grant: Names, revoke: Names): readonly string[] {
  const roles = new Set(user.roles);
  for (const role of grant ?? []) {
    if (roles.has(role)) throw conflict(`Granting duplicate role ${role} for user ${user.user}`);
    roles.add(role);
  }
  for (const role of revoke ?? []) {
    if (!roles.delete(role)) throw conflict(`Revoking ungranted role ${role} for user ${user.user}`);
  }
  return inOrder(roles);
}

export function changePermissions(
  from: Permissions,
  grant: Permissions | undefined,
  revoke: Permissions | undefined,
): Permissions {
  const granted = grant === undefined ? from : { kv: grantedPatterns(from.kv, grant.kv) };
  if (revoke === undefined) return granted;
  const { read, write } = granted.kv;
  return { kv: { read: without(read, revoke.kv.read), write: without(write, revoke.kv.write) } };
}

function grantedPatterns(from: Patterns, grant: Patterns): Patterns {
  const add = (have: Names, more: Names, kind: string): readonly string[] => {
    const patterns = new Set(have);
    for (const pattern of more ?? []) {
      if (patterns.has(pattern)) throw conflict(`Granting duplicate ${kind} permission ${pattern}`);
      patterns.add(pattern);
    }
    return inOrder(patterns);
  };
  return { read: add(from.read, grant.read, 'read'), write: add(from.write, grant.write, 'write') };
}

/** What is not there can be taken away. */
const without = (have: Names, less: Names): readonly string[] =>
  inOrder(new Set((have ?? []).filter((pattern) => less?.includes(pattern) !== true)));

const inOrder = (names: ReadonlySet<string>): readonly string[] =>
  [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
