/**
 * Time as a part may see it. Real one in `lib/os/clock.ts`, simulated ones in `test/sim`.
 * Pure parts never see a Clock: they count ticks or get `nowMs` handed in.
 */
export interface Clock {
  /** Milliseconds on a clock that never goes back; only differences mean something. */
  monotonicMs(): number;
  /** Wall-clock milliseconds since the Unix epoch. */
  wallMs(): number;
  /** Calls `run` once after `delayMs`; the returned function cancels it (harmless when it ran already). */
  after(delayMs: number, run: () => void): () => void;
  /**
   * Calls `run` once the I/O events of this turn of the event loop have been handled (as setImmediate): batches what
   * one turn brought.
   */
  soon(run: () => void): void;
  /** Calls `run` before the next I/O event is handled, behind all that promises still do: one write for all of it. */
  atTurnsEnd(run: () => void): void;
  /** Calls `run` every `periodMs` until cancelled. */
  every(periodMs: number, run: () => void): () => void;
}
