/** Defragmentation of a stopped member's database, waiting for whoever still holds it. */

import type { Terminal } from '../cli/terminal.js';
import { defragment } from '../datadir/defrag.js';
import { dbPathOf } from '../datadir/names.js';
import { goQuote } from '../lib/go/quote.js';
import { osClock } from '../lib/os/clock.js';
import { osDisk } from '../lib/os/disk.js';
import { consoleLogger } from './console-logger.js';
import { whenUnlocked } from './when-unlocked.js';

/** `timeoutMs` 0 = wait for ever. Throws as `defragment` does; still locked when time is over is one of its errors. */
export async function defragmentOffline(dataDir: string, options: { timeoutMs: number }, io: Terminal): Promise<void> {
  const onWait = (): void => {
    const path = goQuote(dbPathOf(dataDir));
    io.stderr.write(
      `waiting for etcd to close and release its lock on ${path}. To defrag a running etcd instance, omit ` +
        `--data-dir.\n`,
    );
  };
  const world = { disk: osDisk, clock: osClock, logger: consoleLogger(io, 'datadir/defrag.ts') };
  await whenUnlocked(() => defragment(dataDir, world), { ...options, onWait });
}
