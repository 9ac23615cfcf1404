/**
 * What a log entry asks of the replicated state: one row for each kind of request (`entry-data.ts` reads and writes
 * entries). To add a kind: a row, which says its field, its codec and what it gives; the compiler names who must treat
 * it.
 */

import type { Identity, Login } from '../../auth/types.js';
import type { Caller } from '../../lib/caller.js';
import type { CallTrace } from '../../lib/spans.js';
import * as pb from '../../proto/gen/etcdserverpb.js';
import * as members from '../../proto/gen/membershippb.js';
import type { Reader, Writer } from '../../proto/wire.js';

export interface Row<T, R> {
  /** Its field in InternalRaftRequest. */
  readonly field: number;
  readonly read: (reader: Reader, end: number) => T;
  readonly write: (writer: Writer, request: T) => void;
  /** A type alone: what applying it gives its proposer. */
  readonly result: Given<R>;
}

type Given<R> = { readonly of?: R };
const gives = <R>(): Given<R> => ({});

function row<T, R>(
  field: number,
  read: (reader: Reader, end: number) => T,
  write: (writer: Writer, request: T) => void,
  result: Given<R>,
): Row<T, R> {
  return { field, read, write, result };
}

/**
 * Applied once, to what the backend holds. Headers of results carry the revision; cluster, member and term are the
 * API's to fill in.
 */
const storeRequests = {
  range: row(3, pb.readRangeRequest, pb.writeRangeRequest, gives<pb.SplicedRangeResponse>()),
  put: row(4, pb.readPutRequest, pb.writePutRequest, gives<pb.SplicedPutResponse>()),
  deleteRange: row(5, pb.readDeleteRangeRequest, pb.writeDeleteRangeRequest, gives<pb.SplicedDeleteRangeResponse>()),
  txn: row(6, pb.readTxnRequest, pb.writeTxnRequest, gives<pb.SplicedTxnResponse>()),
  compaction: row(7, pb.readCompactionRequest, pb.writeCompactionRequest, gives<pb.CompactionResponse>()),
  leaseGrant: row(8, pb.readLeaseGrantRequest, pb.writeLeaseGrantRequest, gives<pb.LeaseGrantResponse>()),
  leaseRevoke: row(9, pb.readLeaseRevokeRequest, pb.writeLeaseRevokeRequest, gives<pb.LeaseRevokeResponse>()),
  alarm: row(10, pb.readAlarmRequest, pb.writeAlarmRequest, gives<pb.AlarmResponse>()),
  leaseCheckpoint: row(
    11,
    pb.readLeaseCheckpointRequest,
    pb.writeLeaseCheckpointRequest,
    gives<pb.LeaseCheckpointResponse>(),
  ),
  authEnable: row(1000, pb.readAuthEnableRequest, pb.writeAuthEnableRequest, gives<pb.AuthEnableResponse>()),
  authDisable: row(1011, pb.readAuthDisableRequest, pb.writeAuthDisableRequest, gives<pb.AuthDisableResponse>()),
  authenticate: row(1012, pb.readInternalAuthenticateRequest, pb.writeInternalAuthenticateRequest, gives<Login>()),
  authStatus: row(1013, pb.readAuthStatusRequest, pb.writeAuthStatusRequest, gives<pb.AuthStatusResponse>()),
  authUserAdd: row(1100, pb.readAuthUserAddRequest, pb.writeAuthUserAddRequest, gives<pb.AuthUserAddResponse>()),
  authUserDelete: row(
    1101,
    pb.readAuthUserDeleteRequest,
    pb.writeAuthUserDeleteRequest,
    gives<pb.AuthUserDeleteResponse>(),
  ),
  authUserGet: row(1102, pb.readAuthUserGetRequest, pb.writeAuthUserGetRequest, gives<pb.AuthUserGetResponse>()),
  authUserChangePassword: row(
    1103,
    pb.readAuthUserChangePasswordRequest,
    pb.writeAuthUserChangePasswordRequest,
    gives<pb.AuthUserChangePasswordResponse>(),
  ),
  authUserGrantRole: row(
    1104,
    pb.readAuthUserGrantRoleRequest,
    pb.writeAuthUserGrantRoleRequest,
    gives<pb.AuthUserGrantRoleResponse>(),
  ),
  authUserRevokeRole: row(
    1105,
    pb.readAuthUserRevokeRoleRequest,
    pb.writeAuthUserRevokeRoleRequest,
    gives<pb.AuthUserRevokeRoleResponse>(),
  ),
  authUserList: row(1106, pb.readAuthUserListRequest, pb.writeAuthUserListRequest, gives<pb.AuthUserListResponse>()),
  authRoleList: row(1107, pb.readAuthRoleListRequest, pb.writeAuthRoleListRequest, gives<pb.AuthRoleListResponse>()),
  authRoleAdd: row(1200, pb.readAuthRoleAddRequest, pb.writeAuthRoleAddRequest, gives<pb.AuthRoleAddResponse>()),
  authRoleDelete: row(
    1201,
    pb.readAuthRoleDeleteRequest,
    pb.writeAuthRoleDeleteRequest,
    gives<pb.AuthRoleDeleteResponse>(),
  ),
  authRoleGet: row(1202, pb.readAuthRoleGetRequest, pb.writeAuthRoleGetRequest, gives<pb.AuthRoleGetResponse>()),
  authRoleGrantPermission: row(
    1203,
    pb.readAuthRoleGrantPermissionRequest,
    pb.writeAuthRoleGrantPermissionRequest,
    gives<pb.AuthRoleGrantPermissionResponse>(),
  ),
  authRoleRevokePermission: row(
    1204,
    pb.readAuthRoleRevokePermissionRequest,
    pb.writeAuthRoleRevokePermissionRequest,
    gives<pb.AuthRoleRevokePermissionResponse>(),
  ),
};

/** Facts of the cluster, kept in memory by every member and so applied again after a restart. */
const membershipRequests = {
  clusterVersionSet: row(
    1300,
    members.readClusterVersionSetRequest,
    members.writeClusterVersionSetRequest,
    gives<undefined>(),
  ),
  clusterMemberAttrSet: row(
    1301,
    members.readClusterMemberAttrSetRequest,
    members.writeClusterMemberAttrSetRequest,
    gives<undefined>(),
  ),
  downgradeInfoSet: row(
    1302,
    members.readDowngradeInfoSetRequest,
    members.writeDowngradeInfoSetRequest,
    gives<undefined>(),
  ),
  downgradeVersionTest: row(
    9900,
    pb.readDowngradeVersionTestRequest,
    pb.writeDowngradeVersionTestRequest,
    gives<undefined>(),
  ),
};

export const requests = { ...storeRequests, ...membershipRequests };

type Requests = typeof requests;

export type OperationKind = keyof Requests;

/** As etcd's metrics name it: `LeaseGrant`. */
export const operationName = (kind: string): string => `${kind.charAt(0).toUpperCase()}${kind.slice(1)}`;

export type MembershipKind = keyof typeof membershipRequests;
export type StoreKind = keyof typeof storeRequests;
export type RequestOf<K extends OperationKind> = K extends OperationKind
  ? Requests[K] extends Row<infer T, unknown>
    ? T
    : never
  : never;
export type ResultOf<K extends OperationKind> = K extends OperationKind
  ? Requests[K] extends { readonly result: Given<infer R> }
    ? R
    : never
  : never;
export type OperationOf<K extends OperationKind> = K extends OperationKind
  ? { readonly kind: K; readonly request: RequestOf<K> }
  : never;
/** Exactly one request of any kind. */
export type Operation = OperationOf<OperationKind>;
export type StoreOperation = OperationOf<StoreKind>;
export type Result = ResultOf<OperationKind>;

export interface ProposeOptions {
  /** Whom apply will check permissions of. */
  readonly identity?: Identity | undefined;
  /** Once it is gone the operation is not proposed any more. */
  readonly caller?: Caller | undefined;
  /** The request as its client encoded it: it goes into the log as it came. */
  readonly encoded?: Uint8Array | undefined;
  /** Of the call that asks for it. */
  readonly trace?: CallTrace | undefined;
}

/** Puts an operation into the log; what apply makes of it here is what the operation's kind gives. */
export type Propose = <K extends OperationKind>(
  operation: { readonly kind: K; readonly request: RequestOf<K> },
  options?: ProposeOptions,
) => Promise<ResultOf<K>>;

export function isMembershipOperation(operation: Operation): operation is OperationOf<MembershipKind> {
  return Object.hasOwn(membershipRequests, operation.kind);
}
