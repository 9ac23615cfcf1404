/**
 * From a decision and a data directory (or none) to the parts of a member. Nothing here deletes anything but the
 * leftovers of interrupted writes; what cannot be trusted is refused with the file's name.
 */
import { openBackend } from '../../backend/backend.js';
import type { FileBackend } from '../../backend/options.js';
import { readConsistentIndex } from '../../backend/schema/meta.js';
import type { ClusterMember } from '../../datadir/cluster-member.js';
import { formatMs } from '../../lib/go/duration.js';
import type { Logger } from '../../lib/logger.js';
import { syncName } from '../../lib/sync-name.js';
import { snapshotFiles } from '../../wal/index.js';
import type { Wal, WalOptions } from '../../wal/types.js';
import type { MemberConfig, MemberWorld } from '../world/types.js';
import { assemble } from './assemble.js';
import { makeDurableDir } from './durable-dir.js';
import { BackendAheadError, reading } from './errors.js';
import { newLog } from './new-log.js';
import { memberDirOf, snapDirOf, walDirOf } from './paths.js';
import { restartLog } from './restart.js';
import type { Bootstrapped, Decision, DiskObserver, LogState } from './types.js';

/**
 * The branch pages of a million keys, and what was written lately. A page that is not there costs one read from the
 * system's cache, which has the file anyway: gets of random keys take as long as with eight times as much.
 */
const BACKEND_CACHE_BYTES = 8 * 1024 * 1024;

export function openParts(
  decision: Decision,
  config: MemberConfig,
  world: MemberWorld,
  observer: DiskObserver,
): Bootstrapped {
  const { clock, disk, logger } = world;
  const [snapDir, walDir] = [snapDirOf(config), walDirOf(config)];
  const dbPath = `${snapDir}/db`;
  for (const dir of [config.dataDir, memberDirOf(config), snapDir]) makeDurableDir(disk, dir);
  // A process that was killed may have left names in the page cache alone, of which this one takes for stored what they
  // name.
  for (const path of [config.dataDir, memberDirOf(config), snapDir, dbPath]) syncName(disk, path);
  const snapshots = snapshotFiles(disk, snapDir, logger.with({ caller: 'wal/snapshot-files.ts' }), {
    clock,
    onSave: observer.onSnapshotSave,
  });
  const openDb = () => openDatabase(dbPath, config, world, observer);
  const options = walOptions(config, world, observer);

  let log: LogState;
  // Of a member without a log the database is looked at first, so that no log is begun beside one that has already been
  // used.
  let unused: FileBackend | undefined;
  switch (decision.t) {
    case 'new':
      unused = openUnused(openDb, dbPath, walDir);
      log = newLog(decision.configuration, decision.configuration.members, disk, walDir, options);
      break;
    case 'joining':
      unused = openUnused(openDb, dbPath, walDir);
      log = newLog(decision, undefined, disk, walDir, options);
      break;
    case 'restarting':
      log = restartLog(config, world, { walDir, snapshots, options });
      break;
  }
  try {
    const isNew = decision.t !== 'restarting';
    const initialMembers = initialMembersOf(decision);
    const opened = { config, world, walDir, snapDir, snapshots, isNew, log, initialMembers };
    return assemble({ ...opened, openDb: () => unused ?? openDb() });
  } catch (cause) {
    closeQuietly(log.wal, logger);
    throw cause;
  }
}

function initialMembersOf(decision: Decision): readonly ClusterMember[] {
  switch (decision.t) {
    case 'new':
      return decision.configuration.members;
    case 'joining':
      return decision.members;
    case 'restarting':
      return [];
  }
}

function openDatabase(
  path: string,
  config: MemberConfig,
  { disk, clock, logger, failpoints, onFatal }: MemberWorld,
  observer: DiskObserver,
): FileBackend {
  const beganMs = clock.monotonicMs();
  const backend = reading(path, () =>
    openBackend({
      disk,
      clock,
      path,
      logger: logger.with({ caller: 'backend/backend.ts' }),
      failpoints,
      cacheBytes: BACKEND_CACHE_BYTES,
      batchIntervalMs: config.backendBatchIntervalMs,
      batchLimit: config.backendBatchLimit,
      onCommit: observer.onBackendCommit,
      onFailure: onFatal,
    }),
  );
  logger.info('opened backend db', { path, took: formatMs(clock.monotonicMs() - beganMs) });
  return backend;
}

/**
 * Throws BackendAheadError for a database that some log's entries went into: beside a new log their successors would be
 * taken for applied.
 */
function openUnused(open: () => FileBackend, dbPath: string, walDir: string): FileBackend {
  const backend = open();
  const index = readConsistentIndex(backend);
  if (index === 0) return backend;
  backend.close().catch(() => {});
  throw new BackendAheadError(dbPath, index, `there is no log in ${walDir}`);
}

/** A segment preallocated for a member that does not start would only take up space. */
function closeQuietly(wal: Wal, logger: Logger): void {
  try {
    wal.close();
  } catch (cause) {
    logger.warn('failed to close the log', { error: String(cause) });
  }
}

function walOptions({ walSegmentBytes }: MemberConfig, world: MemberWorld, observer: DiskObserver): WalOptions {
  return {
    clock: world.clock,
    logger: world.logger.with({ caller: 'wal/log.ts' }),
    failpoints: world.failpoints,
    onSync: observer.onWalSync,
    onWrite: observer.onWalWrite,
    ...(walSegmentBytes === undefined ? {} : { segmentSizeBytes: walSegmentBytes }),
  };
}
