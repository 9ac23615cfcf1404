/**
 * What authentication and authorization refuse. Each has a row in the catalogue of wire errors, which is what clients
 * get nearly everywhere; the texts here are the ones of the store itself, which etcd lets through untranslated in a few
 * calls (Defragment, Hash, HashKV, Snapshot). Source: etcd's server/auth/store.go.
 */
import type { WireErrorName } from '../proto/errors.js';

const texts = {
  rootUserNotExist: 'root user does not exist',
  rootRoleNotExist: 'root user does not have root role',
  userAlreadyExists: 'user already exists',
  userEmpty: 'user name is empty',
  userNotFound: 'user not found',
  roleAlreadyExists: 'role already exists',
  roleNotFound: 'role not found',
  roleEmpty: 'role name is empty',
  permissionNotGiven: 'permission not given',
  authFailed: 'authentication failed, invalid user ID or password',
  passwordForNoPasswordUser: 'authentication failed, password was given for no password user',
  permissionDenied: 'permission denied',
  roleNotGranted: 'role is not granted to the user',
  permissionNotGranted: 'permission is not granted to the role',
  authNotEnabled: 'authentication is not enabled',
  authOldRevision: 'revision in header is old',
  invalidAuthToken: 'invalid auth token',
  invalidAuthManagement: 'invalid auth management',
} as const satisfies Partial<Record<WireErrorName, string>>;

export type AuthErrorName = keyof typeof texts;

export class AuthError extends Error {
  override readonly name = 'AuthError';

  constructor(readonly row: AuthErrorName) {
    super(`auth: ${texts[row]}`);
  }
}
