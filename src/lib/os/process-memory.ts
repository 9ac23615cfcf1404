/** Memory of this process: V8's heap, libc's, and what the system says of both. */
import { readFileSync } from 'node:fs';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ProcessMemory } from '../idle-memory.js';
import { cleanMappings } from './file-pages.js';
import { nativeCalls } from './native.js';

/**
 * V8 lets an old generation grow to up to four times what was left of it by the last collection. A member's is small,
 * what it holds of buffers counts as well, and so most of it was what nobody needs any more.
 */
const GROWING_PERCENT = 100;

let gc: (() => void) | undefined;

export const processMemory: ProcessMemory = {
  cpuMs() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
  heapUsedBytes: () => getHeapStatistics().used_heap_size,
  collectGarbage() {
    gc ??= exposedGc();
    gc();
  },
  trim: () => nativeCalls().trim(),
  /** Flags on the command line would cost the code cache. */
  growSlowly: () => setFlagsFromString(`--heap-growing-percent=${GROWING_PERCENT}`),
  forgetCode() {
    let smaps: string;
    try {
      smaps = readFileSync('/proc/self/smaps', 'latin1');
    } catch {
      // Another system.
      return;
    }
    for (const { address, size } of cleanMappings(smaps)) nativeCalls().forgetPages(address, size);
  },
};

/** Contexts that are made while the flag is set have the function; no other has. */
function exposedGc(): () => void {
  setFlagsFromString('--expose-gc');
  const found: () => void = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  return found;
}
