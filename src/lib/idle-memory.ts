/**
 * How much memory a process holds. Under a load: V8 collects sooner than it would, and what only the start ran of the
 * program is forgotten. When a process that was busy has nothing to do, memory goes back to the system: V8 collects
 * only while there is allocation, so what the last requests left behind would stay resident until the next ones come; a
 * collection lets it shrink its heap in the half minute after it (its memory reducer), and libc gives back what was
 * freed only when told. Measured: docs/decisions/0115. Source: V8's `heap/memory-reducer.h`; malloc_trim(3).
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
  /** V8 collects sooner than it would, at some cost in processor time. */
  growSlowly(): void;
  /** Code that nobody runs leaves memory; what is run after all comes back from the system's cache. */
  forgetCode(): void;
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
  #hasStarted = false;
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
    memory.growSlowly();
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
    if (!this.#hasStarted) {
      this.#hasStarted = true;
      this.#memory.forgetCode();
    }
    if (share > BUSY) this.#wasBusy = true;
    this.#idleLooks = share < IDLE ? this.#idleLooks + 1 : 0;
    if (this.#idleLooks === 0) return;
    if (this.#wasBusy) {
      if (this.#idleLooks < PATIENCE) return;
      this.#wasBusy = false;
      this.#looksSinceCollected = 0;
      this.#memory.forgetCode();
      if (this.#memory.heapUsedBytes() <= this.#longestPauseMs * BYTES_PER_MS) this.#memory.collectGarbage();
    } else if (TRIM_AT.includes(++this.#looksSinceCollected)) {
      this.#memory.trim();
    }
  }
}
