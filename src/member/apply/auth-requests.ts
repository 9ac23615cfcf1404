/** Entries about users, roles and authentication, onto the auth store. Responses are made of what this gives; their headers are the applier's business. */
import type { AuthStore } from '../../auth/store.js';
import type { Identity } from '../../auth/types.js';
import type { InternalRaftRequest } from '../../proto/gen/etcdserverpb.js';
import { type Authorizer, needsRoot } from './authorize.js';
import { requestId } from './entry-data.js';

/** Undefined when the entry is about something else. Throws AuthError. */
export function applyAuthRequest(
  auth: AuthStore,
  authorizer: Authorizer,
  request: InternalRaftRequest,
  at: { identity: Identity | undefined; index: number; nowMs: number },
): object | undefined {
  if (needsRoot(request)) {
    auth.checkRoot(at.identity);
    return applyRootRequest(auth, request);
  }
  if (request.authenticate !== undefined)
    return auth.authenticate(request.authenticate.name, request.authenticate.simpleToken, at);
  if (request.authUserGet !== undefined) {
    authorizer.checkUserGet(at.identity, request.authUserGet.name);
    return { roles: auth.rolesOf(request.authUserGet.name) };
  }
  if (request.authRoleGet !== undefined) {
    authorizer.checkRoleGet(at.identity, request.authRoleGet.role);
    return { perm: auth.permissionsOf(request.authRoleGet.role) };
  }
  return undefined;
}

function applyRootRequest(auth: AuthStore, request: InternalRaftRequest): object {
  if (request.authStatus !== undefined) return { enabled: auth.isEnabled, authRevision: auth.revision };
  if (request.authUserList !== undefined) return { users: auth.userNames() };
  if (request.authRoleList !== undefined) return { roles: auth.roleNames() };
  change(auth, request);
  return {};
}

function change(auth: AuthStore, request: InternalRaftRequest): void {
  // The id is the same on every member, and of no other entry.
  const seed = requestId(request).toString(16);
  if (request.authEnable !== undefined) auth.enable();
  else if (request.authDisable !== undefined) auth.disable();
  else if (request.authUserAdd !== undefined) auth.addUser(request.authUserAdd, seed);
  else if (request.authUserDelete !== undefined) auth.deleteUser(request.authUserDelete.name);
  else if (request.authUserChangePassword !== undefined) auth.changePassword(request.authUserChangePassword, seed);
  else if (request.authUserGrantRole !== undefined)
    auth.grantRole(request.authUserGrantRole.user, request.authUserGrantRole.role);
  else if (request.authUserRevokeRole !== undefined)
    auth.revokeRole(request.authUserRevokeRole.name, request.authUserRevokeRole.role);
  else if (request.authRoleAdd !== undefined) auth.addRole(request.authRoleAdd.name);
  else if (request.authRoleDelete !== undefined) auth.deleteRole(request.authRoleDelete.role);
  else if (request.authRoleGrantPermission !== undefined) auth.grantPermission(request.authRoleGrantPermission);
  else if (request.authRoleRevokePermission !== undefined) auth.revokePermission(request.authRoleRevokePermission);
}
