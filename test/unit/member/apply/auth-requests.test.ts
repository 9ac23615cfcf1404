/** Entries about users and roles: what each does to the auth store, and what it answers. */
import { beforeEach, expect, it } from 'vitest';
import type { Result, StoreKind } from '../../../../src/member/apply/operation.js';
import { Permission_Type as PermType } from '../../../../src/proto/gen/authpb.js';
import {
  AuthRoleGrantPermissionRequest,
  AuthUserAddRequest,
  AuthUserChangePasswordRequest,
} from '../../../../src/proto/gen/etcdserverpb.js';
import { AppliedStore, bytes } from '../../../support/applied-store.js';

let member: AppliedStore;
beforeEach(() => {
  member = new AppliedStore();
});

function done(kind: StoreKind, request: unknown = {}): Result {
  const outcome = member.apply(kind, request);
  if (!outcome.ok) throw outcome.error;
  return outcome.value;
}
const header = { revision: 1 };
const hashed = (text: string): string => Buffer.from(text).toString('base64');
const addUser = (name: string): Result =>
  done('authUserAdd', AuthUserAddRequest.create({ name, hashedPassword: hashed('x') }));
const addRole = (name: string): Result => done('authRoleAdd', { name });

it('users come and go, and are listed by name', () => {
  expect(addUser('bob')).toMatchObject({ header });
  addUser('ann');
  expect(done('authUserList')).toMatchObject({ header, users: ['ann', 'bob'] });
  expect(done('authUserDelete', { name: 'bob' })).toMatchObject({ header });
  expect(done('authUserList')).toMatchObject({ users: ['ann'] });
  expect(member.outcome('authUserDelete', { name: 'bob' })).toBe('userNotFound');
});

it('roles come and go, and are listed by name', () => {
  expect(addRole('writer')).toMatchObject({ header });
  addRole('reader');
  expect(done('authRoleList')).toMatchObject({ header, roles: ['reader', 'writer'] });
  expect(done('authRoleDelete', { role: 'writer' })).toMatchObject({ header });
  expect(done('authRoleList')).toMatchObject({ roles: ['reader'] });
  expect(member.outcome('authRoleDelete', { role: 'writer' })).toBe('roleNotFound');
});

it('a user has the roles that it was granted, until they are revoked', () => {
  addUser('ann');
  for (const role of ['reader', 'writer']) {
    addRole(role);
    expect(done('authUserGrantRole', { user: 'ann', role })).toMatchObject({ header });
  }
  expect(done('authUserGet', { name: 'ann' })).toMatchObject({ header, roles: ['reader', 'writer'] });
  expect(done('authUserRevokeRole', { name: 'ann', role: 'reader' })).toMatchObject({ header });
  expect(done('authUserGet', { name: 'ann' })).toMatchObject({ roles: ['writer'] });
});

it('a role has the permissions that it was granted, until they are revoked', () => {
  addRole('reader');
  const perm = { permType: PermType.READ, key: Uint8Array.of(97), rangeEnd: Uint8Array.of(98) };
  const grant = AuthRoleGrantPermissionRequest.create({ name: 'reader', perm });
  expect(done('authRoleGrantPermission', grant)).toMatchObject({ header });
  expect(done('authRoleGet', { role: 'reader' })).toMatchObject({ header, perm: [perm] });
  const { key, rangeEnd } = perm;
  expect(done('authRoleRevokePermission', { role: 'reader', key, rangeEnd })).toMatchObject({ header });
  expect(done('authRoleGet', { role: 'reader' })).toMatchObject({ perm: [] });
});

it('a password is another after it was changed; one that came unhashed is hashed as on every member', () => {
  addUser('ann');
  const stored = (): string => JSON.stringify(member.backend.get('authUsers', bytes('ann')));
  const before = stored();
  const change = AuthUserChangePasswordRequest.create({ name: 'ann', hashedPassword: hashed('y') });
  expect(done('authUserChangePassword', change)).toMatchObject({ header });
  expect(stored()).not.toBe(before);
  done('authUserChangePassword', AuthUserChangePasswordRequest.create({ name: 'ann', password: 'open' }));
  expect(Buffer.from(member.backend.get('authUsers', bytes('ann')) ?? []).toString()).toContain('hash of open');
});

it('authentication is on or off, as its status says, with how often the rules have changed', () => {
  addUser('root');
  addRole('root');
  done('authUserGrantRole', { user: 'root', role: 'root' });
  const { revision } = member.auth;
  expect(revision).toBeGreaterThan(1);
  expect(done('authStatus')).toMatchObject({ header, enabled: false, authRevision: revision });
  expect(done('authEnable')).toMatchObject({ header });
  const root = { username: 'root', revision: member.auth.revision };
  expect(member.apply('authStatus', {}, root)).toMatchObject({ value: { enabled: true, authRevision: root.revision } });
  expect(member.apply('authDisable', {}, root)).toMatchObject({ ok: true, value: { header } });
  expect(done('authStatus')).toMatchObject({ enabled: false });
});

it('whoever logs in has the token that stands in the entry', () => {
  member.enableAuth();
  expect(done('authenticate', { name: 'ann', simpleToken: 'abc' })).toMatchObject({ username: 'ann', prefix: 'abc' });
  expect(member.outcome('authenticate', { name: 'nobody', simpleToken: 'abc' })).not.toBe('ok');
});
