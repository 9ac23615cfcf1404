/**
 * The answer's own bytes, without a line end. Lease answers come as their bare header, which is all that etcdctl's
 * types can marshal; that of a revocation it cannot marshal at all, and says so after the lease is revoked.
 */

import { ExitCode, fail } from '../../cli/exit.js';
import { differenceOf } from '../../lib/emulate.js';
import {
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
  MemberAddResponse,
  MemberListResponse,
  MemberPromoteResponse,
  MemberRemoveResponse,
  MemberUpdateResponse,
  MoveLeaderResponse,
  PutResponse,
  RangeResponse,
  ResponseHeader,
  TxnResponse,
  WatchResponse,
} from '../../proto/gen/etcdserverpb.js';
import type { Renderers } from './printer.js';

const onlyHeader = ({ header }: { readonly header: ResponseHeader | undefined }): Uint8Array =>
  ResponseHeader.encode(header ?? ResponseHeader.create());

/** As Go prints the message, its defaults left out. */
function goHeaderText(header: ResponseHeader = ResponseHeader.create()): string {
  const { clusterId, memberId, revision, raftTerm } = header;
  const fields = { cluster_id: clusterId, member_id: memberId, revision, raft_term: raftTerm };
  return Object.entries(fields)
    .filter(([, value]) => BigInt(value) !== 0n)
    .map(([name, value]) => `${name}:${value} `)
    .join('');
}

export const PROTOBUF: Renderers<Uint8Array> = {
  get: (answer) => RangeResponse.encode(answer),
  put: (answer) => PutResponse.encode(answer),
  del: (answer) => DeleteRangeResponse.encode(answer),
  txn: (answer) => TxnResponse.encode(answer),
  watch: ({ header, events, compactRevision, canceled, created }) =>
    WatchResponse.encode(
      WatchResponse.create({ header: header ?? ResponseHeader.create(), events, compactRevision, canceled, created }),
    ),
  grant: onlyHeader,
  revoke: ({ answer }, { emulate }) => {
    const inner = differenceOf('printsInnerFields', emulate) ? ' {} [] 0' : '';
    const shown = `{${goHeaderText(answer.header)}${inner}}`;
    fail(ExitCode.badFeature, `marshal unsupported for type clientv3.LeaseRevokeResponse (${shown})`);
  },
  keepAlive: onlyHeader,
  timeToLive: onlyHeader,
  timeToLiveKeys: onlyHeader,
  leases: onlyHeader,
  memberAdd: (answer) => MemberAddResponse.encode(answer),
  memberRemove: ({ answer }) => MemberRemoveResponse.encode(answer),
  memberUpdate: ({ answer }) => MemberUpdateResponse.encode(answer),
  memberPromote: ({ answer }) => MemberPromoteResponse.encode(answer),
  memberList: (answer) => MemberListResponse.encode(answer),
  moveLeader: ({ answer }) => MoveLeaderResponse.encode(answer),
  alarm: (answer) => AlarmResponse.encode(answer),
  downgrade: ({ answer }) => DowngradeResponse.encode(answer),
  roleAdd: ({ answer }) => AuthRoleAddResponse.encode(answer),
  roleGet: ({ answer }) => AuthRoleGetResponse.encode(answer),
  roleDelete: ({ answer }) => AuthRoleDeleteResponse.encode(answer),
  roleList: (answer) => AuthRoleListResponse.encode(answer),
  roleGrantPermission: ({ answer }) => AuthRoleGrantPermissionResponse.encode(answer),
  roleRevokePermission: ({ answer }) => AuthRoleRevokePermissionResponse.encode(answer),
  userAdd: ({ answer }) => AuthUserAddResponse.encode(answer),
  userGet: ({ answer }) => AuthUserGetResponse.encode(answer),
  userList: (answer) => AuthUserListResponse.encode(answer),
  userChangePassword: (answer) => AuthUserChangePasswordResponse.encode(answer),
  userGrantRole: ({ answer }) => AuthUserGrantRoleResponse.encode(answer),
  userRevokeRole: ({ answer }) => AuthUserRevokeRoleResponse.encode(answer),
  userDelete: ({ answer }) => AuthUserDeleteResponse.encode(answer),
  authStatus: (answer) => AuthStatusResponse.encode(answer),
};
