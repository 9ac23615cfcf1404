/** A clock that stands still, and calls nobody. */
import type { Clock } from '../../src/lib/clock.js';

export const stillClock: Clock = {
  monotonicMs: () => 0,
  wallMs: () => 0,
  after: () => () => {},
  soon() {},
  atTurnsEnd() {},
  every: () => () => {},
};
