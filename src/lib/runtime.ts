/** What the runtime says of its memory, its threads and the collection of garbage. `os/runtime.ts` asks Node. */
export interface RuntimeFigures {
  readonly version: string;
  /** Of the process; 0 where the system does not say. */
  readonly threads: number;
  /** What the event loop waits for: sockets, timers, files. */
  readonly waiting: number;
  readonly heapUsedBytes: number;
  /** Reserved for the heap, and how much of that is memory. */
  readonly heapSizeBytes: number;
  readonly heapPhysicalBytes: number;
  readonly heapLimitBytes: number;
  /** Outside of the heap: buffers. */
  readonly externalBytes: number;
  /** What the engine itself has allocated. */
  readonly engineBytes: number;
}

/** Collections of garbage since somebody began to look. */
export interface GarbageFigures {
  readonly count: number;
  readonly sumSeconds: number;
  /** Of the last ones, in no order. */
  readonly pausesSeconds: readonly number[];
  /** Since 1970; 0 before the first. */
  readonly lastSeconds: number;
}

export interface Runtime {
  figures(): RuntimeFigures;
  garbage(): GarbageFigures;
}
