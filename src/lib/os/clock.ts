/** The machine's clock and timers. */
import type { Clock } from '../clock.js';

/** setTimeout takes a signed 32-bit count of milliseconds (24.8 days) and fires at once above it. */
const LONGEST_TIMEOUT_MS = 0x7fff_ffff;

export const osClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(delayMs, run) {
    let timer = start(delayMs);
    function start(remainingMs: number): NodeJS.Timeout {
      if (remainingMs <= LONGEST_TIMEOUT_MS) return setTimeout(run, Math.max(0, remainingMs));
      return setTimeout(() => {
        timer = start(remainingMs - LONGEST_TIMEOUT_MS);
      }, LONGEST_TIMEOUT_MS);
    }
    return () => clearTimeout(timer);
  },
  soon(run) {
    setImmediate(run);
  },
  atTurnsEnd(run) {
    // A tick asked for outside of a promise's reaction would come before all of them.
    queueMicrotask(() => process.nextTick(run));
  },
  every(periodMs, run) {
    const timer = setInterval(run, Math.min(periodMs, LONGEST_TIMEOUT_MS));
    return () => clearInterval(timer);
  },
};
