/** `"Name" : value`, one field a line: what scripts cut apart. */
import { differenceOf, type EmulatedVersion } from '../../lib/emulate.js';
import { goQuote, goQuoteBytes } from '../../lib/go/quote.js';
import { Permission_Type } from '../../proto/gen/authpb.js';
import {
  AlarmType,
  type DeleteRangeResponse,
  type PutResponse,
  type RangeResponse,
  type ResponseHeader,
  type ResponseOp,
  type StatusResponse,
  type TxnResponse,
} from '../../proto/gen/etcdserverpb.js';
import { Event_EventType, type KeyValue } from '../../proto/gen/mvccpb.js';
import { nameOf } from './go-text.js';
import type { PrintOptions, Renderers } from './printer.js';

/** A line; or lines that depend on how they are printed. */
type FieldLine = string | ((options: PrintOptions) => FieldLines);
export type FieldLines = readonly FieldLine[];
type Cell = string | number | bigint | boolean;

export const FIELDS: Renderers<FieldLines> = {
  get,
  put,
  del,
  txn,
  watch: ({ header, events }) => [
    ...headerFields(header),
    ...events.flatMap(({ type, prevKv, kv }) => [
      field('Type', nameOf(Event_EventType, type)),
      ...(prevKv === undefined ? [] : keyValue('Prev', prevKv)),
      ...(kv === undefined ? [] : keyValue('', kv)),
    ]),
  ],

  grant: leaseTime,
  revoke: ({ answer }) => onlyHeader(answer),
  keepAlive: leaseTime,
  timeToLive,
  timeToLiveKeys: timeToLive,
  leases: ({ header, leases }) => [...headerFields(header), ...leases.map(({ ID }) => idField('ID', ID, 16))],

  memberList: ({ header, members }) => [
    ...headerFields(header),
    ...members.flatMap((member) => [
      idField('ID', member.ID),
      field('Name', goQuote(member.name)),
      ...member.peerURLs.map((url) => field('PeerURL', goQuote(url))),
      ...member.clientURLs.map((url) => field('ClientURL', goQuote(url))),
      field('IsLearner', member.isLearner),
      '',
    ]),
  ],

  endpointHealth: (list) =>
    list.flatMap(({ endpoint, health, took, error }) => [
      field('Endpoint', goQuote(endpoint)),
      field('Health', health),
      field('Took', took),
      field('Error', error),
      '',
    ]),
  endpointStatus: (list, { emulate }) =>
    list.flatMap(({ endpoint, status }) => statusFields(endpoint, status, emulate)),
  endpointHashKV: (list, { emulate }) =>
    list.flatMap(({ endpoint, hashKV }) => [
      ...headerFields(hashKV.header),
      field('Endpoint', goQuote(endpoint)),
      field('Hash', hashKV.hash),
      ...(differenceOf('hashkvHasRevision', emulate) ? [field('HashRevision', hashKV.hashRevision)] : []),
      '',
    ]),
  // etcd-diff: where there is no alarm etcdctl dies of the header that it did not get.
  alarm: ({ header, alarms }) => [
    ...headerFields(header),
    ...alarms.flatMap(({ memberID, alarm }) => [
      idField('MemberID', memberID),
      field('AlarmType', nameOf(AlarmType, alarm)),
      '',
    ]),
  ],
  snapshotStatus: (status) => [
    field('Hash', status.hash),
    field('Revision', status.revision),
    field('Keys', status.totalKey),
    field('Size', status.totalSize),
    ...(status.version === undefined ? [] : [field('Version', status.version)]),
  ],

  roleAdd: ({ answer }) => onlyHeader(answer),
  roleGet: ({ answer: { header, perm } }) => [
    ...headerFields(header),
    ...perm.flatMap(({ permType, key, rangeEnd }) => [
      // Two blanks: etcdctl's own slip, which scripts have come to know.
      `"PermType" :  ${nameOf(Permission_Type, permType)}`,
      field('Key', goQuoteBytes(key)),
      field('RangeEnd', goQuoteBytes(rangeEnd)),
    ]),
  ],
  roleDelete: ({ answer }) => onlyHeader(answer),
  roleList: ({ header, roles }) => [
    ...headerFields(header),
    `"Roles" :${roles.map((role) => ` ${goQuote(role)}`).join('')}`,
  ],
  roleGrantPermission: ({ answer }) => onlyHeader(answer),
  roleRevokePermission: ({ answer }) => onlyHeader(answer),
  userAdd: ({ answer }) => onlyHeader(answer),
  userChangePassword: onlyHeader,
  userGrantRole: ({ answer }) => onlyHeader(answer),
  userRevokeRole: ({ answer }) => onlyHeader(answer),
  userDelete: ({ answer }) => onlyHeader(answer),
};

function get(answer: RangeResponse): FieldLines {
  return [
    ...headerFields(answer.header),
    ...answer.kvs.flatMap((kv) => keyValue('', kv)),
    field('More', answer.more),
    field('Count', answer.count),
  ];
}

function put({ header, prevKv }: PutResponse): FieldLines {
  return [...headerFields(header), ...(prevKv === undefined ? [] : keyValue('Prev', prevKv))];
}

function del({ header, deleted, prevKvs }: DeleteRangeResponse): FieldLines {
  return [...headerFields(header), field('Deleted', deleted), ...prevKvs.flatMap((kv) => keyValue('Prev', kv))];
}

function txn({ header, succeeded, responses }: TxnResponse): FieldLines {
  return [...headerFields(header), field('Succeeded', succeeded), ...responses.flatMap(responseOp)];
}

function responseOp({ response }: ResponseOp): FieldLines {
  switch (response.case) {
    case 'responseRange':
      return get(response.value);
    case 'responsePut':
      return put(response.value);
    case 'responseDeleteRange':
      return del(response.value);
    case 'responseTxn':
      return txn(response.value);
    case undefined:
      return [field('Unknown', goQuote('<nil>'))];
  }
}

interface LeaseTime {
  readonly header: ResponseHeader | undefined;
  readonly ID: bigint;
  readonly TTL: number;
}

function leaseTime({ header, ID, TTL }: LeaseTime): FieldLines {
  return [...headerFields(header), idField('ID', ID, 16), field('TTL', TTL)];
}

function timeToLive(
  answer: LeaseTime & { readonly grantedTTL: number; readonly keys: readonly Uint8Array[] },
): FieldLines {
  return [
    ...leaseTime(answer),
    field('GrantedTTL', answer.grantedTTL),
    ...answer.keys.map((key) => field('Key', goQuoteBytes(key))),
  ];
}

function statusFields(endpoint: string, status: StatusResponse, emulate: EmulatedVersion): FieldLines {
  const isWide = differenceOf('statusHasStorageVersion', emulate);
  const wide = (name: string, value: Cell): FieldLines => (isWide ? [field(name, value)] : []);
  return [
    ...headerFields(status.header),
    field('Version', goQuote(status.version)),
    ...wide('StorageVersion', goQuote(status.storageVersion)),
    field('DBSize', status.dbSize),
    ...wide('DBSizeInUse', status.dbSizeInUse),
    ...wide('DBSizeQuota', status.dbSizeQuota),
    field('Leader', status.leader),
    field('IsLearner', status.isLearner),
    field('RaftIndex', status.raftIndex),
    ...(isWide ? [] : [field('RaftTerm', status.raftTerm)]),
    field('RaftAppliedIndex', status.raftAppliedIndex),
    field('Errors', `[${status.errors.join(' ')}]`),
    field('Endpoint', goQuote(endpoint)),
    ...wide('DowngradeTargetVersion', goQuote(status.downgradeInfo?.targetVersion ?? '')),
    ...wide('DowngradeEnabled', status.downgradeInfo?.enabled ?? false),
    '',
  ];
}

function onlyHeader({ header }: { readonly header: ResponseHeader | undefined }): FieldLines {
  return headerFields(header);
}

function headerFields(header: ResponseHeader | undefined): FieldLines {
  const revision = header?.revision ?? 0;
  return [
    idField('ClusterID', header?.clusterId ?? 0n),
    idField('MemberID', header?.memberId ?? 0n),
    ({ emulate }) =>
      revision === 0 && differenceOf('fieldsLeaveRevisionOut', emulate) ? [] : [field('Revision', revision)],
    field('RaftTerm', header?.raftTerm ?? 0),
  ];
}

function keyValue(prefix: string, kv: KeyValue): FieldLines {
  return [
    field(`${prefix}Key`, goQuoteBytes(kv.key)),
    field(`${prefix}CreateRevision`, kv.createRevision),
    field(`${prefix}ModRevision`, kv.modRevision),
    field(`${prefix}Version`, kv.version),
    field(`${prefix}Value`, goQuoteBytes(kv.value)),
    idField(`${prefix}Lease`, kv.lease, 16),
  ];
}

function idField(name: string, id: bigint, digits = 1): FieldLine {
  return ({ hex, emulate }) => [
    field(name, hex && differenceOf('fieldsHaveHex', emulate) ? id.toString(16).padStart(digits, '0') : id),
  ];
}

export const linesOf = (lines: FieldLines, options: PrintOptions): readonly string[] =>
  lines.flatMap((line) => (typeof line === 'string' ? [line] : linesOf(line(options), options)));

function field(name: string, value: Cell): string {
  return `"${name}" : ${value}`;
}
