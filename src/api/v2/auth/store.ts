/**
 * v2 auth: users and roles, kept in the v2 store itself and so on every member: `/2/users/NAME`, `/2/roles/NAME`,
 * `/2/enabled`. Changes go through the log as any others. As etcd's v2auth.
 */
import { V2Error } from '../../../v2/error.js';
import type { Event } from '../../../v2/event.js';
import { bytesOf, textOf } from '../../../v2/json.js';
import { baseName } from '../../../v2/path.js';
import { emptyRequest, type V2Request } from '../../../v2/request.js';
import { MessageError } from '../answers/message-error.js';
import type { V2Passwords, V2Server } from '../answers/types.js';
import { readRole, readUser, roleJson, type UserRequest, userJson } from './json.js';
import {
  changePermissions,
  changeRoles,
  GUEST,
  guestRole,
  ROOT,
  type Role,
  rootRole,
  type User,
  withRootRole,
} from './permissions.js';

const PREFIX = '/2';

const authError = (status: number, message: string): MessageError => new MessageError(status, `auth: ${message}`);
const isRow = (cause: unknown, row: V2Error['row']): boolean => cause instanceof V2Error && cause.row === row;

export class V2AuthStore {
  /** The folders are there. */
  #ensured = false;

  constructor(
    readonly server: V2Server,
    readonly passwords: V2Passwords,
  ) {}

  /** Asked for each request: at once, where the member can tell. */
  isEnabled(): boolean | Promise<boolean> {
    const value = this.server.valueAt(`${PREFIX}/enabled`);
    return value instanceof Promise ? value.then((text) => text === 'true') : value === 'true';
  }

  async enable(): Promise<void> {
    if (await this.isEnabled()) throw authError(409, 'already enabled');
    if (!(await exists(() => this.user(ROOT, { quorum: true })))) {
      throw authError(409, 'No root user available, please create one');
    }
    if (!(await exists(() => this.role(GUEST, { quorum: true })))) await this.createRole(guestRole);
    await this.#write('/enabled', 'true', { exists: true });
  }

  async disable(): Promise<void> {
    if (!(await this.isEnabled())) throw authError(409, 'already disabled');
    await this.#write('/enabled', 'false', { exists: true });
  }

  // ---- users

  async userNames(): Promise<string[]> {
    return this.#names('/users/');
  }

  async user(name: string, { quorum = false } = {}): Promise<User> {
    const stored = await missing(
      () => this.#read(`/users/${name}`, quorum),
      authError(404, `User ${name} does not exist.`),
    );
    const { user, password, roles } = readUser(valueIn(stored));
    return withRootRole({ user, password, roles });
  }

  async createUser(given: User): Promise<User> {
    const user = withRootRole(given);
    if (user.password === '') {
      throw authError(400, `Cannot create user ${user.user} with an empty password`);
    }
    const hashed = { ...user, password: await this.passwords.hash(user.password) };
    try {
      await this.#write(`/users/${user.user}`, userJson(hashed), { exists: false });
    } catch (cause) {
      if (isRow(cause, 'nodeExist')) throw authError(409, `User ${user.user} already exists.`);
      throw cause;
    }
    return hashed;
  }

  async createOrUpdateUser(request: UserRequest): Promise<{ user: User; created: boolean }> {
    if (await exists(() => this.user(request.user, { quorum: true }))) {
      return { user: await this.updateUser(request), created: false };
    }
    const { user, password, roles } = request;
    return { user: await this.createUser({ user, password, roles }), created: true };
  }

  async updateUser({ user: name, password, grant, revoke }: UserRequest): Promise<User> {
    const old = await this.user(name, { quorum: true });
    const hash = password === '' ? old.password : await this.passwords.hash(password);
    const user: User = { user: name, password: hash, roles: changeRoles(old, grant, revoke) };
    if (userJson(old) === userJson(user)) {
      throw authError(400, 'User not updated. Use grant/revoke/password to update the user.');
    }
    await this.#write(`/users/${name}`, userJson(user), { exists: true });
    return user;
  }

  async deleteUser(name: string): Promise<void> {
    if (name === ROOT && (await this.isEnabled())) {
      throw authError(403, 'Cannot delete root user while auth is enabled.');
    }
    await missing(() => this.#delete(`/users/${name}`), authError(404, `User ${name} does not exist`));
  }

  // ---- roles

  async roleNames(): Promise<string[]> {
    return [...(await this.#names('/roles/')), ROOT].sort(byBytes);
  }

  async role(name: string, { quorum = false } = {}): Promise<Role> {
    if (name === ROOT) return rootRole;
    const stored = await missing(
      () => this.#read(`/roles/${name}`, quorum),
      authError(404, `Role ${name} does not exist.`),
    );
    return readRole(valueIn(stored));
  }

  async createRole(role: Role): Promise<void> {
    refuseRoot(role.role);
    try {
      await this.#write(`/roles/${role.role}`, roleJson(role), { exists: false });
    } catch (cause) {
      if (isRow(cause, 'nodeExist')) throw authError(409, `Role ${role.role} already exists.`);
      throw cause;
    }
  }

  async updateRole({ role: name, grant, revoke }: Role): Promise<Role> {
    refuseRoot(name);
    const old = await this.role(name, { quorum: true });
    const role: Role = { role: name, permissions: changePermissions(old.permissions, grant, revoke) };
    if (roleJson(old) === roleJson(role)) {
      throw authError(400, 'Role not updated. Use grant/revoke to update the role.');
    }
    await this.#write(`/roles/${name}`, roleJson(role), { exists: true });
    return role;
  }

  async deleteRole(name: string): Promise<void> {
    refuseRoot(name);
    await missing(() => this.#delete(`/roles/${name}`), authError(404, `Role ${name} doesn't exist.`));
  }

  // ---- the store

  async #names(folder: string): Promise<string[]> {
    try {
      const { node } = await this.#read(folder);
      return (node.nodes ?? []).map(({ key }) => textOf(baseName(key))).sort(byBytes);
    } catch (cause) {
      if (isRow(cause, 'keyNotFound')) return [];
      throw cause;
    }
  }

  #read(path: string, quorum = false): Promise<Event> {
    return this.#do({ method: quorum ? 'QGET' : 'GET', path: `${PREFIX}${bytesOf(path)}` });
  }

  async #write(path: string, json: string, { exists: prevExist }: { exists: boolean }): Promise<void> {
    await this.#ensureFolders();
    // The JSON is bytes already, the path is not.
    await this.#do({ method: 'PUT', path: `${PREFIX}${bytesOf(path)}`, value: json, prevExist });
  }

  async #delete(path: string): Promise<void> {
    await this.#ensureFolders();
    await this.#do({ method: 'DELETE', path: `${PREFIX}${bytesOf(path)}`, prevExist: true });
  }

  async #ensureFolders(): Promise<void> {
    if (this.#ensured) return;
    for (const path of [PREFIX, `${PREFIX}/users/`, `${PREFIX}/roles/`]) {
      await this.#createIfMissing({ method: 'PUT', path, dir: true, prevExist: false });
    }
    await this.#createIfMissing({ method: 'PUT', path: `${PREFIX}/enabled`, value: 'false', prevExist: false });
    this.#ensured = true;
  }

  async #createIfMissing(request: Partial<V2Request>): Promise<void> {
    try {
      await this.#do(request);
    } catch (cause) {
      if (!isRow(cause, 'nodeExist')) throw cause;
    }
  }

  async #do(request: Partial<V2Request>): Promise<Event> {
    const { result } = await this.server.do({ ...emptyRequest, ...request });
    if (result.t === 'event') return result.event;
    result.watcher.remove();
    throw new Error('received a watcher');
  }
}

const valueIn = ({ node }: Event): string => textOf(node.value ?? '');

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

function refuseRoot(role: string): void {
  if (role === ROOT) throw authError(403, `Cannot modify role ${role}: is root role.`);
}

async function exists(get: () => Promise<unknown>): Promise<boolean> {
  try {
    await get();
    return true;
  } catch {
    return false;
  }
}

async function missing<T>(run: () => Promise<T>, error: MessageError): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    throw isRow(cause, 'keyNotFound') ? error : cause;
  }
}
