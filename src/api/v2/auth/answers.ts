/** `/v2/auth`: users, roles, and whether auth is on. Everything but asking the last needs the root role once it is. */
import { collectBody, type HttpRequest, type HttpResponse } from '../../../lib/http.js';
import { textOf } from '../../../v2/json.js';
import { insufficientCredentials, MessageError } from '../answers/message-error.js';
import { type Headers, JSON_TYPE, jsonAnswer, refuseMethod } from '../answers/responses.js';
import type { V2Access } from './access.js';
import { asksForChange, readRole, readUser, roleJson, userJson, userWithRolesJson } from './json.js';
import { isEmpty, type Role } from './permissions.js';
import type { V2AuthStore } from './store.js';

/** Far beyond any user or role. */
const MAX_BODY_BYTES = 10 * 1024 * 1024;

export interface V2Auth {
  readonly store: V2AuthStore;
  readonly access: V2Access;
  readonly headers: Headers;
}

/** `path` below /v2/auth; undefined for one that nobody has. Throws MessageError and V2Error. */
export async function answerAuth(auth: V2Auth, call: HttpRequest, path: string): Promise<HttpResponse | undefined> {
  if (path === '/enable') return answerEnable(auth, call);
  const [, kind, ...rest] = path.split('/');
  if (kind !== 'users' && kind !== 'roles') return undefined;
  const names = rest.at(-1) === '' ? rest.slice(0, -1) : rest;
  const [name] = names;
  if (name === undefined) return kind === 'users' ? answerUsers(auth, call) : answerRoles(auth, call);
  if (names.length > 1) throw new MessageError(400, 'Invalid path', { namesCluster: false });
  return kind === 'users' ? answerUser(auth, call, textOf(name)) : answerRole(auth, call, textOf(name));
}

async function answerEnable({ store, access, headers }: V2Auth, call: HttpRequest): Promise<HttpResponse> {
  const refused = refuseMethod(call.method, ['GET', 'PUT', 'DELETE']);
  if (refused !== undefined) return refused;
  if (call.method !== 'GET') await requireRoot(access, call);
  if (call.method === 'GET') {
    return jsonAnswer(200, `{"enabled":${await store.isEnabled()}}\n`, headers);
  }
  await (call.method === 'PUT' ? store.enable() : store.disable());
  return done(headers);
}

async function answerUsers({ store, access, headers }: V2Auth, call: HttpRequest): Promise<HttpResponse> {
  const refused = refuseMethod(call.method, ['GET']);
  if (refused !== undefined) return refused;
  await requireRoot(access, call);
  const shown: string[] = [];
  for (const name of await store.userNames()) {
    const user = await store.user(name);
    const roles: Role[] = [];
    for (const role of user.roles ?? []) {
      // One that does not exist is left out here, and only here.
      await store.role(role).then((found) => roles.push(found), ignore);
    }
    shown.push(userWithRolesJson(user.user, roles));
  }
  const list = shown.length === 0 ? 'null' : `[${shown.join(',')}]`;
  return jsonAnswer(200, `{"users":${list}}\n`, headers);
}

async function answerUser({ store, access, headers }: V2Auth, call: HttpRequest, name: string): Promise<HttpResponse> {
  const refused = refuseMethod(call.method, ['GET', 'PUT', 'DELETE']);
  if (refused !== undefined) return refused;
  await requireRoot(access, call);
  switch (call.method) {
    case 'GET': {
      const user = await store.user(name);
      const roles: Role[] = [];
      for (const role of user.roles ?? []) roles.push(await store.role(role));
      return jsonAnswer(200, `${userWithRolesJson(user.user, roles)}\n`, headers);
    }
    case 'PUT': {
      const { user, created } = await putUser(store, name, await textBody(call));
      return jsonAnswer(created ? 201 : 200, `${userJson({ ...user, password: '' })}\n`, headers);
    }
    default:
      await store.deleteUser(name);
      return done(headers);
  }
}

async function putUser(store: V2AuthStore, name: string, body: string) {
  const request = readUser(body);
  if (request.user !== name) throw new MessageError(400, 'User JSON name does not match the name in the URL');
  const { user, password, roles, grant, revoke } = request;
  const hasRoles = (roles?.length ?? 0) > 0;
  if ((grant?.length ?? 0) === 0 && (revoke?.length ?? 0) === 0) {
    // Where roles are given, a new user must be meant.
    if (hasRoles) return { user: await store.createUser({ user, password, roles }), created: false };
    return store.createOrUpdateUser(request);
  }
  if (hasRoles) throw new MessageError(400, 'User JSON contains both roles and grant/revoke');
  return { user: await store.updateUser(request), created: false };
}

async function answerRoles({ store, access, headers }: V2Auth, call: HttpRequest): Promise<HttpResponse> {
  const refused = refuseMethod(call.method, ['GET']);
  if (refused !== undefined) return refused;
  await requireRoot(access, call);
  const shown: string[] = [];
  for (const name of await store.roleNames()) shown.push(roleJson(await store.role(name)));
  return jsonAnswer(200, `{"roles":[${shown.join(',')}]}\n`, headers);
}

async function answerRole({ store, access, headers }: V2Auth, call: HttpRequest, name: string): Promise<HttpResponse> {
  const refused = refuseMethod(call.method, ['GET', 'PUT', 'DELETE']);
  if (refused !== undefined) return refused;
  await requireRoot(access, call);
  switch (call.method) {
    case 'GET':
      return jsonAnswer(200, `${roleJson(await store.role(name))}\n`, headers);
    case 'PUT': {
      const role = readRole(await textBody(call));
      if (role.role !== name) throw new MessageError(400, 'Role JSON name does not match the name in the URL');
      if (!asksForChange(role)) {
        await store.createRole(role);
        return jsonAnswer(201, `${roleJson(role)}\n`, headers);
      }
      if (!isEmpty(role.permissions)) {
        throw new MessageError(400, 'Role JSON contains both permissions and grant/revoke');
      }
      return jsonAnswer(200, `${roleJson(await store.updateRole(role))}\n`, headers);
    }
    default:
      await store.deleteRole(name);
      return done(headers);
  }
}

async function requireRoot(access: V2Access, call: HttpRequest): Promise<void> {
  if (!(await access.isRoot(call))) throw insufficientCredentials();
}

const textBody = async (call: HttpRequest): Promise<string> =>
  Buffer.from(await collectBody(call.body, MAX_BODY_BYTES)).toString('utf8');

const done = (headers: Headers): HttpResponse => ({
  status: 200,
  headers: { ...headers, 'Content-Type': JSON_TYPE },
  body: '',
});

const ignore = (): void => {};
