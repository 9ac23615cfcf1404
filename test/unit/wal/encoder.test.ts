import { expect, test } from 'vitest';
import { Encoder } from '../../../src/wal/encoder.js';

test('memory that one huge save took is given back, that of usual ones is kept', () => {
  const encoder = new Encoder(0);
  const taken = (size: number): [filled: number, cleared: number] => {
    encoder.entry({ type: 0, term: 1, index: 1, data: Buffer.alloc(size) });
    const filled = encoder.bytes().buffer.byteLength;
    encoder.clear();
    expect(encoder.size).toBe(0);
    return [filled, encoder.bytes().buffer.byteLength];
  };
  expect(taken(100)).toEqual([64 * 1024, 64 * 1024]);
  expect(taken(100_000)).toEqual([128 * 1024, 128 * 1024]);
  const [large, kept] = taken(1_000_000);
  expect(large).toBeGreaterThan(1_000_000);
  expect(kept).toBe(large);
  const [huge, back] = taken(1_100_000);
  expect(huge).toBeGreaterThan(1024 * 1024);
  expect(back).toBe(64 * 1024);
});
