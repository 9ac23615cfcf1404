/**
 * What a member does once a period. A wakeup costs an idle process more than what is done in it, so a follower does it
 * where a heartbeat of its leader wakes it anyway:
 *
 *   heartbeats     |         |         |          (none any more)
 *   runs           1         1         1                   4    1    1    1
 *   timer alone                                  due + 3 periods, then each period
 *
 * Heartbeats that stay away are what the ticks of an election timeout are for: those that were missed are made up for
 * before it can end (it has five at least), and from then on each has its own time, as on a leader.
 */
import type { Clock } from '../../lib/clock.js';

const LATE_PERIODS = 3;
/** The system's timers may be early by the fraction of a millisecond. */
const EARLY_MS = 1;

export class Cadence {
  #dueMs = Number.POSITIVE_INFINITY;
  /** A heartbeat has come since the timer ran last. */
  #rides = false;
  #cancel = (): void => {};

  constructor(
    readonly clock: Pick<Clock, 'monotonicMs' | 'after'>,
    readonly periodMs: number,
    /** How many periods have passed: more than one where heartbeats stayed away. */
    readonly run: (periods: number) => void,
  ) {}

  start(): void {
    this.#dueMs = this.clock.monotonicMs() + this.periodMs;
    this.#arm(this.periodMs);
  }

  /** Who leads is another, or nobody: until a heartbeat comes each period has its own time, none is made up for. */
  restart(): void {
    if (this.#dueMs === Number.POSITIVE_INFINITY) return;
    this.#cancel();
    this.#rides = false;
    this.start();
  }

  stop(): void {
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#cancel();
  }

  /** The process is awake for a heartbeat. The timer stays as it is: to move it costs a wakeup, too. */
  ride(): void {
    this.#rides = true;
    const nowMs = this.clock.monotonicMs();
    if (nowMs >= this.#dueMs - this.periodMs / 2) this.#run(nowMs);
  }

  #fired(): void {
    const nowMs = this.clock.monotonicMs();
    const lateMs = this.#rides ? LATE_PERIODS * this.periodMs : 0;
    const restMs = this.#dueMs + lateMs - nowMs;
    if (restMs >= EARLY_MS) {
      this.#arm(restMs);
      return;
    }
    this.#arm(this.periodMs);
    this.#run(nowMs);
    this.#rides = false;
  }

  #run(nowMs: number): void {
    // A process that stood still has one period behind it, not many.
    const missed = this.#rides ? Math.floor((nowMs + EARLY_MS - this.#dueMs) / this.periodMs) : 0;
    this.#dueMs = Math.max(this.#dueMs, nowMs) + this.periodMs;
    this.run(1 + Math.min(Math.max(0, missed), LATE_PERIODS));
  }

  #arm(delayMs: number): void {
    this.#cancel = this.clock.after(delayMs, () => this.#fired());
  }
}
