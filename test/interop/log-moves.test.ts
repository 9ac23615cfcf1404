/**
 * How far the raft index and the revision move with each call, beside a real member: every RPC of v3, what is refused
 * included, with authentication and without, and while there are alarms. What a read costs, which refusals are made
 * before the log and which by it, is what operators see in the metrics of proposals, and what a follower that is cut
 * off still answers.
 */
import { describe, it } from 'vitest';
import type { Method } from '../../src/lib/codec.js';
import { Permission, Permission_Type as PermType } from '../../src/proto/gen/authpb.js';
import {
  AlarmRequest_AlarmAction as AlarmAction,
  AlarmType,
  Auth,
  Cluster,
  type CompactionRequest,
  DeleteRangeRequest,
  DowngradeRequest_DowngradeAction as DowngradeAction,
  KV,
  Lease,
  Maintenance,
  PutRequest,
  RangeRequest,
  type RequestOp,
  TxnRequest,
  Watch,
  WatchCreateRequest,
  WatchRequest,
} from '../../src/proto/gen/etcdserverpb.js';
import { Election } from '../../src/proto/gen/v3electionpb.js';
import { Lock } from '../../src/proto/gen/v3lockpb.js';
import { bytes, pair, type Side, type Step, same, user } from '../support/answering-pair.js';
import { realReleases } from '../support/member-process.js';

const plain = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);

/** Only that it is answered, or the refusal: what answers say is compared elsewhere. */
const calls = <I>(method: Method<I, unknown>, request: I, as = ''): Step => [
  `${as}${method.path} ${JSON.stringify(request, plain).slice(0, 200)}`,
  async (side) => {
    await side.call(method, request);
  },
];

/** Each of the requests is answered before the next is sent. */
const streams = <I>(method: Method<I, unknown>, requests: readonly I[]): Step => [
  `${method.path} ${JSON.stringify(requests, plain)}`,
  async (side) => {
    const stream = side.stream(method);
    const answers = stream.messages[Symbol.asyncIterator]();
    for (const request of requests) {
      stream.send(request);
      await answers.next();
    }
    stream.cancel();
  },
];

const key = bytes('k');
const put = (fields: Partial<PutRequest> = {}): PutRequest => PutRequest.create({ key, value: bytes('v'), ...fields });
const range = (fields: Partial<RangeRequest> = {}): RangeRequest => RangeRequest.create({ key, ...fields });
const remove = (fields: Partial<DeleteRangeRequest> = {}): DeleteRangeRequest =>
  DeleteRangeRequest.create({ key, ...fields });
const txn = (success: readonly RequestOp[], failure: readonly RequestOp[] = []): TxnRequest =>
  TxnRequest.create({ success: [...success], failure: [...failure] });
const putOp = (fields?: Partial<PutRequest>): RequestOp => ({ request: { case: 'requestPut', value: put(fields) } });
const rangeOp = (fields?: Partial<RangeRequest>): RequestOp => ({
  request: { case: 'requestRange', value: range(fields) },
});
const removeOp = (fields?: Partial<DeleteRangeRequest>): RequestOp => ({
  request: { case: 'requestDeleteRange', value: remove(fields) },
});
const txnOp = (value: TxnRequest): RequestOp => ({ request: { case: 'requestTxn', value } });
const compaction = (revision: number, physical = false): CompactionRequest => ({ revision, physical });
const alarm = (action: AlarmAction, type: AlarmType) => ({ action, memberID: NOBODY, alarm: type });

const NOBODY = 123n;
const LEASE = 77n;
const ABSENT = bytes('absent');
// Beyond --max-request-bytes, but not beyond what a message may have.
const LARGE = Buffer.alloc(1_600_000);

const kvCalls: readonly Step[] = [
  calls(KV.put, put()),
  calls(KV.put, put({ key: bytes('') })),
  calls(KV.put, put({ value: LARGE })),
  calls(KV.put, put({ lease: 999n })),
  calls(KV.put, put({ ignoreValue: true })),
  calls(KV.put, put({ value: bytes(''), ignoreValue: true })),
  calls(KV.put, put({ value: bytes(''), ignoreLease: true, prevKv: true })),
  calls(KV.put, put({ ignoreLease: true, lease: 5n })),
  calls(KV.put, put({ key: ABSENT, value: bytes(''), ignoreValue: true })),
  calls(KV.range, range()),
  calls(KV.range, range({ serializable: true })),
  calls(KV.range, range({ key: bytes('') })),
  calls(KV.range, range({ revision: 99 })),
  calls(KV.range, range({ revision: -1 })),
  calls(KV.range, range({ limit: -1 })),
  calls(KV.range, range({ countOnly: true, rangeEnd: bytes('\0') })),
  calls(KV.range, range({ sortOrder: 9 as never })),
  calls(KV.deleteRange, remove({ key: ABSENT })),
  calls(KV.deleteRange, remove({ key: bytes('') })),
  calls(KV.deleteRange, remove({ key: bytes('z'), rangeEnd: bytes('a') })),
  calls(KV.deleteRange, remove({ rangeEnd: bytes('l'), prevKv: true })),
  calls(KV.txn, txn([])),
  calls(KV.txn, txn([rangeOp()])),
  calls(KV.txn, txn([rangeOp({ serializable: true })])),
  calls(KV.txn, txn([rangeOp({ revision: 99 })])),
  calls(KV.txn, txn([rangeOp()], [putOp()])),
  calls(KV.txn, txn([putOp()], [rangeOp()])),
  calls(KV.txn, txn([txnOp(txn([rangeOp()]))])),
  calls(KV.txn, txn([txnOp(txn([putOp()]))])),
  calls(KV.txn, txn([removeOp({ key: ABSENT })])),
  calls(KV.txn, txn([removeOp()])),
  calls(KV.txn, txn([putOp(), putOp()])),
  calls(KV.txn, txn([putOp(), rangeOp({ revision: 99 })])),
  calls(KV.txn, txn([putOp({ key: bytes('') })])),
  calls(KV.txn, txn([putOp({ lease: 999n })])),
  calls(KV.txn, txn([putOp({ key: ABSENT, value: bytes(''), ignoreValue: true })])),
  calls(KV.txn, txn([{ request: { case: undefined } }])),
  calls(KV.txn, txn(Array.from({ length: 129 }, () => rangeOp()))),
  calls(KV.put, put()),
  calls(KV.put, put()),
  calls(KV.compact, compaction(0)),
  calls(KV.compact, compaction(-1)),
  calls(KV.compact, compaction(99)),
  calls(KV.compact, compaction(3)),
  calls(KV.compact, compaction(3)),
  calls(KV.compact, compaction(2)),
  calls(KV.compact, compaction(4, true)),
  calls(KV.compact, compaction(4, true)),
  calls(KV.range, range({ revision: 2 })),
  calls(KV.txn, txn([rangeOp({ revision: 2 })])),
];

const grantedAndRevoked = (TTL: number): Step => [
  `a lease of ${TTL} seconds`,
  async (side) => {
    const { ID } = await side.call(Lease.leaseGrant, { ID: 0n, TTL });
    await side.call(Lease.leaseRevoke, { ID });
  },
];
const leaseCalls: readonly Step[] = [
  calls(Lease.leaseGrant, { ID: LEASE, TTL: 6000 }),
  calls(Lease.leaseGrant, { ID: LEASE, TTL: 6000 }),
  calls(Lease.leaseGrant, { ID: 0n, TTL: 6000 }),
  // Before they expire.
  grantedAndRevoked(0),
  grantedAndRevoked(-1),
  calls(Lease.leaseGrant, { ID: 0n, TTL: 9_000_000_001 }),
  calls(KV.put, put({ key: bytes('leased'), lease: LEASE })),
  streams(Lease.leaseKeepAlive, [{ ID: LEASE }, { ID: 5n }]),
  calls(Lease.leaseTimeToLive, { ID: LEASE, keys: true }),
  calls(Lease.leaseTimeToLive, { ID: 5n, keys: false }),
  calls(Lease.leaseLeases, {}),
  calls(Lease.leaseRevoke, { ID: 5n }),
  calls(Lease.leaseRevoke, { ID: LEASE }),
  calls(Lease.leaseGrant, { ID: LEASE, TTL: 6000 }),
];

const watchCalls: readonly Step[] = [
  streams(Watch.watch, [
    WatchRequest.create({ requestUnion: { case: 'createRequest', value: WatchCreateRequest.create({ key }) } }),
    WatchRequest.create({
      requestUnion: { case: 'createRequest', value: WatchCreateRequest.create({ key, startRevision: 1 }) },
    }),
  ]),
];

const lockKey = bytes(`k/${LEASE.toString(16)}`);
const leader = { name: key, key: lockKey, rev: 999, lease: LEASE };
const lockCalls: readonly Step[] = [
  calls(Lock.lock, { name: key, lease: 999n }),
  calls(Lock.lock, { name: key, lease: LEASE }),
  calls(Lock.lock, { name: key, lease: LEASE }),
  calls(Lock.unlock, { key: lockKey }),
  calls(Lock.unlock, { key: lockKey }),
  calls(Election.leader, { name: key }),
  calls(Election.campaign, { name: key, lease: 999n, value: key }),
  calls(Election.campaign, { name: key, lease: LEASE, value: key }),
  calls(Election.campaign, { name: key, lease: LEASE, value: bytes('other') }),
  calls(Election.leader, { name: key }),
  [
    'Observe',
    async (side) => {
      const stream = side.stream(Election.observe);
      stream.send({ name: key });
      stream.end();
      await stream.messages[Symbol.asyncIterator]().next();
      stream.cancel();
    },
  ],
  calls(Election.proclaim, { leader, value: key }),
  calls(Election.proclaim, { leader: undefined, value: key }),
  calls(Election.resign, { leader: undefined }),
  calls(Election.resign, { leader }),
  [
    'the leader proclaims and resigns',
    async (side) => {
      const { kv } = await side.call(Election.leader, { name: key });
      const held = { name: key, key: lockKey, rev: kv?.createRevision ?? 0, lease: LEASE };
      await side.call(Election.proclaim, { leader: held, value: bytes('news') });
      await side.call(Election.resign, { leader: held });
    },
  ],
];

/** Revoked before it expires. */
const lockWithOwnLease: Step = [
  'a lock without a lease',
  async (side) => {
    const { key: held } = await side.call(Lock.lock, { name: bytes('own'), lease: 0n });
    const ID = BigInt(`0x${Buffer.from(held).toString().split('/')[1]}`);
    await side.call(Lease.leaseRevoke, { ID });
  },
];

const clusterCalls: readonly Step[] = [
  calls(Cluster.memberList, { linearizable: true }),
  calls(Cluster.memberList, { linearizable: false }),
  calls(Cluster.memberAdd, { peerURLs: [], isLearner: true }),
  calls(Cluster.memberAdd, { peerURLs: ['nonsense'], isLearner: true }),
  calls(Cluster.memberAdd, { peerURLs: ['http://127.0.0.1:2'], isLearner: true }),
  // Another id, whatever the second it is made in.
  calls(Cluster.memberAdd, { peerURLs: ['http://127.0.0.1:2', 'http://127.0.0.1:5'], isLearner: true }),
  calls(Cluster.memberAdd, { peerURLs: ['http://127.0.0.1:3'], isLearner: true }),
  calls(Cluster.memberUpdate, { ID: NOBODY, peerURLs: ['http://127.0.0.1:3'] }),
  calls(Cluster.memberPromote, { ID: NOBODY }),
  calls(Cluster.memberRemove, { ID: NOBODY }),
  [
    'a learner is changed, not promoted, and removed',
    async (side) => {
      const { members } = await side.call(Cluster.memberList, { linearizable: true });
      const ID = members.find(({ isLearner }) => isLearner)?.ID ?? 0n;
      await side.call(Cluster.memberUpdate, { ID, peerURLs: ['http://127.0.0.1:4'] });
      await side.call(Cluster.memberPromote, { ID }).catch(() => {});
      await side.call(Cluster.memberRemove, { ID });
    },
  ],
  [
    'the member itself is promoted and removed',
    async (side) => {
      const { members } = await side.call(Cluster.memberList, { linearizable: true });
      const ID = members.find(({ isLearner }) => !isLearner)?.ID ?? 0n;
      const refusals: unknown[] = [];
      for (const method of [Cluster.memberPromote, Cluster.memberRemove])
        await side.call(method, { ID }).catch(({ message }: Error) => refusals.push(message));
      return refusals;
    },
  ],
];

const alarmCalls: readonly Step[] = [
  calls(Maintenance.alarm, alarm(AlarmAction.GET, AlarmType.NONE)),
  calls(Maintenance.alarm, alarm(AlarmAction.GET, AlarmType.CORRUPT)),
  calls(Maintenance.alarm, alarm(AlarmAction.ACTIVATE, AlarmType.NONE)),
  calls(Maintenance.alarm, alarm(AlarmAction.DEACTIVATE, AlarmType.NOSPACE)),
];
const underAlarms: readonly Step[] = [AlarmType.NOSPACE, AlarmType.CORRUPT].flatMap((type) => [
  calls(Maintenance.alarm, alarm(AlarmAction.ACTIVATE, type)),
  calls(Maintenance.alarm, alarm(AlarmAction.ACTIVATE, type)),
  calls(Maintenance.alarm, alarm(AlarmAction.GET, AlarmType.NONE)),
  ...[put({ key: bytes('') }), put()].map((request) => calls(KV.put, request)),
  calls(KV.range, range()),
  calls(KV.range, range({ serializable: true })),
  calls(KV.deleteRange, remove()),
  calls(KV.txn, txn([putOp()])),
  calls(KV.txn, txn([removeOp()])),
  calls(KV.txn, txn([rangeOp()])),
  calls(KV.compact, compaction(4)),
  calls(Lease.leaseGrant, { ID: 0n, TTL: 6000 }),
  calls(Lease.leaseRevoke, { ID: 5n }),
  calls(Lease.leaseTimeToLive, { ID: LEASE, keys: true }),
  streams(Lease.leaseKeepAlive, [{ ID: LEASE }]),
  calls(Lock.lock, { name: key, lease: LEASE }),
  calls(Auth.userList, {}),
  calls(Maintenance.hashKV, { revision: 0 }),
  calls(Maintenance.alarm, alarm(AlarmAction.DEACTIVATE, type)),
]);
const maintenanceCalls = (version: string): readonly Step[] => [
  ...alarmCalls,
  calls(Maintenance.status, {}),
  calls(Maintenance.hash, {}),
  calls(Maintenance.hashKV, { revision: 0 }),
  calls(Maintenance.hashKV, { revision: 999 }),
  calls(Maintenance.defragment, {}),
  ['Snapshot', async (side) => void (await side.snapshot())],
  calls(Maintenance.moveLeader, { targetID: NOBODY }),
  ...['3.1', 'x', '3.3', `3.${Number(version.slice(2)) - 1}`].flatMap((wanted) => [
    calls(Maintenance.downgrade, { action: DowngradeAction.VALIDATE, version: wanted }),
    calls(Maintenance.downgrade, { action: DowngradeAction.CANCEL, version: '' }),
  ]),
];

const permission = Permission.create({ permType: PermType.READWRITE, key: bytes('a'), rangeEnd: bytes('c') });
/** Who may not make these is refused by ours before the password is hashed; etcd hashes it, and its log refuses. */
const passwordCalls = (as = ''): readonly Step[] => [
  calls(Auth.userAdd, user('root', 'r'), as),
  calls(Auth.userAdd, user('root', 'r'), as),
  calls(Auth.userAdd, user('', 'r'), as),
  calls(Auth.userAdd, { ...user('nopass', ''), options: { noPassword: true } }, as),
  calls(Auth.userAdd, user('alice', 'a'), as),
  calls(Auth.userChangePassword, { name: 'alice', password: 'a', hashedPassword: '' }, as),
  calls(Auth.userChangePassword, { name: 'nobody', password: 'a', hashedPassword: '' }, as),
  calls(Auth.userChangePassword, { name: 'nopass', password: '', hashedPassword: '' }, as),
];
const authCalls = (as = ''): readonly Step[] => [
  calls(Auth.userGrantRole, { user: 'root', role: 'root' }, as),
  calls(Auth.userGrantRole, { user: 'alice', role: 'none' }, as),
  calls(Auth.userGrantRole, { user: 'nobody', role: 'root' }, as),
  calls(Auth.userRevokeRole, { name: 'alice', role: 'none' }, as),
  calls(Auth.userGet, { name: 'alice' }, as),
  calls(Auth.userGet, { name: 'nobody' }, as),
  calls(Auth.userList, {}, as),
  calls(Auth.userDelete, { name: 'nobody' }, as),
  calls(Auth.roleAdd, { name: 'some' }, as),
  calls(Auth.roleAdd, { name: 'some' }, as),
  calls(Auth.roleAdd, { name: '' }, as),
  calls(Auth.roleGrantPermission, { name: 'some', perm: permission }, as),
  calls(Auth.roleGrantPermission, { name: 'none', perm: permission }, as),
  calls(Auth.roleGrantPermission, { name: 'some', perm: undefined }, as),
  calls(Auth.roleRevokePermission, { role: 'some', key: bytes('x'), rangeEnd: bytes('') }, as),
  calls(Auth.userGrantRole, { user: 'alice', role: 'some' }, as),
  calls(Auth.roleGet, { role: 'some' }, as),
  calls(Auth.roleGet, { role: 'none' }, as),
  calls(Auth.roleList, {}, as),
  calls(Auth.roleDelete, { role: 'none' }, as),
  calls(Auth.authenticate, { name: 'alice', password: 'a' }, as),
  calls(Auth.authenticate, { name: 'alice', password: 'wrong' }, as),
  calls(Auth.authenticate, { name: 'nobody', password: 'a' }, as),
  calls(Auth.authStatus, {}, as),
];

const loginAs = (name: string, password: string): Step => [
  `Authenticate ${name}`,
  async (side) => {
    side.token = undefined;
    side.token = (await side.call(Auth.authenticate, { name, password })).token;
  },
];
const loggedOut = (token: string | undefined): Step => [
  `with ${token ?? 'no token'}`,
  async (side) => {
    side.token = token;
  },
];

const everything = (version: string): readonly Step[] => [
  ...kvCalls,
  ...leaseCalls,
  ...watchCalls,
  ...lockCalls,
  ...clusterCalls,
  ...maintenanceCalls(version),
];

/** Of a caller who may do nothing. */
const someOfEach = (version: string): readonly Step[] => [
  ...[calls(KV.put, put()), calls(KV.range, range()), calls(KV.deleteRange, remove()), calls(KV.txn, txn([putOp()]))],
  ...[calls(KV.txn, txn([rangeOp()])), calls(KV.compact, compaction(4))],
  ...leaseCalls,
  ...watchCalls,
  calls(Lock.lock, { name: key, lease: LEASE }),
  calls(Election.campaign, { name: key, lease: LEASE, value: key }),
  ...clusterCalls,
  ...maintenanceCalls(version),
];

async function follow(sides: readonly Side[], steps: readonly Step[]): Promise<void> {
  for (const [what, act] of steps) await same(sides, what, act);
}

/** 3.4 ends at a permission that is none, and grants what is nested in transactions to everybody. */
const releases = realReleases.filter(({ version }) => version !== '3.4');

describe.skipIf(releases.length === 0).each(releases)(
  'beside a real $version, log and revision move as far',
  ({ version, real }) => {
    it('with each call while nobody has to say who calls', { timeout: 600_000 }, async () => {
      await pair(version, real, (sides) =>
        follow(sides, [
          ...everything(version),
          lockWithOwnLease,
          ...underAlarms,
          ...passwordCalls(),
          ...authCalls(),
          calls(Auth.authDisable, {}),
          calls(Auth.userRevokeRole, { name: 'root', role: 'root' }),
          calls(Auth.authEnable, {}),
        ]),
      );
    });

    it('with each call of root, of a user with few rights, and of nobody', { timeout: 600_000 }, async () => {
      await pair(version, real, (sides) =>
        follow(sides, [
          ...passwordCalls(),
          ...authCalls(),
          calls(Auth.authEnable, {}),
          calls(Auth.authEnable, {}),
          loginAs('root', 'r'),
          calls(Auth.authEnable, {}),
          ...everything(version),
          lockWithOwnLease,
          ...underAlarms,
          ...passwordCalls('root: '),
          ...authCalls('root: '),
          calls(Auth.userDelete, { name: 'root' }),
          calls(Auth.userRevokeRole, { name: 'root', role: 'root' }),
          loginAs('alice', 'a'),
          ...everything(version),
          ...authCalls('alice: '),
          calls(Auth.authDisable, {}),
          loggedOut('nonsense.1'),
          ...someOfEach(version),
          loggedOut(undefined),
          ...someOfEach(version),
          ...authCalls('nobody: '),
          calls(Auth.authDisable, {}),
          loginAs('root', 'r'),
          calls(Auth.authDisable, {}),
        ]),
      );
    });
  },
);
