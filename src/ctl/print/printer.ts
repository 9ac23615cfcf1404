/**
 * How answers are shown. One printer per output format, for all commands; what a format cannot show it refuses with exit code 4.
 * The formats are etcdctl's, byte for byte (etcdctl/ctlv3/command/printer*.go).
 */
import type {
  AlarmResponse,
  AuthRoleAddResponse,
  AuthRoleDeleteResponse,
  AuthRoleGetResponse,
  AuthRoleGrantPermissionResponse,
  AuthRoleListResponse,
  AuthRoleRevokePermissionResponse,
  AuthStatusResponse,
  AuthUserAddResponse,
  AuthUserChangePasswordResponse,
  AuthUserDeleteResponse,
  AuthUserGetResponse,
  AuthUserGrantRoleResponse,
  AuthUserListResponse,
  AuthUserRevokeRoleResponse,
  DeleteRangeResponse,
  DowngradeResponse,
  HashKVResponse,
  LeaseGrantResponse,
  LeaseKeepAliveResponse,
  LeaseLeasesResponse,
  LeaseRevokeResponse,
  LeaseTimeToLiveResponse,
  MemberAddResponse,
  MemberListResponse,
  MemberPromoteResponse,
  MemberRemoveResponse,
  MemberUpdateResponse,
  MoveLeaderResponse,
  PutResponse,
  RangeResponse,
  StatusResponse,
  TxnResponse,
  WatchResponse,
} from '../../proto/gen/etcdserverpb.js';

/** Where printers write. Text is UTF-8 unless given as bytes. */
export interface Output {
  stdout(chunk: string | Uint8Array): void;
  stderr(text: string): void;
}

export interface EndpointHealth {
  readonly endpoint: string;
  readonly health: boolean;
  /** As Go prints a duration: `1.234567ms`. */
  readonly took: string;
  readonly error: string;
}
export interface EndpointStatus {
  readonly endpoint: string;
  readonly status: StatusResponse;
}
export interface EndpointHashKV {
  readonly endpoint: string;
  readonly hashKV: HashKVResponse;
}
export interface SnapshotStatus {
  readonly hash: number;
  readonly revision: number;
  readonly totalKey: number;
  readonly totalSize: number;
  readonly version?: string | undefined;
}

/** What a printer's method `M` is called with. */
export type Answer<M extends keyof Printer> = Printer[M] extends (...args: infer A) => void ? A : never;

export interface Printer {
  readonly format: 'simple' | 'fields' | 'json' | 'protobuf' | 'table';

  get(answer: RangeResponse, how?: { valueOnly: boolean }): void;
  put(answer: PutResponse): void;
  del(answer: DeleteRangeResponse): void;
  txn(answer: TxnResponse): void;
  watch(answer: WatchResponse): void;

  grant(answer: LeaseGrantResponse): void;
  revoke(lease: bigint, answer: LeaseRevokeResponse): void;
  keepAlive(answer: LeaseKeepAliveResponse): void;
  timeToLive(answer: LeaseTimeToLiveResponse, how: { keys: boolean }): void;
  leases(answer: LeaseLeasesResponse): void;

  memberAdd(answer: MemberAddResponse): void;
  memberRemove(member: bigint, answer: MemberRemoveResponse): void;
  memberUpdate(member: bigint, answer: MemberUpdateResponse): void;
  memberPromote(member: bigint, answer: MemberPromoteResponse): void;
  memberList(answer: MemberListResponse): void;

  endpointHealth(list: readonly EndpointHealth[]): void;
  endpointStatus(list: readonly EndpointStatus[]): void;
  endpointHashKV(list: readonly EndpointHashKV[]): void;
  moveLeader(from: bigint, to: bigint, answer: MoveLeaderResponse): void;
  alarm(answer: AlarmResponse): void;
  snapshotStatus(status: SnapshotStatus): void;
  downgrade(action: 'validate' | 'enable' | 'cancel', answer: DowngradeResponse): void;

  roleAdd(role: string, answer: AuthRoleAddResponse): void;
  roleGet(role: string, answer: AuthRoleGetResponse): void;
  roleDelete(role: string, answer: AuthRoleDeleteResponse): void;
  roleList(answer: AuthRoleListResponse): void;
  roleGrantPermission(role: string, answer: AuthRoleGrantPermissionResponse): void;
  roleRevokePermission(role: string, key: string, rangeEnd: string, answer: AuthRoleRevokePermissionResponse): void;
  userAdd(user: string, answer: AuthUserAddResponse): void;
  userGet(user: string, answer: AuthUserGetResponse): void;
  userList(answer: AuthUserListResponse): void;
  userChangePassword(answer: AuthUserChangePasswordResponse): void;
  userGrantRole(user: string, role: string, answer: AuthUserGrantRoleResponse): void;
  userRevokeRole(user: string, role: string, answer: AuthUserRevokeRoleResponse): void;
  userDelete(user: string, answer: AuthUserDeleteResponse): void;
  authStatus(answer: AuthStatusResponse): void;
}
