/**
 * What a request must look like before anything looks at its meaning: the checks and their order are etcd's
 * api/v3rpc/key.go. Each throws the EtcdError that the client gets.
 */
import { EtcdError } from '../../proto/etcd-error.js';
import type {
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '../../proto/gen/etcdserverpb.js';
import { writesOverlap } from './txn-overlap.js';

export interface CheckOptions {
  readonly maxTxnOps: number;
  /** From 3.6 on, enum numbers that do not exist are refused; before, they were taken as they came. */
  readonly refuseUnknownSort: boolean;
}

export function checkRange(request: RangeRequest, options: CheckOptions): void {
  if (request.key.length === 0) throw new EtcdError('emptyKey');
  if (options.refuseUnknownSort && (!isKnown(request.sortOrder, 2) || !isKnown(request.sortTarget, 4)))
    throw new EtcdError('invalidSortOption');
}

const isKnown = (choice: number, last: number): boolean => choice >= 0 && choice <= last;

export function checkPut(request: PutRequest): void {
  if (request.key.length === 0) throw new EtcdError('emptyKey');
  if (request.ignoreValue && request.value.length > 0) throw new EtcdError('valueProvided');
  if (request.ignoreLease && request.lease !== 0n) throw new EtcdError('leaseProvided');
}

export function checkDeleteRange(request: DeleteRangeRequest): void {
  if (request.key.length === 0) throw new EtcdError('emptyKey');
}

export function checkTxn(request: TxnRequest, options: CheckOptions): void {
  checkTxnShape(request, options, options.maxTxnOps);
  if (writesOverlap(request.success) || writesOverlap(request.failure)) throw new EtcdError('duplicateKey');
}

/** A nested transaction gets what its parent's longest list leaves of the limit. */
function checkTxnShape(request: TxnRequest, options: CheckOptions, maxOps: number): void {
  const longest = Math.max(request.compare.length, request.success.length, request.failure.length);
  if (longest > maxOps) throw new EtcdError('tooManyOps');
  for (const compare of request.compare) {
    if (compare.key.length === 0) throw new EtcdError('emptyKey');
  }
  for (const op of request.success) checkOp(op, options, maxOps - longest);
  for (const op of request.failure) checkOp(op, options, maxOps - longest);
}

function checkOp({ request }: RequestOp, options: CheckOptions, maxOps: number): void {
  switch (request.case) {
    case 'requestRange':
      checkRange(request.value, options);
      return;
    case 'requestPut':
      checkPut(request.value);
      return;
    case 'requestDeleteRange':
      checkDeleteRange(request.value);
      return;
    case 'requestTxn':
      checkTxnShape(request.value, options, maxOps);
      return;
    case undefined:
      throw new EtcdError('keyNotFound');
  }
}
