/** Work on a database that somebody else may still hold. */
import { isLocked } from '../datadir/db.js';
import { osClock } from '../lib/os/clock.js';

const RETRY_MS = 100;
const SILENT_MS = 1000;

/**
 * Runs `use`, again and again while the database is locked. `timeoutMs` 0 = for ever, undefined = once; when time is
 * over, the last refusal is thrown. `onWait` is called once when it takes a while.
 */
export async function whenUnlocked<T>(
  use: () => T,
  { timeoutMs, onWait }: { readonly timeoutMs: number | undefined; readonly onWait?: () => void },
): Promise<T> {
  const beganMs = osClock.monotonicMs();
  let isTold = false;
  for (;;) {
    try {
      return use();
    } catch (error) {
      const waitedMs = osClock.monotonicMs() - beganMs;
      if (!isLocked(error) || timeoutMs === undefined || (timeoutMs > 0 && waitedMs >= timeoutMs)) throw error;
      if (!isTold && waitedMs >= SILENT_MS) {
        isTold = true;
        onWait?.();
      }
      await new Promise<void>((resolve) => {
        osClock.after(RETRY_MS, resolve);
      });
    }
  }
}
