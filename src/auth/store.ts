/**
 * Users, roles and what they permit, over the buckets `auth`, `authUsers` and `authRoles`. Synchronous; changed by
 * applied entries alone, so all members agree.
 *
 * Invariants: users and roles in memory are the buckets' content; `revision` rises with every change of users, roles or
 * of their being in force (turning authentication on is none), and what it was is written with the change.
 * Formats: `backend/schema/auth*.ts`. Source: etcd's server/auth/store.go.
 */
import { readAuthEnabled, readAuthRevision, writeAuthEnabled, writeAuthRevision } from '../backend/schema/auth.js';
import { deleteAuthRole, putAuthRole, readAuthRoles } from '../backend/schema/auth-roles.js';
import { deleteAuthUser, putAuthUser, readAuthUsers } from '../backend/schema/auth-users.js';
import type { Backend } from '../backend/types.js';
import { latin1Bytes, latin1Text } from '../lib/latin1.js';
import type { Logger } from '../lib/logger.js';
import { rawBytes } from '../lib/raw-text.js';
import type { Permission, Role, User } from '../proto/gen/authpb.js';
import type {
  AuthRoleGrantPermissionRequest,
  AuthRoleRevokePermissionRequest,
  AuthUserAddRequest,
  AuthUserChangePasswordRequest,
} from '../proto/gen/etcdserverpb.js';
import { AuthError } from './errors.js';
import { isGrantableRange } from './key-ranges.js';
import { copyOf, isOn, type Rights, rightsFrom, withPermission } from './permissions.js';
import type { Identity, Login, Tokens } from './types.js';

const ROOT_USER = 'root';
const ROOT_ROLE = 'root';

export interface AuthStoreDeps {
  readonly logger: Logger;
  readonly tokens: Tokens;
  /**
   * For entries of 3.4 and older, which carry the password itself: its bcrypt text. `seed` tells entries apart and is
   * the same on every member, so that ours agree on the salt.
   */
  readonly hashNow: (password: string, seed: string) => string;
}

/** Every method that changes something throws AuthError; then nothing has changed. */
export class AuthStore {
  #backend: Backend;
  #enabled = false;
  #revision = 0;
  readonly #users = new Map<string, User>();
  readonly #roles = new Map<string, Role>();
  /** By user, made when first asked for. */
  readonly #rights = new Map<string, Rights>();

  /** Reads the buckets, which must exist. In a new store the revision becomes 1. */
  constructor(
    backend: Backend,
    readonly deps: AuthStoreDeps,
  ) {
    this.#backend = backend;
    this.#load();
    if (this.#revision === 0) this.#bump();
  }

  /** Goes on with another backend (a snapshot from the leader); tokens given out before stay known. */
  restore(backend: Backend): void {
    this.#backend = backend;
    this.#users.clear();
    this.#roles.clear();
    this.#load();
    if (!this.#enabled) this.deps.tokens.forgetAll();
  }

  get isEnabled(): boolean {
    return this.#enabled;
  }

  get revision(): number {
    return this.#revision;
  }

  // ---- on and off

  enable(): void {
    if (this.#enabled) {
      this.deps.logger.info('authentication is already enabled; ignored auth enable request');
      return;
    }
    const root = this.#users.get(ROOT_USER);
    if (root === undefined) throw new AuthError('rootUserNotExist');
    if (!root.roles.includes(ROOT_ROLE)) throw new AuthError('rootRoleNotExist');
    writeAuthEnabled(this.#backend, true);
    this.#enabled = true;
    this.deps.logger.info('enabled authentication');
  }

  disable(): void {
    if (!this.#enabled) return;
    writeAuthEnabled(this.#backend, false);
    this.#enabled = false;
    this.#bump();
    this.deps.tokens.forgetAll();
    this.deps.logger.info('disabled authentication');
  }

  // ---- logging in

  /** bcrypt text to check a password against, and the revision at which it held. */
  passwordHashOf(username: string): { hash: string; revision: number } {
    if (!this.#enabled) throw new AuthError('authNotEnabled');
    const user = this.#users.get(username);
    if (user === undefined) throw new AuthError('authFailed');
    if (user.options?.noPassword === true) throw new AuthError('passwordForNoPasswordUser');
    return { hash: latin1Text(user.password), revision: this.#revision };
  }

  /** The password was checked by the member that was asked. */
  authenticate(username: string, prefix: string, at: { index: number; nowMs: number }): Login {
    if (!this.#enabled) throw new AuthError('authNotEnabled');
    const user = this.#users.get(username);
    if (user === undefined || user.options?.noPassword === true) throw new AuthError('authFailed');
    const login: Login = { username, prefix, index: at.index, revision: this.#revision };
    this.deps.tokens.add(login, at.nowMs);
    return login;
  }

  // ---- users

  /** `seed`: see `AuthStoreDeps.hashNow`. */
  addUser(request: AuthUserAddRequest, seed: string): void {
    if (request.name.length === 0) throw new AuthError('userEmpty');
    if (this.#users.has(request.name)) throw new AuthError('userAlreadyExists');
    const options = request.options ?? { noPassword: false };
    const password = options.noPassword ? new Uint8Array(0) : this.#password(request, seed);
    this.#putUser(request.name, { name: rawBytes(request.name), password, roles: [], options });
    this.#changed('added a user', { 'user-name': request.name });
  }

  deleteUser(name: string): void {
    if (this.#enabled && name === ROOT_USER) throw this.#invalidManagement("cannot delete 'root' user", name);
    const user = this.#mustFindUser(name);
    this.#users.delete(name);
    deleteAuthUser(this.#backend, name);
    this.deps.tokens.forgetUser(name);
    this.#changed('deleted a user', { 'user-name': name, 'user-roles': user.roles });
  }

  changePassword(request: AuthUserChangePasswordRequest, seed: string): void {
    const user = this.#mustFindUser(request.name);
    const password = user.options?.noPassword === true ? new Uint8Array(0) : this.#password(request, seed);
    this.#putUser(request.name, { ...user, password });
    this.deps.tokens.forgetUser(request.name);
    this.#changed('changed a password of a user', { 'user-name': request.name, 'user-roles': user.roles });
  }

  /** Granting what is granted changes nothing. The role `root` need not exist. */
  grantRole(name: string, role: string): void {
    const user = this.#mustFindUser(name);
    if (role !== ROOT_ROLE) this.#mustFindRole(role);
    if (user.roles.includes(role)) {
      this.deps.logger.warn('ignored grant role request to a user', {
        'user-name': name,
        'user-roles': user.roles,
        'duplicate-role-name': role,
      });
      return;
    }
    const roles = inByteOrder([...user.roles, role]);
    this.#putUser(name, { ...user, roles });
    this.#changed('granted a role to a user', { 'user-name': name, 'user-roles': roles, 'added-role-name': role });
  }

  revokeRole(name: string, role: string): void {
    if (this.#enabled && name === ROOT_USER && role === ROOT_ROLE)
      throw this.#invalidManagement("'root' user cannot revoke 'root' role", name);
    const user = this.#mustFindUser(name);
    if (!user.roles.includes(role)) throw new AuthError('roleNotGranted');
    const roles = user.roles.filter((other) => other !== role);
    this.#putUser(name, { ...user, roles });
    this.#changed('revoked a role from a user', {
      'user-name': name,
      'old-user-roles': user.roles,
      'new-user-roles': roles,
      'revoked-role-name': role,
    });
  }

  rolesOf(name: string): readonly string[] {
    return this.#mustFindUser(name).roles;
  }

  /** Names, in byte order. */
  userNames(): string[] {
    return inByteOrder([...this.#users.keys()]);
  }

  // ---- roles

  addRole(name: string): void {
    if (name.length === 0) throw new AuthError('roleEmpty');
    if (this.#roles.has(name)) throw new AuthError('roleAlreadyExists');
    this.#putRole(name, { name: rawBytes(name), keyPermission: [] });
    this.#changed('created a role', { 'role-name': name });
  }

  /** Takes it from its users too. */
  deleteRole(name: string): void {
    if (this.#enabled && name === ROOT_ROLE) throw this.#invalidManagement("cannot delete 'root' role", name);
    this.#mustFindRole(name);
    this.#roles.delete(name);
    deleteAuthRole(this.#backend, name);
    for (const [username, user] of this.#users) {
      if (!user.roles.includes(name)) continue;
      this.#putUser(username, { ...user, roles: user.roles.filter((other) => other !== name) });
    }
    this.#changed('deleted a role', { 'role-name': name });
  }

  /** A permission on the same key and end takes the place of the one there was. */
  grantPermission({ name, perm }: AuthRoleGrantPermissionRequest): void {
    if (perm === undefined) throw new AuthError('permissionNotGiven');
    if (!isGrantableRange(perm.key, perm.rangeEnd)) throw new AuthError('invalidAuthManagement');
    const role = this.#mustFindRole(name);
    this.#putRole(name, { ...role, keyPermission: withPermission(role.keyPermission, copyOf(perm)) });
    this.#changed('granted/updated a permission to a user', { 'user-name': name });
  }

  revokePermission({ role: name, key, rangeEnd }: AuthRoleRevokePermissionRequest): void {
    const role = this.#mustFindRole(name);
    const keyPermission = role.keyPermission.filter((perm) => !isOn(perm, key, rangeEnd));
    if (keyPermission.length === role.keyPermission.length) throw new AuthError('permissionNotGranted');
    this.#putRole(name, { ...role, keyPermission });
    this.#changed('revoked a permission on range', { 'role-name': name });
  }

  /** As granted; what the role `root` may do beyond that is not written anywhere. */
  permissionsOf(name: string): readonly Permission[] {
    return this.#mustFindRole(name).keyPermission;
  }

  /** Names, in byte order. */
  roleNames(): string[] {
    return inByteOrder([...this.#roles.keys()]);
  }

  hasRole(username: string, role: string): boolean {
    return this.#users.get(username)?.roles.includes(role) ?? false;
  }

  // ---- who may do what; all of it passes while authentication is off

  /** Throws AuthError unless `identity` may read all of `[key, rangeEnd)`. */
  checkRead(identity: Identity | undefined, key: Uint8Array, rangeEnd: Uint8Array): void {
    this.#check(identity, key, rangeEnd, 'read');
  }

  checkWrite(identity: Identity | undefined, key: Uint8Array, rangeEnd: Uint8Array): void {
    this.#check(identity, key, rangeEnd, 'write');
  }

  checkRoot(identity: Identity | undefined): void {
    if (!this.#enabled) return;
    if (identity === undefined || identity.username === '') throw new AuthError('userEmpty');
    if (!this.#rightsOf(identity.username).isRoot) throw new AuthError('permissionDenied');
  }

  isRoot(identity: Identity | undefined): boolean {
    return !this.#enabled || (identity !== undefined && this.hasRole(identity.username, ROOT_ROLE));
  }

  /** Somebody, whoever it is. */
  checkKnown(identity: Identity | undefined): void {
    if (this.#enabled && identity === undefined) throw new AuthError('userEmpty');
  }

  /** After serving: what was checked must still be what holds. */
  checkUnchanged(identity: Identity | undefined): void {
    if (this.#enabled && identity !== undefined && identity.revision !== 0 && identity.revision !== this.#revision)
      throw new AuthError('authOldRevision');
  }

  /** For what the member itself does in the name of root: revoking leases that have ended. */
  rootIdentity(): Identity | undefined {
    return this.#enabled ? { username: ROOT_USER, revision: this.#revision } : undefined;
  }

  #check(identity: Identity | undefined, key: Uint8Array, rangeEnd: Uint8Array, right: 'read' | 'write'): void {
    if (!this.#enabled) return;
    if (identity === undefined || identity.revision === 0) throw new AuthError('userEmpty');
    if (identity.revision < this.#revision) throw new AuthError('authOldRevision');
    const rights = this.#rightsOf(identity.username);
    if (!rights.isRoot && !rights[right].contains(key, rangeEnd)) throw new AuthError('permissionDenied');
  }

  #rightsOf(username: string): Rights {
    const known = this.#rights.get(username);
    if (known !== undefined) return known;
    const user = this.#users.get(username);
    if (user === undefined) throw new AuthError('permissionDenied');
    const permissions = user.roles.flatMap((role) => this.#roles.get(role)?.keyPermission ?? []);
    const rights = rightsFrom(permissions, { isRoot: user.roles.includes(ROOT_ROLE) });
    this.#rights.set(username, rights);
    return rights;
  }

  // ---- inside

  #password(request: { name: string; password: string; hashedPassword: string }, seed: string): Uint8Array {
    if (request.password !== '' && request.hashedPassword === '')
      return latin1Bytes(this.deps.hashNow(request.password, seed));
    const hash = decodeBase64(request.hashedPassword);
    if (hash === undefined) throw new AuthError('passwordForNoPasswordUser');
    return hash;
  }

  #mustFindUser(name: string): User {
    const user = this.#users.get(name);
    if (user === undefined) throw new AuthError('userNotFound');
    return user;
  }

  #mustFindRole(name: string): Role {
    const role = this.#roles.get(name);
    if (role === undefined) throw new AuthError('roleNotFound');
    return role;
  }

  #invalidManagement(why: string, name: string): AuthError {
    this.deps.logger.error(why, { 'user-name': name });
    return new AuthError('invalidAuthManagement');
  }

  #putUser(name: string, user: User): void {
    this.#users.set(name, user);
    putAuthUser(this.#backend, name, user);
  }

  #putRole(name: string, role: Role): void {
    this.#roles.set(name, role);
    putAuthRole(this.#backend, name, role);
  }

  #changed(what: string, fields: Readonly<Record<string, unknown>>): void {
    this.#rights.clear();
    this.#bump();
    this.deps.logger.info(what, fields);
  }

  #bump(): void {
    this.#revision++;
    writeAuthRevision(this.#backend, this.#revision);
  }

  #load(): void {
    const backend = this.#backend;
    this.#rights.clear();
    this.#enabled = readAuthEnabled(backend);
    this.#revision = readAuthRevision(backend);
    readAuthUsers(backend, (name, user) => this.#users.set(name, user));
    readAuthRoles(backend, (name, role) => this.#roles.set(name, role));
  }
}

function inByteOrder(names: string[]): string[] {
  return names.sort((a, b) => Buffer.compare(rawBytes(a), rawBytes(b)));
}

/** Undefined when Go's decoder would refuse it. */
function decodeBase64(text: string): Uint8Array | undefined {
  const whole = text.replaceAll(/[\r\n]/g, '');
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(whole)) return undefined;
  return Buffer.from(whole, 'base64');
}
