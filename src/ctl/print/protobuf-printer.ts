/** The answer's own bytes, without a line end. Lease answers come as their bare header, which is all that etcdctl's types can marshal. */
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
  LeaseRevokeResponse,
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
import type { Answer } from './printer.js';
import { RefusingPrinter } from './refusing-printer.js';

export class ProtobufPrinter extends RefusingPrinter {
  override readonly format = 'protobuf';

  override get(...[answer]: Answer<'get'>): void {
    this.out.stdout(RangeResponse.encode(answer));
  }
  override put(...[answer]: Answer<'put'>): void {
    this.out.stdout(PutResponse.encode(answer));
  }
  override del(...[answer]: Answer<'del'>): void {
    this.out.stdout(DeleteRangeResponse.encode(answer));
  }
  override txn(...[answer]: Answer<'txn'>): void {
    this.out.stdout(TxnResponse.encode(answer));
  }
  override watch(...[answer]: Answer<'watch'>): void {
    const { header, events, compactRevision, canceled, created } = answer;
    this.out.stdout(
      WatchResponse.encode(
        WatchResponse.create({ header: header ?? ResponseHeader.create(), events, compactRevision, canceled, created }),
      ),
    );
  }
  override grant(...[answer]: Answer<'grant'>): void {
    this.#header(answer.header);
  }
  override revoke(...[, answer]: Answer<'revoke'>): void {
    this.out.stdout(LeaseRevokeResponse.encode(answer));
  }
  override keepAlive(...[answer]: Answer<'keepAlive'>): void {
    this.#header(answer.header);
  }
  override timeToLive(...[answer]: Answer<'timeToLive'>): void {
    this.#header(answer.header);
  }
  override leases(...[answer]: Answer<'leases'>): void {
    this.#header(answer.header);
  }
  override memberAdd(...[answer]: Answer<'memberAdd'>): void {
    this.out.stdout(MemberAddResponse.encode(answer));
  }
  override memberRemove(...[, answer]: Answer<'memberRemove'>): void {
    this.out.stdout(MemberRemoveResponse.encode(answer));
  }
  override memberUpdate(...[, answer]: Answer<'memberUpdate'>): void {
    this.out.stdout(MemberUpdateResponse.encode(answer));
  }
  override memberPromote(...[, answer]: Answer<'memberPromote'>): void {
    this.out.stdout(MemberPromoteResponse.encode(answer));
  }
  override memberList(...[answer]: Answer<'memberList'>): void {
    this.out.stdout(MemberListResponse.encode(answer));
  }
  override moveLeader(...[, , answer]: Answer<'moveLeader'>): void {
    this.out.stdout(MoveLeaderResponse.encode(answer));
  }
  override alarm(...[answer]: Answer<'alarm'>): void {
    this.out.stdout(AlarmResponse.encode(answer));
  }
  override downgrade(...[, answer]: Answer<'downgrade'>): void {
    this.out.stdout(DowngradeResponse.encode(answer));
  }
  override roleAdd(...[, answer]: Answer<'roleAdd'>): void {
    this.out.stdout(AuthRoleAddResponse.encode(answer));
  }
  override roleGet(...[, answer]: Answer<'roleGet'>): void {
    this.out.stdout(AuthRoleGetResponse.encode(answer));
  }
  override roleDelete(...[, answer]: Answer<'roleDelete'>): void {
    this.out.stdout(AuthRoleDeleteResponse.encode(answer));
  }
  override roleList(...[answer]: Answer<'roleList'>): void {
    this.out.stdout(AuthRoleListResponse.encode(answer));
  }
  override roleGrantPermission(...[, answer]: Answer<'roleGrantPermission'>): void {
    this.out.stdout(AuthRoleGrantPermissionResponse.encode(answer));
  }
  override roleRevokePermission(...[, , , answer]: Answer<'roleRevokePermission'>): void {
    this.out.stdout(AuthRoleRevokePermissionResponse.encode(answer));
  }
  override userAdd(...[, answer]: Answer<'userAdd'>): void {
    this.out.stdout(AuthUserAddResponse.encode(answer));
  }
  override userGet(...[, answer]: Answer<'userGet'>): void {
    this.out.stdout(AuthUserGetResponse.encode(answer));
  }
  override userList(...[answer]: Answer<'userList'>): void {
    this.out.stdout(AuthUserListResponse.encode(answer));
  }
  override userChangePassword(...[answer]: Answer<'userChangePassword'>): void {
    this.out.stdout(AuthUserChangePasswordResponse.encode(answer));
  }
  override userGrantRole(...[, , answer]: Answer<'userGrantRole'>): void {
    this.out.stdout(AuthUserGrantRoleResponse.encode(answer));
  }
  override userRevokeRole(...[, , answer]: Answer<'userRevokeRole'>): void {
    this.out.stdout(AuthUserRevokeRoleResponse.encode(answer));
  }
  override userDelete(...[, answer]: Answer<'userDelete'>): void {
    this.out.stdout(AuthUserDeleteResponse.encode(answer));
  }
  override authStatus(...[answer]: Answer<'authStatus'>): void {
    this.out.stdout(AuthStatusResponse.encode(answer));
  }

  #header(header: ResponseHeader | undefined): void {
    this.out.stdout(ResponseHeader.encode(header ?? ResponseHeader.create()));
  }
}
