import { expect, test } from 'vitest';
import { DeadlineHeap } from '../../src/lease/deadline-heap.js';
import fc from '../support/drawn.js';

test('the heap always knows the earliest deadline, as a sorted list would', () => {
  const op = fc.oneof(
    { weight: 5, arbitrary: fc.record({ t: fc.constant('set' as const), id: fc.bigInt(0n, 20n), atMs: fc.nat(50) }) },
    { weight: 2, arbitrary: fc.record({ t: fc.constant('delete' as const), id: fc.bigInt(0n, 20n) }) },
    { weight: 2, arbitrary: fc.record({ t: fc.constant('take' as const) }) },
    { weight: 1, arbitrary: fc.record({ t: fc.constant('clear' as const) }) },
  );
  fc.assert(
    fc.property(fc.array(op, { maxLength: 200 }), (ops) => {
      const heap = new DeadlineHeap();
      const model = new Map<bigint, number>();
      for (const it of ops) {
        if (it.t === 'set') {
          heap.set(it.id, it.atMs);
          model.set(it.id, it.atMs);
        } else if (it.t === 'delete') {
          heap.delete(it.id);
          model.delete(it.id);
        } else if (it.t === 'clear') {
          heap.clear();
          model.clear();
        } else {
          const first = heap.first();
          if (first !== undefined) {
            expect(model.get(first.id)).toBe(first.atMs);
            heap.delete(first.id);
            model.delete(first.id);
          }
        }
        expect(heap.size).toBe(model.size);
        expect(heap.first()?.atMs).toBe(model.size === 0 ? undefined : Math.min(...model.values()));
      }
      heap.clear();
      expect(heap.first()).toBe(undefined);
    }),
    { numRuns: 300 },
  );
});
