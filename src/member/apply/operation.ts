/**
 * What a log entry asks of the replicated state: one row for each kind of request. An entry is decoded once, into
 * exactly one operation; a kind that no row has is not ignored but ends the member, as it ends etcd: members that skip
 * what others carry out part ways.
 *
 *     InternalRaftRequest { header { ID, username, authRevision }, <kind>: <request> }
 *
 * To add a kind: a row, which says its field, its codec and what it gives; the compiler names who must treat it.
 */

import type { Identity, Login } from '../../auth/types.js';
import { decodeV2Request, readV2Request } from '../../datadir/v2-request-codec.js';
import type { Caller } from '../../lib/caller.js';
import { ProtoDecodeError } from '../../lib/codec.js';
import type { RequestId } from '../../lib/ids.js';
import { latin1Text } from '../../lib/latin1.js';
import * as pb from '../../proto/gen/etcdserverpb.js';
import * as members from '../../proto/gen/membershippb.js';
import { Reader, Writer } from '../../proto/wire.js';
import type { V2Request } from '../../v2/request.js';

interface Row<T, R> {
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

type Bare<T> = Omit<T, 'header'>;

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
  authEnable: row(1000, pb.readAuthEnableRequest, pb.writeAuthEnableRequest, gives<Bare<pb.AuthEnableResponse>>()),
  authDisable: row(1011, pb.readAuthDisableRequest, pb.writeAuthDisableRequest, gives<Bare<pb.AuthDisableResponse>>()),
  authenticate: row(1012, pb.readInternalAuthenticateRequest, pb.writeInternalAuthenticateRequest, gives<Login>()),
  authStatus: row(1013, pb.readAuthStatusRequest, pb.writeAuthStatusRequest, gives<Bare<pb.AuthStatusResponse>>()),
  authUserAdd: row(1100, pb.readAuthUserAddRequest, pb.writeAuthUserAddRequest, gives<Bare<pb.AuthUserAddResponse>>()),
  authUserDelete: row(
    1101,
    pb.readAuthUserDeleteRequest,
    pb.writeAuthUserDeleteRequest,
    gives<Bare<pb.AuthUserDeleteResponse>>(),
  ),
  authUserGet: row(1102, pb.readAuthUserGetRequest, pb.writeAuthUserGetRequest, gives<Bare<pb.AuthUserGetResponse>>()),
  authUserChangePassword: row(
    1103,
    pb.readAuthUserChangePasswordRequest,
    pb.writeAuthUserChangePasswordRequest,
    gives<Bare<pb.AuthUserChangePasswordResponse>>(),
  ),
  authUserGrantRole: row(
    1104,
    pb.readAuthUserGrantRoleRequest,
    pb.writeAuthUserGrantRoleRequest,
    gives<Bare<pb.AuthUserGrantRoleResponse>>(),
  ),
  authUserRevokeRole: row(
    1105,
    pb.readAuthUserRevokeRoleRequest,
    pb.writeAuthUserRevokeRoleRequest,
    gives<Bare<pb.AuthUserRevokeRoleResponse>>(),
  ),
  authUserList: row(
    1106,
    pb.readAuthUserListRequest,
    pb.writeAuthUserListRequest,
    gives<Bare<pb.AuthUserListResponse>>(),
  ),
  authRoleList: row(
    1107,
    pb.readAuthRoleListRequest,
    pb.writeAuthRoleListRequest,
    gives<Bare<pb.AuthRoleListResponse>>(),
  ),
  authRoleAdd: row(1200, pb.readAuthRoleAddRequest, pb.writeAuthRoleAddRequest, gives<Bare<pb.AuthRoleAddResponse>>()),
  authRoleDelete: row(
    1201,
    pb.readAuthRoleDeleteRequest,
    pb.writeAuthRoleDeleteRequest,
    gives<Bare<pb.AuthRoleDeleteResponse>>(),
  ),
  authRoleGet: row(1202, pb.readAuthRoleGetRequest, pb.writeAuthRoleGetRequest, gives<Bare<pb.AuthRoleGetResponse>>()),
  authRoleGrantPermission: row(
    1203,
    pb.readAuthRoleGrantPermissionRequest,
    pb.writeAuthRoleGrantPermissionRequest,
    gives<Bare<pb.AuthRoleGrantPermissionResponse>>(),
  ),
  authRoleRevokePermission: row(
    1204,
    pb.readAuthRoleRevokePermissionRequest,
    pb.writeAuthRoleRevokePermissionRequest,
    gives<Bare<pb.AuthRoleRevokePermissionResponse>>(),
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

const requests = { ...storeRequests, ...membershipRequests };

type Requests = typeof requests;

export type OperationKind = keyof Requests;
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
}

/** Puts an operation into the log; what apply makes of it here is what the operation's kind gives. */
export type Propose = <K extends OperationKind>(
  operation: { readonly kind: K; readonly request: RequestOf<K> },
  options?: ProposeOptions,
) => Promise<ResultOf<K>>;

export function isMembershipOperation(operation: Operation): operation is OperationOf<MembershipKind> {
  return Object.hasOwn(membershipRequests, operation.kind);
}

/** A decoded entry. */
export type EntryData =
  /** A new leader's first entry. */
  | { readonly t: 'empty' }
  /** Written by 3.4 to 3.6 for the v2 store, and for membership up to 3.5. */
  | { readonly t: 'v2'; readonly request: V2Request }
  | {
      readonly t: 'operation';
      /** Under which somebody may wait for the result. */
      readonly id: RequestId;
      /**
       * Whom the member that took the request found behind it; with an empty name and revision 0 where there was
       * nobody.
       */
      readonly identity: Identity | undefined;
      readonly operation: Operation;
    };

/** An entry asks for something that this version does not know. */
export class UnknownRequestError extends Error {
  override readonly name = 'UnknownRequestError';
  readonly code = 'ERR_UNKNOWN_REQUEST';

  constructor(readonly field: number) {
    super(
      field === 0
        ? 'unimplemented apply: the entry has no request'
        : `unimplemented apply: the entry has a request in field ${field}, which this version does not know; ` +
            'it was written by a newer version',
    );
  }
}

const ID_TAG = 8;
const V2_TAG = 18;
const HEADER_TAG = 802;
const HEADER_FIELD = 100;

const kinds = Object.keys(requests) as OperationKind[];
const tagOf = (kind: OperationKind): number => requests[kind].field * 8 + 2;
const kindByTag: ReadonlyMap<number, OperationKind> = new Map(kinds.map((kind) => [tagOf(kind), kind]));
/** For the errors of fields in a wrong wire type: such an entry is no InternalRaftRequest at all. */
const fieldNames = ['1 ID', '2 V2', '100 Header', ...kinds.map((kind) => `${requests[kind].field} ${kind}`)].join(' ');

/**
 * The bytes of a normal entry: nothing, an InternalRaftRequest, or a bare v2 Request. The two are told apart only
 * because the wrong parse fails: field 2 of a Request is text such as "PUT", which is no valid message. Bytes fields
 * are views into `data`. Throws ProtoDecodeError and UnknownRequestError.
 */
export function decodeEntryData(data: Uint8Array): EntryData {
  if (data.length === 0) return { t: 'empty' };
  if (isV2Request(data)) return { t: 'v2', request: decodeV2Request(data) };
  try {
    return readInternalRequest(data);
  } catch (cause) {
    if (!(cause instanceof ProtoDecodeError)) throw cause;
    return { t: 'v2', request: decodeV2Request(data) };
  }
}

const v2Methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'QGET', 'SYNC']);

/** Whether field 2 is one of the words that are no message: known without the failure of a parse. */
function isV2Request(data: Uint8Array): boolean {
  if (data[0] !== ID_TAG) return false;
  let at = 1;
  while ((data[at] ?? 0) >= 0x80 && at < MAX_VARINT_BYTES) at++;
  const length = data[at + 2] ?? 0;
  return data[at + 1] === V2_TAG && v2Methods.has(latin1Text(data, at + 3, at + 3 + length));
}

const MAX_VARINT_BYTES = 10;

/** By hand, since the generated reader passes over what it does not know; for a put it costs the same 0.4 µs. */
function readInternalRequest(data: Uint8Array): EntryData {
  const reader = new Reader(data);
  const end = data.length;
  let id = 0n;
  let header: pb.RequestHeader | undefined;
  let v2: V2Request | undefined;
  let operation: Operation | undefined;
  let unknownField = 0;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    const kind = kindByTag.get(tag);
    if (kind !== undefined) {
      // Which kind goes with which request is what the row says.
      const request = requests[kind].read(reader, reader.stop(end));
      operation = { kind, request } as Operation;
    } else if (tag === HEADER_TAG) header = pb.readRequestHeader(reader, reader.stop(end));
    else if (tag === ID_TAG) id = reader.uint64Big(end);
    else if (tag === V2_TAG) v2 = readV2Request(reader, reader.stop(end));
    else {
      reader.skipUnknown(tag, end, 'InternalRaftRequest', fieldNames);
      unknownField = tag >>> 3;
    }
  }
  if (v2 !== undefined) return { t: 'v2', request: v2 };
  if (operation === undefined) throw new UnknownRequestError(unknownField);
  return {
    t: 'operation',
    id: header === undefined || header.ID === 0n ? id : header.ID,
    identity: header === undefined ? undefined : { username: header.username, revision: header.authRevision },
    operation,
  };
}

const writer = new Writer();

/**
 * The entry that asks for `operation`. `encoded`: the request's bytes as a client sent them, used as they are instead
 * of encoding it again.
 */
export function encodeOperation(header: pb.RequestHeader, operation: Operation, encoded?: Uint8Array): Uint8Array {
  const { field, write } = requests[operation.kind] as Row<unknown, unknown>;
  const w = writer.begin();
  // The writer goes from the last field to the first; fields ascend, as in what etcd writes.
  if (field < HEADER_FIELD) writeHeader(w, header);
  if (encoded !== undefined) w.bytes(encoded);
  else {
    const mark = w.mark();
    write(w, operation.request);
    w.length(mark);
  }
  w.uint32(field * 8 + 2);
  if (field > HEADER_FIELD) writeHeader(w, header);
  return w.finish();
}

function writeHeader(w: Writer, header: pb.RequestHeader): void {
  const mark = w.mark();
  pb.writeRequestHeader(w, header);
  w.length(mark);
  w.uint32(HEADER_TAG);
}
