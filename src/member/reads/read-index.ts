/**
 * Linearizable reads. All that wait share one read-index round: a round's answer proves that the leader was still the
 * leader after each of its readers had arrived, so a reader that comes while a round is under way must wait for the
 * next one (etcd #20418: never answer from an old round).
 *
 *     wait() ──▶ gathering ──begin(turn)──▶ in flight ──confirm(index)──▶ confirmed ──applied ≥ index──▶ served
 *                                            │ every 500 ms without answer: asked again under a new context
 *                                            └ a new leader: refused with "leader changed"
 *
 * Pure: the loop hands in time and ticks, and sends the rounds. Source of behaviour: etcd's linearizableReadLoop, Raft
 * thesis §6.4.
 */

import { AbandonedError, type Caller } from '../../lib/caller.js';
import type { RequestId } from '../../lib/ids.js';
import type { Logger } from '../../lib/logger.js';
import type { Outcome } from '../../proto/etcd-error.js';
import { EtcdError } from '../../proto/etcd-error.js';

export type ReadDone = (outcome: Outcome<void>) => void;

interface Reader {
  readonly done: ReadDone;
  readonly deadlineMs: number;
  readonly caller: Caller | undefined;
}

interface Round {
  readonly readers: Reader[];
  /**
   * Of each time it was asked. An answer to any of them comes from after all its readers arrived: it may be late, not
   * old.
   */
  readonly contexts: readonly RequestId[];
  readonly beganMs: number;
  readonly askedMs: number;
}

/** Raft has answered a round; what is returned is called when its readers read. */
export type TraceRound = (beganMs: number, index: number, applied: number) => () => void;

const RETRY_MS = 500;
const served: Outcome<void> = { ok: true, value: undefined };

export class ReadIndexQueue {
  #gathering: Reader[] = [];
  #round: Round | undefined;
  /** Confirmed rounds whose index is not applied yet, by rising index. */
  #confirmed: { readonly index: number; readonly readers: Reader[]; readonly traced: (() => void) | undefined }[] = [];
  /** Rounds that were asked twice, failed outright, and readers still waiting: the metrics' figures. */
  readonly counters = { slow: 0, failed: 0 };

  /** `ask` starts a round in raft under a fresh context and returns that context. */
  constructor(
    readonly ask: () => RequestId,
    readonly logger: Logger,
    readonly trace?: TraceRound,
  ) {}

  /** `done` is called once: when a read at the present applied state is linearizable, or with the refusal. */
  wait(done: ReadDone, deadlineMs: number, caller?: Caller): void {
    this.#gathering.push({ done, deadlineMs, caller });
  }

  /** Whether `begin` has something to do. */
  get wantsRound(): boolean {
    return this.#round === undefined && this.#gathering.length > 0;
  }

  /** Once a turn: starts the next round unless one is in flight. */
  begin(nowMs: number): void {
    if (!this.wantsRound) return;
    this.#round = { readers: this.#gathering, contexts: [this.ask()], beganMs: nowMs, askedMs: nowMs };
    this.#gathering = [];
  }

  /** Raft's answer. One to a round that was given up is ignored. */
  confirm(context: RequestId, index: number, applied: number): void {
    const round = this.#round;
    if (round === undefined || !round.contexts.includes(context)) {
      this.counters.slow++;
      this.logger.warn(
        'ignored out-of-date read index response; local node read indexes queueing up and waiting to be in sync ' +
          'with leader',
        { 'sent-request-id': String(round?.contexts.at(-1) ?? 0n), 'received-request-id': String(context) },
      );
      return;
    }
    this.#round = undefined;
    const traced = this.trace?.(round.beganMs, index, applied);
    this.#confirmed.push({ index, readers: round.readers, traced });
    this.applied(applied);
  }

  applied(index: number): void {
    while (this.#confirmed.length > 0) {
      const next = this.#confirmed[0];
      if (next === undefined || next.index > index) return;
      this.#confirmed.shift();
      for (const reader of next.readers) if (!isAbandoned(reader)) reader.done(served);
      next.traced?.();
    }
  }

  /**
   * Every 100 ms or so: repeats an unanswered round, refuses readers whose time is over, drops those whose callers are
   * gone.
   */
  tick(nowMs: number): void {
    const expire = (all: Reader[]): Reader[] => {
      const readers = all.filter((reader) => !isAbandoned(reader));
      const late = readers.filter((reader) => reader.deadlineMs <= nowMs);
      if (late.length === 0) return readers;
      this.counters.slow++;
      const error = new EtcdError('timeout');
      for (const reader of late) reader.done({ ok: false, error });
      return readers.filter((reader) => reader.deadlineMs > nowMs);
    };
    this.#gathering = expire(this.#gathering);
    this.#confirmed = this.#confirmed.map((each) => ({ ...each, readers: expire(each.readers) }));
    const round = this.#round;
    if (round === undefined) return;
    const readers = expire(round.readers);
    if (readers.length === 0) {
      this.#round = undefined;
      this.logger.warn('timed out waiting for read index response (local node might have slow network)');
    } else if (nowMs - round.askedMs >= RETRY_MS) {
      this.logger.warn('waiting for ReadIndex response took too long, retrying', {
        'sent-request-id': String(round.contexts.at(-1) ?? 0n),
        'retry-timeout': `${RETRY_MS}ms`,
      });
      this.#round = { ...round, readers, contexts: [...round.contexts, this.ask()], askedMs: nowMs };
    } else {
      this.#round = { ...round, readers };
    }
  }

  /** There is a new leader: no answer of an old one's may be trusted any more. Rounds already confirmed stay good. */
  leaderChanged(): void {
    const round = this.#round;
    if (round === undefined) return;
    this.#round = undefined;
    this.counters.failed++;
    const error = new EtcdError('leaderChanged');
    for (const reader of round.readers) reader.done({ ok: false, error });
  }

  /** Refuses all: the member stops. */
  close(error: Error): void {
    const all = [
      ...this.#gathering,
      ...(this.#round?.readers ?? []),
      ...this.#confirmed.flatMap(({ readers }) => readers),
    ];
    this.#gathering = [];
    this.#round = undefined;
    this.#confirmed = [];
    for (const reader of all) reader.done({ ok: false, error });
  }
}

/** Whether the caller is gone; then its work ends here. */
function isAbandoned({ caller, done }: Reader): boolean {
  if (caller?.aborted !== true) return false;
  done({ ok: false, error: new AbandonedError('the caller is gone') });
  return true;
}
