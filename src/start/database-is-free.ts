/**
 * One member waits for another that still has its database, as where a supervisor starts the next process before the
 * last one has ended. As etcd's openBackend, which waits for as long as that takes and says so every ten seconds.
 */
import type { Clock } from '../lib/clock.js';
import type { Disk, DiskFile } from '../lib/disk.js';
import { formatMs } from '../lib/go/duration.js';
import type { Logger } from '../lib/logger.js';

/** As bbolt's flockRetryTimeout. */
const RETRY_MS = 50;
const NOTICE_MS = 10_000;

interface World {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Resolves once nobody holds the lock of the database at `path`, or there is none. */
export async function databaseIsFree(path: string, { disk, clock, logger }: World): Promise<void> {
  const beganMs = clock.monotonicMs();
  let noticeMs = beganMs + NOTICE_MS;
  while (isHeld(path, disk)) {
    const nowMs = clock.monotonicMs();
    if (nowMs >= noticeMs) {
      noticeMs += NOTICE_MS;
      const took = formatMs(nowMs - beganMs);
      logger.info('db file is flocked by another process, or taking too long', { path, took });
    }
    await new Promise<void>((resolve) => clock.after(RETRY_MS, resolve));
  }
}

function isHeld(path: string, disk: Disk): boolean {
  let file: DiskFile;
  try {
    file = disk.open(path, 'write');
  } catch {
    // Not there yet, or for whoever opens it in earnest to complain about.
    return false;
  }
  try {
    return !file.tryLock('db');
  } finally {
    file.close();
  }
}
