/** Users, roles and whether they matter. */
import type { Permission_Type } from '../proto/gen/authpb.js';
import {
  Auth,
  type AuthDisableResponse,
  type AuthEnableResponse,
  type AuthenticateResponse,
  type AuthRoleAddResponse,
  type AuthRoleDeleteResponse,
  type AuthRoleGetResponse,
  type AuthRoleGrantPermissionResponse,
  type AuthRoleListResponse,
  type AuthRoleRevokePermissionResponse,
  type AuthStatusResponse,
  type AuthUserAddResponse,
  type AuthUserChangePasswordResponse,
  type AuthUserDeleteResponse,
  type AuthUserGetResponse,
  type AuthUserGrantRoleResponse,
  type AuthUserListResponse,
  type AuthUserRevokeRoleResponse,
} from '../proto/gen/etcdserverpb.js';
import type { Caller } from './caller.js';
import { type Bytes, toBytes } from './key-range.js';
import type { CallLimits } from './options.js';
import { limitsOf } from './retry.js';

/** One key, or `[key, rangeEnd)`; a range end of one zero byte is open. */
export interface PermissionGrant {
  readonly type: Permission_Type;
  readonly key: Bytes;
  readonly rangeEnd?: Bytes | undefined;
}

export class AuthClient {
  readonly #caller: Caller;
  constructor(caller: Caller) {
    this.#caller = caller;
  }

  enable(limits: CallLimits = {}): Promise<AuthEnableResponse> {
    return this.#caller.unary(Auth.authEnable, {}, limits);
  }

  disable(limits: CallLimits = {}): Promise<AuthDisableResponse> {
    return this.#caller.unary(Auth.authDisable, {}, limits);
  }

  status(limits: CallLimits = {}): Promise<AuthStatusResponse> {
    return this.#caller.unary(Auth.authStatus, {}, limitsOf(limits, 'repeatable'));
  }

  authenticate(name: string, password: string, limits: CallLimits = {}): Promise<AuthenticateResponse> {
    return this.#caller.unary(Auth.authenticate, { name, password }, limits);
  }

  /** Without a password the user can only come in by certificate. */
  userAdd(name: string, password: string | undefined, limits: CallLimits = {}): Promise<AuthUserAddResponse> {
    return this.#caller.unary(
      Auth.userAdd,
      { name, password: password ?? '', options: { noPassword: password === undefined }, hashedPassword: '' },
      limits,
    );
  }

  userGet(name: string, limits: CallLimits = {}): Promise<AuthUserGetResponse> {
    return this.#caller.unary(Auth.userGet, { name }, limitsOf(limits, 'repeatable'));
  }

  userList(limits: CallLimits = {}): Promise<AuthUserListResponse> {
    return this.#caller.unary(Auth.userList, {}, limitsOf(limits, 'repeatable'));
  }

  userDelete(name: string, limits: CallLimits = {}): Promise<AuthUserDeleteResponse> {
    return this.#caller.unary(Auth.userDelete, { name }, limits);
  }

  userChangePassword(name: string, password: string, limits: CallLimits = {}): Promise<AuthUserChangePasswordResponse> {
    return this.#caller.unary(Auth.userChangePassword, { name, password, hashedPassword: '' }, limits);
  }

  userGrantRole(user: string, role: string, limits: CallLimits = {}): Promise<AuthUserGrantRoleResponse> {
    return this.#caller.unary(Auth.userGrantRole, { user, role }, limits);
  }

  userRevokeRole(user: string, role: string, limits: CallLimits = {}): Promise<AuthUserRevokeRoleResponse> {
    return this.#caller.unary(Auth.userRevokeRole, { name: user, role }, limits);
  }

  roleAdd(name: string, limits: CallLimits = {}): Promise<AuthRoleAddResponse> {
    return this.#caller.unary(Auth.roleAdd, { name }, limits);
  }

  roleGet(role: string, limits: CallLimits = {}): Promise<AuthRoleGetResponse> {
    return this.#caller.unary(Auth.roleGet, { role }, limitsOf(limits, 'repeatable'));
  }

  roleList(limits: CallLimits = {}): Promise<AuthRoleListResponse> {
    return this.#caller.unary(Auth.roleList, {}, limitsOf(limits, 'repeatable'));
  }

  roleDelete(role: string, limits: CallLimits = {}): Promise<AuthRoleDeleteResponse> {
    return this.#caller.unary(Auth.roleDelete, { role }, limits);
  }

  roleGrantPermission(
    role: string,
    grant: PermissionGrant,
    limits: CallLimits = {},
  ): Promise<AuthRoleGrantPermissionResponse> {
    const perm = { permType: grant.type, key: toBytes(grant.key), rangeEnd: toBytes(grant.rangeEnd ?? '') };
    return this.#caller.unary(Auth.roleGrantPermission, { name: role, perm }, limits);
  }

  roleRevokePermission(
    role: string,
    key: Bytes,
    rangeEnd: Bytes,
    limits: CallLimits = {},
  ): Promise<AuthRoleRevokePermissionResponse> {
    return this.#caller.unary(
      Auth.roleRevokePermission,
      { role, key: toBytes(key), rangeEnd: toBytes(rangeEnd) },
      limits,
    );
  }
}
