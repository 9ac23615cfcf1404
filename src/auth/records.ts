/**
 * Users, roles, the revision and whether authentication is on: in memory what the buckets `auth`, `authUsers` and
 * `authRoles` hold. Formats: `backend/schema/auth*.ts`.
 */
import { readAuthEnabled, readAuthRevision, writeAuthEnabled, writeAuthRevision } from '../backend/schema/auth.js';
import { deleteAuthRole, putAuthRole, readAuthRoles } from '../backend/schema/auth-roles.js';
import { deleteAuthUser, putAuthUser, readAuthUsers } from '../backend/schema/auth-users.js';
import type { Backend } from '../backend/types.js';
import type { Role, User } from '../proto/gen/authpb.js';
import { AuthError } from './errors.js';

export const ROOT_USER = 'root';
export const ROOT_ROLE = 'root';

export class AuthRecords {
  #backend: Backend;
  #enabled = false;
  #revision = 0;
  readonly #users = new Map<string, User>();
  readonly #roles = new Map<string, Role>();

  /** Reads the buckets, which must exist. */
  constructor(backend: Backend) {
    this.#backend = backend;
    this.#load();
  }

  /** Goes on with another backend. */
  restore(backend: Backend): void {
    this.#backend = backend;
    this.#users.clear();
    this.#roles.clear();
    this.#load();
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  set enabled(enabled: boolean) {
    writeAuthEnabled(this.#backend, enabled);
    this.#enabled = enabled;
  }

  get revision(): number {
    return this.#revision;
  }

  get users(): ReadonlyMap<string, User> {
    return this.#users;
  }

  get roles(): ReadonlyMap<string, Role> {
    return this.#roles;
  }

  mustFindUser(name: string): User {
    const user = this.#users.get(name);
    if (user === undefined) throw new AuthError('userNotFound');
    return user;
  }

  mustFindRole(name: string): Role {
    const role = this.#roles.get(name);
    if (role === undefined) throw new AuthError('roleNotFound');
    return role;
  }

  putUser(name: string, user: User): void {
    this.#users.set(name, user);
    putAuthUser(this.#backend, name, user);
  }

  deleteUser(name: string): void {
    this.#users.delete(name);
    deleteAuthUser(this.#backend, name);
  }

  putRole(name: string, role: Role): void {
    this.#roles.set(name, role);
    putAuthRole(this.#backend, name, role);
  }

  deleteRole(name: string): void {
    this.#roles.delete(name);
    deleteAuthRole(this.#backend, name);
  }

  bump(): void {
    this.#revision++;
    writeAuthRevision(this.#backend, this.#revision);
  }

  #load(): void {
    const backend = this.#backend;
    this.#enabled = readAuthEnabled(backend);
    this.#revision = readAuthRevision(backend);
    readAuthUsers(backend, (name, user) => this.#users.set(name, user));
    readAuthRoles(backend, (name, role) => this.#roles.set(name, role));
  }
}
