/** The machine's entropy, drawn in blocks: one call into the kernel serves hundreds of draws. */
import { randomFillSync } from 'node:crypto';
import type { Random } from '../random.js';

const block = Buffer.alloc(4096);
let used = block.length;

function draw(bytes: 4 | 8): number {
  if (used + bytes > block.length) {
    randomFillSync(block);
    used = 0;
  }
  used += bytes;
  return used - bytes;
}

export const osRandom: Random = {
  below(bound) {
    if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 32)
      throw new RangeError(`bound ${bound} is not in [1, 2^32]`);
    // Draws above the last whole multiple of `bound` are thrown away, or low numbers would come up more often.
    const fair = 2 ** 32 - (2 ** 32 % bound);
    for (;;) {
      const drawn = block.readUInt32LE(draw(4));
      if (drawn < fair) return drawn % bound;
    }
  },
  uint64: () => block.readBigUInt64LE(draw(8)),
};
