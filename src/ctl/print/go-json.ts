/**
 * JSON as Go's encoding/json writes the structs of etcd's API: snake_case names, zero fields left out, bytes in base64,
 * every 64-bit number as a bare number. So text is built here and never passes through a JavaScript number, which could
 * not hold an id.
 */
import { differenceOf } from '../../lib/emulate.js';
import type { Permission } from '../../proto/gen/authpb.js';
import type {
  AlarmMember,
  DeleteRangeResponse,
  HashKVResponse,
  Member,
  PutResponse,
  RangeResponse,
  ResponseHeader,
  ResponseOp,
  StatusResponse,
  TxnResponse,
} from '../../proto/gen/etcdserverpb.js';
import type { Event, KeyValue } from '../../proto/gen/mvccpb.js';
import type { PrintOptions } from './printer.js';

/** JSON text; undefined = leave the field out (Go's omitempty). */
type Json = string | undefined;

export function object(fields: Readonly<Record<string, Json>>): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) parts.push(`"${name}":${value}`);
  return `{${parts.join(',')}}`;
}

/** Always an array, even when empty. */
export const array = <T>(list: readonly T[], show: (item: T) => string): string => `[${list.map(show).join(',')}]`;
export const nonEmpty = <T>(list: readonly T[], show: (item: T) => string): Json =>
  list.length === 0 ? undefined : array(list, show);

export const number = (value: number | bigint): Json => (value === 0 || value === 0n ? undefined : String(value));
export const bool = (value: boolean): Json => (value ? 'true' : undefined);
export const bytes = (value: Uint8Array): Json => (value.length === 0 ? undefined : base64(value));
export const text = (value: string): Json => (value === '' ? undefined : quoted(value));

export const base64 = (value: Uint8Array): string =>
  `"${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')}"`;

/** Go also escapes what could end a script in HTML. */
export const quoted = (value: string): string =>
  JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

const headerFields = (header: ResponseHeader): Record<string, Json> => ({
  cluster_id: number(header.clusterId),
  member_id: number(header.memberId),
  revision: number(header.revision),
  raft_term: number(header.raftTerm),
});

export const headerOf = (header: ResponseHeader | undefined): Json =>
  header === undefined ? undefined : object(headerFields(header));
/** For answers that have the header's fields among their own. */
export const inlineHeader = (header: ResponseHeader | undefined): Record<string, Json> =>
  header === undefined ? {} : headerFields(header);

/** An answer of which only the header matters. */
export const onlyHeader = (answer: { readonly header: ResponseHeader | undefined }): string =>
  object({ header: headerOf(answer.header) });

export const keyValue = (kv: KeyValue): string =>
  object({
    key: bytes(kv.key),
    create_revision: number(kv.createRevision),
    mod_revision: number(kv.modRevision),
    version: number(kv.version),
    value: bytes(kv.value),
    lease: number(kv.lease),
  });
const optionalKeyValue = (kv: KeyValue | undefined): Json => (kv === undefined ? undefined : keyValue(kv));

export const event = (it: Event): string =>
  object({ type: number(it.type), kv: optionalKeyValue(it.kv), prev_kv: optionalKeyValue(it.prevKv) });

export const range = (answer: RangeResponse): string =>
  object({
    header: headerOf(answer.header),
    kvs: nonEmpty(answer.kvs, keyValue),
    more: bool(answer.more),
    count: number(answer.count),
  });

export const put = (answer: PutResponse): string =>
  object({ header: headerOf(answer.header), prev_kv: optionalKeyValue(answer.prevKv) });

export const deleteRange = (answer: DeleteRangeResponse): string =>
  object({
    header: headerOf(answer.header),
    deleted: number(answer.deleted),
    prev_kvs: nonEmpty(answer.prevKvs, keyValue),
  });

export const txn = (answer: TxnResponse, options: Pick<PrintOptions, 'emulate'>): string =>
  object({
    header: headerOf(answer.header),
    succeeded: bool(answer.succeeded),
    responses: nonEmpty(answer.responses, (each) => responseOp(each, options)),
  });

/** A oneof is a field of its own in Go's structs: `Response`. What is in it has a JSON name since 3.5. */
function responseOp({ response }: ResponseOp, options: Pick<PrintOptions, 'emulate'>): string {
  const isNamed = differenceOf('choicesHaveJsonNames', options.emulate);
  const chosen = (jsonName: string, goName: string, value: string): string =>
    object({ Response: object({ [isNamed ? jsonName : goName]: value }) });
  switch (response.case) {
    case 'responseRange':
      return chosen('response_range', 'ResponseRange', range(response.value));
    case 'responsePut':
      return chosen('response_put', 'ResponsePut', put(response.value));
    case 'responseDeleteRange':
      return chosen('response_delete_range', 'ResponseDeleteRange', deleteRange(response.value));
    case 'responseTxn':
      return chosen('response_txn', 'ResponseTxn', txn(response.value, options));
    case undefined:
      return object({ Response: 'null' });
  }
}

export const member = (it: Member): string =>
  object({
    ID: number(it.ID),
    name: text(it.name),
    peerURLs: nonEmpty(it.peerURLs, quoted),
    clientURLs: nonEmpty(it.clientURLs, quoted),
    isLearner: bool(it.isLearner),
  });

export const status = (it: StatusResponse): string =>
  object({
    header: headerOf(it.header),
    version: text(it.version),
    dbSize: number(it.dbSize),
    leader: number(it.leader),
    raftIndex: number(it.raftIndex),
    raftTerm: number(it.raftTerm),
    raftAppliedIndex: number(it.raftAppliedIndex),
    errors: nonEmpty(it.errors, quoted),
    dbSizeInUse: number(it.dbSizeInUse),
    isLearner: bool(it.isLearner),
    storageVersion: text(it.storageVersion),
    dbSizeQuota: number(it.dbSizeQuota),
    downgradeInfo:
      it.downgradeInfo === undefined
        ? undefined
        : object({ enabled: bool(it.downgradeInfo.enabled), targetVersion: text(it.downgradeInfo.targetVersion) }),
  });

export const hashKV = (it: HashKVResponse): string =>
  object({
    header: headerOf(it.header),
    hash: number(it.hash),
    compact_revision: number(it.compactRevision),
    hash_revision: number(it.hashRevision),
  });

export const alarmMember = (it: AlarmMember): string =>
  object({ memberID: number(it.memberID), alarm: number(it.alarm) });

export const permission = (it: Permission): string =>
  object({ permType: number(it.permType), key: bytes(it.key), range_end: bytes(it.rangeEnd) });
