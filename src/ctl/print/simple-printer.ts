/** The default format: what people read. */

import { prefixEnd } from '../../client/key-range.js';
import { differenceOf, type EmulatedVersion } from '../../lib/emulate.js';
import { type Permission, Permission_Type } from '../../proto/gen/authpb.js';
import { AlarmType, type ResponseHeader } from '../../proto/gen/etcdserverpb.js';
import { Event_EventType, type KeyValue } from '../../proto/gen/mvccpb.js';
import { ByteLines } from './byte-lines.js';
import { leaseText, nameOf } from './go-text.js';
import type { Answer, Output, Printer } from './printer.js';
import { hashKVTable, memberTable, snapshotTable, statusTable } from './tables.js';

export class SimplePrinter implements Printer {
  readonly format = 'simple';
  readonly #out: Output;
  readonly #hex: boolean;
  readonly #emulate: EmulatedVersion;

  constructor(out: Output, how: { hex: boolean; emulate: EmulatedVersion }) {
    this.#out = out;
    this.#hex = how.hex;
    this.#emulate = how.emulate;
  }

  get(...[answer, how]: Answer<'get'>): void {
    const lines = new ByteLines();
    for (const kv of answer.kvs) this.#keyValue(lines, kv, how?.valueOnly ?? false);
    lines.to(this.#out);
  }

  put(...[answer]: Answer<'put'>): void {
    const lines = new ByteLines().text('OK');
    if (answer.prevKv !== undefined) this.#keyValue(lines, answer.prevKv);
    lines.to(this.#out);
  }

  del(...[answer]: Answer<'del'>): void {
    const lines = new ByteLines().text(String(answer.deleted));
    for (const kv of answer.prevKvs) this.#keyValue(lines, kv);
    lines.to(this.#out);
  }

  txn(...[answer]: Answer<'txn'>): void {
    this.#line(answer.succeeded ? 'SUCCESS' : 'FAILURE');
    for (const { response } of answer.responses) {
      this.#line('');
      switch (response.case) {
        case 'responseRange':
          this.get(response.value);
          break;
        case 'responsePut':
          this.put(response.value);
          break;
        case 'responseDeleteRange':
          this.del(response.value);
          break;
        case 'responseTxn':
          this.txn(response.value);
          break;
        case undefined:
          this.#line('unexpected response ');
      }
    }
  }

  watch(...[answer]: Answer<'watch'>): void {
    const lines = new ByteLines();
    for (const event of answer.events) {
      lines.text(nameOf(Event_EventType, event.type));
      if (event.prevKv !== undefined) this.#keyValue(lines, event.prevKv);
      if (event.kv !== undefined) this.#keyValue(lines, event.kv);
    }
    lines.to(this.#out);
  }

  grant(...[answer]: Answer<'grant'>): void {
    this.#line(`lease ${leaseText(answer.ID)} granted with TTL(${answer.TTL}s)`);
  }

  revoke(...[lease]: Answer<'revoke'>): void {
    this.#line(`lease ${leaseText(lease)} revoked`);
  }

  keepAlive(...[answer]: Answer<'keepAlive'>): void {
    this.#line(`lease ${leaseText(answer.ID)} keepalived with TTL(${answer.TTL})`);
  }

  timeToLive(...[answer, { keys }]: Answer<'timeToLive'>): void {
    const lease = `lease ${leaseText(answer.ID)}`;
    if (answer.grantedTTL === 0 && answer.TTL === -1) {
      this.#line(`${lease} already expired`);
      return;
    }
    const text = `${lease} granted with TTL(${answer.grantedTTL}s), remaining(${answer.TTL}s)`;
    if (!keys) {
      this.#line(text);
      return;
    }
    const space = Buffer.from(' ');
    const attached = answer.keys.flatMap((key, at) => (at === 0 ? [key] : [space, key]));
    new ByteLines().framed(`${text}, attached keys([`, Buffer.concat(attached), '])').to(this.#out);
  }

  leases(...[answer]: Answer<'leases'>): void {
    this.#line(`found ${answer.leases.length} leases`);
    for (const { ID } of answer.leases) this.#line(leaseText(ID));
  }

  memberAdd(...[answer]: Answer<'memberAdd'>): void {
    const isTold = differenceOf('memberAddTellsLearner', this.#emulate) && answer.member?.isLearner === true;
    this.#member(answer.member?.ID ?? 0n, `added${isTold ? ' as learner' : ''} to`, answer.header);
  }

  memberRemove(...[member, answer]: Answer<'memberRemove'>): void {
    this.#member(member, 'removed from', answer.header);
  }

  memberUpdate(...[member, answer]: Answer<'memberUpdate'>): void {
    this.#member(member, 'updated in', answer.header);
  }

  memberPromote(...[member, answer]: Answer<'memberPromote'>): void {
    this.#member(member, 'promoted in', answer.header);
  }

  memberList(...[answer]: Answer<'memberList'>): void {
    this.#rows(memberTable(answer).rows);
  }

  endpointHealth(...[list]: Answer<'endpointHealth'>): void {
    for (const { endpoint, took, error } of list) {
      if (error === '') this.#line(`${endpoint} is healthy: successfully committed proposal: took = ${took}`);
      else this.#out.stderr(`${endpoint} is unhealthy: failed to commit proposal: ${error}\n`);
    }
  }

  endpointStatus(...[list]: Answer<'endpointStatus'>): void {
    this.#rows(statusTable(list, this.#emulate).rows);
  }

  endpointHashKV(...[list]: Answer<'endpointHashKV'>): void {
    this.#rows(hashKVTable(list, this.#emulate).rows);
  }

  moveLeader(...[from, to]: Answer<'moveLeader'>): void {
    this.#line(`Leadership transferred from ${from.toString(16)} to ${to.toString(16)}`);
  }

  /** Each as protobuf's text format shows it, the space at the end included. */
  alarm(...[answer]: Answer<'alarm'>): void {
    for (const { memberID, alarm } of answer.alarms) {
      const member = memberID === 0n ? '' : `memberID:${memberID} `;
      this.#line(`${member}${alarm === AlarmType.NONE ? '' : `alarm:${nameOf(AlarmType, alarm)} `}`);
    }
  }

  snapshotStatus(...[status]: Answer<'snapshotStatus'>): void {
    this.#rows(snapshotTable(status).rows);
  }

  downgrade(...[action, answer]: Answer<'downgrade'>): void {
    this.#line(`Downgrade ${action} success, cluster version ${answer.version}`);
  }

  roleAdd(...[role]: Answer<'roleAdd'>): void {
    this.#line(`Role ${role} created`);
  }

  roleGet(...[role, answer]: Answer<'roleGet'>): void {
    const may = (type: Permission_Type) =>
      answer.perm.filter(({ permType }) => permType === type || permType === Permission_Type.READWRITE);
    this.#line(`Role ${role}`);
    this.#line('KV Read:');
    for (const permission of may(Permission_Type.READ)) this.#permission(permission);
    this.#line('KV Write:');
    for (const permission of may(Permission_Type.WRITE)) this.#permission(permission);
  }

  roleDelete(...[role]: Answer<'roleDelete'>): void {
    this.#line(`Role ${role} deleted`);
  }

  roleList(...[answer]: Answer<'roleList'>): void {
    for (const role of answer.roles) this.#line(role);
  }

  roleGrantPermission(...[role]: Answer<'roleGrantPermission'>): void {
    this.#line(`Role ${role} updated`);
  }

  roleRevokePermission(...[role, key, rangeEnd]: Answer<'roleRevokePermission'>): void {
    const what =
      rangeEnd === ''
        ? `key ${key}`
        : rangeEnd === '\0'
          ? `range [${key}, <open ended>`
          : `range [${key}, ${rangeEnd})`;
    this.#line(`Permission of ${what} is revoked from role ${role}`);
  }

  userAdd(...[user]: Answer<'userAdd'>): void {
    this.#line(`User ${user} created`);
  }

  userGet(...[user, answer]: Answer<'userGet'>): void {
    this.#line(`User: ${user}`);
    this.#line(`Roles:${answer.roles.map((role) => ` ${role}`).join('')}`);
  }

  userList(...[answer]: Answer<'userList'>): void {
    for (const user of answer.users) this.#line(user);
  }

  userChangePassword(): void {
    this.#line('Password updated');
  }

  userGrantRole(...[user, role]: Answer<'userGrantRole'>): void {
    this.#line(`Role ${role} is granted to user ${user}`);
  }

  userRevokeRole(...[user, role]: Answer<'userRevokeRole'>): void {
    this.#line(`Role ${role} is revoked from user ${user}`);
  }

  userDelete(...[user]: Answer<'userDelete'>): void {
    this.#line(`User ${user} deleted`);
  }

  authStatus(...[answer]: Answer<'authStatus'>): void {
    this.#line(`Authentication Status: ${answer.enabled}`);
    this.#line(`AuthRevision: ${answer.authRevision}`);
  }

  #line(text: string): void {
    this.#out.stdout(`${text}\n`);
  }

  #rows(rows: readonly (readonly string[])[]): void {
    for (const row of rows) this.#line(row.join(', '));
  }

  /** Ids padded with blanks, as etcdctl's `%16x` does. */
  #member(member: bigint, what: string, header: ResponseHeader | undefined): void {
    const cluster = (header?.clusterId ?? 0n).toString(16).padStart(16);
    this.#line(`Member ${member.toString(16).padStart(16)} ${what} cluster ${cluster}`);
  }

  #keyValue(lines: ByteLines, kv: KeyValue, valueOnly = false): void {
    if (this.#hex) {
      if (!valueOnly) lines.text(hexText(kv.key));
      lines.text(hexText(kv.value));
    } else {
      if (!valueOnly) lines.bytes(kv.key);
      lines.bytes(kv.value);
    }
  }

  #permission({ key, rangeEnd }: Permission): void {
    const lines = new ByteLines();
    const isPrefix = Buffer.compare(prefixEnd(key), rangeEnd) === 0;
    if (rangeEnd.length === 0) lines.framed('\t', key, '');
    else {
      const isOpen = rangeEnd.length === 1 && rangeEnd[0] === 0;
      const end = isOpen ? [Buffer.from('<open ended>')] : [rangeEnd, Buffer.from(')')];
      const prefix = isPrefix ? [Buffer.from(' (prefix '), key, Buffer.from(')')] : [];
      lines.framed('\t[', Buffer.concat([key, Buffer.from(', '), ...end, ...prefix]), '');
    }
    lines.to(this.#out);
  }
}

const hexText = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex').replace(/../g, '\\x$&');
