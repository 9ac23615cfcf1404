/** Defragmentation of a stopped member's database, waiting for whoever still holds it. */

import type { Terminal } from '../cli/terminal.js';
import { defragment, isLocked } from '../datadir/defrag.js';
import { dbPathOf } from '../datadir/names.js';
import { goQuote } from '../lib/go/quote.js';
import { osClock } from '../lib/os/clock.js';
import { osDisk } from '../lib/os/disk.js';
import { consoleLogger } from './console-logger.js';

const RETRY_MS = 100;
const SILENT_MS = 1000;

/** `timeoutMs` 0 = wait for ever. Throws as `defragment` does; still locked when time is over is one of its errors. */
export async function defragmentOffline(dataDir: string, options: { timeoutMs: number }, io: Terminal): Promise<void> {
  const beganMs = osClock.monotonicMs();
  let isTold = false;
  for (;;) {
    try {
      defragment(osDisk, dataDir, consoleLogger(io));
      return;
    } catch (error) {
      const waitedMs = osClock.monotonicMs() - beganMs;
      if (!isLocked(error) || (options.timeoutMs > 0 && waitedMs >= options.timeoutMs)) throw error;
      if (!isTold && waitedMs >= SILENT_MS) {
        isTold = true;
        const path = goQuote(dbPathOf(dataDir));
        io.stderr.write(
          `waiting for etcd to close and release its lock on ${path}. To defrag a running etcd instance, omit ` +
            `--data-dir.\n`,
        );
      }
      await new Promise<void>((resolve) => {
        osClock.after(RETRY_MS, resolve);
      });
    }
  }
}
