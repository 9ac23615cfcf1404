/**
 * What commands print: the kinds of answers, each with its data. An answer that is all there is to say stands for
 * itself.
 */
import type { LeaseId, MemberId } from '../../lib/ids.js';
import type * as rpc from '../../proto/gen/etcdserverpb.js';

export interface EndpointHealth {
  readonly endpoint: string;
  readonly health: boolean;
  /** As Go prints a duration: `1.234567ms`. */
  readonly took: string;
  readonly error: string;
}
export interface EndpointStatus {
  readonly endpoint: string;
  readonly status: rpc.StatusResponse;
}
export interface EndpointHashKV {
  readonly endpoint: string;
  readonly hashKV: rpc.HashKVResponse;
}
export interface SnapshotStatus {
  readonly hash: number;
  readonly revision: number;
  readonly totalKey: number;
  readonly totalSize: number;
  readonly version?: string | undefined;
}

export interface Answers {
  get: rpc.RangeResponse;
  /** Of the same answer the values alone. */
  values: rpc.RangeResponse;
  put: rpc.PutResponse;
  del: rpc.DeleteRangeResponse;
  txn: rpc.TxnResponse;
  watch: rpc.WatchResponse;

  grant: rpc.LeaseGrantResponse;
  revoke: { readonly lease: LeaseId; readonly answer: rpc.LeaseRevokeResponse };
  keepAlive: rpc.LeaseKeepAliveResponse;
  timeToLive: rpc.LeaseTimeToLiveResponse;
  /** The same with the keys that hang on the lease. */
  timeToLiveKeys: rpc.LeaseTimeToLiveResponse;
  leases: rpc.LeaseLeasesResponse;

  memberAdd: rpc.MemberAddResponse;
  memberRemove: { readonly member: MemberId; readonly answer: rpc.MemberRemoveResponse };
  memberUpdate: { readonly member: MemberId; readonly answer: rpc.MemberUpdateResponse };
  memberPromote: { readonly member: MemberId; readonly answer: rpc.MemberPromoteResponse };
  memberList: rpc.MemberListResponse;

  endpointHealth: readonly EndpointHealth[];
  endpointStatus: readonly EndpointStatus[];
  endpointHashKV: readonly EndpointHashKV[];
  moveLeader: { readonly from: MemberId; readonly to: MemberId; readonly answer: rpc.MoveLeaderResponse };
  alarm: rpc.AlarmResponse;
  snapshotStatus: SnapshotStatus;
  downgrade: { readonly action: 'validate' | 'enable' | 'cancel'; readonly answer: rpc.DowngradeResponse };

  roleAdd: { readonly role: string; readonly answer: rpc.AuthRoleAddResponse };
  roleGet: { readonly role: string; readonly answer: rpc.AuthRoleGetResponse };
  roleDelete: { readonly role: string; readonly answer: rpc.AuthRoleDeleteResponse };
  roleList: rpc.AuthRoleListResponse;
  roleGrantPermission: { readonly role: string; readonly answer: rpc.AuthRoleGrantPermissionResponse };
  roleRevokePermission: {
    readonly role: string;
    readonly key: string;
    readonly rangeEnd: string;
    readonly answer: rpc.AuthRoleRevokePermissionResponse;
  };
  userAdd: { readonly user: string; readonly answer: rpc.AuthUserAddResponse };
  userGet: { readonly user: string; readonly answer: rpc.AuthUserGetResponse };
  userList: rpc.AuthUserListResponse;
  userChangePassword: rpc.AuthUserChangePasswordResponse;
  userGrantRole: { readonly user: string; readonly role: string; readonly answer: rpc.AuthUserGrantRoleResponse };
  userRevokeRole: { readonly user: string; readonly role: string; readonly answer: rpc.AuthUserRevokeRoleResponse };
  userDelete: { readonly user: string; readonly answer: rpc.AuthUserDeleteResponse };
  authStatus: rpc.AuthStatusResponse;
}

export type Kind = keyof Answers;
