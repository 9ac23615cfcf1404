/**
 * Tests of what changes with size take as many steps as `npm test` has a second for. `SCALE=100` takes a hundred times
 * as many, `SCALE_SEED` draws others.
 */
import type { Random } from '../../src/lib/random.js';
import { seededRandom } from './seeded-random.js';

const factor = Number(process.env.SCALE ?? 1);
const seed = Number(process.env.SCALE_SEED ?? 1);

/** For those that take longer than others when there is more to do. */
export const SCALED_TIMEOUT_MS = 120_000 * Math.max(1, factor);

export const scaled = (count: number): number => Math.max(1, Math.round(count * factor));

/** Counts up to it, and lets the process have its turns on the way. */
export async function* steps(count: number): AsyncGenerator<number> {
  let turnMs = performance.now();
  for (let step = 0; step < count; step++) {
    yield step;
    if (performance.now() - turnMs < 1000) continue;
    await new Promise((resolve) => setImmediate(resolve));
    turnMs = performance.now();
  }
}

/** What `run` throws says which seed it was. */
export async function seeded(run: (random: Random) => void | Promise<void>): Promise<void> {
  try {
    await run(seededRandom(seed));
  } catch (error) {
    throw new Error(`SCALE_SEED=${seed} SCALE=${factor}: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
}
