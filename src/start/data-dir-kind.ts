/**
 * What a data directory was used for before, which decides what a start on it becomes. As etcd's identifyDataDirOrDie.
 */
import type { MemberOptions } from '../config/member-options.js';
import type { Disk } from '../lib/disk.js';
import { differenceOf } from '../lib/emulate.js';
import type { Logger } from '../lib/logger.js';
import { FatalStartError } from './fatal-start-error.js';

/** Throws FatalStartError for both at once, and for a folder that cannot be read. */
export function dataDirKind(
  { dataDir, emulate }: Pick<MemberOptions, 'dataDir' | 'emulate'>,
  disk: Disk,
  logger: Logger,
): 'member' | 'proxy' | 'empty' {
  const names = namesIn(disk, dataDir);
  for (const filename of names) {
    if (filename === 'member' || filename === 'proxy') continue;
    logger.warn('found invalid file under data directory', { filename, 'data-dir': dataDir });
  }
  const isMember = names.includes('member');
  const isProxy = names.includes('proxy');
  if (isMember && isProxy) throw new FatalStartError('invalid datadir; both member and proxy directories exist', {});
  const kind = isMember ? 'member' : isProxy ? 'proxy' : 'empty';
  const sentence = differenceOf(kind === 'empty' ? 'saysOfEmptyDir' : 'saysOfUsedDir', emulate);
  if (sentence !== '') logger.info(sentence, { 'data-dir': dataDir, 'dir-type': kind });
  return kind;
}

function namesIn(disk: Disk, dir: string): readonly string[] {
  try {
    return disk.list(dir);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if ('code' in error && error.code === 'ENOENT') return [];
    throw new FatalStartError('failed to list data directory', { dir, error: error.message });
  }
}
