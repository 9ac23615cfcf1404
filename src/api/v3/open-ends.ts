/**
 * Ends of ranges that a client gave though they are empty. A range, and a transaction that only reads, takes them for
 * "to the last key"; in the log etcd leaves empty fields out, so that in a transaction which writes they mean the one
 * key, on every member.
 */
import type { Compare, RequestOp, TxnRequest } from '../../proto/gen/etcdserverpb.js';
import { NO_BYTES, OPEN_END } from '../../proto/wire.js';

/** The transaction as it goes into the log; the very same where it has no such end. */
export function withoutOpenEnds(txn: TxnRequest): TxnRequest {
  if (!hasOpenEnd(txn)) return txn;
  return {
    ...txn,
    compare: txn.compare.map(closed<Compare>),
    success: txn.success.map(closedOp),
    failure: txn.failure.map(closedOp),
  };
}

function hasOpenEnd({ compare, success, failure }: TxnRequest): boolean {
  return compare.some(isOpen) || success.some(opHasOpenEnd) || failure.some(opHasOpenEnd);
}

function opHasOpenEnd({ request }: RequestOp): boolean {
  if (request.case === 'requestRange') return isOpen(request.value);
  return request.case === 'requestTxn' && hasOpenEnd(request.value);
}

function closedOp(op: RequestOp): RequestOp {
  const { request } = op;
  if (request.case === 'requestRange') return { request: { ...request, value: closed(request.value) } };
  if (request.case === 'requestTxn') return { request: { ...request, value: withoutOpenEnds(request.value) } };
  return op;
}

const isOpen = ({ rangeEnd }: { readonly rangeEnd: Uint8Array }): boolean => rangeEnd === OPEN_END;

const closed = <T extends { readonly rangeEnd: Uint8Array }>(it: T): T =>
  isOpen(it) ? { ...it, rangeEnd: NO_BYTES } : it;
