/**
 * What authentication and authorization refuse. Each has a row in the catalogue of wire errors, which is what clients
 * get nearly everywhere; the texts here are the ones of the store itself, which etcd lets through untranslated in a few
 * calls (Defragment, Hash, HashKV, Snapshot). Source: etcd's server/auth/store.go.
 */
import { innerText, type WireErrorName, wireErrors } from '../proto/errors.js';

const names = [
  'rootUserNotExist',
  'rootRoleNotExist',
  'userAlreadyExists',
  'userEmpty',
  'userNotFound',
  'roleAlreadyExists',
  'roleNotFound',
  'roleEmpty',
  'permissionNotGiven',
  'authFailed',
  'passwordForNoPasswordUser',
  'permissionDenied',
  'roleNotGranted',
  'permissionNotGranted',
  'authNotEnabled',
  'authOldRevision',
  'invalidAuthToken',
  'invalidAuthManagement',
] as const satisfies readonly WireErrorName[];

export type AuthErrorName = (typeof names)[number];

/** Where the store words it otherwise than the wire. */
const ownTexts: Partial<Record<AuthErrorName, string>> = {
  userAlreadyExists: 'user already exists',
  userNotFound: 'user not found',
  roleAlreadyExists: 'role already exists',
  roleNotFound: 'role not found',
  passwordForNoPasswordUser: 'authentication failed, password was given for no password user',
  authOldRevision: 'revision in header is old',
};

export class AuthError extends Error {
  override readonly name = 'AuthError';

  constructor(readonly row: AuthErrorName) {
    super(`auth: ${ownTexts[row] ?? innerText(wireErrors[row])}`);
  }
}
