/** What each method of the client sends, and whether a call whose answer was lost is made again. */
import { describe, expect, it } from 'vitest';
import type { Client } from '../../../src/client/client.js';
import { compare, type GetOptions, op } from '../../../src/client/kv.js';
import { Code, GrpcError } from '../../../src/grpc/types.js';
import { fakeClient } from '../../support/fake-client.js';
import { settle } from '../../support/manual-clock.js';

const b = (text: string): Uint8Array => Buffer.from(text);
/** Bytes of either class as text, so that they compare. */
const plain = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
};
const END = Uint8Array.of(0);

type Row = readonly [
  name: string,
  call: (client: Client) => Promise<unknown>,
  path: string,
  request: object,
  'again' | 'once',
];

const KV = '/etcdserverpb.KV/';
const LEASE = '/etcdserverpb.Lease/';
const AUTH = '/etcdserverpb.Auth/';
const CLUSTER = '/etcdserverpb.Cluster/';
const MAINTENANCE = '/etcdserverpb.Maintenance/';

const put = { case: 'requestPut', value: { key: b('k'), value: b('v') } };
const range = { case: 'requestRange', value: { key: b('k') } };

const sorted = (name: string, sort: GetOptions['sort'], asked: { sortOrder: number; sortTarget: number }): Row => [
  name,
  ({ kv }) => kv.get('k', { sort }),
  `${KV}Range`,
  asked,
  'again',
];

const rows: readonly Row[] = [
  ['get', ({ kv }) => kv.get('k'), `${KV}Range`, { key: b('k'), rangeEnd: b(''), sortOrder: 0, limit: 0 }, 'again'],
  [
    'get with all that it takes',
    ({ kv }) =>
      kv.get('k', {
        prefix: true,
        limit: 3,
        revision: 4,
        sort: { by: 'mod', order: 'descend' },
        serializable: true,
        keysOnly: true,
        countOnly: true,
        minModRevision: 5,
        maxModRevision: 6,
        minCreateRevision: 7,
        maxCreateRevision: 8,
      }),
    `${KV}Range`,
    {
      key: b('k'),
      rangeEnd: b('l'),
      limit: 3,
      revision: 4,
      sortOrder: 2,
      sortTarget: 3,
      serializable: true,
      keysOnly: true,
      countOnly: true,
      minModRevision: 5,
      maxModRevision: 6,
      minCreateRevision: 7,
      maxCreateRevision: 8,
    },
    'again',
  ],
  sorted('get in the store’s own order', { order: 'ascend' }, { sortOrder: 0, sortTarget: 0 }),
  sorted('get by value', { by: 'value', order: 'ascend' }, { sortOrder: 1, sortTarget: 4 }),
  sorted('get by key, backwards', { order: 'descend' }, { sortOrder: 2, sortTarget: 0 }),
  ['put', ({ kv }) => kv.put('k', 'v'), `${KV}Put`, { key: b('k'), value: b('v'), lease: 0n, prevKv: false }, 'once'],
  [
    'put with all that it takes',
    ({ kv }) => kv.put('k', 'v', { lease: 7n as never, prevKv: true, ignoreValue: true, ignoreLease: true }),
    `${KV}Put`,
    { lease: 7n, prevKv: true, ignoreValue: true, ignoreLease: true },
    'once',
  ],
  ['delete', ({ kv }) => kv.delete('k'), `${KV}DeleteRange`, { key: b('k'), rangeEnd: b(''), prevKv: false }, 'once'],
  [
    'delete from a key on',
    ({ kv }) => kv.delete('k', { fromKey: true, prevKv: true }),
    `${KV}DeleteRange`,
    { key: b('k'), rangeEnd: END, prevKv: true },
    'once',
  ],
  [
    'a transaction that writes',
    ({ kv }) =>
      kv.txn({ compare: [compare.version('k', '>', 3)], success: [op.get('k')], failure: [op.put('k', 'v')] }),
    `${KV}Txn`,
    {
      compare: [{ key: b('k'), result: 1, target: 0, targetUnion: { case: 'version', value: 3 } }],
      success: [{ request: range }],
      failure: [{ request: put }],
    },
    'once',
  ],
  [
    'a transaction that writes first and then reads',
    ({ kv }) => kv.txn({ success: [op.put('k', 'v'), op.get('k')] }),
    `${KV}Txn`,
    { success: [{ request: put }, { request: range }] },
    'once',
  ],
  ['a transaction that deletes', ({ kv }) => kv.txn({ success: [op.delete('k')] }), `${KV}Txn`, {}, 'once'],
  [
    'a transaction within one',
    ({ kv }) => kv.txn({ success: [op.txn({ success: [op.get('k')] })] }),
    `${KV}Txn`,
    { success: [{ request: { case: 'requestTxn', value: { success: [{ request: range }] } } }] },
    'once',
  ],
  ['a transaction that reads', ({ kv }) => kv.txn({ success: [op.get('k')] }), `${KV}Txn`, {}, 'again'],
  ['compact', ({ kv }) => kv.compact(5), `${KV}Compact`, { revision: 5, physical: false }, 'once'],
  [
    'compact to the disk',
    ({ kv }) => kv.compact(5, { physical: true }),
    `${KV}Compact`,
    { revision: 5, physical: true },
    'once',
  ],
  ['a lease', ({ lease }) => lease.grant(60), `${LEASE}LeaseGrant`, { TTL: 60, ID: 0n }, 'again'],
  ['a lease by id', ({ lease }) => lease.grant(60, { id: 9n as never }), `${LEASE}LeaseGrant`, { ID: 9n }, 'again'],
  ['a lease less', ({ lease }) => lease.revoke(9n as never), `${LEASE}LeaseRevoke`, { ID: 9n }, 'again'],
  [
    'time to live',
    ({ lease }) => lease.timeToLive(9n as never),
    `${LEASE}LeaseTimeToLive`,
    { ID: 9n, keys: false },
    'again',
  ],
  [
    'time to live with keys',
    ({ lease }) => lease.timeToLive(9n as never, { keys: true }),
    `${LEASE}LeaseTimeToLive`,
    { ID: 9n, keys: true },
    'again',
  ],
  ['leases', ({ lease }) => lease.list(), `${LEASE}LeaseLeases`, {}, 'again'],
  ['members', ({ cluster }) => cluster.list(), `${CLUSTER}MemberList`, { linearizable: true }, 'again'],
  [
    'members as one knows them',
    ({ cluster }) => cluster.list({ linearizable: false }),
    `${CLUSTER}MemberList`,
    { linearizable: false },
    'again',
  ],
  [
    'a member',
    ({ cluster }) => cluster.add(['http://a:1']),
    `${CLUSTER}MemberAdd`,
    { peerURLs: ['http://a:1'], isLearner: false },
    'once',
  ],
  [
    'a learner',
    ({ cluster }) => cluster.add(['http://a:1'], { isLearner: true }),
    `${CLUSTER}MemberAdd`,
    { isLearner: true },
    'once',
  ],
  ['a member less', ({ cluster }) => cluster.remove(3n as never), `${CLUSTER}MemberRemove`, { ID: 3n }, 'once'],
  [
    'a member elsewhere',
    ({ cluster }) => cluster.update(3n as never, ['http://b:1']),
    `${CLUSTER}MemberUpdate`,
    { ID: 3n, peerURLs: ['http://b:1'] },
    'once',
  ],
  ['a promotion', ({ cluster }) => cluster.promote(3n as never), `${CLUSTER}MemberPromote`, { ID: 3n }, 'once'],
  ['status', ({ maintenance }) => maintenance.status('a'), `${MAINTENANCE}Status`, {}, 'again'],
  ['hash', ({ maintenance }) => maintenance.hash('a'), `${MAINTENANCE}Hash`, {}, 'again'],
  ['hash of keys', ({ maintenance }) => maintenance.hashKV('a', 7), `${MAINTENANCE}HashKV`, { revision: 7 }, 'again'],
  ['defragment', ({ maintenance }) => maintenance.defragment('a'), `${MAINTENANCE}Defragment`, {}, 'once'],
  [
    'alarms',
    ({ maintenance }) => maintenance.alarms(),
    `${MAINTENANCE}Alarm`,
    { action: 0, memberID: 0n, alarm: 0 },
    'again',
  ],
  [
    'an alarm less',
    ({ maintenance }) => maintenance.disarm({ memberID: 4n, alarm: 1 } as never),
    `${MAINTENANCE}Alarm`,
    { action: 2, memberID: 4n, alarm: 1 },
    'again',
  ],
  [
    'another leader',
    ({ maintenance }) => maintenance.moveLeader(3n as never),
    `${MAINTENANCE}MoveLeader`,
    { targetID: 3n },
    'again',
  ],
  [
    'downgrade',
    ({ maintenance }) => maintenance.downgrade(1, '3.4.0'),
    `${MAINTENANCE}Downgrade`,
    { action: 1, version: '3.4.0' },
    'once',
  ],
  ['auth on', ({ auth }) => auth.enable(), `${AUTH}AuthEnable`, {}, 'once'],
  ['auth off', ({ auth }) => auth.disable(), `${AUTH}AuthDisable`, {}, 'once'],
  ['auth status', ({ auth }) => auth.status(), `${AUTH}AuthStatus`, {}, 'again'],
  ['login', ({ auth }) => auth.authenticate('u', 'p'), `${AUTH}Authenticate`, { name: 'u', password: 'p' }, 'once'],
  [
    'a user',
    ({ auth }) => auth.userAdd('u', 'p'),
    `${AUTH}UserAdd`,
    { name: 'u', password: 'p', options: { noPassword: false } },
    'once',
  ],
  [
    'a user without password',
    ({ auth }) => auth.userAdd('u', undefined),
    `${AUTH}UserAdd`,
    { password: '', options: { noPassword: true } },
    'once',
  ],
  ['of a user', ({ auth }) => auth.userGet('u'), `${AUTH}UserGet`, { name: 'u' }, 'again'],
  ['users', ({ auth }) => auth.userList(), `${AUTH}UserList`, {}, 'again'],
  ['a user less', ({ auth }) => auth.userDelete('u'), `${AUTH}UserDelete`, { name: 'u' }, 'once'],
  [
    'a password',
    ({ auth }) => auth.userChangePassword('u', 'q'),
    `${AUTH}UserChangePassword`,
    { name: 'u', password: 'q' },
    'once',
  ],
  [
    'a granted role',
    ({ auth }) => auth.userGrantRole('u', 'r'),
    `${AUTH}UserGrantRole`,
    { user: 'u', role: 'r' },
    'once',
  ],
  [
    'a revoked role',
    ({ auth }) => auth.userRevokeRole('u', 'r'),
    `${AUTH}UserRevokeRole`,
    { name: 'u', role: 'r' },
    'once',
  ],
  ['a role', ({ auth }) => auth.roleAdd('r'), `${AUTH}RoleAdd`, { name: 'r' }, 'once'],
  ['of a role', ({ auth }) => auth.roleGet('r'), `${AUTH}RoleGet`, { role: 'r' }, 'again'],
  ['roles', ({ auth }) => auth.roleList(), `${AUTH}RoleList`, {}, 'again'],
  ['a role less', ({ auth }) => auth.roleDelete('r'), `${AUTH}RoleDelete`, { role: 'r' }, 'once'],
  [
    'a permission',
    ({ auth }) => auth.roleGrantPermission('r', { type: 2, key: 'k', rangeEnd: 'l' }),
    `${AUTH}RoleGrantPermission`,
    { name: 'r', perm: { permType: 2, key: b('k'), rangeEnd: b('l') } },
    'once',
  ],
  [
    'a permission less',
    ({ auth }) => auth.roleRevokePermission('r', 'k', 'l'),
    `${AUTH}RoleRevokePermission`,
    { role: 'r', key: b('k'), rangeEnd: b('l') },
    'once',
  ],
];

describe.each(rows)('%s', (_, call, path, request, policy) => {
  it(`sends its request, and is made ${policy} when the answer is lost`, async () => {
    const calls: { path: string; request: unknown }[] = [];
    let lost = 2;
    const { client, clock } = fakeClient((channel) => {
      channel.answer = (seen) => {
        calls.push(seen);
        if (lost-- > 0) throw new GrpcError(Code.Unavailable, 'error reading from server: EOF');
        return {};
      };
    });
    const result = call(client).then(
      () => 'ok',
      (error: Error) => error.message,
    );
    await clock.advance(1000);
    expect(calls[0]?.path).toBe(path);
    expect(plain(calls[0]?.request)).toMatchObject(plain(request) as object);
    expect(calls.length).toBe(policy === 'again' ? 3 : 1);
    for (const again of calls) expect(again.request).toEqual(calls[0]?.request);
    expect(await result).toBe(
      policy === 'again' ? 'ok' : 'rpc error: code = Unavailable desc = error reading from server: EOF',
    );
    await client.close();
    await settle();
    expect(clock.pending).toBe(0);
  });
});

it('conditions name what they compare, and a range where they are of one', () => {
  const of = (made: ReturnType<typeof compare.version>) => [
    made.result,
    made.target,
    plain(made.targetUnion.value),
    plain(made.rangeEnd),
  ];
  expect(of(compare.version('k', '=', 1))).toEqual([0, 0, 1, '']);
  expect(of(compare.createRevision('k', '!=', 2))).toEqual([3, 1, 2, '']);
  expect(of(compare.modRevision('k', '<', 3))).toEqual([2, 2, 3, '']);
  expect(of(compare.value('k', '>', 'v', { prefix: true }))).toEqual([1, 3, 'v', 'l']);
  expect(of(compare.lease('k', '=', 5n as never, { fromKey: true }))).toEqual([0, 4, 5n, '\0']);
});

it('all alarms are disarmed one by one', async () => {
  const calls: unknown[] = [];
  const { client } = fakeClient((channel) => {
    channel.answer = ({ request }) => {
      calls.push(request);
      const { action, memberID, alarm } = request as { action: number; memberID: bigint; alarm: number };
      return {
        alarms: action === 0 ? [1n, 2n].map((id) => ({ memberID: id, alarm: Number(id) })) : [{ memberID, alarm }],
      };
    };
  });
  const { alarms } = await client.maintenance.disarm();
  expect(alarms).toEqual([
    { memberID: 1n, alarm: 1 },
    { memberID: 2n, alarm: 2 },
  ]);
  expect(calls).toMatchObject([{ action: 0 }, { action: 2, memberID: 1n }, { action: 2, memberID: 2n }]);
  await client.close();
});
