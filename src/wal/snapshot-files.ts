/**
 * `.snap` files: `snappb.snapshot { crc = 1; data = 2 }`, where data is a marshalled raftpb.Snapshot and crc its
 * CRC-32C. Named `<term>-<index>.snap`, so the newest is the last in reverse order. Source: etcd's
 * server/etcdserver/api/snap/snapshotter.go.
 */
import type { Clock } from '../lib/clock.js';
import { crc32c } from '../lib/crc32c.js';
import type { Disk } from '../lib/disk.js';
import type { Logger } from '../lib/logger.js';
import { Snapshot as SnapFile } from '../proto/gen/snappb.js';
import type { Snapshot } from '../raftpb/types.js';
import { decodeSnapshot, encodeSnapshot } from './marshal.js';
import { parseSnapshotDbName, parseSnapshotName, snapshotDbName, snapshotName } from './names.js';
import type { SnapshotFiles, WalPosition } from './types.js';

/** A `.snap` file that cannot be used; the message says why. */
export class SnapshotFileError extends Error {
  override readonly name = 'SnapshotFileError';
  readonly code = 'ERR_SNAPSHOT_FILE';
  constructor(
    readonly file: string,
    readonly reason: string,
  ) {
    super(`snap: ${reason} (${file})`);
  }
}

/** Reads one `.snap` file. Throws SnapshotFileError and system errors. */
export function readSnapshotFile(disk: Disk, path: string): Snapshot {
  const bytes = readWhole(disk, path);
  if (bytes.length === 0) throw new SnapshotFileError(path, 'empty snapshot');
  const { crc, data } = decoded(path, () => SnapFile.decode(bytes));
  if (data === undefined || data.length === 0 || crc === 0) throw new SnapshotFileError(path, 'empty snapshot');
  const actual = crc32c(0, data);
  if (actual !== crc) throw new SnapshotFileError(path, `crc mismatch: ${crc} stored, ${actual} computed`);
  return decoded(path, () => decodeSnapshot(data));
}

/** How long a `.snap` file took to be made. */
export interface SnapshotSaveTimes {
  readonly marshalMs: number;
  readonly fsyncMs: number;
  readonly totalMs: number;
}

export interface SnapshotFilesOptions {
  readonly clock: Clock;
  readonly onSave: (times: SnapshotSaveTimes) => void;
}

/** The `.snap` files of `<data-dir>/member/snap`, which must exist. */
export function snapshotFiles(disk: Disk, dir: string, logger: Logger, measured?: SnapshotFilesOptions): SnapshotFiles {
  const nowMs = (): number => measured?.clock.monotonicMs() ?? 0;
  return {
    save(snapshot) {
      const { term, index } = snapshot.metadata;
      const beganMs = nowMs();
      const data = encodeSnapshot(snapshot);
      const path = `${dir}/${snapshotName({ term, index })}`;
      // etcd-diff: etcd writes in place; a crash then leaves a broken file under a good name. The prefix is one that
      // etcd clears away too.
      const building = `${dir}/tmp-${snapshotName({ term, index })}`;
      const bytes = SnapFile.encode({ crc: crc32c(0, data), data });
      const marshalMs = nowMs() - beganMs;
      const fsyncMs = writeWhole(disk, building, bytes, nowMs);
      disk.rename(building, path);
      disk.syncDir(dir);
      measured?.onSave({ marshalMs, fsyncMs, totalMs: nowMs() - beganMs });
    },

    loadNewest(known) {
      const names = disk.list(dir).filter((name) => parseSnapshotName(name) !== undefined);
      for (const name of names.reverse()) {
        const path = `${dir}/${name}`;
        const snapshot = load(path);
        if (snapshot && (known === undefined || known.some((position) => isAt(snapshot, position))))
          return { snapshot, file: path };
      }
      return undefined;
    },

    dbPath: (index) => `${dir}/${snapshotDbName(index)}`,

    releaseDbs(before) {
      for (const name of disk.list(dir)) {
        const index = parseSnapshotDbName(name);
        if (index !== undefined && index < before) disk.remove(`${dir}/${name}`);
      }
    },

    removeLeftovers() {
      for (const name of disk.list(dir)) {
        if (!name.startsWith('tmp') && !name.startsWith('db.tmp')) continue;
        logger.info('removed a leftover file', { path: `${dir}/${name}` });
        disk.remove(`${dir}/${name}`);
      }
    },
  };

  /** Undefined when it was unreadable and has been put aside. */
  function load(path: string): Snapshot | undefined {
    try {
      return readSnapshotFile(disk, path);
    } catch (error) {
      if (!(error instanceof SnapshotFileError)) throw error;
      const broken = `${path}.broken`;
      logger.warn('failed to read a snap file, renaming it', { path, 'broken-path': broken, error });
      disk.rename(path, broken);
      return undefined;
    }
  }
}

const isAt = ({ metadata }: Snapshot, { index, term }: WalPosition): boolean =>
  metadata.index === index && metadata.term === term;

/** A v2 store of this size could not be sent to a peer; a larger file is none of ours, and must not take all memory. */
const MOST_SNAPSHOT_BYTES = 1024 ** 3;

function readWhole(disk: Disk, path: string): Uint8Array {
  const file = disk.open(path, 'read');
  try {
    const size = file.size();
    if (size > MOST_SNAPSHOT_BYTES) throw new SnapshotFileError(path, `${size} bytes are more than any snapshot has`);
    const bytes = Buffer.allocUnsafeSlow(size);
    return bytes.subarray(0, file.read(bytes, 0));
  } finally {
    file.close();
  }
}

/** Returns how long the sync took. */
function writeWhole(disk: Disk, path: string, bytes: Uint8Array, nowMs: () => number): number {
  let fsyncMs = 0;
  if (disk.stat(path) !== undefined) disk.remove(path);
  const file = disk.open(path, 'create', 0o644);
  try {
    file.write([bytes], 0);
    const beganMs = nowMs();
    file.sync();
    fsyncMs = nowMs() - beganMs;
  } catch (error) {
    file.close();
    disk.remove(path);
    throw error;
  }
  file.close();
  return fsyncMs;
}

function decoded<T>(path: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new SnapshotFileError(path, `malformed content: ${error instanceof Error ? error.message : String(error)}`);
  }
}
