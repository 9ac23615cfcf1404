/**
 * What is done once a period, by one timer. A wakeup costs an idle process more than what is done in it, so that it is
 * done where something else wakes it anyway: a follower ticks with the heartbeats of its leader.
 *
 *   heartbeats     |         |         |          (none any more)
 *   runs           1         1         1                   4    1    1    1
 *   timer alone                            due + 3 periods, if it may be so late, then each period
 *
 * Heartbeats that stay away are what the ticks of an election timeout are for: those that were missed are made up for
 * before it can end, and from then on each has its own time, as on a leader. The later it may be, the more seldom the
 * timer wakes a follower to see that heartbeats come. What may not be late at all rides no later than it is due, and up
 * to half a period earlier.
 */
import type { Clock } from './clock.js';

/** The system's timers may be early by the fraction of a millisecond. */
const EARLY_MS = 1;

export interface Duty {
  readonly periodMs: number;
  /** How many periods late it may be where heartbeats have come, and makes up for. */
  readonly latePeriods: number;
  /** How many periods have passed: more than one where heartbeats stayed away. */
  readonly run: (periods: number) => void;
}

interface Due {
  readonly duty: Duty;
  atMs: number;
  /** A heartbeat has come since the timer ran it last. */
  rides: boolean;
}

export class Cadence {
  readonly #dues: readonly Due[];
  #isRunning = false;
  #cancel = (): void => {};

  constructor(
    readonly clock: Pick<Clock, 'monotonicMs' | 'after'>,
    duties: readonly Duty[],
  ) {
    this.#dues = duties.map((duty) => ({ duty, atMs: Number.POSITIVE_INFINITY, rides: false }));
  }

  start(): void {
    this.#isRunning = true;
    const nowMs = this.clock.monotonicMs();
    for (const due of this.#dues) {
      due.atMs = nowMs + due.duty.periodMs;
      due.rides = false;
    }
    this.#arm(nowMs);
  }

  /** Who leads is another, or nobody: until a heartbeat comes each period has its own time, none is made up for. */
  restart(): void {
    if (!this.#isRunning) return;
    this.#cancel();
    this.start();
  }

  stop(): void {
    this.#isRunning = false;
    this.#cancel();
  }

  /** The process is awake, for a heartbeat say. The timer stays as it is: to move it costs a wakeup, too. */
  ride(): void {
    if (!this.#isRunning) return;
    const nowMs = this.clock.monotonicMs();
    for (const due of this.#dues) {
      due.rides = true;
      if (nowMs >= due.atMs - due.duty.periodMs / 2) this.#run(due, pass(due, nowMs));
    }
  }

  #fired(): void {
    const nowMs = this.clock.monotonicMs();
    const ready = this.#dues.filter((due) => latestMs(due) - nowMs < EARLY_MS);
    const passed = ready.map((due) => pass(due, nowMs));
    for (const due of ready) due.rides = false;
    this.#arm(nowMs);
    for (const [at, due] of ready.entries()) this.#run(due, passed[at] as number);
  }

  #run({ duty }: Due, periods: number): void {
    if (this.#isRunning) duty.run(periods);
  }

  #arm(nowMs: number): void {
    const nextMs = this.#dues.reduce((least, due) => Math.min(least, latestMs(due)), Number.POSITIVE_INFINITY);
    this.#cancel = this.clock.after(nextMs - nowMs, () => this.#fired());
  }
}

const latestMs = ({ duty, atMs, rides }: Due): number => (rides ? atMs + duty.latePeriods * duty.periodMs : atMs);

/** How many periods have passed; the next one begins. A process that stood still has one behind it, not many. */
function pass(due: Due, nowMs: number): number {
  const { periodMs, latePeriods } = due.duty;
  const missed = due.rides ? Math.floor((nowMs + EARLY_MS - due.atMs) / periodMs) : 0;
  due.atMs = Math.max(due.atMs, nowMs) + periodMs;
  return 1 + Math.min(Math.max(0, missed), latePeriods);
}
