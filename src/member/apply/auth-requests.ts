/**
 * Entries about users, roles and authentication, onto the auth store; who may was checked before.
 */
import type { AuthStore } from '../../auth/store.js';
import type { ResponseHeader } from '../../proto/gen/etcdserverpb.js';
import type { ApplyContext } from './layer.js';
import type { RequestOf, ResultOf, StoreKind } from './operation.js';

export type AuthKind = Extract<StoreKind, `auth${string}`>;

export type Handlers<K extends StoreKind> = {
  readonly [Kind in K]: (request: RequestOf<Kind>, context: ApplyContext) => ResultOf<Kind>;
};

/**
 * `header`: with the store's revision. `nowMs`: for the deadlines of tokens, which only the member that gave them out
 * looks at. They throw AuthError.
 */
export function authHandlers(
  auth: AuthStore,
  { header, nowMs }: { readonly header: () => ResponseHeader; readonly nowMs: () => number },
): Handlers<AuthKind> {
  /** For hashing a password that an older member did not hash: the same on every member. */
  const seedOf = ({ id }: ApplyContext): string => id.toString(16);
  const done = () => ({ header: header() });
  return {
    authEnable() {
      auth.enable();
      return done();
    },
    authDisable() {
      auth.disable();
      return done();
    },
    authenticate: ({ name, simpleToken }, { index }) => auth.authenticate(name, simpleToken, { index, nowMs: nowMs() }),
    authStatus: () => ({ header: header(), enabled: auth.isEnabled, authRevision: auth.revision }),
    authUserAdd(request, context) {
      auth.addUser(request, seedOf(context));
      return done();
    },
    authUserDelete({ name }) {
      auth.deleteUser(name);
      return done();
    },
    authUserGet: ({ name }) => ({ header: header(), roles: [...auth.rolesOf(name)] }),
    authUserChangePassword(request, context) {
      auth.changePassword(request, seedOf(context));
      return done();
    },
    authUserGrantRole({ user, role }) {
      auth.grantRole(user, role);
      return done();
    },
    authUserRevokeRole({ name, role }) {
      auth.revokeRole(name, role);
      return done();
    },
    authUserList: () => ({ header: header(), users: auth.userNames() }),
    authRoleList: () => ({ header: header(), roles: auth.roleNames() }),
    authRoleAdd({ name }) {
      auth.addRole(name);
      return done();
    },
    authRoleDelete({ role }) {
      auth.deleteRole(role);
      return done();
    },
    authRoleGet: ({ role }) => ({ header: header(), perm: [...auth.permissionsOf(role)] }),
    authRoleGrantPermission(request) {
      auth.grantPermission(request);
      return done();
    },
    authRoleRevokePermission(request) {
      auth.revokePermission(request);
      return done();
    },
  };
}
