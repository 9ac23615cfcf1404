/** A clock that makes long work pause all the time. */
import type { Clock } from '../../src/lib/clock.js';

/** Every look at it is a millisecond later. */
export function busyClock(): Clock & { pauses: number } {
  let now = 0;
  const clock = {
    pauses: 0,
    monotonicMs: () => now++,
    wallMs: () => now,
    after: () => () => {},
    soon: (run: () => void) => {
      clock.pauses++;
      queueMicrotask(run);
    },
    atTurnsEnd: queueMicrotask,
    every: () => () => {},
  };
  return clock;
}
