import type { Clock } from '../lib/clock.js';

/** How long a slice of long work may hold the thread. */
const SLICE_MS = 5;

/** A function to await between the steps of long work: lets the event loop run once a slice of time is used up. */
export function pauses(clock: Clock): () => Promise<void> {
  let sliceEndMs = clock.monotonicMs() + SLICE_MS;
  return async () => {
    if (clock.monotonicMs() < sliceEndMs) return;
    await new Promise<void>((resolve) => clock.soon(resolve));
    sliceEndMs = clock.monotonicMs() + SLICE_MS;
  };
}
