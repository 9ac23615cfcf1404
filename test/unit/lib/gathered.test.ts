import { expect, it } from 'vitest';
import { Gathered } from '../../../src/lib/gathered.js';

it('pieces of any size come out in order, and again from the start', () => {
  const gathered = new Gathered();
  for (const round of [1, 2]) {
    const pieces = Array.from({ length: 2000 }, (_, at) => Buffer.alloc(at % 500 === 0 ? 5000 : at % 3, at));
    for (const piece of pieces) gathered.push(piece);
    const whole = Buffer.concat(pieces);
    expect([round, gathered.size]).toEqual([round, whole.length]);
    expect(gathered.take().equals(whole)).toBe(true);
    expect([gathered.size, gathered.take().length]).toEqual([0, 0]);
  }
});

it('bytes that came alone are few pieces, and pieces without any none', () => {
  const gathered = new Gathered();
  for (let at = 0; at < 100_000; at++) gathered.push(Buffer.of(at & 0xff));
  expect(gathered.pieceCount).toBeLessThan(1000);
  for (let at = 0; at < 100_000; at++) gathered.push(new Uint8Array(0));
  expect(gathered.pieceCount).toBeLessThan(1000);
});
