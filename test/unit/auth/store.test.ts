import { describe, expect, it } from 'vitest';
import { AuthError, type AuthErrorName } from '../../../src/auth/errors.js';
import { SimpleTokens } from '../../../src/auth/simple-tokens.js';
import { AuthStore } from '../../../src/auth/store.js';
import type { Identity } from '../../../src/auth/types.js';
import { silentLogger } from '../../../src/lib/logger.js';
import { Permission_Type as PermType } from '../../../src/proto/gen/authpb.js';
import {
  AuthRoleGrantPermissionRequest,
  AuthRoleRevokePermissionRequest,
  AuthUserAddRequest,
  AuthUserChangePasswordRequest,
} from '../../../src/proto/gen/etcdserverpb.js';
import { MemoryBackend } from '../../support/memory-backend.js';
import { seededRandom } from '../../support/seeded-random.js';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const base64 = (text: string): string => Buffer.from(text).toString('base64');

function backend(): MemoryBackend {
  const made = new MemoryBackend();
  for (const bucket of ['auth', 'authUsers', 'authRoles'] as const) made.createBucket(bucket);
  return made;
}

function open(on = backend()) {
  const tokens = new SimpleTokens(seededRandom(1), 300);
  const store = new AuthStore(on, {
    logger: silentLogger,
    tokens,
    hashNow: (password, seed) => `hashed ${password} with ${seed}`,
  });
  return { store, tokens, on };
}

const user = (name: string, more: Partial<AuthUserAddRequest> = {}) =>
  AuthUserAddRequest.create({ name, hashedPassword: base64(`hash of ${name}`), ...more });
const grant = (name: string, permType: PermType, key: string, rangeEnd = '') =>
  AuthRoleGrantPermissionRequest.create({ name, perm: { permType, key: bytes(key), rangeEnd: bytes(rangeEnd) } });

/** root, and alice, who may read `r…`, write `w`, both `b`. */
function withUsers(on = backend()) {
  const opened = open(on);
  const { store } = opened;
  store.addUser(user('root'), '');
  store.grantRole('root', 'root');
  store.addUser(user('alice'), '');
  store.addRole('some');
  store.grantPermission(grant('some', PermType.READ, 'r', 's'));
  store.grantPermission(grant('some', PermType.WRITE, 'w'));
  store.grantPermission(grant('some', PermType.READWRITE, 'b'));
  store.grantRole('alice', 'some');
  return opened;
}

function refusal(run: () => void): AuthErrorName | undefined {
  try {
    run();
    return undefined;
  } catch (cause) {
    if (cause instanceof AuthError) return cause.row;
    throw cause;
  }
}

describe('turning authentication on', () => {
  it('needs the user root with the role root', () => {
    const { store } = open();
    expect(refusal(() => store.enable())).toBe('rootUserNotExist');
    store.addUser(user('root'), '');
    expect(refusal(() => store.enable())).toBe('rootRoleNotExist');
    store.grantRole('root', 'root');
    store.enable();
    expect(store.isEnabled).toBe(true);
  });

  it('leaves the revision as it is; turning it off does not', () => {
    const { store } = withUsers();
    const before = store.revision;
    store.enable();
    store.enable();
    expect(store.revision).toBe(before);
    store.disable();
    expect(store.revision).toBe(before + 1);
    store.disable();
    expect(store.revision).toBe(before + 1);
  });

  it('forgets all tokens when it is turned off', () => {
    const { store, tokens } = withUsers();
    store.enable();
    store.authenticate('alice', 'p', { index: 5, nowMs: 0 });
    expect(tokens.size).toBe(1);
    store.disable();
    expect(tokens.size).toBe(0);
  });
});

describe('what is refused', () => {
  const cases: readonly (readonly [AuthErrorName, string, (store: AuthStore) => void])[] = [
    ['userEmpty', 'a user without a name', (store) => store.addUser(user(''), '')],
    ['userAlreadyExists', 'a user twice', (store) => store.addUser(user('alice'), '')],
    ['userNotFound', 'deleting an unknown user', (store) => store.deleteUser('zz')],
    [
      'userNotFound',
      'a password for an unknown user',
      (store) => store.changePassword(AuthUserChangePasswordRequest.create({ name: 'zz' }), ''),
    ],
    ['userNotFound', 'a role for an unknown user', (store) => store.grantRole('zz', 'some')],
    ['userNotFound', 'taking a role from an unknown user', (store) => store.revokeRole('zz', 'some')],
    ['userNotFound', 'asking for an unknown user', (store) => store.rolesOf('zz')],
    ['roleNotFound', 'granting an unknown role', (store) => store.grantRole('alice', 'zz')],
    ['roleNotGranted', 'taking a role that was not granted', (store) => store.revokeRole('root', 'some')],
    ['roleEmpty', 'a role without a name', (store) => store.addRole('')],
    ['roleAlreadyExists', 'a role twice', (store) => store.addRole('some')],
    ['roleNotFound', 'deleting an unknown role', (store) => store.deleteRole('zz')],
    ['roleNotFound', 'asking for an unknown role', (store) => store.permissionsOf('zz')],
    ['roleNotFound', 'a permission for an unknown role', (store) => store.grantPermission(grant('zz', 0, 'k'))],
    [
      'permissionNotGiven',
      'no permission',
      (store) => store.grantPermission(AuthRoleGrantPermissionRequest.create({ name: 'some' })),
    ],
    [
      'invalidAuthManagement',
      'a permission without a key (#15619)',
      (store) => store.grantPermission(grant('some', 0, '', 'z')),
    ],
    [
      'invalidAuthManagement',
      'a permission that ends first',
      (store) => store.grantPermission(grant('some', 0, 'z', 'a')),
    ],
    [
      'permissionNotGranted',
      'taking a permission on another range',
      (store) =>
        store.revokePermission(
          AuthRoleRevokePermissionRequest.create({ role: 'some', key: bytes('r'), rangeEnd: bytes('t') }),
        ),
    ],
    [
      'roleNotFound',
      'taking a permission from an unknown role',
      (store) => store.revokePermission(AuthRoleRevokePermissionRequest.create({ role: 'zz', key: bytes('r') })),
    ],
    [
      'passwordForNoPasswordUser',
      'a hash that is no base64',
      (store) => store.addUser(user('new', { hashedPassword: 'no base64!' }), ''),
    ],
    ['authNotEnabled', 'a login while it is off', (store) => store.authenticate('alice', 'p', { index: 1, nowMs: 0 })],
    ['authNotEnabled', 'a password check while it is off', (store) => store.passwordHashOf('alice')],
  ];

  it.each(cases)('%s: %s', (row, _what, run) => {
    const { store, on } = withUsers();
    const before = { revision: store.revision, users: on.buckets.get('authUsers')?.values.size };
    expect(refusal(() => run(store))).toBe(row);
    expect({ revision: store.revision, users: on.buckets.get('authUsers')?.values.size }).toEqual(before);
  });

  it('while it is on: what would lock root out', () => {
    const { store } = withUsers();
    store.addRole('root');
    store.enable();
    expect(refusal(() => store.deleteUser('root'))).toBe('invalidAuthManagement');
    expect(refusal(() => store.revokeRole('root', 'root'))).toBe('invalidAuthManagement');
    expect(refusal(() => store.deleteRole('root'))).toBe('invalidAuthManagement');
    store.disable();
    store.deleteRole('root');
    store.deleteUser('root');
    expect(store.userNames()).toEqual(['alice']);
  });

  it('logins of unknown users and of those without a password', () => {
    const { store } = withUsers();
    store.addUser(user('nopw', { options: { noPassword: true } }), '');
    store.enable();
    expect(refusal(() => store.passwordHashOf('zz'))).toBe('authFailed');
    expect(refusal(() => store.passwordHashOf('nopw'))).toBe('passwordForNoPasswordUser');
    expect(refusal(() => store.authenticate('zz', 'p', { index: 1, nowMs: 0 }))).toBe('authFailed');
    expect(refusal(() => store.authenticate('nopw', 'p', { index: 1, nowMs: 0 }))).toBe('authFailed');
  });
});

describe('permissions', () => {
  const check = (
    store: AuthStore,
    identity: Identity | undefined,
    right: 'checkRead' | 'checkWrite',
    key: string,
    end = '',
  ) => refusal(() => store.access[right](identity, bytes(key), bytes(end)));
  const as = (store: AuthStore, username: string): Identity => ({ username, revision: store.revision });

  it('do not matter while authentication is off', () => {
    const { store } = withUsers();
    expect(check(store, undefined, 'checkWrite', 'x')).toBeUndefined();
    expect(refusal(() => store.access.checkRoot(undefined))).toBeUndefined();
    expect(refusal(() => store.access.checkKnown(undefined))).toBeUndefined();
    expect(store.access.rootIdentity()).toBeUndefined();
  });

  it('are read, write or both', () => {
    const { store } = withUsers();
    store.enable();
    const alice = as(store, 'alice');
    expect(check(store, alice, 'checkRead', 'r1', 'r2')).toBeUndefined();
    expect(check(store, alice, 'checkWrite', 'r1')).toBe('permissionDenied');
    expect(check(store, alice, 'checkWrite', 'w')).toBeUndefined();
    expect(check(store, alice, 'checkRead', 'w')).toBe('permissionDenied');
    expect(check(store, alice, 'checkRead', 'b')).toBeUndefined();
    expect(check(store, alice, 'checkWrite', 'b')).toBeUndefined();
  });

  it('of root are all, of nobody none', () => {
    const { store } = withUsers();
    store.enable();
    expect(check(store, as(store, 'root'), 'checkWrite', '\0', '\0')).toBeUndefined();
    expect(check(store, undefined, 'checkRead', 'r1')).toBe('userEmpty');
    expect(check(store, { username: '', revision: 0 }, 'checkRead', 'r1')).toBe('userEmpty');
    expect(check(store, as(store, 'zz'), 'checkRead', 'r1')).toBe('permissionDenied');
    expect(refusal(() => store.access.checkRoot(as(store, 'root')))).toBeUndefined();
    expect(refusal(() => store.access.checkRoot(as(store, 'alice')))).toBe('permissionDenied');
    expect(refusal(() => store.access.checkRoot(as(store, 'zz')))).toBe('userNotFound');
    expect(refusal(() => store.access.checkRoot(undefined))).toBe('userEmpty');
    expect(refusal(() => store.access.checkKnown(undefined))).toBe('userEmpty');
  });

  it('are not decided on what an older revision said', () => {
    const { store } = withUsers();
    store.enable();
    const before = as(store, 'alice');
    store.addRole('another');
    expect(check(store, before, 'checkRead', 'r1')).toBe('authOldRevision');
    expect(refusal(() => store.access.checkUnchanged(before))).toBe('authOldRevision');
    expect(refusal(() => store.access.checkUnchanged(as(store, 'alice')))).toBeUndefined();
  });

  it('end at once when they are taken, whichever way', () => {
    const ways: readonly ((store: AuthStore) => void)[] = [
      (store) => store.revokeRole('alice', 'some'),
      (store) => store.deleteRole('some'),
      (store) => store.deleteUser('alice'),
      (store) =>
        store.revokePermission(
          AuthRoleRevokePermissionRequest.create({ role: 'some', key: bytes('r'), rangeEnd: bytes('s') }),
        ),
      (store) => store.grantPermission(grant('some', PermType.WRITE, 'r', 's')),
    ];
    for (const take of ways) {
      const { store } = withUsers();
      store.enable();
      expect(check(store, as(store, 'alice'), 'checkRead', 'r1')).toBeUndefined();
      take(store);
      expect(check(store, as(store, 'alice'), 'checkRead', 'r1')).toBe('permissionDenied');
    }
  });

  it('on one range are one: the later takes the place of the earlier', () => {
    const { store } = withUsers();
    store.grantPermission(grant('some', PermType.READWRITE, 'r', 's'));
    const shown = store
      .permissionsOf('some')
      .map(({ key, rangeEnd }) => `${Buffer.from(key)}-${Buffer.from(rangeEnd)}`);
    expect(shown).toEqual(['b-', 'r-s', 'w-']);
  });
});

describe('a certificate without a common name', () => {
  it('is somebody, who may nothing: no key, nothing of root, as in etcd 3.5', () => {
    const { store } = withUsers();
    store.enable();
    const nobody: Identity = { username: '', revision: store.revision };
    const key = [bytes('r1'), bytes('')] as const;
    expect(refusal(() => store.access.checkRead(nobody, ...key))).toBe('permissionDenied');
    expect(refusal(() => store.access.checkWrite(nobody, ...key))).toBe('permissionDenied');
    expect(refusal(() => store.access.checkRoot(nobody))).toBe('userEmpty');
    expect(refusal(() => store.access.checkKnown(nobody))).toBeUndefined();
    expect(refusal(() => store.access.checkRead(undefined, ...key))).toBe('userEmpty');
    expect(refusal(() => store.access.checkKnown(undefined))).toBe('userEmpty');
  });
});

describe('passwords', () => {
  it('come hashed', () => {
    const { store } = withUsers();
    store.enable();
    expect(store.passwordHashOf('alice').hash).toBe('hash of alice');
  });

  it('of entries of 3.4 and before are hashed as they are applied, the same on every member', () => {
    const [one, two] = [withUsers(), withUsers()];
    for (const { store } of [one, two]) {
      store.addUser(user('old', { password: 'secret', hashedPassword: '' }), 'a1');
      store.changePassword(AuthUserChangePasswordRequest.create({ name: 'alice', password: 'new' }), 'a2');
      store.enable();
    }
    expect(one.store.passwordHashOf('old').hash).toBe('hashed secret with a1');
    expect(two.store.passwordHashOf('alice').hash).toBe('hashed new with a2');
    expect(one.on.buckets).toEqual(two.on.buckets);
  });

  it('are changed with all tokens of the user forgotten', () => {
    const { store, tokens } = withUsers();
    store.enable();
    store.authenticate('alice', 'p', { index: 5, nowMs: 0 });
    store.authenticate('root', 'p', { index: 6, nowMs: 0 });
    store.changePassword(AuthUserChangePasswordRequest.create({ name: 'alice', hashedPassword: base64('x') }), '');
    expect(tokens.size).toBe(1);
    expect(store.passwordHashOf('alice').hash).toBe('x');
    expect(store.rolesOf('alice')).toEqual(['some']);
  });

  it('cannot be given to a user without one', () => {
    const { store } = withUsers();
    store.addUser(user('nopw', { options: { noPassword: true } }), '');
    store.changePassword(AuthUserChangePasswordRequest.create({ name: 'nopw', hashedPassword: base64('x') }), '');
    store.enable();
    expect(refusal(() => store.passwordHashOf('nopw'))).toBe('passwordForNoPasswordUser');
  });
});

describe('what is stored', () => {
  it('begins with revision 1', () => {
    const { on } = open();
    expect(Buffer.from(on.get('auth', bytes('authRevision')) ?? []).toString('hex')).toBe('0000000000000001');
    expect(on.get('auth', bytes('authEnabled'))).toBeUndefined();
  });

  it('is found again', () => {
    const { store, on } = withUsers();
    store.enable();
    const again = open(on).store;
    expect(again.isEnabled).toBe(true);
    expect(again.revision).toBe(store.revision);
    expect(again.userNames()).toEqual(['alice', 'root']);
    expect(again.roleNames()).toEqual(['some']);
    expect(again.rolesOf('alice')).toEqual(['some']);
    expect(again.permissionsOf('some')).toEqual(store.permissionsOf('some'));
  });

  it('is taken from another backend after a snapshot (#14571)', () => {
    const { store } = withUsers();
    const other = withUsers();
    other.store.addUser(user('bob'), '');
    other.store.grantRole('bob', 'some');
    other.store.enable();
    store.restore(other.on);
    expect(store.isEnabled).toBe(true);
    expect(store.revision).toBe(other.store.revision);
    expect(store.userNames()).toEqual(['alice', 'bob', 'root']);
    expect(
      refusal(() => store.access.checkRead({ username: 'bob', revision: store.revision }, bytes('r1'), bytes(''))),
    ).toBeUndefined();
  });

  it('may say, after a snapshot, that authentication is off: then no token is known', () => {
    const { store, tokens } = withUsers();
    store.enable();
    store.authenticate('alice', 'p', { index: 5, nowMs: 0 });
    store.restore(withUsers().on);
    expect(store.isEnabled).toBe(false);
    expect(tokens.size).toBe(0);
  });

  it('has the bytes that etcd writes', () => {
    const { store, on } = open();
    store.addUser(user('root', { hashedPassword: base64('h') }), '');
    store.grantRole('root', 'root');
    store.addUser(user('nopw', { options: { noPassword: true } }), '');
    store.addRole('reader');
    store.grantPermission(grant('reader', PermType.READWRITE, 't1'));
    store.grantPermission(grant('reader', PermType.WRITE, 'leased/', '\0'));
    store.grantPermission(grant('reader', PermType.READ, 'k', 'l'));
    const hex = (bucket: 'authUsers' | 'authRoles', name: string) =>
      Buffer.from(on.get(bucket, bytes(name)) ?? []).toString('hex');
    // Of a data directory of 3.5.30, but for the hash.
    expect(hex('authUsers', 'root')).toBe('0a04726f6f741201681a04726f6f742200');
    expect(hex('authUsers', 'nopw')).toBe('0a046e6f707722020801');
    expect(hex('authRoles', 'reader')).toBe(
      '0a06726561646572120612016b1a016c120e080112076c65617365642f1a01001206080212027431',
    );
  });

  it('keeps what it was given, not views into requests', () => {
    const { store } = withUsers();
    const request = grant('some', PermType.READ, 'kkk');
    store.grantPermission(request);
    request.perm?.key.fill(0);
    expect(store.permissionsOf('some').map(({ key }) => Buffer.from(key).toString())).toContain('kkk');
  });
});
