/**
 * Automatic compaction, on the leader only. Periodic: the revision is noted every tenth of the period (at most an
 * hour); once a whole period has been noted, the store is compacted to the revision of a period ago, again every period
 * (at most every hour). By revision: every five minutes, to the current revision less the retention. Source: etcd's
 * server/etcdserver/api/v3compactor.
 */
import type { Logger } from '../../lib/logger.js';
import type { Leadership } from '../loop/leadership.js';
import type { MemberConfig } from '../world/types.js';

const HOUR_MS = 3_600_000;
const REVISION_CHECK_MS = 300_000;
const NOTES_PER_INTERVAL = 10;

export interface CompactorDeps {
  readonly logger: Logger;
  readonly leadership: Leadership;
  readonly currentRevision: () => number;
  readonly compact: (revision: number) => Promise<void>;
}

export class Compactor {
  #notes: number[] = [];
  #nextMs: number | undefined;
  #lastRevision = 0;

  constructor(
    readonly mode: MemberConfig['autoCompaction'],
    readonly deps: CompactorDeps,
  ) {}

  tick(nowMs: number): void {
    const { mode } = this;
    if (mode.mode === 'off') return;
    const everyMs =
      mode.mode === 'revision' ? REVISION_CHECK_MS : Math.min(mode.retentionMs, HOUR_MS) / NOTES_PER_INTERVAL;
    this.#nextMs ??= nowMs + everyMs;
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + everyMs;
    if (mode.mode === 'revision') this.#compact(this.deps.currentRevision() - mode.retention);
    else this.#notePeriodic(mode.retentionMs);
  }

  #notePeriodic(retentionMs: number): void {
    this.#notes.push(this.deps.currentRevision());
    const everyMs = Math.min(retentionMs, HOUR_MS) / NOTES_PER_INTERVAL;
    const notesPerPeriod = Math.round(retentionMs / everyMs);
    if (this.#notes.length <= notesPerPeriod) return;
    const revision = this.#notes[0] ?? 0;
    this.#notes = this.#notes.slice(NOTES_PER_INTERVAL);
    this.#compact(revision);
  }

  #compact(revision: number): void {
    if (revision <= 0 || revision === this.#lastRevision || !this.deps.leadership.isLeader) return;
    this.deps.logger.info('starting auto periodic compaction', { revision });
    this.deps.compact(revision).then(
      () => {
        this.#lastRevision = revision;
        this.deps.logger.info('completed auto periodic compaction', { revision });
      },
      (cause: unknown) => {
        this.deps.logger.warn('failed auto periodic compaction', { revision, error: String(cause) });
      },
    );
  }
}
