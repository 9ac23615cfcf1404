/**
 * One line of Go's JSON per answer. Shapes that are clientv3's own (leases, watches, endpoint lists) differ from the
 * messages'.
 */
import { differenceOf, type EmulatedVersion } from '../../lib/emulate.js';
import type { LeaseTimeToLiveResponse, MemberListResponse } from '../../proto/gen/etcdserverpb.js';
import * as json from './go-json.js';
import type { PrintOptions, Renderers } from './printer.js';

export const JSON_LINES: Renderers<string> = {
  get: json.range,
  put: json.put,
  del: json.deleteRange,
  txn: json.txn,
  // A watch that never reached a server has no header, and a list of events that Go calls null. From 3.7 on every list
  // without events is that.
  watch: (answer, { emulate }) => {
    const isLater = differenceOf('watchJsonHasReason', emulate);
    const isNull = isLater ? answer.events.length === 0 : answer.header === undefined;
    return json.object({
      Header: json.headerOf(answer.header) ?? '{}',
      Events: isNull ? 'null' : json.array(answer.events, json.event),
      CompactRevision: String(answer.compactRevision),
      Canceled: String(answer.canceled),
      Created: String(answer.created),
      CancelReason: isLater ? json.quoted(answer.cancelReason) : undefined,
    });
  },

  grant: (answer) =>
    json.object({
      ...json.inlineHeader(answer.header),
      ID: String(answer.ID),
      TTL: String(answer.TTL),
      Error: json.quoted(answer.error),
    }),
  revoke: ({ answer }) => json.onlyHeader(answer),
  keepAlive: (answer) =>
    json.object({ ...json.inlineHeader(answer.header), ID: String(answer.ID), TTL: String(answer.TTL) }),
  timeToLive,
  timeToLiveKeys: timeToLive,
  leases: (answer) =>
    json.object({
      ...json.inlineHeader(answer.header),
      leases: json.array(answer.leases, ({ ID }) => json.object({ id: String(ID) })),
    }),

  memberAdd: (answer) =>
    json.object({
      header: json.headerOf(answer.header),
      member: answer.member === undefined ? undefined : json.member(answer.member),
      members: json.nonEmpty(answer.members, json.member),
    }),
  memberRemove: ({ answer }) => memberList(answer),
  memberUpdate: ({ answer }) => memberList(answer),
  memberPromote: ({ answer }) => memberList(answer),
  memberList: (answer, options) =>
    options.hex && differenceOf('memberJsonHasHex', options.emulate)
      ? memberListHex(answer, options)
      : memberList(answer),

  endpointHealth: (list) =>
    json.array(list, ({ endpoint, health, took, error }) =>
      json.object({
        endpoint: json.quoted(endpoint),
        health: String(health),
        took: json.quoted(took),
        error: json.text(error),
      }),
    ),
  endpointStatus: (list, { emulate }) =>
    endpoints(list, emulate, ({ endpoint, status }) =>
      json.object({ Endpoint: json.quoted(endpoint), Status: json.status(status) }),
    ),
  endpointHashKV: (list, { emulate }) =>
    endpoints(list, emulate, ({ endpoint, hashKV }) =>
      json.object({ Endpoint: json.quoted(endpoint), HashKV: json.hashKV(hashKV) }),
    ),
  moveLeader: ({ answer }) => json.onlyHeader(answer),
  alarm: (answer) =>
    json.object({ header: json.headerOf(answer.header), alarms: json.nonEmpty(answer.alarms, json.alarmMember) }),
  snapshotStatus: (status) =>
    json.object({
      hash: String(status.hash),
      revision: String(status.revision),
      totalKey: String(status.totalKey),
      totalSize: String(status.totalSize),
      version: status.version === undefined ? undefined : json.quoted(status.version),
    }),
  downgrade: ({ answer }) => json.object({ header: json.headerOf(answer.header), version: json.text(answer.version) }),

  roleAdd: ({ answer }) => json.onlyHeader(answer),
  roleGet: ({ answer }) =>
    json.object({ header: json.headerOf(answer.header), perm: json.nonEmpty(answer.perm, json.permission) }),
  roleDelete: ({ answer }) => json.onlyHeader(answer),
  roleList: (answer) =>
    json.object({ header: json.headerOf(answer.header), roles: json.nonEmpty(answer.roles, json.quoted) }),
  roleGrantPermission: ({ answer }) => json.onlyHeader(answer),
  roleRevokePermission: ({ answer }) => json.onlyHeader(answer),
  userAdd: ({ answer }) => json.onlyHeader(answer),
  userGet: ({ answer }) =>
    json.object({ header: json.headerOf(answer.header), roles: json.nonEmpty(answer.roles, json.quoted) }),
  userList: (answer) =>
    json.object({ header: json.headerOf(answer.header), users: json.nonEmpty(answer.users, json.quoted) }),
  userChangePassword: json.onlyHeader,
  userGrantRole: ({ answer }) => json.onlyHeader(answer),
  userRevokeRole: ({ answer }) => json.onlyHeader(answer),
  userDelete: ({ answer }) => json.onlyHeader(answer),
  authStatus: (answer) =>
    json.object({
      header: json.headerOf(answer.header),
      enabled: json.bool(answer.enabled),
      authRevision: json.number(answer.authRevision),
    }),
};

function endpoints<T>(list: readonly T[], emulate: EmulatedVersion, render: (item: T) => string): string {
  return list.length === 0 ? differenceOf('jsonOfNoEndpoint', emulate) : json.array(list, render);
}

function timeToLive(answer: LeaseTimeToLiveResponse): string {
  return json.object({
    ...json.inlineHeader(answer.header),
    id: String(answer.ID),
    ttl: String(answer.TTL),
    'granted-ttl': String(answer.grantedTTL),
    keys: answer.keys.length === 0 ? 'null' : json.array(answer.keys, json.base64),
  });
}

const memberList = ({ header, members }: Pick<MemberListResponse, 'header' | 'members'>): string =>
  json.object({ header: json.headerOf(header), members: json.nonEmpty(members, json.member) });

/**
 * With `--hex` etcdctl writes this one answer by hand: ids in hex, no revision, no learner mark, nothing left out,
 * names as they are.
 */
function memberListHex({ header, members }: MemberListResponse, { emulate }: PrintOptions): string {
  const clientUrls = differenceOf('memberListHexClientUrls', emulate);
  const shown = members.map((member) =>
    json.object({
      ID: `"${member.ID.toString(16)}"`,
      name: `"${member.name}"`,
      peerURLs: stringsOrNull(member.peerURLs),
      [clientUrls]: stringsOrNull(member.clientURLs),
    }),
  );
  return json.object({
    header: json.object({
      cluster_id: `"${(header?.clusterId ?? 0n).toString(16)}"`,
      member_id: `"${(header?.memberId ?? 0n).toString(16)}"`,
      raft_term: String(header?.raftTerm ?? 0),
    }),
    members: shown.length === 0 ? undefined : `[${shown.join(',')}]`,
  });
}

const stringsOrNull = (list: readonly string[]): string => (list.length === 0 ? 'null' : json.array(list, json.quoted));
