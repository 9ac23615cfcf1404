/**
 * Leases by the time something is due for them: a binary heap that knows where each lease stands, so that a renewal
 * moves one entry.
 */
import type { LeaseId } from '../lib/ids.js';

export class DeadlineHeap {
  readonly #ids: LeaseId[] = [];
  readonly #times: number[] = [];
  readonly #places = new Map<LeaseId, number>();

  get size(): number {
    return this.#ids.length;
  }

  /** The earliest entry. */
  first(): { id: LeaseId; atMs: number } | undefined {
    const id = this.#ids[0];
    return id === undefined ? undefined : { id, atMs: this.#times[0] as number };
  }

  /** Adds the lease or moves it. */
  set(id: LeaseId, atMs: number): void {
    const place = this.#places.get(id);
    if (place === undefined) {
      this.#ids.push(id);
      this.#times.push(atMs);
      this.#rise(this.#ids.length - 1, id, atMs);
      return;
    }
    if (atMs < (this.#times[place] as number)) this.#rise(place, id, atMs);
    else this.#sink(place, id, atMs);
  }

  delete(id: LeaseId): void {
    const place = this.#places.get(id);
    if (place === undefined) return;
    this.#places.delete(id);
    const lastId = this.#ids.pop() as LeaseId;
    const lastAtMs = this.#times.pop() as number;
    if (place === this.#ids.length) return;
    this.#sink(place, lastId, lastAtMs);
    const at = this.#places.get(lastId) as number;
    this.#rise(at, lastId, lastAtMs);
  }

  clear(): void {
    this.#ids.length = 0;
    this.#times.length = 0;
    this.#places.clear();
  }

  #rise(place: number, id: LeaseId, atMs: number): void {
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if ((this.#times[parent] as number) <= atMs) break;
      this.#put(place, this.#ids[parent] as LeaseId, this.#times[parent] as number);
      place = parent;
    }
    this.#put(place, id, atMs);
  }

  #sink(place: number, id: LeaseId, atMs: number): void {
    const count = this.#ids.length;
    for (;;) {
      let child = place * 2 + 1;
      if (child >= count) break;
      if (child + 1 < count && (this.#times[child + 1] as number) < (this.#times[child] as number)) child++;
      if ((this.#times[child] as number) >= atMs) break;
      this.#put(place, this.#ids[child] as LeaseId, this.#times[child] as number);
      place = child;
    }
    this.#put(place, id, atMs);
  }

  #put(place: number, id: LeaseId, atMs: number): void {
    this.#ids[place] = id;
    this.#times[place] = atMs;
    this.#places.set(id, place);
  }
}
