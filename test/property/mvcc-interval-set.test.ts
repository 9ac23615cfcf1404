import { expect, test } from 'vitest';
import { IntervalSet, NO_END } from '../../src/mvcc/watch/interval-set.js';
import fc from '../support/drawn.js';

test('the interval set finds what a look at every interval finds', () => {
  const point = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '\0', '\xff'), maxLength: 3 });
  const interval = fc.tuple(point, fc.oneof(point, fc.constant(NO_END))).filter(([start, end]) => start < end);
  const op = fc.oneof(
    { weight: 4, arbitrary: fc.record({ t: fc.constant('add' as const), interval }) },
    { weight: 2, arbitrary: fc.record({ t: fc.constant('delete' as const), at: fc.nat(30) }) },
    { weight: 4, arbitrary: fc.record({ t: fc.constant('ask' as const), point }) },
  );
  fc.assert(
    fc.property(fc.array(op, { maxLength: 120 }), (ops) => {
      const set = new IntervalSet<number>();
      const model: { start: string; end: string; item: number }[] = [];
      let items = 0;
      for (const it of ops) {
        if (it.t === 'add') {
          const [start, end] = it.interval;
          model.push({ start, end, item: items });
          set.add(start, end, items++);
        } else if (it.t === 'delete') {
          const [gone] = model.splice(it.at, 1);
          if (gone !== undefined) set.delete(gone.start, gone.end, gone.item);
          set.delete('a', 'b', -1); // not in it
        } else {
          const found: number[] = [];
          set.at(it.point, (item) => found.push(item));
          const expected = model
            .filter(({ start, end }) => start <= it.point && it.point < end)
            .map(({ item }) => item);
          expect(found.sort((a, b) => a - b)).toEqual(expected);
        }
        expect(set.isEmpty).toBe(model.length === 0);
      }
    }),
    { numRuns: 300 },
  );
});
