import { describe, expect, it } from 'vitest';
import { FreePages } from '../../../src/bolt/free-pages.js';
import { seededRandom } from '../../support/seeded-random.js';

describe('free pages', () => {
  it('are given out lowest first, in runs, and the file grows when no run is long enough', () => {
    const free = new FreePages(20);
    for (const id of [3, 5, 6, 9, 10, 11]) free.add(id);
    expect(free.allocate(1, 2, false)).toBe(5);
    expect(free.allocate(1, 3, false)).toBe(9);
    expect(free.allocate(1, 1, false)).toBe(3);
    expect(free.count).toBe(0);
    expect(free.allocate(1, 2, false)).toBe(20);
    expect(free.highWater).toBe(22);
  });

  it('freed by a transaction wait for its end', () => {
    const free = new FreePages(10);
    free.free(5, 4, 2);
    expect(free.allocate(5, 1, false)).toBe(10);
    expect([...free.pendingPages()]).toEqual([4, 5]);
    free.release([]);
    expect(free.pendingCount).toBe(0);
    expect(free.allocate(6, 2, false)).toBe(4);
  });

  it('wait for the readers that see them, and for no others', () => {
    const free = new FreePages(10);
    // A reader of state 4 is open; transaction 5 brings page 10 to life and frees 3; transaction 6 frees 10.
    expect(free.allocate(5, 1, true)).toBe(10);
    free.free(5, 3, 1);
    free.release([4]);
    expect(free.isFree(3)).toBe(false);
    free.free(6, 10, 1);
    free.release([4]);
    expect(free.isFree(10)).toBe(true);
    expect(free.isFree(3)).toBe(false);
    free.release([]);
    expect(free.isFree(3)).toBe(true);
  });

  it('that only a reader saw that is closed now are free, though others are open', () => {
    const free = new FreePages(10);
    // Readers of states 4 and 5: 3 went with transaction 5, 7 with 6.
    free.free(5, 3, 1);
    free.release([4]);
    free.free(6, 7, 1);
    free.release([4, 5]);
    expect([free.isFree(3), free.isFree(7), free.pendingCount]).toEqual([false, false, 2]);
    free.release([5]);
    expect([free.isFree(3), free.isFree(7), free.pendingCount]).toEqual([true, false, 1]);
    // A reader of what came after does not see it.
    free.release([6]);
    expect([free.isFree(7), free.pendingCount]).toEqual([true, 0]);
  });

  it('are never given out twice, whatever the order of requests', () => {
    const random = seededRandom(11);
    const free = new FreePages(4);
    const used = new Set([2, 3]);
    const readers: number[] = [];
    /** Pages that some open reader's state holds. */
    const seen = new Map<number, Set<number>>();
    for (let txid = 1; txid < 1500; txid++) {
      free.release(readers);
      const allocated: number[] = [];
      for (let i = random.below(6); i > 0; i--) {
        const count = 1 + random.below(random.below(8) === 0 ? 20 : 2);
        const start = free.allocate(txid, count, readers.length > 0);
        for (let id = start; id < start + count; id++) {
          if (used.has(id) || allocated.includes(id)) throw new Error(`page ${id} is in use`);
          for (const [reader, pages] of seen) if (pages.has(id)) throw new Error(`reader ${reader} sees page ${id}`);
          allocated.push(id);
        }
      }
      for (const id of [...used]) {
        if (random.below(3) > 0) continue;
        free.free(txid, id, 1);
        used.delete(id);
      }
      for (const id of allocated) used.add(id);
      if (random.below(4) === 0 && readers.length < 3) {
        readers.push(txid);
        seen.set(txid, new Set(used));
      }
      if (random.below(5) === 0) {
        const [closed] = readers.splice(random.below(readers.length + 1), 1);
        if (closed !== undefined) seen.delete(closed);
      }
    }
    free.release([]);
    expect(free.count + used.size).toBe(free.highWater - 2);
  });
});
