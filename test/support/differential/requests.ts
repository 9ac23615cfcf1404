/**
 * Every RPC with a way to draw requests for it. In a body `"$MEMBER"` and `"$LEARNER"` stand for ids, which differ from
 * side to side, `"$PEER"` for the member's own URL. Nothing that another member would have to agree to. What a clock
 * decides (short leases) and what takes an id of the server's choice into the store are actions of their own, that end
 * before anything else is asked.
 */
import type { Method } from '../../../src/lib/codec.js';
import { Auth, Cluster, KV, Lease, Maintenance, Watch } from '../../../src/proto/gen/etcdserverpb.js';
import { Election } from '../../../src/proto/gen/v3electionpb.js';
import { Lock } from '../../../src/proto/gen/v3lockpb.js';
import { type Body, base64, type Draw } from './draw.js';

export interface Rpc {
  readonly path: string;
  readonly method: Method<unknown, unknown>;
  readonly weight: number;
  readonly draw: (draw: Draw) => Body;
  /** A body that is cut or of which a field is spoiled would mean something that sides cannot share. */
  readonly whole?: boolean;
  /** Waits for others: ends by its deadline then, and what it wrote goes away a little later. */
  readonly waits?: boolean;
  /** Answers to several requests of one stream come in no order. */
  readonly single?: boolean;
}

const rpc = <I, O>(
  path: string,
  method: Method<I, O>,
  weight: number,
  draw: (draw: Draw) => Body,
  more: Pick<Rpc, 'whole' | 'waits' | 'single'> = {},
): Rpc => ({ path, method: method as unknown as Method<unknown, unknown>, weight, draw, ...more });

const stored = (draw: Draw): Body => ({ key: draw.key(), ...draw.fields() });
const nothing = (): Body => ({});

const user = (draw: Draw): string => draw.one(['root', 'alice', 'alice', 'bob', '']);
const role = (draw: Draw): string => draw.one(['root', 'reader', 'writer', 'writer', '']);
const password = (draw: Draw): string => draw.one(['pw', 'pw', 'other', '']);
const interval = (draw: Draw): Body => ({ key: draw.key(), range_end: draw.rangeEnd() });
// From one key on: of ranges without keys a real one permits what its tree of intervals happens to find.
const permission = (draw: Draw): Body => ({
  name: role(draw),
  perm: draw.chance(8)
    ? null
    : { permType: draw.one(['READ', 'WRITE', 'READWRITE', 2]), key: 'YQ==', range_end: draw.one(['', 'ZA==', 'AA==']) },
});

const name = (draw: Draw): string => base64(draw.one(['lock', 'seat', 'a']));
const leaseName = (draw: Draw): string => draw.one(['65', '66', '67', '3e7']);
const leaderKey = (draw: Draw): Body => {
  const lease = leaseName(draw);
  const of = draw.one(['lock', 'seat', 'a']);
  const rev = draw.base + draw.below(60);
  return { name: base64(of), key: base64(`${of}/${lease}`), rev, lease: Number.parseInt(lease, 16) };
};

const learnerUrls = [['http://127.0.0.1:1'], ['http://127.0.0.1:1'], ['http://127.0.0.1:2'], ['nonsense'], []];
const memberId = (draw: Draw): unknown => draw.one(['$LEARNER', '$LEARNER', 5, 0]);

/** What a watch through either face begins with; a request that is none among them. */
const watchRequest = (draw: Draw): Body =>
  draw.one<() => Body>([
    () => ({ create_request: draw.watch() }),
    () => ({ createRequest: draw.watch() }),
    () => ({ create_request: draw.watch() }),
    () => ({ cancel_request: { watch_id: draw.one([0, 1]) } }),
    () => ({ progress_request: {} }),
    () => ({}),
  ])();

export const rpcs: readonly Rpc[] = [
  rpc('/v3/kv/put', KV.put, 20, stored),
  rpc('/v3/kv/range', KV.range, 16, stored),
  rpc('/v3/kv/deleterange', KV.deleteRange, 8, stored),
  rpc('/v3/kv/txn', KV.txn, 16, (draw) => draw.transaction()),
  // Compactions far ahead would leave nothing to compare.
  rpc('/v3/kv/compaction', KV.compact, 3, (draw) => ({
    ...stored(draw),
    revision: draw.chance(2) ? draw.base + draw.below(20) : draw.one([100_000_000, 0, -1, 1]),
  })),
  // Long enough for none to expire on the way.
  rpc('/v3/lease/grant', Lease.leaseGrant, 8, (draw) => ({
    ...draw.fields(),
    ID: draw.lease(),
    TTL: draw.one([600, '6000', 9_000_000_001]),
  })),
  rpc('/v3/lease/revoke', Lease.leaseRevoke, 3, stored),
  rpc('/v3/kv/lease/revoke', Lease.leaseRevoke, 1, stored),
  rpc('/v3/lease/timetolive', Lease.leaseTimeToLive, 4, stored),
  rpc('/v3/lease/leases', Lease.leaseLeases, 3, stored),
  rpc('/v3/lease/keepalive', Lease.leaseKeepAlive, 4, (draw) => ({ ID: draw.lease() })),
  rpc('/v3/watch', Watch.watch, 2, watchRequest, { waits: true, single: true }),
  rpc('/v3/maintenance/hashkv', Maintenance.hashKV, 4, stored),
  rpc('/v3/maintenance/hash', Maintenance.hash, 1, nothing),
  rpc('/v3/maintenance/status', Maintenance.status, 2, nothing),
  rpc('/v3/maintenance/defragment', Maintenance.defragment, 1, nothing),
  rpc('/v3/maintenance/snapshot', Maintenance.snapshot, 1, nothing),
  // What does not exist ends a connection of the real one without an answer.
  rpc(
    '/v3/maintenance/alarm',
    Maintenance.alarm,
    3,
    (draw) => ({
      action: draw.one(['GET', 'GET', 'DEACTIVATE', 'DEACTIVATE', 'ACTIVATE']),
      memberID: draw.one(['$MEMBER', 0, 5]),
      alarm: draw.one(['NONE', 'NOSPACE', 'NOSPACE', 'CORRUPT']),
    }),
    { whole: true },
  ),
  rpc('/v3/maintenance/transfer-leadership', Maintenance.moveLeader, 1, (draw) => ({ targetID: draw.one([0, 5]) })),
  // A real 3.5 enables one, but never says so: the call is answered by its deadline.
  rpc(
    '/v3/maintenance/downgrade',
    Maintenance.downgrade,
    2,
    (draw) => ({
      action: draw.one(['VALIDATE', 'CANCEL', 'VALIDATE', 5]),
      version: draw.one(['3.4', '3.4.0', '3.5', '3.3', '4.0', 'x', '', '3.4.99', 'v3.4']),
    }),
    { whole: true },
  ),
  rpc(
    '/v3/cluster/member/add',
    Cluster.memberAdd,
    2,
    // One more voter that does not exist would be waited for for ever: only such as are refused.
    (draw) =>
      draw.chance(5)
        ? { isLearner: draw.one([false, true]), peerURLs: draw.one([['$PEER'], ['nonsense'], [], ['$PEER', 'x']]) }
        : { isLearner: true, peerURLs: draw.one(learnerUrls) },
    { whole: true },
  ),
  rpc('/v3/cluster/member/list', Cluster.memberList, 2, (draw) => ({ linearizable: draw.chance(2) })),
  rpc('/v3/cluster/member/promote', Cluster.memberPromote, 1, (draw) => ({ ID: memberId(draw) })),
  rpc('/v3/cluster/member/remove', Cluster.memberRemove, 2, (draw) => ({ ID: memberId(draw) }), { whole: true }),
  rpc(
    '/v3/cluster/member/update',
    Cluster.memberUpdate,
    1,
    // URLs that make no sense end a real etcd in a panic, others make its learner a voter to the eye.
    (draw) => ({ ID: draw.one([5, 0]), peerURLs: draw.one(learnerUrls) }),
    { whole: true },
  ),
  rpc('/v3/auth/authenticate', Auth.authenticate, 4, (draw) => ({ name: user(draw), password: password(draw) })),
  rpc('/v3/auth/status', Auth.authStatus, 1, nothing),
  rpc('/v3/auth/enable', Auth.authEnable, 1, nothing),
  rpc('/v3/auth/disable', Auth.authDisable, 1, nothing),
  rpc('/v3/auth/user/add', Auth.userAdd, 3, (draw) => ({
    name: user(draw),
    password: password(draw),
    ...(draw.chance(4) ? { options: { no_password: draw.chance(2) } } : {}),
  })),
  rpc('/v3/auth/user/get', Auth.userGet, 2, (draw) => ({ name: user(draw) })),
  rpc('/v3/auth/user/list', Auth.userList, 1, nothing),
  rpc('/v3/auth/user/delete', Auth.userDelete, 1, (draw) => ({ name: user(draw) })),
  // Root has to be able to turn authentication off again.
  rpc('/v3/auth/user/changepw', Auth.userChangePassword, 1, (draw) => ({
    name: draw.one(['alice', 'alice', 'bob', '']),
    password: password(draw),
  })),
  rpc('/v3/auth/user/grant', Auth.userGrantRole, 3, (draw) => ({ user: user(draw), role: role(draw) })),
  rpc('/v3/auth/user/revoke', Auth.userRevokeRole, 1, (draw) => ({ name: user(draw), role: role(draw) })),
  rpc('/v3/auth/role/add', Auth.roleAdd, 3, (draw) => ({ name: role(draw) })),
  rpc('/v3/auth/role/get', Auth.roleGet, 2, (draw) => ({ role: role(draw) })),
  rpc('/v3/auth/role/list', Auth.roleList, 1, nothing),
  rpc('/v3/auth/role/delete', Auth.roleDelete, 1, (draw) => ({ role: role(draw) })),
  rpc('/v3/auth/role/grant', Auth.roleGrantPermission, 3, permission),
  rpc('/v3/auth/role/revoke', Auth.roleRevokePermission, 2, (draw) => ({ role: role(draw), ...interval(draw) })),
  // Lease 0 would be one of the server's choice, and part of a key's name.
  rpc('/v3/lock/lock', Lock.lock, 2, (draw) => ({ name: name(draw), lease: draw.lease() }), {
    whole: true,
    waits: true,
  }),
  rpc('/v3/lock/unlock', Lock.unlock, 2, (draw) => ({
    key: base64(`${draw.one(['lock', 'seat'])}/${leaseName(draw)}`),
  })),
  rpc(
    '/v3/election/campaign',
    Election.campaign,
    2,
    (draw) => ({ name: name(draw), lease: draw.lease(), value: 'bWU=' }),
    { whole: true, waits: true },
  ),
  // A lease of the server's choice would be stored with the key.
  rpc(
    '/v3/election/proclaim',
    Election.proclaim,
    2,
    (draw) => ({
      ...(draw.chance(8) ? {} : { leader: draw.chance(8) ? {} : leaderKey(draw) }),
      value: 'bmV3',
    }),
    { whole: true },
  ),
  rpc('/v3/election/leader', Election.leader, 2, (draw) => ({ name: name(draw) })),
  rpc('/v3/election/observe', Election.observe, 1, (draw) => ({ name: name(draw) }), { waits: true }),
  rpc('/v3/election/resign', Election.resign, 1, (draw) =>
    draw.chance(8) ? {} : { leader: draw.chance(8) ? {} : leaderKey(draw) },
  ),
];

export const byPath = (path: string): Rpc => {
  const found = rpcs.find((each) => each.path === path);
  if (found === undefined) throw new Error(`no RPC at ${path}`);
  return found;
};

/** Those of which any bytes may be sent: whatever such a request says, both sides can do it alike. */
export const rawRpcs: readonly Rpc[] = [
  ...['/v3/kv/put', '/v3/kv/put', '/v3/kv/range', '/v3/kv/range', '/v3/kv/deleterange', '/v3/kv/txn', '/v3/kv/txn'],
  ...['/v3/lease/timetolive', '/v3/lease/revoke', '/v3/maintenance/hashkv', '/v3/auth/user/get', '/v3/auth/role/get'],
].map(byPath);

/** Hardly a request any more. */
export function spoiled(draw: Draw, { method }: Rpc, bytes: Uint8Array): Uint8Array {
  for (;;) {
    const found = draw.spoil(bytes);
    if (!isDeadly(decoded(method, found))) return found;
  }
}

/** A real 3.5 dies of a sort target that it does not know. */
export const isDeadly = (message: unknown): boolean =>
  /"sortTarget":(?![0-4]\b)/.test(
    JSON.stringify(message, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)) ?? '',
  );

const SHORTEST_LEASE_SECONDS = 600;

/** A lease that would expire on the way, on one side before the other. */
export const isShort = (message: unknown): boolean =>
  typeof message === 'object' &&
  message !== null &&
  'TTL' in message &&
  typeof message.TTL === 'number' &&
  message.TTL < SHORTEST_LEASE_SECONDS;

function decoded(method: Method<unknown, unknown>, bytes: Uint8Array): unknown {
  try {
    return method.input.decode(bytes);
  } catch {
    return undefined;
  }
}

/** What is asked of whom, without anything random. */
export interface Planned {
  readonly rpc: Rpc;
  readonly body: Body;
  readonly as: Caller;
}
/** `root before` has the token that root had before the one of now. */
export type Caller = 'nobody' | 'root' | 'alice' | 'root before' | 'a stranger';

const plan = (path: string, body: Body, as: Caller = 'root'): Planned => ({ rpc: byPath(path), body, as });

/** Turns authentication on, with a user who may do a little, and takes tokens for both. */
export const authOn: readonly Planned[] = [
  // One who was made without a password never gets in.
  plan('/v3/auth/user/delete', { name: 'root' }),
  plan('/v3/auth/user/add', { name: 'root', password: 'pw' }),
  plan('/v3/auth/user/changepw', { name: 'root', password: 'pw' }),
  plan('/v3/auth/user/grant', { user: 'root', role: 'root' }),
  plan('/v3/auth/user/add', { name: 'alice', password: 'pw' }),
  plan('/v3/auth/user/changepw', { name: 'alice', password: 'pw' }),
  plan('/v3/auth/role/add', { name: 'writer' }),
  plan('/v3/auth/role/grant', { name: 'writer', perm: { permType: 'READWRITE', key: 'YQ==', range_end: 'ZA==' } }),
  plan('/v3/auth/user/grant', { user: 'alice', role: 'writer' }),
  plan('/v3/auth/enable', {}),
  plan('/v3/auth/authenticate', { name: 'root', password: 'pw' }, 'nobody'),
  plan('/v3/auth/authenticate', { name: 'alice', password: 'pw' }, 'nobody'),
];

export const authOff: readonly Planned[] = [
  plan('/v3/auth/authenticate', { name: 'root', password: 'pw' }, 'nobody'),
  plan('/v3/auth/disable', {}),
  plan('/v3/auth/status', {}),
];

/** Of whomever: so that no alarm is left. */
export const alarmsOff: readonly Planned[] = ['NOSPACE', 'CORRUPT'].flatMap((alarm) =>
  ['$MEMBER', 5, 0].map((memberID) => plan('/v3/maintenance/alarm', { action: 'DEACTIVATE', memberID, alarm })),
);

/** So that the next sequence begins with nothing: what is everyone's; ids and names are asked for. */
export const closing: readonly Planned[] = [plan('/v3/kv/deleterange', { key: 'AA==', range_end: 'AA==' })];
