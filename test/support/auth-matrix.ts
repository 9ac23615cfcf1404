/**
 * Who may call what: every RPC of a server with authentication on, by callers of every kind. `probeAuthMatrix` fills a
 * fresh server with users, roles and keys, turns authentication on and asks; what real servers answered stands in
 * `test/fixtures/auth`.
 */
import { type Channel, GrpcError, type Metadata } from '../../src/grpc/types.js';
import type { Method } from '../../src/lib/codec.js';
import { Permission, Permission_Type as PermType } from '../../src/proto/gen/authpb.js';
import {
  Auth,
  AuthRoleGrantPermissionRequest,
  AuthRoleRevokePermissionRequest,
  AuthUserAddRequest,
  AuthUserChangePasswordRequest,
  Cluster,
  Compare,
  DeleteRangeRequest,
  KV,
  Lease,
  LeaseTimeToLiveRequest,
  Maintenance,
  MemberAddRequest,
  MemberListRequest,
  PutRequest,
  RangeRequest,
  type RequestOp,
  TxnRequest,
  Watch,
  WatchCreateRequest,
} from '../../src/proto/gen/etcdserverpb.js';
import { channelTo } from './channel-to.js';

/** Caller → RPC → `OK`, or code and text of the refusal. */
export type AuthMatrix = Record<string, Record<string, string>>;

const bytes = (text: string): Uint8Array => Buffer.from(text);
const range = (key: string, rangeEnd = '') => RangeRequest.create({ key: bytes(key), rangeEnd: bytes(rangeEnd) });
const put = (key: string, more: Partial<PutRequest> = {}) =>
  PutRequest.create({ key: bytes(key), value: bytes('v'), ...more });
const deletion = (key: string, rangeEnd = '', prevKv = false) =>
  DeleteRangeRequest.create({ key: bytes(key), rangeEnd: bytes(rangeEnd), prevKv });
const opRange = (key: string): RequestOp => ({ request: { case: 'requestRange', value: range(key) } });
const opPut = (key: string, more: Partial<PutRequest> = {}): RequestOp => ({
  request: { case: 'requestPut', value: put(key, more) },
});
const opDelete = (key: string, prevKv = false): RequestOp => ({
  request: { case: 'requestDeleteRange', value: deletion(key, '', prevKv) },
});
const opTxn = (txn: Partial<TxnRequest>): RequestOp => ({
  request: { case: 'requestTxn', value: TxnRequest.create(txn) },
});
const compare = (key: string) => Compare.create({ key: bytes(key), targetUnion: { case: 'version', value: 0 } });
const openEnd = '\0';

interface Row {
  readonly name: string;
  readonly run: (caller: Caller) => Promise<string>;
}

class Caller {
  readonly #metadata: Metadata | undefined;
  constructor(
    readonly channel: Channel,
    token: string | undefined,
  ) {
    this.#metadata = token === undefined ? undefined : new Map([['token', [token]]]);
  }

  async unary<I, O>(method: Method<I, O>, request: I): Promise<string> {
    try {
      await this.channel.unary(method, request, { metadata: this.#metadata, timeoutMs: 5000 });
      return 'OK';
    } catch (cause) {
      return refusal(cause);
    }
  }

  /** The first message that comes back, as `tell` puts it. */
  async stream<I, O>(method: Method<I, O>, request: I, tell: (message: O) => string): Promise<string> {
    const stream = this.channel.stream(method, { metadata: this.#metadata, timeoutMs: 5000 });
    stream.headers.catch(() => {});
    try {
      stream.send(request);
      if (method.kind === 'server-streaming') stream.end();
      for await (const message of stream.messages) return tell(message);
      return 'ended';
    } catch (cause) {
      return refusal(cause);
    } finally {
      stream.cancel();
    }
  }
}

function refusal(cause: unknown): string {
  if (cause instanceof GrpcError) return `${cause.code} ${cause.message}`;
  throw cause;
}

const unary = <I, O>(name: string, method: Method<I, O>, request: NoInfer<I>): Row => ({
  name,
  run: (caller) => caller.unary(method, request),
});
const watch = (name: string, key: string, rangeEnd: string): Row => ({
  name,
  run: (caller) =>
    caller.stream(
      Watch.watch,
      {
        requestUnion: {
          case: 'createRequest',
          value: WatchCreateRequest.create({ key: bytes(key), rangeEnd: bytes(rangeEnd) }),
        },
      },
      (answer) => (answer.canceled ? `canceled id ${answer.watchId}: ${answer.cancelReason}` : 'OK'),
    ),
});
const permission = (key: string, rangeEnd: string, permType: PermType) =>
  Permission.create({ key: bytes(key), rangeEnd: bytes(rangeEnd), permType });

/** Leases of the scene: one on a key `writer` may write, one on a key only root may, one without keys. */
const leaseOnWritten = 1001n;
const leaseOnSecret = 1002n;
const leaseWithoutKeys = 1003n;

/** In order; what one of them changes, the ones after it see. */
const rows: readonly Row[] = [
  unary('Range of one key', KV.range, range('r1')),
  unary('Range, serializable', KV.range, { ...range('r1'), serializable: true }),
  unary('Range of a granted range', KV.range, range('r', 's')),
  unary('Range beyond the granted range', KV.range, range('r', 't')),
  unary('Range from a granted key on', KV.range, range('r1', openEnd)),
  unary('Range without a key', KV.range, range('')),
  unary('Put', KV.put, put('w1')),
  unary('Put with the previous pair', KV.put, put('w1', { prevKv: true })),
  unary('Put under a lease without keys', KV.put, put('w2', { lease: leaseWithoutKeys })),
  unary('Put under a lease of another key', KV.put, put('w2', { lease: leaseOnSecret })),
  unary('Put under an unknown lease', KV.put, put('w2', { lease: 4711n })),
  unary('Put of another key', KV.put, put('x1')),
  unary('Put without a key', KV.put, put('')),
  unary('DeleteRange', KV.deleteRange, deletion('w9')),
  unary('DeleteRange with the previous pairs', KV.deleteRange, deletion('w9', '', true)),
  unary('DeleteRange of a range', KV.deleteRange, deletion('w8', 'w9')),
  unary('DeleteRange from a key on', KV.deleteRange, deletion('y', openEnd)),
  unary('Txn, empty', KV.txn, TxnRequest.create()),
  unary('Txn that reads', KV.txn, TxnRequest.create({ success: [opRange('r1')] })),
  unary('Txn that compares', KV.txn, TxnRequest.create({ compare: [compare('r1')] })),
  unary('Txn that compares another key', KV.txn, TxnRequest.create({ compare: [compare('x1')] })),
  unary('Txn that writes', KV.txn, TxnRequest.create({ success: [opPut('w3')] })),
  unary('Txn that deletes', KV.txn, TxnRequest.create({ success: [opDelete('w9')] })),
  unary('Txn that deletes and shows it', KV.txn, TxnRequest.create({ success: [opDelete('w9', true)] })),
  unary('Txn that would write elsewhere', KV.txn, TxnRequest.create({ success: [], failure: [opPut('x3')] })),
  unary('Txn that writes and shows it', KV.txn, TxnRequest.create({ success: [opPut('w3', { prevKv: true })] })),
  unary(
    'Txn that writes under a lease',
    KV.txn,
    TxnRequest.create({ success: [opPut('w3', { lease: leaseOnSecret })] }),
  ),
  unary('Txn in a txn, empty', KV.txn, TxnRequest.create({ success: [opTxn({})] })),
  unary('Txn in a txn that writes', KV.txn, TxnRequest.create({ success: [opTxn({ success: [opPut('w4')] })] })),
  unary(
    'Txn in a txn that writes elsewhere',
    KV.txn,
    TxnRequest.create({ success: [opTxn({ failure: [opPut('x4')] })] }),
  ),
  unary('Txn in a txn that reads', KV.txn, TxnRequest.create({ success: [opTxn({ success: [opRange('x1')] })] })),
  unary('Txn in a txn that compares', KV.txn, TxnRequest.create({ success: [opTxn({ compare: [compare('x1')] })] })),
  unary('Compact', KV.compact, { revision: 2, physical: false }),
  watch('Watch of one key', 'r1', ''),
  watch('Watch of a granted range', 'r', 's'),
  watch('Watch of another key', 'x1', ''),
  watch('Watch from a granted single key on', 's1', openEnd),
  watch('Watch of everything', '', openEnd),
  unary('LeaseGrant', Lease.leaseGrant, { ID: 0n, TTL: 60 }),
  unary('LeaseRevoke of an unknown lease', Lease.leaseRevoke, { ID: 4711n }),
  unary('LeaseRevoke, key of another', Lease.leaseRevoke, { ID: leaseOnSecret }),
  unary("LeaseRevoke, key of one's own", Lease.leaseRevoke, { ID: leaseOnWritten }),
  unary('LeaseTimeToLive', Lease.leaseTimeToLive, LeaseTimeToLiveRequest.create({ ID: leaseWithoutKeys })),
  unary(
    "LeaseTimeToLive of another's lease",
    Lease.leaseTimeToLive,
    LeaseTimeToLiveRequest.create({ ID: leaseOnSecret }),
  ),
  unary(
    'LeaseTimeToLive with keys',
    Lease.leaseTimeToLive,
    LeaseTimeToLiveRequest.create({ ID: leaseOnSecret, keys: true }),
  ),
  unary(
    'LeaseTimeToLive of an unknown lease',
    Lease.leaseTimeToLive,
    LeaseTimeToLiveRequest.create({ ID: 4711n, keys: true }),
  ),
  unary('LeaseLeases', Lease.leaseLeases, {}),
  {
    name: 'LeaseKeepAlive',
    run: (caller) =>
      caller.stream(Lease.leaseKeepAlive, { ID: leaseOnSecret }, ({ TTL }) => (TTL > 0 ? 'OK' : 'unknown lease')),
  },
  unary('MemberList', Cluster.memberList, MemberListRequest.create({ linearizable: true })),
  unary('MemberList, local', Cluster.memberList, MemberListRequest.create()),
  unary('MemberAdd, no URLs', Cluster.memberAdd, MemberAddRequest.create({ peerURLs: ['nonsense'] })),
  unary('MemberRemove, unknown', Cluster.memberRemove, { ID: 4711n }),
  unary('MemberUpdate, unknown', Cluster.memberUpdate, { ID: 4711n, peerURLs: ['http://127.0.0.1:1'] }),
  unary('MemberPromote, unknown', Cluster.memberPromote, { ID: 4711n }),
  unary('Alarm list', Maintenance.alarm, { action: 0, memberID: 0n, alarm: 0 }),
  unary('Alarm disarm', Maintenance.alarm, { action: 2, memberID: 0n, alarm: 1 }),
  unary('Status', Maintenance.status, {}),
  unary('Defragment', Maintenance.defragment, {}),
  unary('Hash', Maintenance.hash, {}),
  unary('HashKV', Maintenance.hashKV, { revision: 0 }),
  { name: 'Snapshot', run: (caller) => caller.stream(Maintenance.snapshot, {}, () => 'OK') },
  unary('MoveLeader, unknown', Maintenance.moveLeader, { targetID: 4711n }),
  unary('Downgrade, to nonsense', Maintenance.downgrade, { action: 0, version: 'x' }),
  unary('Authenticate, wrong password', Auth.authenticate, { name: 'root', password: 'wrong' }),
  unary('Authenticate, unknown user', Auth.authenticate, { name: 'zz', password: 'wrong' }),
  unary('Authenticate, without a password', Auth.authenticate, { name: 'nopw', password: 'x' }),
  unary('Authenticate', Auth.authenticate, { name: 'reader', password: 'reader' }),
  unary('AuthStatus', Auth.authStatus, {}),
  unary('AuthEnable', Auth.authEnable, {}),
  unary('UserAdd', Auth.userAdd, AuthUserAddRequest.create({ name: 'new', password: 'pw' })),
  unary('UserAdd, no name', Auth.userAdd, AuthUserAddRequest.create({ name: '', password: 'pw' })),
  unary('UserAdd, known', Auth.userAdd, AuthUserAddRequest.create({ name: 'reader', password: 'pw' })),
  unary('UserGet of the reader', Auth.userGet, { name: 'reader' }),
  unary('UserGet, unknown', Auth.userGet, { name: 'zz' }),
  unary('UserList', Auth.userList, {}),
  unary('UserDelete, unknown', Auth.userDelete, { name: 'zz' }),
  unary('UserDelete of root', Auth.userDelete, { name: 'root' }),
  unary(
    'UserChangePassword',
    Auth.userChangePassword,
    AuthUserChangePasswordRequest.create({ name: 'spare', password: 'p' }),
  ),
  unary('UserChangePassword, unknown', Auth.userChangePassword, AuthUserChangePasswordRequest.create({ name: 'zz' })),
  unary('UserGrantRole', Auth.userGrantRole, { user: 'spare', role: 'reading' }),
  unary('UserGrantRole, unknown role', Auth.userGrantRole, { user: 'spare', role: 'zz' }),
  unary('UserGrantRole, unknown user', Auth.userGrantRole, { user: 'zz', role: 'reading' }),
  unary('UserRevokeRole', Auth.userRevokeRole, { name: 'spare', role: 'reading' }),
  unary('UserRevokeRole, not granted', Auth.userRevokeRole, { name: 'spare', role: 'reading' }),
  unary('UserRevokeRole of root', Auth.userRevokeRole, { name: 'root', role: 'root' }),
  unary('RoleAdd', Auth.roleAdd, { name: 'newrole' }),
  unary('RoleAdd, no name', Auth.roleAdd, { name: '' }),
  unary('RoleAdd, known', Auth.roleAdd, { name: 'reading' }),
  unary('RoleGet of the reader', Auth.roleGet, { role: 'reading' }),
  unary('RoleGet, unknown', Auth.roleGet, { role: 'zz' }),
  unary('RoleList', Auth.roleList, {}),
  unary('RoleGrantPermission', Auth.roleGrantPermission, {
    name: 'newrole',
    perm: permission('n', '', PermType.READ),
  }),
  unary(
    'RoleGrantPermission, none',
    Auth.roleGrantPermission,
    AuthRoleGrantPermissionRequest.create({ name: 'newrole' }),
  ),
  unary('RoleGrantPermission, no key', Auth.roleGrantPermission, {
    name: 'newrole',
    perm: permission('', '', PermType.READ),
  }),
  unary('RoleGrantPermission, backwards', Auth.roleGrantPermission, {
    name: 'newrole',
    perm: permission('z', 'a', PermType.READ),
  }),
  unary('RoleGrantPermission, unknown role', Auth.roleGrantPermission, {
    name: 'zz',
    perm: permission('n', '', PermType.READ),
  }),
  unary(
    'RoleRevokePermission',
    Auth.roleRevokePermission,
    AuthRoleRevokePermissionRequest.create({ role: 'newrole', key: bytes('n') }),
  ),
  unary(
    'RoleRevokePermission, not granted',
    Auth.roleRevokePermission,
    AuthRoleRevokePermissionRequest.create({ role: 'newrole', key: bytes('n') }),
  ),
  unary('RoleDelete of root', Auth.roleDelete, { role: 'root' }),
  unary('RoleDelete, unknown', Auth.roleDelete, { role: 'zz' }),
  unary('RoleDelete', Auth.roleDelete, { role: 'newrole' }),
  unary('UserDelete', Auth.userDelete, { name: 'new' }),
  unary('AuthDisable', Auth.authDisable, {}),
];

const users = ['nobody', 'reader', 'writer', 'root'];

/** `address` of a fresh server, as `127.0.0.1:2379`. Leaves authentication off, as the last row does. */
export async function probeAuthMatrix(address: string): Promise<AuthMatrix> {
  const channel = channelTo(address);
  try {
    const tokens = await setScene(channel);
    const matrix: AuthMatrix = {};
    for (const [name, token] of tokens) {
      const caller = new Caller(channel, token);
      const answers: Record<string, string> = {};
      for (const row of rows) answers[row.name] = await row.run(caller);
      matrix[name] = answers;
    }
    return matrix;
  } finally {
    await channel.close();
  }
}

async function setScene(channel: Channel): Promise<readonly (readonly [string, string | undefined])[]> {
  for (const name of [...users, 'spare'])
    await channel.unary(Auth.userAdd, AuthUserAddRequest.create({ name, password: name }));
  await channel.unary(Auth.userAdd, AuthUserAddRequest.create({ name: 'nopw', options: { noPassword: true } }));
  const roles = [
    ['reading', permission('r', 's', PermType.READ)],
    ['reading', permission('s1', '', PermType.READ)],
    ['writing', permission('w', 'x', PermType.WRITE)],
  ] as const;
  for (const name of ['reading', 'writing', 'root']) await channel.unary(Auth.roleAdd, { name });
  for (const [name, perm] of roles) await channel.unary(Auth.roleGrantPermission, { name, perm });
  for (const [user, role] of [
    ['reader', 'reading'],
    ['writer', 'writing'],
    ['root', 'root'],
  ] as const)
    await channel.unary(Auth.userGrantRole, { user, role });
  for (const ID of [leaseOnWritten, leaseOnSecret, leaseWithoutKeys])
    await channel.unary(Lease.leaseGrant, { ID, TTL: 6000 });
  await channel.unary(KV.put, put('w1', { lease: leaseOnWritten }));
  await channel.unary(KV.put, put('x1', { lease: leaseOnSecret }));
  await channel.unary(KV.put, put('r1'));
  await channel.unary(Auth.authEnable, {});
  const tokens: [string, string | undefined][] = [
    ['no token', undefined],
    ['bogus token', 'bogus.1'],
  ];
  for (const name of users) {
    const { token } = await channel.unary(Auth.authenticate, { name, password: name });
    tokens.push([name, token]);
  }
  return tokens;
}
