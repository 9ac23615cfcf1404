/**
 * How many calls of the gateway run at once: etcd's gateway makes them over one connection, whose streams
 * `--max-concurrent-streams` bounds; calls beyond wait, in their order. `etcd-diff:` one connection for all listeners
 * of clients, not one for each; and not without end do they wait. What their bodies hold is bounded where they arrive
 * (`lib/body-bound.ts`).
 */
import { contextCanceled } from '../../grpc/context-errors.js';
import { GrpcError } from '../../grpc/types.js';

/** Some kilobytes each: what takes a hundred megabytes in all was waited for by nobody who still wants it. */
const MOST_WAITING = 20_000;

export class CallSlots {
  #free: number;
  readonly #waiting = new Set<() => void>();

  /** `refusal` of calls that would be one too many to wait. */
  constructor(
    count: number,
    readonly refusal: () => GrpcError,
    readonly mostWaiting: number = MOST_WAITING,
  ) {
    this.#free = count;
  }

  /**
   * Undefined when there is one; otherwise it is awaited. Rejects with GrpcError when the call is aborted before, or
   * too many wait.
   */
  take(call: { readonly signal: AbortSignal }): Promise<void> | undefined {
    if (this.#free > 0) {
      this.#free--;
      return undefined;
    }
    if (this.#waiting.size >= this.mostWaiting) return Promise.reject(this.refusal());
    // Only now: to be asked for costs a signal that there may never be.
    const { signal } = call;
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.delete(begin);
        reject(signal.reason instanceof GrpcError ? signal.reason : contextCanceled());
      };
      if (signal.aborted) {
        leave();
        return;
      }
      this.#waiting.add(begin);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  giveBack(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free++;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
