/**
 * Gives memory back to the system when a process that was busy has nothing to do. V8 collects only while there is
 * allocation, so what the last requests left behind would stay resident until the next ones come; a collection lets it
 * shrink its heap in the half minute after it (its memory reducer), and libc gives back what was freed only when told.
 * Source: V8's `heap/memory-reducer.h`; malloc_trim(3).
 */
import type { Clock } from './clock.js';

/** `os/process-memory.ts` is that of the system. */
export interface ProcessMemory {
  /** Processor time of all threads until now. */
  cpuMs(): number;
  heapUsedBytes(): number;
  /** Stops the process for about a millisecond for each megabyte in use. */
  collectGarbage(): void;
  /** What was freed goes back to the system. */
  trim(): void;
}

const LOOK_MS = 2000;
/** Shares of a processor. */
const BUSY = 0.2;
const IDLE = 0.1;
/** Looks in a row: code and heap that are needed again in a moment are best left as they are. */
const PATIENCE = 5;
/** Looks after a collection: what it freed, and what V8 has freed since. */
const TRIM_AT = [1, 6, 12, 18];
const BYTES_PER_MS = 1_000_000;

export class IdleMemory {
  readonly #memory: ProcessMemory;
  readonly #clock: Clock;
  readonly #longestPauseMs: number;
  readonly #cancel: () => void;
  #lookedAtMs: number;
  #cpuMs: number;
  #wasBusy = false;
  #idleLooks = 0;
  #looksSinceCollected = Number.POSITIVE_INFINITY;

  /** A collection that may take more than `longestPauseMs` is left to V8. */
  constructor(memory: ProcessMemory, { clock, longestPauseMs }: { clock: Clock; longestPauseMs: number }) {
    this.#memory = memory;
    this.#clock = clock;
    this.#longestPauseMs = longestPauseMs;
    this.#lookedAtMs = clock.monotonicMs();
    this.#cpuMs = memory.cpuMs();
    this.#cancel = clock.every(LOOK_MS, () => this.#look());
  }

  stop(): void {
    this.#cancel();
  }

  #look(): void {
    const nowMs = this.#clock.monotonicMs();
    const cpuMs = this.#memory.cpuMs();
    const share = (cpuMs - this.#cpuMs) / (nowMs - this.#lookedAtMs);
    this.#lookedAtMs = nowMs;
    this.#cpuMs = cpuMs;
    if (share > BUSY) this.#wasBusy = true;
    this.#idleLooks = share < IDLE ? this.#idleLooks + 1 : 0;
    if (this.#idleLooks === 0) return;
    if (this.#wasBusy) {
      if (this.#idleLooks < PATIENCE) return;
      this.#wasBusy = false;
      this.#looksSinceCollected = 0;
      if (this.#memory.heapUsedBytes() <= this.#longestPauseMs * BYTES_PER_MS) this.#memory.collectGarbage();
    } else if (TRIM_AT.includes(++this.#looksSinceCollected)) {
      this.#memory.trim();
    }
  }
}
