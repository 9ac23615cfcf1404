/**
 * The machine's clock, whose timers (and, unless told otherwise, differences) are `factor` times as fast, with a wall
 * clock that may be off.
 */
import type { Clock } from '../../src/lib/clock.js';
import { osClock } from '../../src/lib/os/clock.js';

export function hurriedClock({
  factor = 1,
  wallOffsetMs = 0,
  timersOnly = false,
}: {
  readonly factor?: number;
  readonly wallOffsetMs?: number;
  readonly timersOnly?: boolean;
}): Clock {
  return {
    ...osClock,
    monotonicMs: () => osClock.monotonicMs() * (timersOnly ? 1 : factor),
    wallMs: () => osClock.wallMs() + wallOffsetMs,
    after: (delayMs, run) => osClock.after(delayMs / factor, run),
    every: (periodMs, run) => osClock.every(periodMs / factor, run),
  };
}
