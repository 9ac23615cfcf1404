/** `--snapshot-count 0` and no entries to catch up with mean etcd's defaults, which its log says. */
import type { MemberOptions } from '../config/member-options.js';
import { differenceOf } from '../lib/emulate.js';
import type { Logger } from '../lib/logger.js';

const DEFAULT_CATCHUP_ENTRIES = 5000;

export function withSnapshotCounts(options: MemberOptions, logger: Logger): MemberOptions {
  let { snapshotCount, snapshotCatchupEntries } = options;
  if (snapshotCount === 0) {
    snapshotCount = differenceOf('snapshotCount', options.emulate);
    logger.info('updating snapshot-count to default', {
      'given-snapshot-count': 0,
      'updated-snapshot-count': snapshotCount,
    });
  }
  if (snapshotCatchupEntries === 0) {
    snapshotCatchupEntries = DEFAULT_CATCHUP_ENTRIES;
    logger.info('updating snapshot catch-up entries to default', {
      'given-snapshot-catchup-entries': 0,
      'updated-snapshot-catchup-entries': snapshotCatchupEntries,
    });
  }
  return { ...options, snapshotCount, snapshotCatchupEntries };
}
