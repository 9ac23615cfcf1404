/** Those who want to hear that a lease is revoked, or that this member stops leading. */
import type { LeaseId } from '../lib/ids.js';

export type WhyGone = 'revoked' | 'demoted';

export class GoneListeners {
  readonly #waiting = new Map<LeaseId, Set<(why: WhyGone) => void>>();

  /** Each is called once. The returned function calls it off. */
  add(id: LeaseId, gone: (why: WhyGone) => void): () => void {
    const set = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, set);
    set.add(gone);
    return () => {
      set.delete(gone);
      if (set.size === 0 && this.#waiting.get(id) === set) this.#waiting.delete(id);
    };
  }

  tell(id: LeaseId, why: WhyGone): void {
    const set = this.#waiting.get(id);
    if (set === undefined) return;
    this.#waiting.delete(id);
    for (const gone of set) gone(why);
  }

  tellAll(why: WhyGone): void {
    for (const id of [...this.#waiting.keys()]) this.tell(id, why);
  }
}
