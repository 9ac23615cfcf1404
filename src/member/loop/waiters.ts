/** Who waits for the result of which proposal. A result nobody here waits for (proposed elsewhere, or given up) is dropped. */
export class Waiters<Result> {
  readonly #byId = new Map<bigint, (result: Result) => void>();

  /** How many wait. */
  get size(): number {
    return this.#byId.size;
  }

  has(id: bigint): boolean {
    return this.#byId.has(id);
  }

  register(id: bigint, settle: (result: Result) => void): void {
    this.#byId.set(id, settle);
  }

  /** Forgets the waiter, so that a late result is dropped; false when it was settled already. */
  forget(id: bigint): boolean {
    return this.#byId.delete(id);
  }

  settle(id: bigint, result: Result): void {
    const settle = this.#byId.get(id);
    if (settle === undefined) return;
    this.#byId.delete(id);
    settle(result);
  }

  settleAll(result: Result): void {
    const all = [...this.#byId.values()];
    this.#byId.clear();
    for (const settle of all) settle(result);
  }
}
