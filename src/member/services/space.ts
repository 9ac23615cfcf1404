/** Whether the database may still grow: the quota, and the alarm that is raised where it would be exceeded. */
import type { FileBackend } from '../../backend/options.js';
import type { Logger } from '../../lib/logger.js';
import { AlarmRequest_AlarmAction as AlarmAction, AlarmType } from '../../proto/gen/etcdserverpb.js';
import type { Alarms } from '../apply/alarms.js';
import type { Propose } from '../apply/operation.js';
import { quotaBytes } from '../apply/quota.js';
import { EtcdError } from '../etcd-error.js';

export interface SpaceDeps {
  readonly backend: Pick<FileBackend, 'sizeBytes'>;
  readonly alarms: Alarms;
  readonly memberId: bigint;
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
  }

  /** Whether the backend may grow by so many bytes. */
  fits(costBytes: number): boolean {
    return this.deps.backend.sizeBytes + costBytes < this.quotaBytes;
  }

  /** Rejects with "database space exceeded" once the alarm that says so has been raised: who was refused finds it there, also after a crash. */
  async refuse(): Promise<never> {
    await this.raiseAlarm();
    throw new EtcdError('noSpace');
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
    const { backend, logger, memberId: memberID, propose } = this.deps;
    logger.warn('exceeded backend quota; raising alarm', {
      'quota-size-bytes': this.quotaBytes,
      'db-size-bytes': backend.sizeBytes,
    });
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
