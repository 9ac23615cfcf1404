/** The two layers that an alarm makes refuse. Source: etcd's applierV3Corrupt and applierV3Capped. */

import { EtcdError } from '../../proto/etcd-error.js';
import { AlarmType } from '../../proto/gen/etcdserverpb.js';
import type { Alarms } from './alarms.js';
import type { Apply } from './layer.js';
import type { OperationKind } from './operation.js';
import { costOf, type QuotaDeps } from './quota.js';

/** Members no longer agree: nothing may rest on what one of them holds. */
const refusedWhenCorrupt: ReadonlySet<OperationKind> = new Set([
  'range',
  'put',
  'deleteRange',
  'txn',
  'compaction',
  'leaseGrant',
  'leaseRevoke',
]);

export function corrupt(alarms: Alarms, next: Apply): Apply {
  return (operation, context) => {
    if (alarms.has(AlarmType.CORRUPT) && refusedWhenCorrupt.has(operation.kind)) throw new EtcdError('corrupt');
    return next(operation, context);
  };
}

/**
 * What frees space (deletions, compaction, revocation) goes through, and transactions that write nothing (etcd #14884).
 */
export function capped(alarms: Alarms, { emulate }: Pick<QuotaDeps, 'emulate'>, next: Apply): Apply {
  return (operation, context) => {
    if (alarms.has(AlarmType.NOSPACE) && costOf(operation, emulate) > 0) throw new EtcdError('noSpace');
    return next(operation, context);
  };
}
