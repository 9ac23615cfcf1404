/**
 * Pages in memory, bounded by bytes. Clock replacement: a hit sets a mark, the hand clears marks and drops the first
 * page without one; that keeps the branch pages and the tail of the log while a hit stays one map lookup.
 *
 * A page's bytes are never reused, only released, so what a reader borrowed stays as it was.
 */
import type { Page } from './page.js';

interface Slot {
  page: Page;
  used: boolean;
}

export class PageCache {
  readonly #limitBytes: number;
  readonly #slots = new Map<number, Slot>();
  /** In the order the hand will come by; entries whose page was dropped are skipped by it. */
  #ring: Slot[] = [];
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(id: number): Page | undefined {
    const slot = this.#slots.get(id);
    if (slot === undefined) return undefined;
    slot.used = true;
    return slot.page;
  }

  /** Also replaces what an earlier user of the page id left. A page larger than a quarter of the bound is not kept. */
  set(page: Page): void {
    const known = this.#slots.get(page.id);
    if (page.data.length > this.#limitBytes / 4) {
      if (known !== undefined) this.delete(page.id);
      return;
    }
    if (known !== undefined) {
      this.#bytes += page.data.length - known.page.data.length;
      known.page = page;
    } else {
      // Before it stands in the ring: unmarked as it is, it would be the first to go where all others were looked at.
      if (this.#bytes + page.data.length > this.#limitBytes) this.#shrink();
      const slot = { page, used: false };
      this.#slots.set(page.id, slot);
      this.#ring.push(slot);
      this.#bytes += page.data.length;
    }
    // Only a page that replaced a smaller one can have led here.
    if (this.#bytes > this.#limitBytes) this.#shrink();
  }

  delete(id: number): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    this.#slots.delete(id);
    this.#bytes -= slot.page.data.length;
  }

  /**
   * Frees an eighth of the bound at once, so that the cost of a round is shared by many insertions. A second round,
   * where the first freed too little, finds no marks any more and so frees enough.
   */
  #shrink(): void {
    const target = this.#limitBytes - this.#limitBytes / 8;
    for (let round = 0; round < 2 && this.#bytes > target; round++) {
      const ring = this.#ring;
      const secondChance: Slot[] = [];
      let looked = 0;
      for (; looked < ring.length && this.#bytes > target; looked++) {
        const slot = ring[looked] as Slot;
        if (this.#slots.get(slot.page.id) !== slot) continue;
        if (slot.used) {
          slot.used = false;
          secondChance.push(slot);
        } else {
          this.delete(slot.page.id);
        }
      }
      this.#ring = ring.slice(looked).concat(secondChance);
    }
  }
}
