/** The layers that a request passes when it is applied: alarms, permissions, the quota, in their order. */
import { describe, expect, it } from 'vitest';
import type { Identity } from '../../../../src/auth/types.js';
import type { EmulatedVersion } from '../../../../src/lib/emulate.js';
import type { StoreKind, StoreOperation } from '../../../../src/member/apply/operation.js';
import { costOf, DEFAULT_QUOTA_BYTES, quotaBytes } from '../../../../src/member/apply/quota.js';
import {
  AlarmRequest_AlarmAction as Action,
  AlarmType,
  AuthRoleGetRequest,
  AuthRoleGrantPermissionRequest,
  AuthUserAddRequest,
  AuthUserGetRequest,
  PutRequest,
  RangeRequest,
} from '../../../../src/proto/gen/etcdserverpb.js';
import { AppliedStore, bytes, del, nested, put, range, txn } from '../../../support/applied-store.js';

const samples = {
  range: range('r').request.value,
  put: put('w', '12345').request.value,
  deleteRange: del('w').request.value,
  'txn that puts': txn([], [put('w', '1')]),
  'txn that deletes': txn([], [del('w')]),
  'txn that reads': txn([], [range('r')]),
  'txn that may put': txn([], [], [put('w')]),
  'txn that puts deep down': txn([], [nested(txn([], [], [put('w')]))]),
  compaction: { revision: 1, physical: false },
  leaseGrant: { ID: 5n, TTL: 10 },
  leaseRevoke: { ID: 7n },
  leaseCheckpoint: { checkpoints: [] },
  alarm: { action: Action.GET, memberID: 0n, alarm: AlarmType.NONE },
  authUserList: {},
} as const;

type Sample = keyof typeof samples;

const kindOf = (sample: Sample): StoreKind => sample.split(' ')[0] as StoreKind;

const outcomes = (make: () => AppliedStore, names: readonly Sample[] = Object.keys(samples) as Sample[]) =>
  Object.fromEntries(names.map((name) => [name, make().outcome(kindOf(name), samples[name])]));

function withLease(): AppliedStore {
  const member = new AppliedStore();
  member.lessor.grant(7n, 100, 0);
  return member;
}

const raised = (alarm: AlarmType) => (): AppliedStore => {
  const member = withLease();
  member.apply('alarm', { action: Action.ACTIVATE, memberID: 1n, alarm });
  return member;
};

describe('without an alarm', () => {
  it('all pass', () => {
    expect(new Set(Object.values(outcomes(withLease)))).toEqual(new Set(['ok']));
  });
});

describe('an alarm', () => {
  it('of space refuses what grows, lease grants and transactions that may put too, and nothing else', () => {
    expect(outcomes(raised(AlarmType.NOSPACE))).toEqual({
      range: 'ok',
      put: 'noSpace',
      deleteRange: 'ok',
      'txn that puts': 'noSpace',
      'txn that deletes': 'ok',
      'txn that reads': 'ok',
      'txn that may put': 'noSpace',
      // As with etcd; all members of a cluster have to do the same.
      'txn that puts deep down': 'ok',
      compaction: 'ok',
      leaseGrant: 'noSpace',
      leaseRevoke: 'ok',
      leaseCheckpoint: 'ok',
      alarm: 'ok',
      authUserList: 'ok',
    });
  });

  it('of corruption refuses all that rests on keys and leases', () => {
    expect(outcomes(raised(AlarmType.CORRUPT))).toEqual({
      range: 'corrupt',
      put: 'corrupt',
      deleteRange: 'corrupt',
      'txn that puts': 'corrupt',
      'txn that deletes': 'corrupt',
      'txn that reads': 'corrupt',
      'txn that may put': 'corrupt',
      'txn that puts deep down': 'corrupt',
      compaction: 'corrupt',
      leaseGrant: 'corrupt',
      leaseRevoke: 'corrupt',
      leaseCheckpoint: 'ok',
      alarm: 'ok',
      authUserList: 'ok',
    });
  });

  it('is of a member: raised once, cleared by name, and the refusals end with the last one', () => {
    const member = raised(AlarmType.NOSPACE)();
    const alarm = (action: Action, memberID: bigint, type: AlarmType = AlarmType.NOSPACE) => {
      const outcome = member.apply('alarm', { action, memberID, alarm: type });
      return (outcome as unknown as { value: { alarms: unknown[] } }).value.alarms;
    };
    expect(alarm(Action.ACTIVATE, 1n)).toEqual([{ memberID: 1n, alarm: AlarmType.NOSPACE }]);
    expect(alarm(Action.ACTIVATE, 2n)).toHaveLength(1);
    expect(alarm(Action.ACTIVATE, 2n, AlarmType.NONE)).toEqual([]);
    expect(alarm(Action.ACTIVATE, 2n, AlarmType.CORRUPT)).toHaveLength(1);
    expect(alarm(Action.GET, 0n)).toHaveLength(2);
    expect(alarm(Action.GET, 0n, AlarmType.NONE)).toHaveLength(3);
    expect(alarm(Action.GET, 0n, AlarmType.CORRUPT)).toEqual([{ memberID: 2n, alarm: AlarmType.CORRUPT }]);
    expect(alarm(Action.DEACTIVATE, 3n)).toEqual([]);
    expect(alarm(Action.DEACTIVATE, 2n, AlarmType.CORRUPT)).toHaveLength(1);
    expect(alarm(Action.DEACTIVATE, 1n)).toHaveLength(1);
    expect(member.outcome('put', samples.put)).toBe('noSpace');
    expect(alarm(Action.DEACTIVATE, 2n)).toHaveLength(1);
    expect(member.outcome('put', samples.put)).toBe('ok');
  });

  it('outlives a restart, and gives way to those of another database', () => {
    const member = raised(AlarmType.NOSPACE)();
    member.alarms.restore();
    expect(member.outcome('put', samples.put)).toBe('noSpace');
    member.apply('alarm', { action: Action.DEACTIVATE, memberID: 1n, alarm: AlarmType.NOSPACE });
    member.alarms.restore();
    expect(member.outcome('put', samples.put)).toBe('ok');
  });
});

describe('the quota', () => {
  const cost = (name: Sample, version: EmulatedVersion = '3.5'): number =>
    costOf({ kind: kindOf(name), request: samples[name] } as StoreOperation, version);

  it('counts keys and values of puts with 256 bytes each, of the dearer branch, and leases', () => {
    expect(cost('put')).toBe(256 + 6);
    expect(cost('txn that puts')).toBe(256 + 2);
    expect(cost('txn that may put')).toBe(256 + 1);
    expect(cost('leaseGrant')).toBe(64);
    for (const name of ['range', 'deleteRange', 'txn that deletes', 'leaseRevoke', 'alarm'] as const)
      expect(cost(name)).toBe(0);
    const two = txn([], [put('a', '1'), put('b', '22')], [put('c')]);
    expect(costOf({ kind: 'txn', request: two }, '3.5')).toBe(2 * 256 + 5);
    expect(costOf({ kind: 'txn', request: txn([], two.failure, two.success) }, '3.5')).toBe(2 * 256 + 5);
  });

  it('counts what nested transactions put from 3.6 on, and refuses it where space has run out', () => {
    const deep = 'txn that puts deep down';
    expect([cost(deep, '3.4'), cost(deep, '3.5')]).toEqual([0, 0]);
    expect([cost(deep, '3.6'), cost(deep, '3.7')]).toEqual([256 + 1, 256 + 1]);
    for (const [version, outcome] of [
      ['3.5', 'ok'],
      ['3.6', 'noSpace'],
    ] as const) {
      const member = new AppliedStore(version);
      member.apply('alarm', { action: Action.ACTIVATE, memberID: 1n, alarm: AlarmType.NOSPACE });
      expect(member.outcome('txn', samples[deep]), version).toBe(outcome);
    }
  });

  it('is 2 GiB where nothing is said, and none where it is negative', () => {
    expect([quotaBytes(0), quotaBytes(5), quotaBytes(-1)]).toEqual([DEFAULT_QUOTA_BYTES, 5, Number.POSITIVE_INFINITY]);
    expect(DEFAULT_QUOTA_BYTES).toBe(2 * 1024 * 1024 * 1024);
  });

  it('is no reason not to apply: only the answer is a refusal, and the alarm is asked for', () => {
    const member = withLease();
    member.roomBytes = 261;
    expect(member.outcome('put', samples.put)).toBe('noSpace');
    expect(member.content).toEqual({ w: '12345' });
    expect(member.exceeded).toBe(1);
    expect(member.outcome('leaseGrant', samples.leaseGrant)).toBe('ok');
    expect(member.outcome('deleteRange', samples.deleteRange)).toBe('ok');
    expect(member.exceeded).toBe(1);
    member.roomBytes = 262;
    expect(member.outcome('put', samples.put)).toBe('ok');
    member.roomBytes = 63;
    expect(member.outcome('leaseGrant', { ID: 9n, TTL: 10 })).toBe('noSpace');
    expect(member.lessor.lookup(9n)).toBeDefined();
  });

  it('says nothing of a request that was refused for another reason', () => {
    const member = withLease();
    member.roomBytes = 0;
    expect(member.outcome('leaseGrant', { ID: 7n, TTL: 10 })).toBe('leaseExists');
    expect(member.exceeded).toBe(0);
  });
});

describe('permissions', () => {
  const asked = (
    name: string,
    request: unknown,
    identity: (users: Record<string, Identity>) => Identity | undefined,
  ) => {
    const member = withLease();
    for (const key of ['r', 'w', 'q']) member.put(key, key);
    member.apply('put', PutRequest.create({ key: bytes('q'), lease: 7n }));
    member.lessor.grant(8n, 100, 0);
    member.apply('put', PutRequest.create({ key: bytes('w'), lease: 8n }));
    return member.outcome(name as StoreKind, request, identity(member.enableAuth() as never));
  };
  const denied = 'permissionDenied';
  it.each<[string, string, unknown, string]>([
    ['a range that is granted', 'range', RangeRequest.create({ key: bytes('r1') }), 'ok'],
    ['a range that is not', 'range', RangeRequest.create({ key: bytes('w') }), denied],
    ['a range that reaches too far', 'range', RangeRequest.create({ key: bytes('r'), rangeEnd: bytes('t') }), denied],
    ['a put that is granted', 'put', put('w').request.value, 'ok'],
    ['a put that is not', 'put', put('r').request.value, denied],
    ['a put that shows what it replaced', 'put', put('w', '', { prevKv: true }).request.value, denied],
    ['a put to a lease with keys of others', 'put', put('w', '', { lease: 7n }).request.value, denied],
    ['a put to a lease with keys of its own', 'put', put('w', '', { lease: 8n }).request.value, 'ok'],
    ['a deletion that is granted', 'deleteRange', del('w').request.value, 'ok'],
    ['a deletion that is not', 'deleteRange', del('r').request.value, denied],
    ['a deletion that shows what was', 'deleteRange', del('w', '', true).request.value, denied],
    ['a transaction that is granted', 'txn', txn([], [put('w')], [del('w'), range('r')]), 'ok'],
    ['a read in the other branch', 'txn', txn([], [put('w')], [range('w')]), denied],
    ['a put in the first branch', 'txn', txn([], [put('r')]), denied],
    ['a deletion in a branch', 'txn', txn([], [], [del('r')]), denied],
    ['a nested put', 'txn', txn([], [nested(txn([], [], [put('r')]))]), denied],
    [
      'a comparison',
      'txn',
      txn([{ key: bytes('w'), rangeEnd: bytes(''), target: 0, result: 0, targetUnion: { case: undefined } }], []),
      denied,
    ],
    ['a revocation of a lease with keys of others', 'leaseRevoke', { ID: 7n }, denied],
    ['a revocation of a lease of its own', 'leaseRevoke', { ID: 8n }, 'ok'],
    ['a look at itself', 'authUserGet', AuthUserGetRequest.create({ name: 'ann' }), 'ok'],
    ['a look at another user', 'authUserGet', AuthUserGetRequest.create({ name: 'root' }), denied],
    ['a look at a role of its own', 'authRoleGet', AuthRoleGetRequest.create({ role: 'some' }), 'ok'],
    ['a look at another role', 'authRoleGet', AuthRoleGetRequest.create({ role: 'other' }), denied],
    ['a list of users', 'authUserList', {}, denied],
    ['a list of roles', 'authRoleList', {}, denied],
    ['a new user', 'authUserAdd', AuthUserAddRequest.create({ name: 'bob' }), denied],
    ['a user less', 'authUserDelete', { name: 'ann' }, denied],
    ['a password', 'authUserChangePassword', { name: 'ann', password: '', hashedPassword: 'eA==' }, denied],
    ['a role for a user', 'authUserGrantRole', { user: 'ann', role: 'root' }, denied],
    ['a role less', 'authUserRevokeRole', { name: 'ann', role: 'some' }, denied],
    ['a new role', 'authRoleAdd', { name: 'x' }, denied],
    ['a deleted role', 'authRoleDelete', { role: 'some' }, denied],
    [
      'a permission more',
      'authRoleGrantPermission',
      AuthRoleGrantPermissionRequest.create({
        name: 'some',
        perm: { permType: 2, key: bytes('a'), rangeEnd: bytes('b') },
      }),
      denied,
    ],
    ['a permission less', 'authRoleRevokePermission', { role: 'some', key: bytes('w'), rangeEnd: bytes('x') }, denied],
    ['authentication turned off', 'authDisable', {}, denied],
    ['a lease', 'leaseGrant', { ID: 9n, TTL: 10 }, 'ok'],
    ['a compaction', 'compaction', { revision: 2, physical: false }, 'ok'],
  ])('of a user: %s', (_, kind, request, expected) => {
    expect(asked(kind, request, ({ ann }) => ann)).toBe(expected);
    // root may, and nobody in particular may not, what is asked of users at all.
    expect(asked(kind, request, ({ root }) => root)).toBe('ok');
    if (expected === denied) expect(asked(kind, request, () => undefined)).not.toBe('ok');
  });

  it('are looked at behind alarms, and before anything is done', () => {
    const member = raised(AlarmType.NOSPACE)();
    const { ann } = member.enableAuth();
    expect(member.outcome('put', put('r').request.value, ann)).toBe('noSpace');
    const other = new AppliedStore();
    const users = other.enableAuth();
    other.roomBytes = 0;
    expect(other.outcome('put', put('r').request.value, users.ann)).toBe(denied);
    expect([other.content, other.exceeded]).toEqual([{}, 0]);
  });

  it('of an older revision than the store has now permit nothing', () => {
    const member = new AppliedStore();
    const { ann } = member.enableAuth();
    member.auth.addRole('later');
    expect(member.outcome('put', put('w').request.value, ann)).toBe('authOldRevision');
  });
});

it('leases and compactions are counted, and scheduled', () => {
  const member = withLease();
  member.put('a');
  member.put('b');
  member.outcome('compaction', { revision: 2, physical: false });
  expect(member.compactions).toEqual([2]);
  expect(member.outcome('compaction', { revision: 2, physical: false })).toBe('compacted');
  expect(member.outcome('compaction', { revision: 4, physical: false })).toBe('futureRevision');
  expect(member.outcome('leaseGrant', { ID: 1n, TTL: 10 })).toBe('ok');
  expect(member.outcome('leaseGrant', { ID: 1n, TTL: 10 })).toBe('leaseExists');
  expect(member.outcome('leaseGrant', { ID: 2n, TTL: 9_000_000_001 })).toBe('leaseTtlTooLarge');
  expect(member.outcome('leaseRevoke', { ID: 3n })).toBe('leaseNotFound');
  expect(member.outcome('leaseRevoke', { ID: 1n })).toBe('ok');
  expect(member.applier.counts).toEqual({ leasesGranted: 1, leasesRevoked: 1 });
});
