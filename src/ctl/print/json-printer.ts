/** One line of Go's JSON per answer. Shapes that are clientv3's own (leases, watches, endpoint lists) differ from the messages'. */
import { differenceOf, type EmulatedVersion } from '../../lib/emulate.js';
import * as json from './go-json.js';
import type { Answer, Output, Printer } from './printer.js';

export class JsonPrinter implements Printer {
  readonly format = 'json';
  readonly #out: Output;
  readonly #hex: boolean;
  readonly #emulate: EmulatedVersion;

  constructor(out: Output, how: { hex: boolean; emulate: EmulatedVersion }) {
    this.#out = out;
    this.#hex = how.hex;
    this.#emulate = how.emulate;
  }

  get(...[answer]: Answer<'get'>): void {
    this.#line(json.range(answer));
  }

  put(...[answer]: Answer<'put'>): void {
    this.#line(json.put(answer));
  }

  del(...[answer]: Answer<'del'>): void {
    this.#line(json.deleteRange(answer));
  }

  txn(...[answer]: Answer<'txn'>): void {
    this.#line(json.txn(answer));
  }

  /** A watch that never reached a server has no header, and a list of events that Go calls null. */
  watch(...[answer]: Answer<'watch'>): void {
    this.#line(
      json.object({
        Header: json.headerOf(answer.header) ?? '{}',
        Events: answer.header === undefined ? 'null' : json.array(answer.events, json.event),
        CompactRevision: String(answer.compactRevision),
        Canceled: String(answer.canceled),
        Created: String(answer.created),
      }),
    );
  }

  grant(...[answer]: Answer<'grant'>): void {
    this.#line(
      json.object({
        ...json.inlineHeader(answer.header),
        ID: String(answer.ID),
        TTL: String(answer.TTL),
        Error: json.quoted(answer.error),
      }),
    );
  }

  revoke(...[, answer]: Answer<'revoke'>): void {
    this.#line(json.onlyHeader(answer));
  }

  keepAlive(...[answer]: Answer<'keepAlive'>): void {
    this.#line(json.object({ ...json.inlineHeader(answer.header), ID: String(answer.ID), TTL: String(answer.TTL) }));
  }

  timeToLive(...[answer]: Answer<'timeToLive'>): void {
    this.#line(
      json.object({
        ...json.inlineHeader(answer.header),
        id: String(answer.ID),
        ttl: String(answer.TTL),
        'granted-ttl': String(answer.grantedTTL),
        keys: answer.keys.length === 0 ? 'null' : json.array(answer.keys, json.base64),
      }),
    );
  }

  leases(...[answer]: Answer<'leases'>): void {
    this.#line(
      json.object({
        ...json.inlineHeader(answer.header),
        leases: json.array(answer.leases, ({ ID }) => json.object({ id: String(ID) })),
      }),
    );
  }

  memberAdd(...[answer]: Answer<'memberAdd'>): void {
    this.#line(
      json.object({
        header: json.headerOf(answer.header),
        member: answer.member === undefined ? undefined : json.member(answer.member),
        members: json.nonEmpty(answer.members, json.member),
      }),
    );
  }

  memberRemove(...[, answer]: Answer<'memberRemove'>): void {
    this.memberListPlain(answer);
  }

  memberUpdate(...[, answer]: Answer<'memberUpdate'>): void {
    this.memberListPlain(answer);
  }

  memberPromote(...[, answer]: Answer<'memberPromote'>): void {
    this.memberListPlain(answer);
  }

  memberList(...[answer]: Answer<'memberList'>): void {
    if (this.#hex) this.#memberListHex(answer);
    else this.memberListPlain(answer);
  }

  endpointHealth(...[list]: Answer<'endpointHealth'>): void {
    this.#line(
      json.array(list, ({ endpoint, health, took, error }) =>
        json.object({
          endpoint: json.quoted(endpoint),
          health: String(health),
          took: json.quoted(took),
          error: json.text(error),
        }),
      ),
    );
  }

  endpointStatus(...[list]: Answer<'endpointStatus'>): void {
    this.#line(
      json.array(list, ({ endpoint, status }) =>
        json.object({ Endpoint: json.quoted(endpoint), Status: json.status(status) }),
      ),
    );
  }

  endpointHashKV(...[list]: Answer<'endpointHashKV'>): void {
    this.#line(
      json.array(list, ({ endpoint, hashKV }) =>
        json.object({ Endpoint: json.quoted(endpoint), HashKV: json.hashKV(hashKV) }),
      ),
    );
  }

  moveLeader(...[, , answer]: Answer<'moveLeader'>): void {
    this.#line(json.onlyHeader(answer));
  }

  alarm(...[answer]: Answer<'alarm'>): void {
    this.#line(
      json.object({ header: json.headerOf(answer.header), alarms: json.nonEmpty(answer.alarms, json.alarmMember) }),
    );
  }

  snapshotStatus(...[status]: Answer<'snapshotStatus'>): void {
    this.#line(
      json.object({
        hash: String(status.hash),
        revision: String(status.revision),
        totalKey: String(status.totalKey),
        totalSize: String(status.totalSize),
        version: status.version === undefined ? undefined : json.quoted(status.version),
      }),
    );
  }

  downgrade(...[, answer]: Answer<'downgrade'>): void {
    this.#line(json.object({ header: json.headerOf(answer.header), version: json.text(answer.version) }));
  }

  roleAdd(...[, answer]: Answer<'roleAdd'>): void {
    this.#line(json.onlyHeader(answer));
  }

  roleGet(...[, answer]: Answer<'roleGet'>): void {
    this.#line(
      json.object({ header: json.headerOf(answer.header), perm: json.nonEmpty(answer.perm, json.permission) }),
    );
  }

  roleDelete(...[, answer]: Answer<'roleDelete'>): void {
    this.#line(json.onlyHeader(answer));
  }

  roleList(...[answer]: Answer<'roleList'>): void {
    this.#line(json.object({ header: json.headerOf(answer.header), roles: json.nonEmpty(answer.roles, json.quoted) }));
  }

  roleGrantPermission(...[, answer]: Answer<'roleGrantPermission'>): void {
    this.#line(json.onlyHeader(answer));
  }

  roleRevokePermission(...[, , , answer]: Answer<'roleRevokePermission'>): void {
    this.#line(json.onlyHeader(answer));
  }

  userAdd(...[, answer]: Answer<'userAdd'>): void {
    this.#line(json.onlyHeader(answer));
  }

  userGet(...[, answer]: Answer<'userGet'>): void {
    this.#line(json.object({ header: json.headerOf(answer.header), roles: json.nonEmpty(answer.roles, json.quoted) }));
  }

  userList(...[answer]: Answer<'userList'>): void {
    this.#line(json.object({ header: json.headerOf(answer.header), users: json.nonEmpty(answer.users, json.quoted) }));
  }

  userChangePassword(...[answer]: Answer<'userChangePassword'>): void {
    this.#line(json.onlyHeader(answer));
  }

  userGrantRole(...[, , answer]: Answer<'userGrantRole'>): void {
    this.#line(json.onlyHeader(answer));
  }

  userRevokeRole(...[, , answer]: Answer<'userRevokeRole'>): void {
    this.#line(json.onlyHeader(answer));
  }

  userDelete(...[, answer]: Answer<'userDelete'>): void {
    this.#line(json.onlyHeader(answer));
  }

  authStatus(...[answer]: Answer<'authStatus'>): void {
    this.#line(
      json.object({
        header: json.headerOf(answer.header),
        enabled: json.bool(answer.enabled),
        authRevision: json.number(answer.authRevision),
      }),
    );
  }

  private memberListPlain(answer: Pick<Answer<'memberList'>[0], 'header' | 'members'>): void {
    this.#line(
      json.object({ header: json.headerOf(answer.header), members: json.nonEmpty(answer.members, json.member) }),
    );
  }

  /** With `--hex` etcdctl writes this one answer by hand: ids in hex, no revision, no learner mark, nothing left out, names as they are. */
  #memberListHex({ header, members }: Answer<'memberList'>[0]): void {
    const clientUrls = differenceOf('memberListHexClientUrls', this.#emulate);
    const shown = members.map((member) =>
      json.object({
        ID: `"${member.ID.toString(16)}"`,
        name: `"${member.name}"`,
        peerURLs: stringsOrNull(member.peerURLs),
        [clientUrls]: stringsOrNull(member.clientURLs),
      }),
    );
    this.#line(
      json.object({
        header: json.object({
          cluster_id: `"${(header?.clusterId ?? 0n).toString(16)}"`,
          member_id: `"${(header?.memberId ?? 0n).toString(16)}"`,
          raft_term: String(header?.raftTerm ?? 0),
        }),
        members: shown.length === 0 ? undefined : `[${shown.join(',')}]`,
      }),
    );
  }

  #line(line: string): void {
    this.#out.stdout(`${line}\n`);
  }
}

const stringsOrNull = (list: readonly string[]): string => (list.length === 0 ? 'null' : json.array(list, json.quoted));
