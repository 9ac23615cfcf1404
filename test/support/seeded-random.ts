/** A small seeded generator (mulberry32): the same seed draws the same numbers everywhere. */
import type { Random } from '../../src/lib/random.js';

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return {
    below: (bound) => Math.floor((next() / 4294967296) * bound),
    uint64: () => (BigInt(next()) << 32n) | BigInt(next()),
  };
}
