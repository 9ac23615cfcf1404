/** The layer of permissions: everything passes while authentication is off. Source: etcd's applierV3auth. */
import type { AuthStore } from '../../auth/store.js';
import type { Identity } from '../../auth/types.js';
import type { Authorizer } from './authorize.js';
import type { Apply } from './layer.js';
import type { StoreOperation } from './operation.js';

export function authorized(auth: AuthStore, authorizer: Authorizer, next: Apply): Apply {
  return (operation, context) => {
    if (auth.isEnabled) check(auth, authorizer, operation, context.identity);
    return next(operation, context);
  };
}

/** Throws AuthError. */
function check(
  auth: AuthStore,
  authorizer: Authorizer,
  { kind, request }: StoreOperation,
  identity: Identity | undefined,
): void {
  switch (kind) {
    case 'range':
      auth.access.checkRead(identity, request.key, request.rangeEnd);
      return;
    case 'put':
      authorizer.checkPut(identity, request);
      return;
    case 'deleteRange':
      authorizer.checkDeleteRange(identity, request);
      return;
    case 'txn':
      authorizer.checkTxn(identity, request);
      return;
    case 'leaseRevoke':
      authorizer.checkLeaseWrite(identity, request.ID);
      return;
    case 'authUserGet':
      authorizer.checkUserGet(identity, request.name);
      return;
    case 'authRoleGet':
      authorizer.checkRoleGet(identity, request.role);
      return;
    case 'authEnable':
    case 'authDisable':
    case 'authUserAdd':
    case 'authUserDelete':
    case 'authUserChangePassword':
    case 'authUserGrantRole':
    case 'authUserRevokeRole':
    case 'authUserList':
    case 'authRoleAdd':
    case 'authRoleDelete':
    case 'authRoleGrantPermission':
    case 'authRoleRevokePermission':
    case 'authRoleList':
      auth.access.checkRoot(identity);
      return;
    // Who may is decided outside, and differs by version; members propose some of them themselves.
    case 'compaction':
    case 'leaseGrant':
    case 'leaseCheckpoint':
    case 'alarm':
    case 'authenticate':
    case 'authStatus':
      return;
    default:
      kind satisfies never;
  }
}
