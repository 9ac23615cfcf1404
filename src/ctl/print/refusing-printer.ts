/** A printer that refuses everything as etcdctl does; formats override what they can show. */
import { ExitCode, fail } from '../../cli/exit.js';
import type { Answer, Output, Printer } from './printer.js';

export abstract class RefusingPrinter implements Printer {
  abstract readonly format: Printer['format'];
  protected readonly out: Output;

  constructor(out: Output) {
    this.out = out;
  }

  protected refuse(): never {
    fail(ExitCode.badFeature, `${this.format} not supported as output format`);
  }

  get(..._: Answer<'get'>): void {
    this.refuse();
  }
  put(..._: Answer<'put'>): void {
    this.refuse();
  }
  del(..._: Answer<'del'>): void {
    this.refuse();
  }
  txn(..._: Answer<'txn'>): void {
    this.refuse();
  }
  watch(..._: Answer<'watch'>): void {
    this.refuse();
  }
  grant(..._: Answer<'grant'>): void {
    this.refuse();
  }
  revoke(..._: Answer<'revoke'>): void {
    this.refuse();
  }
  keepAlive(..._: Answer<'keepAlive'>): void {
    this.refuse();
  }
  timeToLive(..._: Answer<'timeToLive'>): void {
    this.refuse();
  }
  leases(..._: Answer<'leases'>): void {
    this.refuse();
  }
  memberAdd(..._: Answer<'memberAdd'>): void {
    this.refuse();
  }
  memberRemove(..._: Answer<'memberRemove'>): void {
    this.refuse();
  }
  memberUpdate(..._: Answer<'memberUpdate'>): void {
    this.refuse();
  }
  memberPromote(..._: Answer<'memberPromote'>): void {
    this.refuse();
  }
  memberList(..._: Answer<'memberList'>): void {
    this.refuse();
  }
  endpointHealth(..._: Answer<'endpointHealth'>): void {
    this.refuse();
  }
  endpointStatus(..._: Answer<'endpointStatus'>): void {
    this.refuse();
  }
  endpointHashKV(..._: Answer<'endpointHashKV'>): void {
    this.refuse();
  }
  moveLeader(..._: Answer<'moveLeader'>): void {
    this.refuse();
  }
  alarm(..._: Answer<'alarm'>): void {
    this.refuse();
  }
  snapshotStatus(..._: Answer<'snapshotStatus'>): void {
    this.refuse();
  }
  downgrade(..._: Answer<'downgrade'>): void {
    this.refuse();
  }
  roleAdd(..._: Answer<'roleAdd'>): void {
    this.refuse();
  }
  roleGet(..._: Answer<'roleGet'>): void {
    this.refuse();
  }
  roleDelete(..._: Answer<'roleDelete'>): void {
    this.refuse();
  }
  roleList(..._: Answer<'roleList'>): void {
    this.refuse();
  }
  roleGrantPermission(..._: Answer<'roleGrantPermission'>): void {
    this.refuse();
  }
  roleRevokePermission(..._: Answer<'roleRevokePermission'>): void {
    this.refuse();
  }
  userAdd(..._: Answer<'userAdd'>): void {
    this.refuse();
  }
  userGet(..._: Answer<'userGet'>): void {
    this.refuse();
  }
  userList(..._: Answer<'userList'>): void {
    this.refuse();
  }
  userChangePassword(..._: Answer<'userChangePassword'>): void {
    this.refuse();
  }
  userGrantRole(..._: Answer<'userGrantRole'>): void {
    this.refuse();
  }
  userRevokeRole(..._: Answer<'userRevokeRole'>): void {
    this.refuse();
  }
  userDelete(..._: Answer<'userDelete'>): void {
    this.refuse();
  }
  authStatus(..._: Answer<'authStatus'>): void {
    this.refuse();
  }
}
