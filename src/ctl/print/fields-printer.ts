/** `"Name" : value`, one field a line: what scripts cut apart. */
import { differenceOf, type EmulatedVersion } from '../../lib/emulate.js';
import { goQuote, goQuoteBytes } from '../../lib/go/quote.js';
import { Permission_Type } from '../../proto/gen/authpb.js';
import { AlarmType, type ResponseHeader } from '../../proto/gen/etcdserverpb.js';
import { Event_EventType, type KeyValue } from '../../proto/gen/mvccpb.js';
import { nameOf } from './go-text.js';
import type { Answer, Output } from './printer.js';
import { RefusingPrinter } from './refusing-printer.js';

export class FieldsPrinter extends RefusingPrinter {
  override readonly format = 'fields';
  readonly #emulate: EmulatedVersion;

  constructor(out: Output, emulate: EmulatedVersion) {
    super(out);
    this.#emulate = emulate;
  }

  override get(...[answer]: Answer<'get'>): void {
    this.#header(answer.header);
    for (const kv of answer.kvs) this.#keyValue('', kv);
    this.#field('More', answer.more);
    this.#field('Count', answer.count);
  }

  override put(...[answer]: Answer<'put'>): void {
    this.#header(answer.header);
    if (answer.prevKv !== undefined) this.#keyValue('Prev', answer.prevKv);
  }

  override del(...[answer]: Answer<'del'>): void {
    this.#header(answer.header);
    this.#field('Deleted', answer.deleted);
    for (const kv of answer.prevKvs) this.#keyValue('Prev', kv);
  }

  override txn(...[answer]: Answer<'txn'>): void {
    this.#header(answer.header);
    this.#field('Succeeded', answer.succeeded);
    for (const { response } of answer.responses) {
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
          this.#field('Unknown', goQuote('<nil>'));
      }
    }
  }

  override watch(...[answer]: Answer<'watch'>): void {
    this.#header(answer.header);
    for (const event of answer.events) {
      this.#field('Type', nameOf(Event_EventType, event.type));
      if (event.prevKv !== undefined) this.#keyValue('Prev', event.prevKv);
      if (event.kv !== undefined) this.#keyValue('', event.kv);
    }
  }

  override grant(...[answer]: Answer<'grant'>): void {
    this.#header(answer.header);
    this.#field('ID', answer.ID);
    this.#field('TTL', answer.TTL);
  }

  override revoke(...[, answer]: Answer<'revoke'>): void {
    this.#header(answer.header);
  }

  override keepAlive(...[answer]: Answer<'keepAlive'>): void {
    this.#header(answer.header);
    this.#field('ID', answer.ID);
    this.#field('TTL', answer.TTL);
  }

  override timeToLive(...[answer]: Answer<'timeToLive'>): void {
    this.#header(answer.header);
    this.#field('ID', answer.ID);
    this.#field('TTL', answer.TTL);
    this.#field('GrantedTTL', answer.grantedTTL);
    for (const key of answer.keys) this.#field('Key', goQuoteBytes(key));
  }

  override leases(...[answer]: Answer<'leases'>): void {
    this.#header(answer.header);
    for (const { ID } of answer.leases) this.#field('ID', ID);
  }

  override memberList(...[answer]: Answer<'memberList'>): void {
    this.#header(answer.header);
    for (const member of answer.members) {
      this.#field('ID', member.ID);
      this.#field('Name', goQuote(member.name));
      for (const url of member.peerURLs) this.#field('PeerURL', goQuote(url));
      for (const url of member.clientURLs) this.#field('ClientURL', goQuote(url));
      this.#field('IsLearner', member.isLearner);
      this.#line('');
    }
  }

  override endpointHealth(...[list]: Answer<'endpointHealth'>): void {
    for (const { endpoint, health, took, error } of list) {
      this.#field('Endpoint', goQuote(endpoint));
      this.#field('Health', health);
      this.#field('Took', took);
      this.#field('Error', error);
      this.#line('');
    }
  }

  override endpointStatus(...[list]: Answer<'endpointStatus'>): void {
    const isWide = differenceOf('statusHasStorageVersion', this.#emulate);
    for (const { endpoint, status } of list) {
      this.#header(status.header);
      this.#field('Version', goQuote(status.version));
      if (isWide) this.#field('StorageVersion', goQuote(status.storageVersion));
      this.#field('DBSize', status.dbSize);
      if (isWide) this.#field('DBSizeInUse', status.dbSizeInUse);
      this.#field('Leader', status.leader);
      this.#field('IsLearner', status.isLearner);
      this.#field('RaftIndex', status.raftIndex);
      this.#field('RaftTerm', status.raftTerm);
      this.#field('RaftAppliedIndex', status.raftAppliedIndex);
      this.#field('Errors', `[${status.errors.join(' ')}]`);
      this.#field('Endpoint', goQuote(endpoint));
      if (isWide) {
        this.#field('DowngradeTargetVersion', goQuote(status.downgradeInfo?.targetVersion ?? ''));
        this.#field('DowngradeEnabled', status.downgradeInfo?.enabled ?? false);
      }
      this.#line('');
    }
  }

  override endpointHashKV(...[list]: Answer<'endpointHashKV'>): void {
    for (const { endpoint, hashKV } of list) {
      this.#header(hashKV.header);
      this.#field('Endpoint', goQuote(endpoint));
      this.#field('Hash', hashKV.hash);
      if (differenceOf('hashkvHasRevision', this.#emulate)) this.#field('HashRevision', hashKV.hashRevision);
      this.#line('');
    }
  }

  override alarm(...[answer]: Answer<'alarm'>): void {
    this.#header(answer.header);
    for (const { memberID, alarm } of answer.alarms) {
      this.#field('MemberID', memberID);
      this.#field('AlarmType', nameOf(AlarmType, alarm));
      this.#line('');
    }
  }

  override snapshotStatus(...[status]: Answer<'snapshotStatus'>): void {
    this.#field('Hash', status.hash);
    this.#field('Revision', status.revision);
    this.#field('Keys', status.totalKey);
    this.#field('Size', status.totalSize);
    if (status.version !== undefined) this.#field('Version', status.version);
  }

  override roleAdd(...[, answer]: Answer<'roleAdd'>): void {
    this.#header(answer.header);
  }

  override roleGet(...[, answer]: Answer<'roleGet'>): void {
    this.#header(answer.header);
    for (const { permType, key, rangeEnd } of answer.perm) {
      // Two blanks: etcdctl's own slip, which scripts have come to know.
      this.#line(`"PermType" :  ${nameOf(Permission_Type, permType)}`);
      this.#field('Key', goQuoteBytes(key));
      this.#field('RangeEnd', goQuoteBytes(rangeEnd));
    }
  }

  override roleDelete(...[, answer]: Answer<'roleDelete'>): void {
    this.#header(answer.header);
  }

  override roleList(...[answer]: Answer<'roleList'>): void {
    this.#header(answer.header);
    this.#line(`"Roles" :${answer.roles.map((role) => ` ${goQuote(role)}`).join('')}`);
  }

  override roleGrantPermission(...[, answer]: Answer<'roleGrantPermission'>): void {
    this.#header(answer.header);
  }

  override roleRevokePermission(...[, , , answer]: Answer<'roleRevokePermission'>): void {
    this.#header(answer.header);
  }

  override userAdd(...[, answer]: Answer<'userAdd'>): void {
    this.#header(answer.header);
  }

  override userChangePassword(...[answer]: Answer<'userChangePassword'>): void {
    this.#header(answer.header);
  }

  override userGrantRole(...[, , answer]: Answer<'userGrantRole'>): void {
    this.#header(answer.header);
  }

  override userRevokeRole(...[, , answer]: Answer<'userRevokeRole'>): void {
    this.#header(answer.header);
  }

  override userDelete(...[, answer]: Answer<'userDelete'>): void {
    this.#header(answer.header);
  }

  #header(header: ResponseHeader | undefined): void {
    this.#field('ClusterID', header?.clusterId ?? 0n);
    this.#field('MemberID', header?.memberId ?? 0n);
    this.#field('Revision', header?.revision ?? 0);
    this.#field('RaftTerm', header?.raftTerm ?? 0);
  }

  #keyValue(prefix: string, kv: KeyValue): void {
    this.#field(`${prefix}Key`, goQuoteBytes(kv.key));
    this.#field(`${prefix}CreateRevision`, kv.createRevision);
    this.#field(`${prefix}ModRevision`, kv.modRevision);
    this.#field(`${prefix}Version`, kv.version);
    this.#field(`${prefix}Value`, goQuoteBytes(kv.value));
    this.#field(`${prefix}Lease`, kv.lease);
  }

  #field(name: string, value: string | number | bigint | boolean): void {
    this.#line(`"${name}" : ${value}`);
  }

  #line(text: string): void {
    this.out.stdout(`${text}\n`);
  }
}
