/**
 * Which pages may be written.
 *
 *     in use ──free(tx n)──▶ pending(n) ──release, once n is durable and no reader needs it──▶ free ──allocate──▶ in
 *     use
 *
 * Invariant: a page is free only when neither the last durable state nor any pinned reader's state reaches it. A page
 * that transaction `a` brought to life and transaction `n` freed is seen by readers of the states a … n−1 only; so a
 * reader that stays open for long keeps what it sees, and not everything that comes and goes meanwhile.
 *
 * One bit a page: 256 KiB for an 8 GiB file.
 */
interface Pending {
  readonly txid: number;
  readonly pages: number[];
  /** For each page the transaction that allocated it; 0 = before the oldest open reader. */
  readonly born: number[];
}

export class FreePages {
  #bits: Uint32Array;
  #highWater: number;
  #count = 0;
  #pendingCount = 0;
  #pending: Pending[] = [];
  /** Which transaction allocated a page; only kept while readers are open. */
  #born = new Map<number, number>();
  /**
   * The readers' states when `release` last looked; older pending pages need no second look while it stays the same.
   */
  #lastPinned = '';
  /** By run length: no run of that many free pages starts below. */
  #lowest = new Map<number, number>();

  constructor(highWater: number) {
    this.#highWater = highWater;
    this.#bits = new Uint32Array((highWater >>> 5) + 1024);
  }

  get highWater(): number {
    return this.#highWater;
  }

  /** Pages that could be allocated now. */
  get count(): number {
    return this.#count;
  }

  get pendingCount(): number {
    return this.#pendingCount;
  }

  isFree(id: number): boolean {
    return id < this.#highWater && ((this.#bits[id >>> 5] as number) & (1 << (id & 31))) !== 0;
  }

  pendingPages(): ReadonlySet<number> {
    return new Set(this.#pending.flatMap((pending) => pending.pages));
  }

  /** Adds a page found unused when the file was opened. */
  add(id: number): void {
    this.#bits[id >>> 5] = (this.#bits[id >>> 5] as number) | (1 << (id & 31));
    this.#count++;
  }

  /** First page of a run of `count`: the lowest free one, else new ones at the end of the file. */
  allocate(txid: number, count: number, tracked: boolean): number {
    const start = this.#findRun(count) ?? this.#extend(count);
    if (tracked) for (let id = start; id < start + count; id++) this.#born.set(id, txid);
    return start;
  }

  /** Marks pages that `txid` no longer reaches. */
  free(txid: number, start: number, count: number): void {
    let last = this.#pending[this.#pending.length - 1];
    if (last === undefined || last.txid !== txid) {
      last = { txid, pages: [], born: [] };
      this.#pending.push(last);
    }
    for (let id = start; id < start + count; id++) {
      last.pages.push(id);
      last.born.push(this.#born.get(id) ?? 0);
      this.#born.delete(id);
    }
    this.#pendingCount += count;
  }

  /**
   * Makes pending pages free that no state in `pinned` (transaction ids, any order) reaches. To be called between
   * transactions, when the last one is durable.
   */
  release(pinned: readonly number[]): void {
    const key = pinned.join();
    const changed = key !== this.#lastPinned;
    this.#lastPinned = key;
    if (pinned.length === 0) this.#born.clear();
    const newest = this.#pending[this.#pending.length - 1];
    const kept: Pending[] = [];
    let lowest = Number.POSITIVE_INFINITY;
    for (const pending of this.#pending) {
      // While the same readers are open, only what the last transaction freed was never looked at.
      if (!changed && pending !== newest && pinned.length > 0) {
        kept.push(pending);
        continue;
      }
      const pages: number[] = [];
      const born: number[] = [];
      for (let i = 0; i < pending.pages.length; i++) {
        const id = pending.pages[i] as number;
        const from = pending.born[i] as number;
        if (pinned.some((txid) => from <= txid && txid < pending.txid)) {
          pages.push(id);
          born.push(from);
        } else {
          this.add(id);
          this.#pendingCount--;
          if (id < lowest) lowest = id;
        }
      }
      if (pages.length > 0) kept.push({ txid: pending.txid, pages, born });
    }
    this.#pending = kept;
    for (const [count, from] of this.#lowest) {
      const reach = lowest - count + 1;
      if (reach < from) this.#lowest.set(count, Math.max(reach, 2));
    }
  }

  #findRun(count: number): number | undefined {
    if (this.#count < count) return undefined;
    const bits = this.#bits;
    const highWater = this.#highWater;
    let id = this.#lowest.get(count) ?? 2;
    while (id + count <= highWater) {
      const word = bits[id >>> 5] as number;
      if (word === 0) {
        id = (id | 31) + 1;
        continue;
      }
      if ((word & (1 << (id & 31))) === 0) {
        id++;
        continue;
      }
      let run = 1;
      while (run < count && this.isFree(id + run)) run++;
      if (run === count) {
        for (let page = id; page < id + count; page++) {
          bits[page >>> 5] = (bits[page >>> 5] as number) & ~(1 << (page & 31));
        }
        this.#count -= count;
        this.#lowest.set(count, id + count);
        return id;
      }
      id += run + 1;
    }
    this.#lowest.set(count, id);
    return undefined;
  }

  #extend(count: number): number {
    const start = this.#highWater;
    this.#highWater += count;
    if (this.#highWater >>> 5 >= this.#bits.length) {
      const larger = new Uint32Array(this.#bits.length * 2 + (count >>> 5));
      larger.set(this.#bits);
      this.#bits = larger;
    }
    return start;
  }
}
