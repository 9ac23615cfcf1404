/** Whether the database may still grow: the quota, and the alarm that is raised where it would be exceeded. */

import type { FileBackend } from '../../backend/options.js';
import { humanBytes } from '../../lib/go/bytes.js';
import type { MemberId } from '../../lib/ids.js';
import type { Logger } from '../../lib/logger.js';
import { EtcdError } from '../../proto/etcd-error.js';
import { AlarmRequest_AlarmAction as AlarmAction, AlarmType } from '../../proto/gen/etcdserverpb.js';
import type { Alarms } from '../apply/alarms.js';
import type { Propose } from '../apply/operation.js';
import { DEFAULT_QUOTA_BYTES, quotaBytes } from '../apply/quota.js';

/** What etcd was tried with. Beyond it starts and snapshots take long. */
const MAX_QUOTA_BYTES = 8 * 1024 ** 3;

export interface SpaceDeps {
  readonly backend: Pick<FileBackend, 'sizeBytes'>;
  readonly alarms: Alarms;
  readonly memberId: MemberId;
  readonly logger: Logger;
  /** `--quota-backend-bytes` as given. */
  readonly quotaOption: number;
  readonly propose: Propose;
}

export class Space {
  readonly quotaBytes: number;
  #raising: Promise<void> | undefined;

  constructor(readonly deps: SpaceDeps) {
    this.quotaBytes = quotaBytes(deps.quotaOption);
    tell(deps.quotaOption, deps.logger);
  }

  get quotaOption(): number {
    return this.deps.quotaOption;
  }

  /** Whether the backend may grow by so many bytes. */
  fits(costBytes: number): boolean {
    return this.deps.backend.sizeBytes + costBytes < this.quotaBytes;
  }

  /**
   * Rejects with "database space exceeded" once the alarm that says so has been raised: who was refused finds it there,
   * also after a crash.
   */
  async refuse(): Promise<never> {
    await this.raiseAlarm();
    throw new EtcdError('noSpace');
  }

  /** After a request that was applied went over the quota. */
  exceeded(): void {
    const { alarms, logger, quotaOption } = this.deps;
    if (alarms.has(AlarmType.NOSPACE)) return;
    logger.warn('message exceeded backend quota; raising alarm', {
      'quota-size-bytes': quotaOption,
      'quota-size': humanBytes(quotaOption),
      error: 'etcdserver: no space',
    });
    void this.raiseAlarm();
  }

  /** Resolves when the alarm has been applied (or could not be raised: the next refusal tries again). */
  raiseAlarm(): Promise<void> {
    if (this.deps.alarms.has(AlarmType.NOSPACE)) return Promise.resolve();
    this.#raising ??= this.#propose().finally(() => {
      this.#raising = undefined;
    });
    return this.#raising;
  }

  async #propose(): Promise<void> {
    const { logger, memberId: memberID, propose } = this.deps;
    try {
      await propose({
        kind: 'alarm',
        request: { action: AlarmAction.ACTIVATE, memberID, alarm: AlarmType.NOSPACE },
      });
    } catch (cause) {
      logger.warn('failed to raise alarm', { error: String(cause) });
    }
  }
}

/** As etcd's NewBackendQuota: of each member once. */
function tell(quotaOption: number, logger: Logger): void {
  const name = { 'quota-name': 'v3-applier' };
  const sized = (bytes: number) => ({ ...name, 'quota-size-bytes': bytes, 'quota-size': humanBytes(bytes) });
  if (quotaOption < 0) {
    logger.info('disabled backend quota', { ...name, 'quota-size-bytes': quotaOption });
    return;
  }
  if (quotaOption === 0) {
    logger.info('enabled backend quota with default value', sized(DEFAULT_QUOTA_BYTES));
    return;
  }
  if (quotaOption > MAX_QUOTA_BYTES) {
    logger.warn('quota exceeds the maximum value', {
      ...sized(quotaOption),
      'quota-maximum-size-bytes': MAX_QUOTA_BYTES,
      'quota-maximum-size': humanBytes(MAX_QUOTA_BYTES),
    });
  }
  logger.info('enabled backend quota', sized(quotaOption));
}
