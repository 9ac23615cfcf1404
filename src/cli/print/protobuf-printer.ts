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
import type { Printer } from './printer.js';
import { RefusingPrinter } from './refusing-printer.js';

export class ProtobufPrinter extends RefusingPrinter {
  override readonly format = 'protobuf';

  override get(...[answer]: Parameters<Printer['get']>): void {
    this.out.stdout(RangeResponse.encode(answer));
  }
  override put(...[answer]: Parameters<Printer['put']>): void {
    this.out.stdout(PutResponse.encode(answer));
  }
  override del(...[answer]: Parameters<Printer['del']>): void {
    this.out.stdout(DeleteRangeResponse.encode(answer));
  }
  override txn(...[answer]: Parameters<Printer['txn']>): void {
    this.out.stdout(TxnResponse.encode(answer));
  }
  override watch(...[answer]: Parameters<Printer['watch']>): void {
    const { header, events, compactRevision, canceled, created } = answer;
    this.out.stdout(
      WatchResponse.encode(
        WatchResponse.create({ header: header ?? ResponseHeader.create(), events, compactRevision, canceled, created }),
      ),
    );
  }
  override grant(...[answer]: Parameters<Printer['grant']>): void {
    this.#header(answer.header);
  }
  override revoke(...[, answer]: Parameters<Printer['revoke']>): void {
    this.out.stdout(LeaseRevokeResponse.encode(answer));
  }
  override keepAlive(...[answer]: Parameters<Printer['keepAlive']>): void {
    this.#header(answer.header);
  }
  override timeToLive(...[answer]: Parameters<Printer['timeToLive']>): void {
    this.#header(answer.header);
  }
  override leases(...[answer]: Parameters<Printer['leases']>): void {
    this.#header(answer.header);
  }
  override memberAdd(...[answer]: Parameters<Printer['memberAdd']>): void {
    this.out.stdout(MemberAddResponse.encode(answer));
  }
  override memberRemove(...[, answer]: Parameters<Printer['memberRemove']>): void {
    this.out.stdout(MemberRemoveResponse.encode(answer));
  }
  override memberUpdate(...[, answer]: Parameters<Printer['memberUpdate']>): void {
    this.out.stdout(MemberUpdateResponse.encode(answer));
  }
  override memberPromote(...[, answer]: Parameters<Printer['memberPromote']>): void {
    this.out.stdout(MemberPromoteResponse.encode(answer));
  }
  override memberList(...[answer]: Parameters<Printer['memberList']>): void {
    this.out.stdout(MemberListResponse.encode(answer));
  }
  override moveLeader(...[, , answer]: Parameters<Printer['moveLeader']>): void {
    this.out.stdout(MoveLeaderResponse.encode(answer));
  }
  override alarm(...[answer]: Parameters<Printer['alarm']>): void {
    this.out.stdout(AlarmResponse.encode(answer));
  }
  override downgrade(...[, answer]: Parameters<Printer['downgrade']>): void {
    this.out.stdout(DowngradeResponse.encode(answer));
  }
  override roleAdd(...[, answer]: Parameters<Printer['roleAdd']>): void {
    this.out.stdout(AuthRoleAddResponse.encode(answer));
  }
  override roleGet(...[, answer]: Parameters<Printer['roleGet']>): void {
    this.out.stdout(AuthRoleGetResponse.encode(answer));
  }
  override roleDelete(...[, answer]: Parameters<Printer['roleDelete']>): void {
    this.out.stdout(AuthRoleDeleteResponse.encode(answer));
  }
  override roleList(...[answer]: Parameters<Printer['roleList']>): void {
    this.out.stdout(AuthRoleListResponse.encode(answer));
  }
  override roleGrantPermission(...[, answer]: Parameters<Printer['roleGrantPermission']>): void {
    this.out.stdout(AuthRoleGrantPermissionResponse.encode(answer));
  }
  override roleRevokePermission(...[, , , answer]: Parameters<Printer['roleRevokePermission']>): void {
    this.out.stdout(AuthRoleRevokePermissionResponse.encode(answer));
  }
  override userAdd(...[, answer]: Parameters<Printer['userAdd']>): void {
    this.out.stdout(AuthUserAddResponse.encode(answer));
  }
  override userGet(...[, answer]: Parameters<Printer['userGet']>): void {
    this.out.stdout(AuthUserGetResponse.encode(answer));
  }
  override userList(...[answer]: Parameters<Printer['userList']>): void {
    this.out.stdout(AuthUserListResponse.encode(answer));
  }
  override userChangePassword(...[answer]: Parameters<Printer['userChangePassword']>): void {
    this.out.stdout(AuthUserChangePasswordResponse.encode(answer));
  }
  override userGrantRole(...[, , answer]: Parameters<Printer['userGrantRole']>): void {
    this.out.stdout(AuthUserGrantRoleResponse.encode(answer));
  }
  override userRevokeRole(...[, , answer]: Parameters<Printer['userRevokeRole']>): void {
    this.out.stdout(AuthUserRevokeRoleResponse.encode(answer));
  }
  override userDelete(...[, answer]: Parameters<Printer['userDelete']>): void {
    this.out.stdout(AuthUserDeleteResponse.encode(answer));
  }
  override authStatus(...[answer]: Parameters<Printer['authStatus']>): void {
    this.out.stdout(AuthStatusResponse.encode(answer));
  }

  #header(header: ResponseHeader | undefined): void {
    this.out.stdout(ResponseHeader.encode(header ?? ResponseHeader.create()));
  }
}
