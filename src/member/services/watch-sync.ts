/** Lets watches that are behind catch up, a round a turn of the event loop, so that nothing else waits for them. */
import type { Clock } from '../../lib/clock.js';
import type { WatchHub } from '../../mvcc/watch/hub.js';

export class WatchSync {
  #scheduled = false;
  #stopped = false;

  constructor(
    readonly clock: Clock,
    /** Late, since the hub is made with `wake` as its option. */
    readonly hub: () => WatchHub,
    readonly fail: (cause: unknown) => void,
  ) {}

  /** Some watches may go on; may be called inside apply. */
  wake(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    this.clock.soon(() => this.#round());
  }

  stop(): void {
    this.#stopped = true;
  }

  #round(): void {
    this.#scheduled = false;
    if (this.#stopped) return;
    try {
      if (this.hub().sync()) this.wake();
    } catch (cause) {
      this.fail(cause);
    }
  }
}
