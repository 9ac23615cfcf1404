/**
 * Users, roles and whether the v2 store asks for them. Bodies as etcd's client/auth_user.go and auth_role.go write
 * them.
 */
import type { Json, JsonShape } from '../../lib/go/json-shape.js';
import { expectOk, expectStatus, objectAt, objectsAt, parseObject, struct, textAt, texts, textsAt } from './answers.js';
import type { Cluster, V2Answer, V2Request } from './cluster.js';
import type { V2CallOptions } from './types.js';

const PATH = '/v2/auth';

const roleShape = struct('client.Role', {
  role: { t: 'string' },
  permissions: struct('client.Permissions', { kv: struct('client.rwPermission', { read: texts, write: texts }) }),
});
const roles: JsonShape = { t: 'list', of: roleShape };
const rolesShape = struct('struct { Roles []client.Role "json:\\"roles\\"" }', { roles });
const userShape = struct('client.User', { user: { t: 'string' }, roles: texts });
const userWithRolesShape = struct('client.UserRoles', { user: { t: 'string' }, roles });
const usersShape = struct('struct { Users []client.userListEntry "json:\\"users\\"" }', {
  users: { t: 'list', of: struct('client.userListEntry', { user: { t: 'string' }, roles }) },
});
const enabledShape = struct('struct { Enabled bool "json:\\"enabled\\"" }', { enabled: { t: 'bool' } });

export interface V2User {
  readonly user: string;
  readonly roles: readonly string[];
}

/** Patterns that the role may read and write: `/a` itself, `/a/*` all that begins so. */
export interface V2Role {
  readonly role: string;
  readonly read: readonly string[];
  readonly write: readonly string[];
}

export type V2Access = 'read' | 'write' | 'readwrite';

/**
 * Calls reject with V2CallError in the server's words, ClusterError, AnswerError, DeadlineError and the signal's
 * reason.
 */
export class AuthApi {
  constructor(readonly cluster: Cluster) {}

  async enable(call: V2CallOptions = {}): Promise<void> {
    await this.#send({ method: 'PUT', path: `${PATH}/enable` }, call);
  }

  async disable(call: V2CallOptions = {}): Promise<void> {
    await this.#send({ method: 'DELETE', path: `${PATH}/enable` }, call);
  }

  async isEnabled(call: V2CallOptions = {}): Promise<boolean> {
    const answer = await this.#send({ method: 'GET', path: `${PATH}/enable` }, call);
    return parseObject(answer.body, enabledShape).enabled === true;
  }

  async users(call: V2CallOptions = {}): Promise<readonly string[]> {
    const { body } = await this.#send({ method: 'GET', path: `${PATH}/users` }, call);
    return objectsAt(parseObject(body, usersShape), 'users').map((user) => textAt(user, 'user'));
  }

  async user(name: string, call: V2CallOptions = {}): Promise<V2User> {
    const { body } = await this.#send({ method: 'GET', path: userPath(name) }, call);
    const user = parseUser(body);
    // Inside a user the server shows whole roles.
    const named = objectsAt(user, 'roles').map((role) => textAt(role, 'role'));
    return { user: textAt(user, 'user'), roles: named.length > 0 ? named : textsAt(user, 'roles') };
  }

  async addUser(name: string, password: string, call: V2CallOptions = {}): Promise<void> {
    expectOk(await this.#putUser(name, passwordFields(password), call), 'authError', 200, 201);
  }

  async removeUser(name: string, call: V2CallOptions = {}): Promise<void> {
    await this.#send({ method: 'DELETE', path: userPath(name) }, call);
  }

  async changePassword(name: string, password: string, call: V2CallOptions = {}): Promise<void> {
    await this.#changeUser(name, passwordFields(password), call);
  }

  async grantRoles(name: string, roles: readonly string[], call: V2CallOptions = {}): Promise<void> {
    await this.#changeUser(name, { roles: null, grant: roles }, call);
  }

  async revokeRoles(name: string, roles: readonly string[], call: V2CallOptions = {}): Promise<void> {
    await this.#changeUser(name, { roles: null, revoke: roles }, call);
  }

  async roles(call: V2CallOptions = {}): Promise<readonly string[]> {
    const answer = await this.cluster.send({ method: 'GET', path: `${PATH}/roles` }, call);
    expectStatus(answer, 200);
    return objectsAt(parseObject(answer.body, rolesShape), 'roles').map((role) => textAt(role, 'role'));
  }

  async role(name: string, call: V2CallOptions = {}): Promise<V2Role> {
    const { body } = await this.#send({ method: 'GET', path: rolePath(name) }, call);
    return roleOf(parseObject(body, roleShape));
  }

  async addRole(name: string, call: V2CallOptions = {}): Promise<void> {
    await this.#putRole(name, {}, call);
  }

  async removeRole(name: string, call: V2CallOptions = {}): Promise<void> {
    await this.#send({ method: 'DELETE', path: rolePath(name) }, call);
  }

  /** Resolves to the role as it is now. */
  async grantAccess(
    name: string,
    patterns: readonly string[],
    access: V2Access,
    call: V2CallOptions = {},
  ): Promise<V2Role> {
    return roleOf(parseObject(await this.#putRole(name, { grant: permissions(patterns, access) }, call), roleShape));
  }

  /** Resolves to the role as it is now. */
  async revokeAccess(
    name: string,
    patterns: readonly string[],
    access: V2Access,
    call: V2CallOptions = {},
  ): Promise<V2Role> {
    return roleOf(parseObject(await this.#putRole(name, { revoke: permissions(patterns, access) }, call), roleShape));
  }

  /** A user that this has made, since there was none, is an error without words: so etcd's client has it. */
  async #changeUser(name: string, fields: Json, call: V2CallOptions): Promise<void> {
    expectOk(await this.#putUser(name, fields, call), 'authError', 200);
  }

  #putUser(name: string, fields: Json, call: V2CallOptions): Promise<V2Answer> {
    const text = JSON.stringify({ user: name, ...fields });
    const body = { type: 'application/json', text };
    return this.cluster.send({ method: 'PUT', path: userPath(name), body }, call);
  }

  async #putRole(name: string, fields: Json, call: V2CallOptions): Promise<string> {
    const text = JSON.stringify({ role: name, permissions: permissions(null, 'readwrite'), ...fields });
    const body = { type: 'application/json', text };
    return (await this.#send({ method: 'PUT', path: rolePath(name), body }, call)).body;
  }

  async #send(request: V2Request, call: V2CallOptions): Promise<V2Answer> {
    const answer = await this.cluster.send(request, call);
    expectOk(answer, 'authError', 200, 201);
    return answer;
  }
}

const passwordFields = (password: string): Json => ({ ...(password === '' ? {} : { password }), roles: null });

const userPath = (name: string): string => `${PATH}/users/${name}`;
const rolePath = (name: string): string => `${PATH}/roles/${name}`;

/** What is not meant stands as null, as etcd's client writes it. */
const permissions = (patterns: readonly string[] | null, access: V2Access): Json => ({
  kv: { read: access === 'write' ? null : patterns, write: access === 'read' ? null : patterns },
});

/** With the names of roles, or with whole ones; what is neither is refused for not having the names. */
function parseUser(body: string): Json {
  try {
    return parseObject(body, userWithRolesShape);
  } catch {
    return parseObject(body, userShape);
  }
}

function roleOf(json: Json): V2Role {
  const kv = objectAt(objectAt(json, 'permissions') ?? {}, 'kv') ?? {};
  return { role: textAt(json, 'role'), read: textsAt(kv, 'read'), write: textsAt(kv, 'write') };
}
