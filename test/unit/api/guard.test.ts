import { describe, expect, it } from 'vitest';
import { Guard } from '../../../src/api/v3/guard.js';
import { AuthError } from '../../../src/auth/errors.js';
import type { Identity } from '../../../src/auth/types.js';
import { Code, GrpcError } from '../../../src/grpc/types.js';
import type { EmulatedVersion } from '../../../src/lib/emulate.js';
import type { Credentials } from '../../../src/member/services/authentication.js';

/** A member that says what it was shown, and for whom alice is root. */
function scene(options: { commonNames?: boolean; enabled?: boolean; later?: boolean; emulate?: EmulatedVersion } = {}) {
  const shown: Credentials[] = [];
  const alice: Identity = { username: 'alice', revision: 3 };
  const guard = new Guard(
    {
      emulate: options.emulate ?? '3.5',
      auth: {
        isEnabled: options.enabled ?? true,
        revision: 1,
        access: {
          checkRead() {},
          checkUnchanged() {},
          checkKnown(identity) {
            if (identity === undefined) throw new AuthError('userEmpty');
          },
          checkRoot(identity) {
            if (identity !== alice) throw new AuthError('permissionDenied');
          },
        },
      },
      authentication: {
        identify(credentials) {
          shown.push(credentials);
          if (credentials.token === undefined) return undefined;
          return options.later === true ? Promise.resolve(alice) : alice;
        },
        checkKnown(token) {
          shown.push({ token, commonName: undefined });
          throw new AuthError('invalidAuthToken');
        },
        authenticate: () => Promise.reject(new Error('nobody logs in here')),
        passwordForEntry: () => Promise.reject(new Error('nobody gets a password here')),
      },
    },
    { commonNames: options.commonNames ?? false },
  );
  return { guard, shown, alice };
}

const call = (metadata: Record<string, string>, commonName?: string, path = '/etcdserverpb.KV/Range') => ({
  path,
  metadata: new Map(Object.entries(metadata).map(([name, value]) => [name, [value]])),
  peer: { address: '', tls: commonName !== undefined, commonName },
});

describe('the token of a call', () => {
  it.each([
    ['token', { token: 't.1' }, 't.1'],
    ['authorization', { authorization: 't.1' }, 't.1'],
    ['authorization with Bearer, as HTTP has it (#21929)', { authorization: 'Bearer t.1' }, 't.1'],
    ['token, where both are given', { token: 't.1', authorization: 't.2' }, 't.1'],
    ['none', {}, undefined],
  ])('stands in %s', (_name, metadata, token) => {
    const { guard, shown } = scene();
    guard.as(call(metadata as Record<string, string>), () => {});
    expect(shown).toEqual([{ token, commonName: undefined }]);
  });

  it('is not looked at while authentication is off', () => {
    const { guard, shown } = scene({ enabled: false });
    expect(guard.as(call({ token: 't.1' }), (identity) => identity)).toBeUndefined();
    expect(shown).toEqual([]);
  });

  it('is refused by 3.4 while authentication is off, but for calls that no token is looked at of', () => {
    const { guard, shown } = scene({ enabled: false, emulate: '3.4' });
    expect(() => guard.as(call({ token: 't.1' }), () => {})).toThrow('auth: invalid auth token');
    expect(shown).toEqual([{ token: 't.1', commonName: undefined }]);
    for (const metadata of [{}, { token: '' }]) guard.as(call(metadata), () => {});
    for (const path of ['Lease/LeaseKeepAlive', 'Lease/LeaseLeases', 'Lease/LeaseTimeToLive', 'Cluster/MemberList']) {
      guard.as(call({ token: 't.1' }, undefined, `/etcdserverpb.${path}`), () => {});
    }
    for (const path of ['Maintenance/Status', 'Maintenance/MoveLeader']) {
      guard.as(call({ token: 't.1' }, undefined, `/etcdserverpb.${path}`), () => {});
    }
    expect(shown.length).toBe(1);
  });

  it('is refused in the words of the store for alarms of 3.4', async () => {
    for (const [emulate, code] of [
      ['3.4', Code.Unknown],
      ['3.5', undefined],
    ] as const) {
      const { guard } = scene({ emulate });
      const refusal: unknown = await guard.forAlarm(call({}), { looks: true }).catch((cause: unknown) => cause);
      expect(refusal instanceof GrpcError ? refusal.code : undefined).toBe(code);
    }
  });
});

describe('the common name of a certificate', () => {
  it('counts only where certificates are asked for', () => {
    for (const commonNames of [true, false]) {
      const { guard, shown } = scene({ commonNames });
      guard.as(call({}, 'cn'), () => {});
      expect(shown).toEqual([{ token: undefined, commonName: commonNames ? 'cn' : undefined }]);
    }
  });

  it('of the gateway is nobody (CVE-2018-16886)', () => {
    const { guard, shown } = scene({ commonNames: true });
    guard.as(call({ 'grpcgateway-accept': 'application/json' }, 'cn'), () => {});
    expect(shown).toEqual([{ token: undefined, commonName: undefined }]);
  });
});

describe('a guarded call', () => {
  it('runs at once, or when it is known who calls', async () => {
    const now = scene();
    expect(now.guard.as(call({ token: 't.1' }), (identity) => identity)).toBe(now.alice);
    const later = scene({ later: true });
    const found = later.guard.as(call({ token: 't.1' }), (identity) => identity);
    expect(found).toBeInstanceOf(Promise);
    expect(await found).toBe(later.alice);
  });

  it('needs somebody, or root', async () => {
    const { guard, alice } = scene();
    expect(await guard.known(call({ token: 't.1' }))).toBe(alice);
    expect(await guard.root(call({ token: 't.1' }))).toBe(alice);
    await expect(guard.known(call({}))).rejects.toMatchObject({ row: 'userEmpty' });
    await expect(guard.root(call({}))).rejects.toMatchObject({ row: 'permissionDenied' });
  });

  it('is refused in the words of the store where etcd does so', async () => {
    const { guard } = scene();
    await guard.rootForMaintenance(call({ token: 't.1' }));
    const refused = await guard.rootForMaintenance(call({})).catch((cause: unknown) => cause);
    expect(refused).toBeInstanceOf(GrpcError);
    expect(refused).toMatchObject({ code: Code.Unknown, message: 'auth: permission denied' });
    const later = scene({ emulate: '3.6' }).guard;
    await expect(later.rootForMaintenance(call({}))).rejects.toMatchObject({ row: 'permissionDenied' });
  });
});
