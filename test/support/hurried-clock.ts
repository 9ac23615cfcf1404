/** The machine's clock, `factor` times as fast, with a wall clock that may be off. */
import type { Clock } from '../../src/lib/clock.js';
import { osClock } from '../../src/lib/os/clock.js';

export function hurriedClock({ factor = 1, wallOffsetMs = 0 }: { factor?: number; wallOffsetMs?: number }): Clock {
  return {
    ...osClock,
    monotonicMs: () => osClock.monotonicMs() * factor,
    wallMs: () => osClock.wallMs() + wallOffsetMs,
    after: (delayMs, run) => osClock.after(delayMs / factor, run),
    every: (periodMs, run) => osClock.every(periodMs / factor, run),
  };
}
