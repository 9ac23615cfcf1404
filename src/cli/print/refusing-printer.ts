/** A printer that refuses everything as etcdctl does; formats override what they can show. */
import { ExitCode, fail } from '../exit.js';
import type { Output, Printer } from './printer.js';

export abstract class RefusingPrinter implements Printer {
  abstract readonly format: Printer['format'];
  protected readonly out: Output;

  constructor(out: Output) {
    this.out = out;
  }

  protected refuse(): never {
    fail(ExitCode.badFeature, `${this.format} not supported as output format`);
  }

  get(..._: Parameters<Printer['get']>): void {
    this.refuse();
  }
  put(..._: Parameters<Printer['put']>): void {
    this.refuse();
  }
  del(..._: Parameters<Printer['del']>): void {
    this.refuse();
  }
  txn(..._: Parameters<Printer['txn']>): void {
    this.refuse();
  }
  watch(..._: Parameters<Printer['watch']>): void {
    this.refuse();
  }
  grant(..._: Parameters<Printer['grant']>): void {
    this.refuse();
  }
  revoke(..._: Parameters<Printer['revoke']>): void {
    this.refuse();
  }
  keepAlive(..._: Parameters<Printer['keepAlive']>): void {
    this.refuse();
  }
  timeToLive(..._: Parameters<Printer['timeToLive']>): void {
    this.refuse();
  }
  leases(..._: Parameters<Printer['leases']>): void {
    this.refuse();
  }
  memberAdd(..._: Parameters<Printer['memberAdd']>): void {
    this.refuse();
  }
  memberRemove(..._: Parameters<Printer['memberRemove']>): void {
    this.refuse();
  }
  memberUpdate(..._: Parameters<Printer['memberUpdate']>): void {
    this.refuse();
  }
  memberPromote(..._: Parameters<Printer['memberPromote']>): void {
    this.refuse();
  }
  memberList(..._: Parameters<Printer['memberList']>): void {
    this.refuse();
  }
  endpointHealth(..._: Parameters<Printer['endpointHealth']>): void {
    this.refuse();
  }
  endpointStatus(..._: Parameters<Printer['endpointStatus']>): void {
    this.refuse();
  }
  endpointHashKV(..._: Parameters<Printer['endpointHashKV']>): void {
    this.refuse();
  }
  moveLeader(..._: Parameters<Printer['moveLeader']>): void {
    this.refuse();
  }
  alarm(..._: Parameters<Printer['alarm']>): void {
    this.refuse();
  }
  snapshotStatus(..._: Parameters<Printer['snapshotStatus']>): void {
    this.refuse();
  }
  downgrade(..._: Parameters<Printer['downgrade']>): void {
    this.refuse();
  }
  roleAdd(..._: Parameters<Printer['roleAdd']>): void {
    this.refuse();
  }
  roleGet(..._: Parameters<Printer['roleGet']>): void {
    this.refuse();
  }
  roleDelete(..._: Parameters<Printer['roleDelete']>): void {
    this.refuse();
  }
  roleList(..._: Parameters<Printer['roleList']>): void {
    this.refuse();
  }
  roleGrantPermission(..._: Parameters<Printer['roleGrantPermission']>): void {
    this.refuse();
  }
  roleRevokePermission(..._: Parameters<Printer['roleRevokePermission']>): void {
    this.refuse();
  }
  userAdd(..._: Parameters<Printer['userAdd']>): void {
    this.refuse();
  }
  userGet(..._: Parameters<Printer['userGet']>): void {
    this.refuse();
  }
  userList(..._: Parameters<Printer['userList']>): void {
    this.refuse();
  }
  userChangePassword(..._: Parameters<Printer['userChangePassword']>): void {
    this.refuse();
  }
  userGrantRole(..._: Parameters<Printer['userGrantRole']>): void {
    this.refuse();
  }
  userRevokeRole(..._: Parameters<Printer['userRevokeRole']>): void {
    this.refuse();
  }
  userDelete(..._: Parameters<Printer['userDelete']>): void {
    this.refuse();
  }
  authStatus(..._: Parameters<Printer['authStatus']>): void {
    this.refuse();
  }
}
