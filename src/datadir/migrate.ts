/**
 * `etcdutl migrate`: moves a data directory between storage versions. 3.6 added the key `storageVersion` and nothing
 * else, so that moving means writing, changing or removing it; going down is refused while the log holds what the older
 * version would not understand. Source: etcd 3.6's server/storage/schema and storage/wal/version.go.
 */
import { bucketBytes } from '../backend/buckets.js';
import { deleteStorageVersion, readStorageVersion, termKey, writeStorageVersion } from '../backend/schema/meta.js';
import type { ReadTx } from '../bolt/types.js';
import type { Disk } from '../lib/disk.js';
import { parseInteger } from '../lib/go/number.js';
import type { Logger } from '../lib/logger.js';
import { hasWal, readWal, walSnapshots } from '../wal/index.js';
import { absent, backendReader, backendWriter, editDb, readDb } from './db.js';
import { requestOf } from './entry-request.js';
import { DataDirError } from './errors.js';
import { dbPathOf, walDirOf } from './names.js';

/** `[major, minor]` */
export type StorageVersion = readonly [number, number];

const full = ([major, minor]: StorageVersion): string => `${major}.${minor}.0`;
const short = ([major, minor]: StorageVersion): string => `${major}.${minor}`;
const compare = (a: StorageVersion, b: StorageVersion): number => a[0] - b[0] || a[1] - b[1];

/** `3.6` as a version. Throws DataDirError in etcdutl's words. */
export function parseStorageVersion(text: string): StorageVersion {
  const [major, minor, ...more] = text.split('.');
  if (major === undefined || minor === undefined || more.length > 0)
    throw new DataDirError(`wrong target version format, expected "X.Y", got ${JSON.stringify(text)}`);
  // With a third part behind them, what comes behind a sign is a build or a pre-release.
  const release = /^[^+-]*/.exec(text)?.[0] ?? '';
  if (release !== text)
    throw new DataDirError(`failed to parse target version: ${release} is not in dotted-tri format`);
  const version: StorageVersion = [numberOf(major), numberOf(minor)];
  if (compare(version, [3, 5]) < 0)
    throw new DataDirError(`target version ${JSON.stringify(text)} not supported. Minimal "3.5"`);
  return version;
}

function numberOf(part: string): number {
  try {
    return Number(parseInteger(part, { base: 10, bits: 64 }));
  } catch (cause) {
    throw new DataDirError(`failed to parse target version: ${(cause as Error).message}`, cause);
  }
}

/** The version of a database. 3.5 leaves none, but is known by the term it keeps. Throws DataDirError. */
export function storageVersionOf(tx: Pick<ReadTx, 'bucket'>): StorageVersion {
  const text = readStorageVersion(backendReader(tx));
  if (text !== undefined) {
    const match = /^(\d+)\.(\d+)\.\d+$/.exec(text);
    if (match === null) throw new DataDirError(`malformed storage version ${JSON.stringify(text)}`);
    return [Number(match[1]), Number(match[2])];
  }
  if (tx.bucket(bucketBytes('meta'))?.get(termKey) === undefined) throw new DataDirError('missing term information');
  return [3, 5];
}

/**
 * `force`: set the version even where the log or an unknown version says no. Throws DataDirError, BoltError, log
 * errors.
 */
export function migrate(
  disk: Disk,
  dataDir: string,
  options: { readonly target: StorageVersion; readonly newest: StorageVersion; readonly force: boolean },
  logger: Logger,
): void {
  const path = dbPathOf(dataDir);
  const current = readDb(disk, path, (tx) => {
    try {
      return storageVersionOf(tx);
    } catch (error) {
      logger.error(
        'failed to detect storage version. Please make sure you are using data dir from etcd v3.5 and older',
      );
      throw error;
    }
  });
  if (compare(current, options.target) === 0) {
    logger.info('storage version up-to-date', { 'storage-version': short(current) });
    return;
  }
  const needed = neededBy(disk, walDirOf(dataDir), logger);
  const refusal = reasonAgainst({ ...options, current, needed }, logger);
  if (refusal !== undefined && !options.force) throw new DataDirError(refusal);
  if (refusal !== undefined) logger.info('normal migrate failed, trying with force', { error: refusal });
  const clears = compare(options.target, [3, 6]) < 0;
  editDb(disk, path, (tx) => {
    if (clears) deleteStorageVersion(backendWriter(tx));
    else writeStorageVersion(backendWriter(tx), full(options.target));
  });
  if (refusal !== undefined && clears) logger.warn('forcefully cleared storage version');
  else if (refusal !== undefined)
    logger.warn('forcefully set storage version', { 'storage-version': short(options.target) });
  else {
    for (const step of steps(current, options.target))
      logger.info('updated storage version', { 'new-storage-version': full(step) });
  }
}

/** The versions on the way, one minor version after the other, the target's last. */
function steps([major, from]: StorageVersion, [, to]: StorageVersion): readonly StorageVersion[] {
  const direction = Math.sign(to - from);
  return Array.from({ length: Math.abs(to - from) }, (_, at) => [major, from + direction * (at + 1)]);
}

interface Move {
  readonly current: StorageVersion;
  readonly target: StorageVersion;
  readonly newest: StorageVersion;
  /** The oldest version that understands the log. */
  readonly needed: StorageVersion;
}

function reasonAgainst({ current, target, newest, needed }: Move, logger: Logger): string | undefined {
  if (target[0] !== current[0]) {
    logger.error('Changing major storage version is not supported', {
      'storage-version': full(current),
      'target-storage-version': full(target),
    });
    return 'cannot create migration plan: changing major storage version is not supported';
  }
  if (compare(target, newest) > 0) {
    // The first of the steps that is not known.
    const unknown = full(compare(current, newest) > 0 ? current : [newest[0], newest[1] + 1]);
    return `cannot create migration plan: version ${JSON.stringify(unknown)} is not supported`;
  }
  if (compare(target, current) > 0 || compare(target, needed) >= 0) return undefined;
  return (
    `cannot downgrade storage, WAL contains newer entries, as the target version (${full(target)}) is lower ` +
    `than the version (${full(needed)}) detected from WAL logs`
  );
}

function neededBy(disk: Disk, walDir: string, logger: Logger): StorageVersion {
  try {
    if (disk.stat(walDir) === undefined)
      throw new DataDirError(`[readWALNames] fileutil.ReadDir failed: ${absent('open', disk, walDir).message}`);
    if (!hasWal(disk, walDir)) throw new DataDirError('wal: file not found');
    return walVersion(disk, walDir);
  } catch (cause) {
    const why = `failed to get the lastest snapshot: ${cause instanceof Error ? cause.message : String(cause)}`;
    logger.error('Failed to finalize config', { error: why });
    throw new DataDirError(why, cause);
  }
}

/** The oldest version that understands the log after its newest snapshot. */
function walVersion(disk: Disk, walDir: string): StorageVersion {
  const from = walSnapshots(disk, walDir).at(-1) ?? { index: 0, term: 0 };
  let version: StorageVersion = [3, 0];
  const atLeast = (other: StorageVersion): void => {
    if (compare(other, version) > 0) version = other;
  };
  for (const entry of readWal(disk, walDir, from).entries) {
    const asked = requestOf(entry);
    if (asked.t !== 'v3') continue;
    const { request } = asked;
    if (request.downgradeVersionTest) atLeast([3, 6]);
    if (request.authStatus ?? request.clusterMemberAttrSet ?? request.clusterVersionSet ?? request.downgradeInfoSet) {
      atLeast([3, 5]);
    }
    const [major, minor] = (request.downgradeVersionTest?.ver ?? '').split('.').map(Number);
    if (major !== undefined && minor !== undefined) atLeast([major, minor]);
  }
  return version;
}
