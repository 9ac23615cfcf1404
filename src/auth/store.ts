/**
 * Users and roles, and changes of them (`access.ts`: what they permit; `records.ts`: where they are kept). Synchronous;
 * changed by applied entries alone, so all members agree.
 *
 * Invariant: `revision` rises with every change of users, roles or of their being in force (turning authentication on
 * is none), and what it was is written with the change. Source: etcd's server/auth/store.go.
 */
import type { Backend } from '../backend/types.js';
import { latin1Bytes, latin1Text } from '../lib/latin1.js';
import type { Logger } from '../lib/logger.js';
import { rawBytes } from '../lib/raw-text.js';
import type { Permission } from '../proto/gen/authpb.js';
import type {
  AuthRoleGrantPermissionRequest,
  AuthRoleRevokePermissionRequest,
  AuthUserAddRequest,
  AuthUserChangePasswordRequest,
} from '../proto/gen/etcdserverpb.js';
import { Access } from './access.js';
import { AuthError } from './errors.js';
import { isGrantableRange } from './key-ranges.js';
import { copyOf, isOn, withPermission } from './permissions.js';
import { AuthRecords, ROOT_ROLE, ROOT_USER } from './records.js';
import type { Login, Tokens } from './types.js';

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
  readonly access: Access;
  readonly #records: AuthRecords;

  /** Reads the buckets, which must exist. In a new store the revision becomes 1. */
  constructor(
    backend: Backend,
    readonly deps: AuthStoreDeps,
  ) {
    this.#records = new AuthRecords(backend);
    this.access = new Access(this.#records);
    if (this.revision === 0) this.#records.bump();
  }

  /** Goes on with another backend (a snapshot from the leader); tokens given out before stay known. */
  restore(backend: Backend): void {
    this.#records.restore(backend);
    this.access.changed();
    if (!this.isEnabled) this.deps.tokens.forgetAll();
  }

  get isEnabled(): boolean {
    return this.#records.enabled;
  }

  get revision(): number {
    return this.#records.revision;
  }

  // ---- on and off

  enable(): void {
    if (this.isEnabled) {
      this.deps.logger.info('authentication is already enabled; ignored auth enable request');
      return;
    }
    const root = this.#records.users.get(ROOT_USER);
    if (root === undefined) throw new AuthError('rootUserNotExist');
    if (!root.roles.includes(ROOT_ROLE)) throw new AuthError('rootRoleNotExist');
    this.#records.enabled = true;
    this.deps.logger.info('enabled authentication');
  }

  disable(): void {
    if (!this.isEnabled) return;
    this.#records.enabled = false;
    this.#records.bump();
    this.deps.tokens.forgetAll();
    this.deps.logger.info('disabled authentication');
  }

  // ---- logging in

  /** bcrypt text to check a password against, and the revision at which it held. */
  passwordHashOf(username: string): { hash: string; revision: number } {
    if (!this.isEnabled) throw new AuthError('authNotEnabled');
    const user = this.#records.users.get(username);
    if (user === undefined) throw new AuthError('authFailed');
    if (user.options?.noPassword === true) throw new AuthError('passwordForNoPasswordUser');
    return { hash: latin1Text(user.password), revision: this.revision };
  }

  /** The password was checked by the member that was asked. */
  authenticate(username: string, prefix: string, at: { index: number; nowMs: number }): Login {
    if (!this.isEnabled) throw new AuthError('authNotEnabled');
    const user = this.#records.users.get(username);
    if (user === undefined || user.options?.noPassword === true) throw new AuthError('authFailed');
    const login: Login = { username, prefix, index: at.index, revision: this.revision };
    this.deps.tokens.add(login, at.nowMs);
    return login;
  }

  // ---- users

  /** `seed`: see `AuthStoreDeps.hashNow`. */
  addUser(request: AuthUserAddRequest, seed: string): void {
    if (request.name.length === 0) throw new AuthError('userEmpty');
    if (this.#records.users.has(request.name)) throw new AuthError('userAlreadyExists');
    const options = request.options ?? { noPassword: false };
    const password = options.noPassword ? new Uint8Array(0) : this.#password(request, seed);
    this.#records.putUser(request.name, { name: rawBytes(request.name), password, roles: [], options });
    this.#changed('added a user', { 'user-name': request.name });
  }

  deleteUser(name: string): void {
    if (this.isEnabled && name === ROOT_USER) throw this.#invalidManagement("cannot delete 'root' user", name);
    const user = this.#records.mustFindUser(name);
    this.#records.deleteUser(name);
    this.deps.tokens.forgetUser(name);
    this.#changed('deleted a user', { 'user-name': name, 'user-roles': user.roles });
  }

  changePassword(request: AuthUserChangePasswordRequest, seed: string): void {
    const user = this.#records.mustFindUser(request.name);
    const password = user.options?.noPassword === true ? new Uint8Array(0) : this.#password(request, seed);
    this.#records.putUser(request.name, { ...user, password });
    this.deps.tokens.forgetUser(request.name);
    this.#changed('changed a password of a user', { 'user-name': request.name, 'user-roles': user.roles });
  }

  /** Granting what is granted changes nothing. The role `root` need not exist. */
  grantRole(name: string, role: string): void {
    const user = this.#records.mustFindUser(name);
    if (role !== ROOT_ROLE) this.#records.mustFindRole(role);
    if (user.roles.includes(role)) {
      this.deps.logger.warn('ignored grant role request to a user', {
        'user-name': name,
        'user-roles': user.roles,
        'duplicate-role-name': role,
      });
      return;
    }
    const roles = inByteOrder([...user.roles, role]);
    this.#records.putUser(name, { ...user, roles });
    this.#changed('granted a role to a user', { 'user-name': name, 'user-roles': roles, 'added-role-name': role });
  }

  revokeRole(name: string, role: string): void {
    if (this.isEnabled && name === ROOT_USER && role === ROOT_ROLE)
      throw this.#invalidManagement("'root' user cannot revoke 'root' role", name);
    const user = this.#records.mustFindUser(name);
    if (!user.roles.includes(role)) throw new AuthError('roleNotGranted');
    const roles = user.roles.filter((other) => other !== role);
    this.#records.putUser(name, { ...user, roles });
    this.#changed('revoked a role from a user', {
      'user-name': name,
      'old-user-roles': user.roles,
      'new-user-roles': roles,
      'revoked-role-name': role,
    });
  }

  rolesOf(name: string): readonly string[] {
    return this.#records.mustFindUser(name).roles;
  }

  /** Names, in byte order. */
  userNames(): string[] {
    return inByteOrder([...this.#records.users.keys()]);
  }

  // ---- roles

  addRole(name: string): void {
    if (name.length === 0) throw new AuthError('roleEmpty');
    if (this.#records.roles.has(name)) throw new AuthError('roleAlreadyExists');
    this.#records.putRole(name, { name: rawBytes(name), keyPermission: [] });
    this.#changed('created a role', { 'role-name': name });
  }

  /** Takes it from its users too. */
  deleteRole(name: string): void {
    if (this.isEnabled && name === ROOT_ROLE) throw this.#invalidManagement("cannot delete 'root' role", name);
    this.#records.mustFindRole(name);
    this.#records.deleteRole(name);
    for (const [username, user] of this.#records.users) {
      if (!user.roles.includes(name)) continue;
      this.#records.putUser(username, { ...user, roles: user.roles.filter((other) => other !== name) });
    }
    this.#changed('deleted a role', { 'role-name': name });
  }

  /** A permission on the same key and end takes the place of the one there was. */
  grantPermission({ name, perm }: AuthRoleGrantPermissionRequest): void {
    if (perm === undefined) throw new AuthError('permissionNotGiven');
    if (!isGrantableRange(perm.key, perm.rangeEnd)) throw new AuthError('invalidAuthManagement');
    const role = this.#records.mustFindRole(name);
    this.#records.putRole(name, { ...role, keyPermission: withPermission(role.keyPermission, copyOf(perm)) });
    this.#changed('granted/updated a permission to a user', { 'user-name': name });
  }

  revokePermission({ role: name, key, rangeEnd }: AuthRoleRevokePermissionRequest): void {
    const role = this.#records.mustFindRole(name);
    const keyPermission = role.keyPermission.filter((perm) => !isOn(perm, key, rangeEnd));
    if (keyPermission.length === role.keyPermission.length) throw new AuthError('permissionNotGranted');
    this.#records.putRole(name, { ...role, keyPermission });
    this.#changed('revoked a permission on range', { 'role-name': name });
  }

  /** As granted; what the role `root` may do beyond that is not written anywhere. */
  permissionsOf(name: string): readonly Permission[] {
    return this.#records.mustFindRole(name).keyPermission;
  }

  /** Names, in byte order. */
  roleNames(): string[] {
    return inByteOrder([...this.#records.roles.keys()]);
  }

  // ---- inside

  #password(request: { name: string; password: string; hashedPassword: string }, seed: string): Uint8Array {
    if (request.password !== '' && request.hashedPassword === '')
      return latin1Bytes(this.deps.hashNow(request.password, seed));
    const hash = decodeBase64(request.hashedPassword);
    if (hash === undefined) throw new AuthError('passwordForNoPasswordUser');
    return hash;
  }

  #invalidManagement(why: string, name: string): AuthError {
    this.deps.logger.error(why, { 'user-name': name });
    return new AuthError('invalidAuthManagement');
  }

  #changed(what: string, fields: Readonly<Record<string, unknown>>): void {
    this.access.changed();
    this.#records.bump();
    this.deps.logger.info(what, fields);
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
