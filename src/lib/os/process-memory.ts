/** Memory of this process: V8's heap, libc's, and what the system says of both. */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ProcessMemory } from '../idle-memory.js';
import { nativeCalls } from './native.js';

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
};

/** Contexts that are made while the flag is set have the function; no other has. */
function exposedGc(): () => void {
  setFlagsFromString('--expose-gc');
  const found: () => void = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  return found;
}
