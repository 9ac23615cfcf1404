/** What failpoints do to this process. */
import { writeSync } from 'node:fs';
import { open, url, waitForDebugger } from 'node:inspector';
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
  break() {
    // A port of the system's choice; Node says on standard error which.
    if (url() === undefined) open(0, '127.0.0.1');
    waitForDebugger();
  },
};

function writeQuietly(fd: number, text: string): void {
  try {
    writeSync(fd, text);
  } catch {
    // Nobody reads.
  }
}
