/**
 * Who waits for the result of which proposal. A result nobody here waits for (proposed by another member, before a restart, or given up) is dropped.
 * All wait equally long, so those registered first time out first, and looking at the first ones is enough. Bounded by the limit on
 * entries that are proposed but not applied.
 */
export type Settle<Result> = (result: Result) => void;

export class Waiters<Result> {
  readonly #byId = new Map<bigint, { readonly settle: Settle<Result>; readonly deadlineMs: number }>();

  /** How many wait. */
  get size(): number {
    return this.#byId.size;
  }

  register(id: bigint, deadlineMs: number, settle: Settle<Result>): void {
    this.#byId.set(id, { settle, deadlineMs });
  }

  settle(id: bigint, result: Result): void {
    const waiter = this.#byId.get(id);
    if (waiter === undefined) return;
    this.#byId.delete(id);
    waiter.settle(result);
  }

  /** Gives `result` to those whose time is over; returns how many. */
  expire(nowMs: number, result: () => Result): number {
    let count = 0;
    for (const [id, waiter] of this.#byId) {
      if (waiter.deadlineMs > nowMs) break;
      this.#byId.delete(id);
      waiter.settle(result());
      count++;
    }
    return count;
  }

  settleAll(result: Result): void {
    const all = [...this.#byId.values()];
    this.#byId.clear();
    for (const { settle } of all) settle(result);
  }
}
