/**
 * Transactions too large to be looked at. A megabyte holds half a million empty operations; as objects they are a
 * hundred times as large, and making them takes seconds in which nobody else is served. So they are counted where they
 * lie. Within `--max-txn-ops`, which bounds each list, nested transactions could still be as many.
 *
 * `etcd-diff:` etcd has no bound for all lists together; what is beyond it here is refused in the words for one list.
 */
import type { Codec } from '../../lib/codec.js';
import { ProtoDecodeError } from '../../lib/codec.js';
import type { EmulatedVersion } from '../../lib/emulate.js';
import { EtcdError } from '../../proto/etcd-error.js';
import { TxnRequest } from '../../proto/gen/etcdserverpb.js';
import { Reader } from '../../proto/wire.js';
import { toGrpcError } from './service.js';

/** Conditions and operations of a transaction and those nested in it, whatever the limit of one list. */
const MIN_OPERATIONS = 8192;
const LISTS = 3;
/** Tag and length. */
const LEAST_BYTES = 2;

/** As the codec of transactions, but refuses those of too many operations. */
export function boundedTxn(maxTxnOps: number, emulate: EmulatedVersion): Codec<TxnRequest> {
  const most = Math.max(MIN_OPERATIONS, LISTS * maxTxnOps);
  return {
    ...TxnRequest,
    decode(bytes) {
      if (bytes.length > most * LEAST_BYTES && operationsIn(bytes) > most)
        throw toGrpcError(new EtcdError('tooManyOps'), emulate);
      return TxnRequest.decode(bytes);
    },
  };
}

/** 0 for what is no transaction. */
function operationsIn(bytes: Uint8Array): number {
  try {
    return countTxn(new Reader(bytes), bytes.length);
  } catch (cause) {
    if (!(cause instanceof ProtoDecodeError)) throw cause;
    return 0;
  }
}

/** `TxnRequest.compare` */
const COMPARE = tagOf(1);
/** `TxnRequest.success`, `TxnRequest.failure` */
const SUCCESS = tagOf(2);
const FAILURE = tagOf(3);
/** `RequestOp.request_txn` */
const NESTED = tagOf(4);

/** Of a field with a length. */
function tagOf(field: number): number {
  return field * 8 + 2;
}

function countTxn(reader: Reader, end: number): number {
  let count = 0;
  reader.enter();
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === COMPARE) {
      count++;
      reader.pos = reader.stop(end);
    } else if (tag === SUCCESS || tag === FAILURE) count += 1 + countNested(reader, reader.stop(end));
    else reader.skipUnknown(tag, end, '', '');
  }
  reader.leave();
  return count;
}

function countNested(reader: Reader, end: number): number {
  let count = 0;
  while (reader.pos < end) {
    const tag = reader.tag(end);
    if (tag === NESTED) count += countTxn(reader, reader.stop(end));
    else reader.skipUnknown(tag, end, '', '');
  }
  return count;
}
