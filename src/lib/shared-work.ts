/**
 * Work that several ask for at once and that is long, such as the text of all metrics: done once for all who have
 * asked before it begins, so that nobody gets what is older than his question; and not more often than leaves four
 * fifths of the time to others.
 */
import type { Clock } from './clock.js';

const REST = 4;
const MAX_WAIT_MS = 1000;

export class SharedWork<T> {
  #next: Promise<T> | undefined;
  #freeAtMs = 0;
  #tookMs = 0;

  constructor(
    readonly clock: Pick<Clock, 'monotonicMs' | 'after'>,
    readonly work: () => Promise<T>,
  ) {}

  run(): Promise<T> {
    if (this.#next !== undefined) return this.#next;
    const waitMs = this.#freeAtMs - this.clock.monotonicMs();
    if (waitMs <= 0) return this.#begin();
    const next = new Promise<void>((resolve) => {
      this.clock.after(Math.min(waitMs, MAX_WAIT_MS), resolve);
    }).then(() => {
      this.#next = undefined;
      return this.#begin();
    });
    this.#next = next;
    return next;
  }

  async #begin(): Promise<T> {
    const beganMs = this.clock.monotonicMs();
    this.#freeAtMs = beganMs + this.#tookMs * (1 + REST);
    try {
      return await this.work();
    } finally {
      const endedMs = this.clock.monotonicMs();
      this.#tookMs = endedMs - beganMs;
      this.#freeAtMs = endedMs + this.#tookMs * REST;
    }
  }
}
