/**
 * What commands print: the kinds of answers, each with its data. An answer that is all there is to say stands for
 * itself.
 */
import type { LeaseId, MemberId } from '../../lib/ids.js';
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

export interface Answers {
  get: RangeResponse;
  /** Of the same answer the values alone. */
  values: RangeResponse;
  put: PutResponse;
  del: DeleteRangeResponse;
  txn: TxnResponse;
  watch: WatchResponse;

  grant: LeaseGrantResponse;
  revoke: { readonly lease: LeaseId; readonly answer: LeaseRevokeResponse };
  keepAlive: LeaseKeepAliveResponse;
  timeToLive: LeaseTimeToLiveResponse;
  /** The same with the keys that hang on the lease. */
  timeToLiveKeys: LeaseTimeToLiveResponse;
  leases: LeaseLeasesResponse;

  memberAdd: MemberAddResponse;
  memberRemove: { readonly member: MemberId; readonly answer: MemberRemoveResponse };
  memberUpdate: { readonly member: MemberId; readonly answer: MemberUpdateResponse };
  memberPromote: { readonly member: MemberId; readonly answer: MemberPromoteResponse };
  memberList: MemberListResponse;

  endpointHealth: readonly EndpointHealth[];
  endpointStatus: readonly EndpointStatus[];
  endpointHashKV: readonly EndpointHashKV[];
  moveLeader: { readonly from: MemberId; readonly to: MemberId; readonly answer: MoveLeaderResponse };
  alarm: AlarmResponse;
  snapshotStatus: SnapshotStatus;
  downgrade: { readonly action: 'validate' | 'enable' | 'cancel'; readonly answer: DowngradeResponse };

  roleAdd: { readonly role: string; readonly answer: AuthRoleAddResponse };
  roleGet: { readonly role: string; readonly answer: AuthRoleGetResponse };
  roleDelete: { readonly role: string; readonly answer: AuthRoleDeleteResponse };
  roleList: AuthRoleListResponse;
  roleGrantPermission: { readonly role: string; readonly answer: AuthRoleGrantPermissionResponse };
  roleRevokePermission: {
    readonly role: string;
    readonly key: string;
    readonly rangeEnd: string;
    readonly answer: AuthRoleRevokePermissionResponse;
  };
  userAdd: { readonly user: string; readonly answer: AuthUserAddResponse };
  userGet: { readonly user: string; readonly answer: AuthUserGetResponse };
  userList: AuthUserListResponse;
  userChangePassword: AuthUserChangePasswordResponse;
  userGrantRole: { readonly user: string; readonly role: string; readonly answer: AuthUserGrantRoleResponse };
  userRevokeRole: { readonly user: string; readonly role: string; readonly answer: AuthUserRevokeRoleResponse };
  userDelete: { readonly user: string; readonly answer: AuthUserDeleteResponse };
  authStatus: AuthStatusResponse;
}

export type Kind = keyof Answers;
