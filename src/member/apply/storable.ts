/**
 * Values that a layer below cannot store, or that would end a real member that applies them. They are refused before
 * they are proposed, and once more by apply, since an entry may come from a member that did not look. (etcd itself
 * acknowledges such names and never starts again.)
 */

import { EtcdError } from '../../proto/etcd-error.js';
import { AlarmRequest_AlarmAction as AlarmAction, type AlarmRequest, AlarmType } from '../../proto/gen/etcdserverpb.js';
import type { Apply } from './layer.js';
import type { Operation } from './operation.js';

/** A bolt key's: names of users and roles are keys of their buckets. */
const MAX_NAME_BYTES = 32_768;

/** Throws EtcdError. */
export function checkStorable(operation: Operation): void {
  switch (operation.kind) {
    case 'authUserAdd':
    case 'authRoleAdd':
      if (Buffer.byteLength(operation.request.name) > MAX_NAME_BYTES) throw new EtcdError('requestTooLarge');
      return;
    case 'alarm':
      checkAlarm(operation.request);
      return;
    default:
      return;
  }
}

function checkAlarm({ action, alarm }: AlarmRequest): void {
  const isAction = action === AlarmAction.GET || action === AlarmAction.ACTIVATE || action === AlarmAction.DEACTIVATE;
  const isAlarm = alarm === AlarmType.NONE || alarm === AlarmType.NOSPACE || alarm === AlarmType.CORRUPT;
  if (!isAction || (action === AlarmAction.ACTIVATE && !isAlarm)) throw new EtcdError('unknownAlarm');
}

export function storable(next: Apply): Apply {
  return (operation, context) => {
    checkStorable(operation);
    return next(operation, context);
  };
}
