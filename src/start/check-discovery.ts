/** `--discovery` says how a new member finds its cluster. One that has a log has found it: units keep the flag for good, and etcd passes over it. */
import type { MemberOptions } from '../config/member-options.js';
import type { Disk } from '../lib/disk.js';
import type { Logger } from '../lib/logger.js';
import { walDirOf } from '../member/bootstrap/paths.js';
import { hasWal } from '../wal/index.js';

/** Throws an Error when the flag would be needed. */
export function checkDiscovery(options: MemberOptions, disk: Disk, logger: Logger): void {
  if (options.discovery === '') return;
  const walDir = walDirOf(options);
  if (!hasWal(disk, walDir)) {
    throw new Error('--discovery is an option of etcd that etcd-ts supports only where the member has a log already');
  }
  logger.warn('discovery token is ignored since cluster already initialized; valid logs are found', {
    'wal-dir': walDir,
  });
}
