/**
 * Work that several ask for at once and that is long, such as the text of all metrics: done once for all who have
 * asked before it begins, so that nobody gets what is older than his question; and, while it is asked for by more than
 * one, not more often than leaves four fifths of the time to others.
 */
import type { Clock } from './clock.js';

const REST = 4;
const MAX_REST_MS = 1000;

export class SharedWork<T> {
  #isRunning = false;
  /** Of those who came while it ran or rested. */
  #next: { readonly result: Promise<T>; readonly begin: () => void } | undefined;
  #isResting = false;

  constructor(
    readonly clock: Pick<Clock, 'monotonicMs' | 'after'>,
    readonly work: () => Promise<T>,
  ) {}

  run(): Promise<T> {
    if (!this.#isRunning && !this.#isResting) return this.#begin();
    if (this.#next !== undefined) return this.#next.result;
    let begin: () => void = () => {};
    const result = new Promise<void>((resolve) => {
      begin = resolve;
    }).then(() => this.#begin());
    this.#next = { result, begin };
    return result;
  }

  async #begin(): Promise<T> {
    const beganMs = this.clock.monotonicMs();
    this.#isRunning = true;
    try {
      return await this.work();
    } finally {
      this.#isRunning = false;
      if (this.#next !== undefined) this.#rest(this.clock.monotonicMs() - beganMs);
    }
  }

  #rest(tookMs: number): void {
    this.#isResting = true;
    this.clock.after(Math.min(tookMs * REST, MAX_REST_MS), () => {
      this.#isResting = false;
      const next = this.#next;
      this.#next = undefined;
      next?.begin();
    });
  }
}
