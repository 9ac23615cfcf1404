/**
 * How much a request may add to the backend, and whether it still may. Counted against the file's size (high-water
 * mark), not what is in use, as etcd does: only defragmentation gives space back. Source: etcd's storage/quota.go.
 */

import { differenceOf, type EmulatedVersion } from '../../lib/emulate.js';
import { EtcdError } from '../../proto/etcd-error.js';
import type { PutRequest, RequestOp, TxnRequest } from '../../proto/gen/etcdserverpb.js';
import type { Apply } from './layer.js';
import type { StoreOperation } from './operation.js';

const PUT_OVERHEAD_BYTES = 256;
export const LEASE_GRANT_COST_BYTES = 64;
export const DEFAULT_QUOTA_BYTES = 2 * 1024 ** 3;

/** Bytes that `--quota-backend-bytes` stands for: 0 = the default of 2 GiB, negative = no limit. */
export function quotaBytes(option: number): number {
  if (option === 0) return DEFAULT_QUOTA_BYTES;
  return option < 0 ? Number.POSITIVE_INFINITY : option;
}

export function putCost(put: PutRequest): number {
  return PUT_OVERHEAD_BYTES + put.key.length + put.value.length;
}

/**
 * The dearer branch. What nested transactions put counts or not as it does in etcd: while there is an alarm every
 * member must refuse the same.
 */
export function txnCost(txn: TxnRequest, emulate: EmulatedVersion): number {
  return Math.max(branchCost(txn.success, emulate), branchCost(txn.failure, emulate));
}

function branchCost(ops: readonly RequestOp[], emulate: EmulatedVersion): number {
  let cost = 0;
  for (const { request } of ops) {
    if (request.case === 'requestPut') cost += putCost(request.value);
    else if (request.case === 'requestTxn' && differenceOf('nestedPutsTakeSpace', emulate))
      cost += txnCost(request.value, emulate);
  }
  return cost;
}

/** Bytes that applying it may add; 0 for what adds nothing worth counting. */
export function costOf(operation: StoreOperation, emulate: EmulatedVersion): number {
  switch (operation.kind) {
    case 'put':
      return putCost(operation.request);
    case 'txn':
      return txnCost(operation.request, emulate);
    case 'leaseGrant':
      return LEASE_GRANT_COST_BYTES;
    default:
      return 0;
  }
}

export interface QuotaDeps {
  /** What a request costs differs by version: all members have to be as one. */
  readonly emulate: EmulatedVersion;
  /** Whether the backend may still grow by so many bytes. */
  readonly fits: (costBytes: number) => boolean;
  /** Called when an applied request went over the quota: the member proposes the alarm. */
  readonly onQuotaExceeded: () => void;
}

/**
 * The layer of the quota. What is over it is applied all the same, as every member must: only its answer is a refusal.
 */
export function quota(deps: QuotaDeps, next: Apply): Apply {
  return (operation, context) => {
    const cost = costOf(operation, deps.emulate);
    if (cost === 0) return next(operation, context);
    const fits = deps.fits(cost);
    const result = next(operation, context);
    if (fits) return result;
    deps.onQuotaExceeded();
    throw new EtcdError('noSpace');
  };
}
