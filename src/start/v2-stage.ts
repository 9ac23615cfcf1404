/**
 * `--v2-deprecation` of 3.5: from `write-only` on a member neither starts on a snapshot with v2 keys nor serves the v2
 * API.
 */
import type { MemberOptions } from '../config/member-options.js';
import { dataDirHasCustomV2Content } from '../datadir/v2-content.js';
import type { Disk } from '../lib/disk.js';
import { differenceOf } from '../lib/emulate.js';
import type { Logger } from '../lib/logger.js';
import { walDirOf } from '../member/bootstrap/paths.js';
import { hasWal } from '../wal/index.js';

/** Throws an Error in etcd's words. */
export function checkV2Stage(options: MemberOptions, { disk, logger }: { disk: Disk; logger: Logger }): void {
  const { v2Stage, emulate, dataDir } = options;
  if (v2Stage === 'not-yet' || !differenceOf('hasV2Stages', emulate)) return;
  const walDir = walDirOf(options);
  if (v2Stage !== 'write-only-skip-check' && hasWal(disk, walDir) && dataDirHasCustomV2Content(disk, dataDir, walDir)) {
    const error = `detected disallowed custom content in v2store for stage --v2-deprecation=${v2Stage}`;
    logger.error('illegal v2store content', { error });
    throw new Error(error);
  }
  if (options.enableV2) throw new Error(`--enable-v2 and --v2-deprecation=${v2Stage} are mutually exclusive`);
}
