/** What the log says of an applied entry, in etcd's words: that it was slow, that it failed, what it raised. */
import { formatMs } from '../../lib/go/duration.js';
import type { Logger } from '../../lib/logger.js';
import { CompactedError } from '../../mvcc/errors.js';
import type { Outcome } from '../../proto/etcd-error.js';
import { AlarmRequest_AlarmAction as Action, type AlarmResponse } from '../../proto/gen/etcdserverpb.js';
import { alarmName } from './alarms.js';
import type { ApplyContext } from './layer.js';
import type { StoreOperation } from './operation.js';
import { errorText, requestText, resultText } from './request-text.js';

export interface AppliedEntry {
  readonly operation: StoreOperation;
  readonly context: ApplyContext;
  readonly outcome: Outcome<unknown>;
  readonly tookMs: number;
}

/** Whether it took longer than it should. */
export function logApplied(
  { operation, context, outcome, tookMs }: AppliedEntry,
  slowMs: number,
  logger: Logger,
): boolean {
  const isSlow = tookMs > slowMs;
  if ((isSlow || !outcome.ok) && logger.isLogged?.('warn') !== false) {
    const fields = {
      request: requestText(context.id, operation, context.identity),
      response: outcome.ok ? resultText(operation.kind, outcome.value) : '',
      ...(outcome.ok ? {} : { error: errorText(outcome.error) }),
    };
    const took = formatMs(tookMs);
    if (isSlow)
      logger.warn('apply request took too long', {
        took,
        'expected-duration': formatMs(slowMs),
        prefix: '',
        ...fields,
      });
    // A revision that is compacted already is nothing to worry about.
    if (!outcome.ok && !(outcome.error instanceof CompactedError))
      logger.warn('failed to apply request', { took, ...fields });
  }
  if (operation.kind === 'alarm' && outcome.ok) {
    const { action } = operation.request;
    if (action === Action.GET) return isSlow;
    for (const { alarm, memberID } of (outcome.value as AlarmResponse).alarms) {
      const what = action === Action.ACTIVATE ? 'alarm raised' : 'alarm disarmed';
      logger.warn(what, { alarm: alarmName(alarm), from: memberID.toString(16) });
    }
  }
  return isSlow;
}
