/** A clock that stands still until it is told to move; timers run in the order they are due. */
import type { Clock } from '../../src/lib/clock.js';

interface Timer {
  atMs: number;
  readonly run: () => void;
  readonly periodMs: number | undefined;
}

export class ManualClock implements Clock {
  #nowMs: number;
  readonly #timers = new Set<Timer>();

  constructor(nowMs = 1_000_000) {
    this.#nowMs = nowMs;
  }

  get pending(): number {
    return this.#timers.size;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    return this.#add({ atMs: this.#nowMs + Math.max(0, delayMs), run, periodMs: undefined });
  }

  every(periodMs: number, run: () => void): () => void {
    return this.#add({ atMs: this.#nowMs + periodMs, run, periodMs });
  }

  soon(run: () => void): void {
    queueMicrotask(run);
  }

  atTurnsEnd(run: () => void): void {
    queueMicrotask(run);
  }

  /** Lets `ms` pass; promises that timers settle have run their course when this resolves. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settle();
    for (;;) {
      const due = [...this.#timers].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#nowMs = due.atMs;
      if (due.periodMs === undefined) this.#timers.delete(due);
      else due.atMs += due.periodMs;
      due.run();
      await settle();
    }
    this.#nowMs = untilMs;
    await settle();
  }

  #add(timer: Timer): () => void {
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }
}

/** Until the chains of promises that are ready have run. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}
