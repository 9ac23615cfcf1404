/** Node's heap, threads and collections of garbage. */
import { readFileSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { GarbageFigures, Runtime } from '../runtime.js';

/** As many pauses as Go's runtime remembers. */
const PAUSES = 256;

/** Begins to look at the collections of garbage. */
export function watchRuntime(): Runtime {
  const pauses: number[] = [];
  let count = 0;
  let sumSeconds = 0;
  let lastSeconds = 0;
  const observer = new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) {
      pauses[count++ % PAUSES] = duration / 1000;
      sumSeconds += duration / 1000;
      lastSeconds = (performance.timeOrigin + startTime + duration) / 1000;
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return {
    garbage: (): GarbageFigures => ({ count, sumSeconds, pausesSeconds: pauses, lastSeconds }),
    figures() {
      const heap = getHeapStatistics();
      return {
        version: process.version,
        threads: threads(),
        waiting: process.getActiveResourcesInfo().length,
        heapUsedBytes: heap.used_heap_size,
        heapSizeBytes: heap.total_heap_size,
        heapPhysicalBytes: heap.total_physical_size,
        heapLimitBytes: heap.heap_size_limit,
        externalBytes: heap.external_memory,
        engineBytes: heap.malloced_memory,
      };
    },
  };
}

function threads(): number {
  try {
    const [, count] = /^Threads:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
    return Number(count ?? 0);
  } catch {
    return 0;
  }
}
