/** `snapshot restore` with the texts of its flags. */

import { parseInitialCluster, parseUrlList, textsOf } from '../config/listen-url.js';
import { restoreSnapshot } from '../datadir/restore.js';
import { differenceOf, type EmulatedVersion } from '../lib/emulate.js';
import type { Logger } from '../lib/logger.js';
import { osClock } from '../lib/os/clock.js';
import { osDisk } from '../lib/os/disk.js';
import { lookUpHost } from '../lib/os/look-up.js';
import type { RestoreFlags } from './snapshot-flags.js';

/** Rejects in etcdutl's words. */
export async function restoreFromFlags(
  snapshot: string,
  dataDir: string,
  flags: RestoreFlags,
  { emulate, logger }: { readonly emulate: EmulatedVersion; readonly logger: Logger },
): Promise<void> {
  // No URL is one that is empty, and refused.
  const peerURLs = textsOf(parseUrlList(flags['initial-advertise-peer-urls'] || ' '));
  const members = parseInitialCluster(flags['initial-cluster']);
  const options = {
    snapshot,
    dataDir,
    walDir: flags['wal-dir'],
    skipHashCheck: flags['skip-hash-check'],
    bumpRevision: flags['bump-revision'],
    name: flags.name,
    token: flags['initial-cluster-token'],
    peerURLs,
    members,
    loggedMapSizeBytes: differenceOf('restoreLogsMapSize', emulate) ? flags['initial-memory-map-size'] : undefined,
  };
  await restoreSnapshot(options, {
    disk: osDisk,
    clock: osClock,
    logger,
    lookUpHost,
  });
}
