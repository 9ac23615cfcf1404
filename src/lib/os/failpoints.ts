/** What failpoints do to this process. */
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FailpointEffects } from '../failpoints/failpoints.js';

/** Go's exit code of a panic that nobody recovers. */
const PANIC_EXIT_CODE = 2;

export const osFailpointEffects: FailpointEffects = {
  panic(message): never {
    writeQuietly(2, `panic: ${message}\n\ngoroutine 1 [running]:\n`);
    // Nobody gets to tidy up.
    process.removeAllListeners('exit');
    process.exit(PANIC_EXIT_CODE);
  },
  sleepNow(ms) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  },
  async sleep(ms) {
    await sleep(ms);
  },
  print(line) {
    writeQuietly(1, `${line}\n`);
  },
};

function writeQuietly(fd: number, text: string): void {
  try {
    writeSync(fd, text);
  } catch {
    // Nobody reads.
  }
}
