/**
 * Automatic compaction, by the leader. Periodic: every member notes the revision every tenth of the period (at most
 * every six minutes); once a period has passed, its leader compacts to the revision of a period ago, and again every
 * period (at most every hour). One that comes to lead compacts as soon as its own last time is that long ago, and one
 * that failed is tried again with the next note. By revision: every five minutes, to the current revision less the
 * retention. Source: etcd's server/etcdserver/api/v3compactor.
 */
import type { Clock } from '../../lib/clock.js';
import { formatMs } from '../../lib/go/duration.js';
import type { LogFields, Logger } from '../../lib/logger.js';
import { CompactedError } from '../../mvcc/errors.js';
import type { Leadership } from '../loop/leadership.js';
import type { MemberConfig } from '../world/types.js';

const HOUR_MS = 3_600_000;
const REVISION_CHECK_MS = 300_000;
const NOTES_PER_INTERVAL = 10;

export interface CompactorDeps {
  readonly logger: Logger;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly leadership: Pick<Leadership, 'isLeader'>;
  readonly currentRevision: () => number;
  readonly compact: (revision: number) => Promise<void>;
}

export class Compactor {
  /** The first is as old as what is to be kept. */
  #notes: number[] = [];
  #nextMs: number | undefined;
  /** When the last compaction began that succeeded, or this member. */
  #succeededMs = 0;
  #hasTried = false;
  #isRunning = false;
  #lastRevision = 0;

  constructor(
    readonly mode: MemberConfig['autoCompaction'],
    readonly deps: CompactorDeps,
  ) {}

  tick(nowMs: number): void {
    const { mode } = this;
    if (mode.mode === 'off' || this.#isRunning) return;
    const everyMs =
      mode.mode === 'revision' ? REVISION_CHECK_MS : Math.min(mode.retentionMs, HOUR_MS) / NOTES_PER_INTERVAL;
    const isBegin = this.#nextMs === undefined;
    if (this.#nextMs !== undefined && nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + everyMs;
    if (isBegin) this.#succeededMs = nowMs;
    if (mode.mode === 'periodic') this.#lookBack(mode.retentionMs, everyMs, nowMs);
    else if (!isBegin) this.#compactToRetention(mode.retention, nowMs);
  }

  #lookBack(retentionMs: number, everyMs: number, nowMs: number): void {
    const revision = this.#notes[0] ?? 0;
    const waitMs = this.#hasTried ? Math.min(retentionMs, HOUR_MS) : retentionMs;
    if (nowMs - this.#succeededMs >= waitMs && this.#isWanted(revision)) {
      this.#hasTried = true;
      const fields = { revision, 'compact-period': formatMs(retentionMs) };
      this.#compact(revision, { kind: 'periodic', fields, nowMs, retryMs: everyMs });
    }
    this.#notes.push(this.deps.currentRevision());
    if (this.#notes.length > Math.floor(retentionMs / everyMs) + 1) this.#notes.shift();
  }

  #compactToRetention(retention: number, nowMs: number): void {
    const revision = this.deps.currentRevision() - retention;
    if (!this.#isWanted(revision)) return;
    const fields = { revision, 'revision-compaction-retention': retention };
    this.#compact(revision, { kind: 'revision', fields, nowMs, retryMs: REVISION_CHECK_MS });
  }

  /** `etcd-diff:` by period, too, nothing is compacted to the same revision twice; etcd asks again and is refused. */
  #isWanted(revision: number): boolean {
    return revision > 0 && revision !== this.#lastRevision && this.deps.leadership.isLeader;
  }

  #compact(revision: number, { kind, fields, nowMs, retryMs }: Compaction): void {
    const { clock, compact, logger } = this.deps;
    logger.info(`starting auto ${kind} compaction`, fields);
    const beganMs = clock.monotonicMs();
    this.#isRunning = true;
    compact(revision)
      .catch((cause: unknown) => {
        // An earlier leader has done it.
        if (!(cause instanceof CompactedError)) throw cause;
      })
      .then(
        () => {
          this.#lastRevision = revision;
          this.#succeededMs = nowMs;
          const took = formatMs(clock.monotonicMs() - beganMs);
          logger.info(`completed auto ${kind} compaction`, { ...fields, took });
        },
        (cause: unknown) => {
          const error = cause instanceof Error ? cause.message : String(cause);
          logger.warn(`failed auto ${kind} compaction`, { ...fields, 'retry-interval': formatMs(retryMs), error });
        },
      )
      .finally(() => {
        this.#isRunning = false;
      });
  }
}

interface Compaction {
  readonly kind: 'periodic' | 'revision';
  readonly fields: LogFields;
  /** When it was due. */
  readonly nowMs: number;
  readonly retryMs: number;
}
