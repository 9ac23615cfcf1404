/** What etcd 3.7 tells of a call in the attributes of its inner span (server/etcdserver/v3_server.go, tracing.go). */
import type { SpanAttributes } from '../../lib/spans.js';
import { isReadOnlyTxn } from '../../member/apply/txn.js';
import type {
  Compare,
  DeleteRangeRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
  WatchCreateRequest,
} from '../../proto/gen/etcdserverpb.js';

const text = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();

export const streamAttributes = (request: RangeRequest): SpanAttributes => ({
  range_begin: text(request.key),
  range_end: text(request.rangeEnd),
  rev: request.revision,
  limit: request.limit,
  count_only: request.countOnly,
});

export const rangeAttributes = (request: RangeRequest): SpanAttributes => ({
  ...streamAttributes(request),
  keys_only: request.keysOnly,
});

export const putAttributes = (key: Uint8Array): SpanAttributes => ({ key: text(key) });

export const deleteAttributes = ({ key, rangeEnd }: DeleteRangeRequest): SpanAttributes => ({
  range_begin: text(key),
  range_end: text(rangeEnd),
});

export const txnAttributes = (request: TxnRequest): SpanAttributes => ({
  compare_first_key: text(request.compare.map(({ key }: Compare) => key).find(isNamed) ?? NOTHING),
  success_first_key: text(request.success.map(keyOf).find(isNamed) ?? NOTHING),
  success_first_type: request.success.map(typeOf).find((type) => type !== '') ?? '',
  success_first_lease: request.success.map(leaseOf).find((lease) => lease !== undefined) ?? -1n,
  compare_len: request.compare.length,
  success_len: request.success.length,
  failure_len: request.failure.length,
  read_only: isReadOnlyTxn(request),
});

const NOTHING = new Uint8Array(0);
const isNamed = (key: Uint8Array): boolean => key.length > 0;

function keyOf({ request }: RequestOp): Uint8Array {
  switch (request.case) {
    case 'requestPut':
    case 'requestRange':
    case 'requestDeleteRange':
      return request.value.key;
    default:
      return NOTHING;
  }
}

function typeOf({ request }: RequestOp): string {
  switch (request.case) {
    case 'requestPut':
      return 'put';
    case 'requestRange':
      return 'range';
    case 'requestDeleteRange':
      return 'delete_range';
    case 'requestTxn':
      return 'txn';
    default:
      return '';
  }
}

const leaseOf = ({ request }: RequestOp): bigint | undefined =>
  request.case === 'requestPut' ? request.value.lease : undefined;

/** As etcd has turned it: an end of one zero byte, beyond which there is nothing, is empty by then. */
export const watchAttributes = (request: WatchCreateRequest): SpanAttributes => ({
  key: text(request.key),
  range_end: request.rangeEnd.length === 1 && request.rangeEnd[0] === 0 ? '' : text(request.rangeEnd),
  start_rev: request.startRevision,
  progress_notify: request.progressNotify,
  prev_kv: request.prevKv,
  fragment: request.fragment,
});
