/** Who may do what. All of it passes while authentication is off. Source: etcd's server/auth/store.go. */
import { AuthError } from './errors.js';
import { type Rights, rightsFrom } from './permissions.js';
import { type AuthRecords, ROOT_ROLE, ROOT_USER } from './records.js';
import type { Identity } from './types.js';

export class Access {
  /** By user, made when first asked for. */
  readonly #rights = new Map<string, Rights>();
  readonly #records: AuthRecords;

  constructor(records: AuthRecords) {
    this.#records = records;
  }

  /** Users or roles have changed. */
  changed(): void {
    this.#rights.clear();
  }

  hasRole(username: string, role: string): boolean {
    return this.#records.users.get(username)?.roles.includes(role) ?? false;
  }

  /** Throws AuthError unless `identity` may read all of `[key, rangeEnd)`. */
  checkRead(identity: Identity | undefined, key: Uint8Array, rangeEnd: Uint8Array): void {
    this.#check(identity, key, rangeEnd, 'read');
  }

  checkWrite(identity: Identity | undefined, key: Uint8Array, rangeEnd: Uint8Array): void {
    this.#check(identity, key, rangeEnd, 'write');
  }

  checkRoot(identity: Identity | undefined): void {
    if (!this.#records.enabled) return;
    if (identity === undefined || identity.username === '') throw new AuthError('userEmpty');
    if (!this.#records.users.has(identity.username)) throw new AuthError('userNotFound');
    if (!this.#rightsOf(identity.username).isRoot) throw new AuthError('permissionDenied');
  }

  isRoot(identity: Identity | undefined): boolean {
    return !this.#records.enabled || (identity !== undefined && this.hasRole(identity.username, ROOT_ROLE));
  }

  /** Somebody, whoever it is. */
  checkKnown(identity: Identity | undefined): void {
    if (this.#records.enabled && identity === undefined) throw new AuthError('userEmpty');
  }

  /** After serving: what was checked must still be what holds. */
  checkUnchanged(identity: Identity | undefined): void {
    if (
      this.#records.enabled &&
      identity !== undefined &&
      identity.revision !== 0 &&
      identity.revision !== this.#records.revision
    )
      throw new AuthError('authOldRevision');
  }

  /** For what the member itself does in the name of root: revoking leases that have ended. */
  rootIdentity(): Identity | undefined {
    return this.#records.enabled ? { username: ROOT_USER, revision: this.#records.revision } : undefined;
  }

  #check(identity: Identity | undefined, key: Uint8Array, rangeEnd: Uint8Array, right: 'read' | 'write'): void {
    if (!this.#records.enabled) return;
    if (identity === undefined || identity.revision === 0) throw new AuthError('userEmpty');
    if (identity.revision < this.#records.revision) throw new AuthError('authOldRevision');
    const rights = this.#rightsOf(identity.username);
    if (!rights.isRoot && !rights[right].contains(key, rangeEnd)) throw new AuthError('permissionDenied');
  }

  #rightsOf(username: string): Rights {
    const known = this.#rights.get(username);
    if (known !== undefined) return known;
    const user = this.#records.users.get(username);
    if (user === undefined) throw new AuthError('permissionDenied');
    const permissions = user.roles.flatMap((role) => this.#records.roles.get(role)?.keyPermission ?? []);
    const rights = rightsFrom(permissions, { isRoot: user.roles.includes(ROOT_ROLE) });
    this.#rights.set(username, rights);
    return rights;
  }
}
