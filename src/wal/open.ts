/**
 * Making a log, and opening one to go on writing.
 *
 * A new log is built in `<dir>.tmp` and renamed, so that a crash leaves either a whole log or none. Opening takes the
 * locks of all segments it reads; with them held it repairs a torn last record (once a copy `*.broken` exists), clears
 * what stands after the last record, and syncs what a killed process may have left in the page cache: the member takes
 * all that it reads for durable, and others count on it.
 */
import type { Disk, DiskFile } from '../lib/disk.js';
import { parentOf } from '../lib/path.js';
import { syncName } from '../lib/sync-name.js';
import { Encoder } from './encoder.js';
import { WalLockedError, WalNotFoundError, type WalTornError } from './errors.js';
import { DEFAULT_SEGMENT_SIZE_BYTES, emptyState, Log } from './log.js';
import { encodeWalSnapshot } from './marshal.js';
import { segmentName } from './names.js';
import { Collector, readRecords } from './read.js';
import { createSegmentFile, Segment } from './segment.js';
import { hasWal, type SegmentFile, segmentsFrom } from './segments.js';
import type { OpenedWal, Wal, WalOptions, WalPosition } from './types.js';

/**
 * A new log in `dir`, whose parent must exist; `metadata` is marshalled `etcdserverpb.Metadata`, kept. Durable on
 * return. Throws an error with code EEXIST when there is a log already, and system errors.
 */
export function createWal(disk: Disk, dir: string, metadata: Uint8Array, options: WalOptions): Wal {
  if (hasWal(disk, dir))
    throw Object.assign(new Error(`wal: a log exists already (${dir})`), { code: 'EEXIST', path: dir });
  const building = `${dir}.tmp`;
  if (disk.stat(building) !== undefined) disk.remove(building, { recursive: true });
  disk.makeDir(building, 0o700);

  const name = { sequence: 0, firstIndex: 0 };
  const file = createSegmentFile(
    disk,
    `${building}/${segmentName(name)}`,
    options.segmentSizeBytes ?? DEFAULT_SEGMENT_SIZE_BYTES,
  );
  try {
    const head = new Encoder(0);
    head.crcRecord();
    head.metadata(metadata);
    head.snapshot(encodeWalSnapshot({ index: 0, term: 0 }));
    file.write([head.bytes()], 0);
    file.sync();
    disk.syncDir(building);
    // An empty folder (a mount point's, or made by hand) is replaced by the rename; anything else in it is in our way,
    // as for etcd.
    if (disk.stat(dir) !== undefined && disk.list(dir).length > 0) disk.remove(dir, { recursive: true });
    disk.rename(building, dir);
    disk.syncDir(parentOf(dir));
    const segment = new Segment({ ...name, path: `${dir}/${segmentName(name)}` }, file);
    const start = {
      metadata,
      hardState: emptyState,
      lastIndex: 0,
      crc: head.crc,
      position: head.size,
      segments: [segment],
    };
    return new Log(disk, dir, start, options);
  } catch (error) {
    file.close();
    throw error;
  }
}

/**
 * Reads the log after `from` and opens it for writing. Throws WalNotFoundError, WalLockedError, WalSnapshotError,
 * WalCorruptError (nothing was changed then) and system errors.
 */
export function openWal(disk: Disk, dir: string, from: WalPosition, options: WalOptions): OpenedWal {
  const segments = lockAll(disk, segmentsFrom(disk, dir, from.index));
  try {
    const collector = new Collector(dir, from, segments[0]?.name.path ?? dir);
    const end = readRecords(
      segments.map((segment) => segment.file),
      (record) => collector.add(record),
    );
    const contents = collector.finish();
    const tail = segments.at(-1);
    if (tail === undefined) throw new WalNotFoundError(dir);
    const repaired = end.torn && repair(disk, tail.file, end.torn, options);
    // What stands after a zero word was never synced. Left there, the part of it that new records do not cover would be
    // read as records.
    tail.file.truncate(end.position);
    tail.file.allocate(Math.max(end.position, options.segmentSizeBytes ?? DEFAULT_SEGMENT_SIZE_BYTES));
    tail.file.sync();
    disk.syncDir(dir);
    syncName(disk, dir);
    const { metadata, hardState } = contents;
    const start = {
      metadata,
      hardState,
      lastIndex: Math.max(collector.lastIndex, from.index),
      crc: end.crc,
      position: end.position,
      segments,
    };
    return { ...contents, wal: new Log(disk, dir, start, options), ...(repaired && { repaired }) };
  } catch (error) {
    for (const segment of segments) segment.close();
    throw error;
  }
}

function lockAll(disk: Disk, names: readonly SegmentFile[]): Segment[] {
  const segments: Segment[] = [];
  try {
    for (const name of names) {
      const segment = new Segment(name, disk.open(name.path, 'write'));
      segments.push(segment);
      if (!segment.file.tryLock('wal')) throw new WalLockedError(name.path);
    }
    return segments;
  } catch (error) {
    for (const segment of segments) segment.close();
    throw error;
  }
}

/** Keeps a copy of the file, then cuts the torn record off; durable on return. */
function repair(
  disk: Disk,
  file: DiskFile,
  torn: WalTornError,
  { logger }: WalOptions,
): NonNullable<OpenedWal['repaired']> {
  const { path } = file;
  const backup = `${path}.broken`;
  logger.warn('repairing WAL', { path, offset: torn.offset, reason: torn.reason });
  copyFile(disk, file, backup);
  file.truncate(torn.offset);
  file.sync();
  logger.info('repaired WAL', { path, backup, offset: torn.offset });
  return { file: path, backup, offset: torn.offset };
}

function copyFile(disk: Disk, from: DiskFile, to: string): void {
  if (disk.stat(to) !== undefined) disk.remove(to);
  const copy = disk.open(to, 'create', 0o600);
  try {
    const piece = Buffer.allocUnsafeSlow(1024 * 1024);
    for (let at = 0; ; ) {
      const count = from.read(piece, at);
      if (count === 0) break;
      copy.write([piece.subarray(0, count)], at);
      at += count;
    }
    copy.sync();
  } catch (error) {
    copy.close();
    disk.remove(to);
    throw error;
  }
  copy.close();
  disk.syncDir(parentOf(to));
}
