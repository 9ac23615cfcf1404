import { describe, expect, it } from 'vitest';
import { Fifo } from '../../../src/lib/fifo.js';

describe('a queue', () => {
  it('is an array that is pushed to and shifted from', () => {
    const fifo = new Fifo<number>();
    const model: number[] = [];
    let drawn = 1;
    for (let step = 0; step < 20_000; step++) {
      drawn = (Math.imul(drawn, 1664525) + 1013904223) >>> 0;
      const what = (drawn >>> 16) % 16;
      // More comes than goes in the first half, more goes than comes in the second.
      if (what < (step < 10_000 ? 9 : 6)) {
        fifo.push(step);
        model.push(step);
      } else if (what < 15) expect(fifo.shift()).toBe(model.shift());
      else {
        fifo.unshift(-step);
        model.unshift(-step);
      }
      expect(fifo.length).toBe(model.length);
    }
    expect([...fifo]).toEqual(model);
    fifo.clear();
    expect([fifo.length, fifo.shift(), [...fifo]]).toEqual([0, undefined, []]);
  });
});
