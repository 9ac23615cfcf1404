/**
 * The deadlines of all calls of one server or channel on one timer: setting and clearing one costs two list links,
 * where a timer each costs a microsecond per call. Fires up to `grainMs` late, never early.
 * Invariant: `armedFor` is the earliest tick that holds a deadline, or earlier.
 */
import type { Clock } from '../lib/clock.js';

/** A link in a tick's ring; the owner keeps it to clear the deadline. */
export interface Deadline {
  readonly expire: () => void;
  previous: Deadline | undefined;
  next: Deadline | undefined;
}

export class Deadlines {
  /** Per tick the head of a doubly linked list. */
  readonly #ticks = new Map<number, Deadline>();
  #armedFor = Number.POSITIVE_INFINITY;
  #disarm: (() => void) | undefined;
  readonly #clock: Clock;
  readonly #grainMs: number;

  /** A coarser grain wakes up less often; a client has few deadlines and should know of them before its server does. */
  constructor(clock: Clock, grainMs: number) {
    this.#clock = clock;
    this.#grainMs = grainMs;
  }

  set(afterMs: number, expire: () => void): Deadline {
    const tick = Math.ceil((this.#clock.monotonicMs() + afterMs) / this.#grainMs);
    const head: Deadline = this.#ticks.get(tick) ?? { expire: noExpiry, previous: undefined, next: undefined };
    const deadline: Deadline = { expire, previous: head, next: head.next };
    if (head.next !== undefined) head.next.previous = deadline;
    head.next = deadline;
    this.#ticks.set(tick, head);
    if (tick < this.#armedFor) this.#arm(tick);
    return deadline;
  }

  /** Harmless when it has fired. The tick itself stays until the timer comes by. */
  clear(deadline: Deadline): void {
    const { previous, next } = deadline;
    if (previous !== undefined) previous.next = next;
    if (next !== undefined) next.previous = previous;
    deadline.previous = deadline.next = undefined;
  }

  /** Forgets all; nothing fires any more. */
  stop(): void {
    this.#ticks.clear();
    this.#disarm?.();
    this.#disarm = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
  }

  #arm(tick: number): void {
    this.#disarm?.();
    this.#armedFor = tick;
    // A timer of years would overflow the 32 bits of the platform's; a day early is soon enough to look again.
    const delayMs = Math.min(86_400_000, Math.max(0, tick * this.#grainMs - this.#clock.monotonicMs()));
    this.#disarm = this.#clock.after(delayMs, () => this.#fire());
  }

  #fire(): void {
    this.#disarm = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
    const now = this.#clock.monotonicMs() / this.#grainMs;
    let earliest = Number.POSITIVE_INFINITY;
    const due: Deadline[] = [];
    for (const [tick, head] of this.#ticks) {
      if (head.next === undefined) {
        this.#ticks.delete(tick);
      } else if (tick <= now) {
        this.#ticks.delete(tick);
        for (let each: Deadline | undefined = head.next; each !== undefined; each = each.next) due.push(each);
      } else if (tick < earliest) {
        earliest = tick;
      }
    }
    if (earliest < Number.POSITIVE_INFINITY) this.#arm(earliest);
    for (const deadline of due) {
      // A deadline fired just before may have cleared this one.
      if (deadline.previous === undefined) continue;
      this.clear(deadline);
      deadline.expire();
    }
  }
}

function noExpiry(): void {}
