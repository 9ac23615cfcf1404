/**
 * Users and roles as JSON, as Go's encoding/json writes and reads them: names of fields in any case, what is unknown
 * passed over, only the first value of a body.
 */

import { firstJsonValue } from '../../../lib/go/json.js';
import { bytesOf, jsonString } from '../../../v2/json.js';
import { MessageError } from '../answers/message-error.js';
import { isEmpty, type Names, type Permissions, type Role, type User } from './permissions.js';

const text = (value: string): string => jsonString(bytesOf(value));
const list = (names: Names): string => (names === null ? 'null' : `[${names.map(text).join(',')}]`);
const permissionsJson = ({ kv }: Permissions): string => `{"kv":{"read":${list(kv.read)},"write":${list(kv.write)}}}`;

/** An empty password is left out. */
export function userJson({ user, password, roles }: User): string {
  const shown = password === '' ? '' : `,"password":${text(password)}`;
  return `{"user":${text(user)}${shown},"roles":${list(roles)}}`;
}

export function roleJson({ role, permissions, grant, revoke }: Role): string {
  const given = grant === undefined ? '' : `,"grant":${permissionsJson(grant)}`;
  const taken = revoke === undefined ? '' : `,"revoke":${permissionsJson(revoke)}`;
  return `{"role":${text(role)},"permissions":${permissionsJson(permissions)}${given}${taken}}`;
}

/** A user with what its roles are. */
export function userWithRolesJson(user: string, roles: readonly Role[]): string {
  const shown = roles.length === 0 ? '' : `,"roles":[${roles.map(roleJson).join(',')}]`;
  return `{"user":${text(user)}${shown}}`;
}

export interface UserRequest extends User {
  readonly grant: Names;
  readonly revoke: Names;
}

/** Throws MessageError. */
export function readUser(body: string): UserRequest {
  const fields = objectOf(body);
  return {
    user: stringOf(fields, 'user'),
    password: stringOf(fields, 'password'),
    roles: namesOf(fields, 'roles'),
    grant: namesOf(fields, 'grant'),
    revoke: namesOf(fields, 'revoke'),
  };
}

/** Throws MessageError. */
export function readRole(body: string): Role {
  const fields = objectOf(body);
  return {
    role: stringOf(fields, 'role'),
    permissions: permissionsOf(fields, 'permissions') ?? { kv: { read: null, write: null } },
    grant: permissionsOf(fields, 'grant'),
    revoke: permissionsOf(fields, 'revoke'),
  };
}

export const asksForChange = (role: Role): boolean => !isEmpty(role.grant) || !isEmpty(role.revoke);

const invalid = (): MessageError => new MessageError(400, 'Invalid JSON in request body.');

type Fields = ReadonlyMap<string, unknown>;

function objectOf(body: string): Fields {
  const value = firstJsonValue(body);
  if (value === undefined) throw invalid();
  return fieldsOf(JSON.parse(value));
}

function fieldsOf(value: unknown): Fields {
  if (value === null) return new Map();
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid();
  return new Map(Object.entries(value).map(([name, field]) => [name.toLowerCase(), field]));
}

function stringOf(fields: Fields, name: string): string {
  const value = fields.get(name) ?? '';
  if (typeof value !== 'string') throw invalid();
  return value;
}

function namesOf(fields: Fields, name: string): Names {
  const value = fields.get(name) ?? null;
  if (value === null) return null;
  if (!Array.isArray(value)) throw invalid();
  return value.map((item: unknown) => {
    if (item !== null && typeof item !== 'string') throw invalid();
    return item ?? '';
  });
}

function permissionsOf(fields: Fields, name: string): Permissions | undefined {
  const value = fields.get(name) ?? undefined;
  if (value === undefined) return undefined;
  const kv = fieldsOf(fieldsOf(value).get('kv') ?? null);
  return { kv: { read: namesOf(kv, 'read'), write: namesOf(kv, 'write') } };
}
