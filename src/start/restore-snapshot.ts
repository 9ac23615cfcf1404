/** `snapshot restore` with the texts of its flags. */
import { consoleLogger } from '../cli/console-logger.js';
import type { RestoreFlags } from '../cli/snapshot-flags.js';
import type { Terminal } from '../cli/terminal.js';
import { parseInitialCluster, parseUrlList, textsOf } from '../config/listen-url.js';
import { restoreSnapshot } from '../datadir/restore.js';
import { osClock } from '../lib/os/clock.js';
import { osDisk } from '../lib/os/disk.js';

/** Throws in etcdutl's words. */
export function restoreFromFlags(snapshot: string, dataDir: string, flags: RestoreFlags, io: Terminal): void {
  const peerURLs = textsOf(parseUrlList(flags['initial-advertise-peer-urls']));
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
  };
  restoreSnapshot(options, { disk: osDisk, clock: osClock, logger: consoleLogger(io) });
}
