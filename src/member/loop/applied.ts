/** How far this member has applied, for those who wait until it is far enough. */
import type { Clock } from '../../lib/clock.js';

/** As etcd's applyTimeout. */
const TIMEOUT_MS = 1000;

export class Applied {
  #waiting: { readonly index: number; readonly done: (isApplied: boolean) => void }[] = [];

  constructor(
    readonly clock: Clock,
    /** Index of the last entry that is committed, and of the last one applied. */
    readonly at: () => { readonly committed: number; readonly applied: number },
  ) {}

  get index(): number {
    return this.at().applied;
  }

  /**
   * Resolves with true when all that is committed now is applied; with false when that takes longer than a second, or
   * the member stops.
   */
  untilCommitted(): Promise<boolean> {
    const { committed, applied } = this.at();
    if (applied >= committed) return Promise.resolve(true);
    return new Promise((resolve) => {
      const waiter = {
        index: committed,
        done: (isApplied: boolean): void => {
          cancel();
          resolve(isApplied);
        },
      };
      const cancel = this.clock.after(TIMEOUT_MS, () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiter);
        resolve(false);
      });
      this.#waiting.push(waiter);
    });
  }

  /** Entries were applied. */
  advance(): void {
    if (this.#waiting.length === 0) return;
    const { applied } = this.at();
    this.#settle(({ index }) => index <= applied, true);
  }

  close(): void {
    this.#settle(() => true, false);
  }

  #settle(is: (waiter: { readonly index: number }) => boolean, isApplied: boolean): void {
    const done = this.#waiting.filter(is);
    if (done.length === 0) return;
    this.#waiting = this.#waiting.filter((waiter) => !is(waiter));
    for (const waiter of done) waiter.done(isApplied);
  }
}
