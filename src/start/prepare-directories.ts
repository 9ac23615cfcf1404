/**
 * The folders that a member keeps its data in: made, looked at and tried before anything else happens. As etcd's
 * NewServer.
 */
import type { Disk } from '../lib/disk.js';
import type { Logger } from '../lib/logger.js';
import { touchDir } from '../member/bootstrap/durable-dir.js';
import { memberDirOf, snapDirOf } from '../member/bootstrap/paths.js';
import type { MemberConfig } from '../member/world/types.js';
import { FatalStartError } from './fatal-start-error.js';

/** Throws an Error in etcd's words, or FatalStartError. */
export function prepareDirectories(disk: Disk, config: Pick<MemberConfig, 'dataDir' | 'walDir'>, logger: Logger): void {
  const touch = (dir: string, refusal: (text: string) => Error): void => {
    try {
      touchDir(disk, dir, logger);
    } catch (cause) {
      throw refusal(cause instanceof Error ? cause.message : String(cause));
    }
  };
  touch(config.dataDir, (text) => new Error(`cannot access data directory: ${text}`));
  const snapDir = snapDirOf(config);
  touch(snapDir, (error) => new FatalStartError('failed to create snapshot directory', { path: snapDir, error }));
  touch(memberDirOf(config), (text) => new Error(`cannot access member directory: ${text}`));
}
