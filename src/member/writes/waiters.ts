/**
 * Who waits for the result of which proposal. A result nobody here waits for (proposed by another member, before a
 * restart, or given up) is dropped. All wait equally long, so those registered first time out first, and looking at the
 * first ones is enough. Bounded by the limit on entries that are proposed but not applied.
 */
import type { RequestId } from '../../lib/ids.js';

export interface Waiter<Result> {
  readonly deadlineMs: number;
  /** Whoever waited is gone; it is settled all the same. */
  readonly isAbandoned: boolean;
  /** Called once, with the result or with what `expired` gave. */
  settle(result: Result): void;
  /** What it gets when its time is over. */
  expired(): Result;
}

export class Waiters<Result> {
  readonly #byId = new Map<RequestId, Waiter<Result>>();

  /** How many wait. */
  get size(): number {
    return this.#byId.size;
  }

  register(id: RequestId, waiter: Waiter<Result>): void {
    this.#byId.set(id, waiter);
  }

  /** Whether somebody is there for the result. */
  isAwaited(id: RequestId): boolean {
    return this.#byId.get(id)?.isAbandoned === false;
  }

  settle(id: RequestId, result: Result): void {
    const waiter = this.#byId.get(id);
    if (waiter === undefined) return;
    this.#byId.delete(id);
    waiter.settle(result);
  }

  /** Settles those whose time is over; returns how many. */
  expire(nowMs: number): number {
    let count = 0;
    for (const [id, waiter] of this.#byId) {
      if (waiter.deadlineMs > nowMs) break;
      this.#byId.delete(id);
      waiter.settle(waiter.expired());
      count++;
    }
    return count;
  }

  settleAll(result: Result): void {
    const all = [...this.#byId.values()];
    this.#byId.clear();
    for (const waiter of all) waiter.settle(result);
  }
}
