/** The default format: what people read. */

import { prefixEnd } from '../../client/key-range.js';
import { differenceOf } from '../../lib/emulate.js';
import type { MemberId } from '../../lib/ids.js';
import { type Permission, Permission_Type } from '../../proto/gen/authpb.js';
import {
  AlarmType,
  type DeleteRangeResponse,
  type LeaseTimeToLiveResponse,
  type PutResponse,
  type RangeResponse,
  type ResponseHeader,
  type ResponseOp,
  type TxnResponse,
} from '../../proto/gen/etcdserverpb.js';
import { Event_EventType, type KeyValue } from '../../proto/gen/mvccpb.js';
import { leaseText, nameOf } from './go-text.js';
import { Lines } from './lines.js';
import type { PrintOptions, Renderers } from './printer.js';
import { hashKVTable, memberTable, snapshotTable, statusTable } from './tables.js';

const OPEN_END = Buffer.from('<open ended>');
const SPACE = Buffer.from(' ');

export const SIMPLE: Renderers<Lines> = {
  get,
  values: ({ kvs }, options) => {
    const lines = new Lines();
    for (const { value } of kvs) addBytes(lines, value, options);
    return lines;
  },
  put,
  del,
  txn,
  watch: ({ events }, options) => {
    const lines = new Lines();
    for (const { type, prevKv, kv } of events) {
      lines.text(nameOf(Event_EventType, type));
      if (prevKv !== undefined) addKeyValue(lines, prevKv, options);
      if (kv !== undefined) addKeyValue(lines, kv, options);
    }
    return lines;
  },

  grant: ({ ID, TTL }) => line(`lease ${leaseText(ID)} granted with TTL(${TTL}s)`),
  revoke: ({ lease }) => line(`lease ${leaseText(lease)} revoked`),
  keepAlive: ({ ID, TTL }) => line(`lease ${leaseText(ID)} keepalived with TTL(${TTL})`),
  timeToLive: (answer) => line(timeToLive(answer)),
  timeToLiveKeys: (answer) => {
    if (isExpired(answer)) return line(timeToLive(answer));
    const attached = answer.keys.flatMap((key, at) => (at === 0 ? [key] : [SPACE, key]));
    return new Lines().framed(`${timeToLive(answer)}, attached keys([`, Buffer.concat(attached), '])');
  },
  leases: ({ leases }) => linesOf([`found ${leases.length} leases`, ...leases.map(({ ID }) => leaseText(ID))]),

  memberAdd: ({ member, header }, { emulate }) => {
    const isLearner = differenceOf('memberAddTellsLearner', emulate) && member?.isLearner === true;
    return memberLine(member?.ID ?? 0n, `added${isLearner ? ' as learner' : ''} to`, header);
  },
  memberRemove: ({ member, answer }) => memberLine(member, 'removed from', answer.header),
  memberUpdate: ({ member, answer }) => memberLine(member, 'updated in', answer.header),
  memberPromote: ({ member, answer }) => memberLine(member, 'promoted in', answer.header),
  memberList: (answer) => rows(memberTable(answer).rows),

  endpointHealth: (list, { emulate }) => {
    const lines = new Lines();
    const toStdout = differenceOf('healthyGoesToStdout', emulate);
    for (const { endpoint, took, error } of list) {
      const well = `${endpoint} is healthy: successfully committed proposal: took = ${took}`;
      if (error === '') toStdout ? lines.text(well) : lines.error(well);
      else lines.error(`${endpoint} is unhealthy: failed to commit proposal: ${error}`);
    }
    return lines;
  },
  endpointStatus: (list, { emulate }) => rows(statusTable(list, emulate).rows),
  endpointHashKV: (list, { emulate }) => rows(hashKVTable(list, emulate).rows),
  moveLeader: ({ from, to }) => line(`Leadership transferred from ${from.toString(16)} to ${to.toString(16)}`),
  // Each as protobuf's text format shows it, the space at the end included.
  alarm: ({ alarms }) =>
    linesOf(
      alarms.map(({ memberID, alarm }) => {
        const member = memberID === 0n ? '' : `memberID:${memberID} `;
        return `${member}${alarm === AlarmType.NONE ? '' : `alarm:${nameOf(AlarmType, alarm)} `}`;
      }),
    ),
  snapshotStatus: (status) => rows(snapshotTable(status).rows),
  downgrade: ({ action, answer }) => line(`Downgrade ${action} success, cluster version ${answer.version}`),

  roleAdd: ({ role }) => line(`Role ${role} created`),
  roleGet: ({ role, answer }) => {
    const lines = line(`Role ${role}`);
    const addAll = (type: Permission_Type): void => {
      for (const permission of answer.perm) {
        const { permType } = permission;
        if (permType === type || permType === Permission_Type.READWRITE) addPermission(lines, permission);
      }
    };
    lines.text('KV Read:');
    addAll(Permission_Type.READ);
    lines.text('KV Write:');
    addAll(Permission_Type.WRITE);
    return lines;
  },
  roleDelete: ({ role }) => line(`Role ${role} deleted`),
  roleList: ({ roles }) => linesOf(roles),
  roleGrantPermission: ({ role }) => line(`Role ${role} updated`),
  roleRevokePermission: ({ role, key, rangeEnd }) => {
    const range = rangeEnd === '\0' ? `range [${key}, <open ended>` : `range [${key}, ${rangeEnd})`;
    return line(`Permission of ${rangeEnd === '' ? `key ${key}` : range} is revoked from role ${role}`);
  },
  userAdd: ({ user }) => line(`User ${user} created`),
  userGet: ({ user, answer }) => linesOf([`User: ${user}`, `Roles:${answer.roles.map((role) => ` ${role}`).join('')}`]),
  userList: ({ users }) => linesOf(users),
  userChangePassword: () => line('Password updated'),
  userGrantRole: ({ user, role }) => line(`Role ${role} is granted to user ${user}`),
  userRevokeRole: ({ user, role }) => line(`Role ${role} is revoked from user ${user}`),
  userDelete: ({ user }) => line(`User ${user} deleted`),
  authStatus: ({ enabled, authRevision }) =>
    linesOf([`Authentication Status: ${enabled}`, `AuthRevision: ${authRevision}`]),
};

function get({ kvs }: RangeResponse, options: PrintOptions): Lines {
  const lines = new Lines();
  for (const kv of kvs) addKeyValue(lines, kv, options);
  return lines;
}

function put({ prevKv }: PutResponse, options: PrintOptions): Lines {
  const lines = line('OK');
  if (prevKv !== undefined) addKeyValue(lines, prevKv, options);
  return lines;
}

function del({ deleted, prevKvs }: DeleteRangeResponse, options: PrintOptions): Lines {
  const lines = line(String(deleted));
  for (const kv of prevKvs) addKeyValue(lines, kv, options);
  return lines;
}

function txn({ succeeded, responses }: TxnResponse, options: PrintOptions): Lines {
  const lines = line(succeeded ? 'SUCCESS' : 'FAILURE');
  for (const op of responses) lines.text('').add(responseOp(op, options));
  return lines;
}

function responseOp({ response }: ResponseOp, options: PrintOptions): Lines {
  switch (response.case) {
    case 'responseRange':
      return get(response.value, options);
    case 'responsePut':
      return put(response.value, options);
    case 'responseDeleteRange':
      return del(response.value, options);
    case 'responseTxn':
      return txn(response.value, options);
    case undefined:
      return line('unexpected response ');
  }
}

const isExpired = ({ grantedTTL, TTL }: LeaseTimeToLiveResponse): boolean => grantedTTL === 0 && TTL === -1;

function timeToLive(answer: LeaseTimeToLiveResponse): string {
  const lease = `lease ${leaseText(answer.ID)}`;
  if (isExpired(answer)) return `${lease} already expired`;
  return `${lease} granted with TTL(${answer.grantedTTL}s), remaining(${answer.TTL}s)`;
}

/** Ids padded with blanks, as etcdctl's `%16x` does. */
function memberLine(member: MemberId, what: string, header: ResponseHeader | undefined): Lines {
  const cluster = (header?.clusterId ?? 0n).toString(16).padStart(16);
  return line(`Member ${member.toString(16).padStart(16)} ${what} cluster ${cluster}`);
}

function addKeyValue(lines: Lines, { key, value }: KeyValue, options: PrintOptions): void {
  addBytes(lines, key, options);
  addBytes(lines, value, options);
}

function addBytes(lines: Lines, bytes: Uint8Array, { hex }: PrintOptions): void {
  if (hex) lines.text(hexText(bytes));
  else lines.bytes(bytes);
}

function addPermission(lines: Lines, { key, rangeEnd }: Permission): void {
  if (rangeEnd.length === 0) {
    lines.framed('\t', key, '');
    return;
  }
  const isOpen = rangeEnd.length === 1 && rangeEnd[0] === 0;
  const isPrefix = key.length > 0 && Buffer.compare(prefixEnd(key), rangeEnd) === 0;
  const end = isOpen ? [OPEN_END] : [rangeEnd, Buffer.from(')')];
  const prefix = isPrefix ? [Buffer.from(' (prefix '), key, Buffer.from(')')] : [];
  lines.framed('\t[', Buffer.concat([key, Buffer.from(', '), ...end, ...prefix]), '');
}

const line = (text: string): Lines => new Lines().text(text);

function linesOf(texts: readonly string[]): Lines {
  const lines = new Lines();
  for (const text of texts) lines.text(text);
  return lines;
}

const rows = (list: readonly (readonly string[])[]): Lines => linesOf(list.map((row) => row.join(', ')));

const hexText = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex').replace(/../g, '\\x$&');
