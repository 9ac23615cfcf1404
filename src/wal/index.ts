/** The write-ahead log and the `.snap` files: what other parts use. */
export type { WalRecord } from './decoder.js';
export { WalCorruptError, WalLockedError, WalNotFoundError, WalSnapshotError, WalTornError } from './errors.js';
export { recordType } from './frame.js';
export { DEFAULT_SEGMENT_SIZE_BYTES } from './log.js';
export {
  parseSegmentName,
  parseSnapshotDbName,
  parseSnapshotName,
  segmentName,
  snapshotDbName,
  snapshotName,
} from './names.js';
export { createWal, openWal } from './open.js';
export { purge } from './purge.js';
export { readRecords, readWal, walSnapshots, withSegments } from './read.js';
export { hasWal, listSegments, type SegmentFile } from './segments.js';
export { readSnapshotFile, SnapshotFileError, snapshotFiles } from './snapshot-files.js';
export type { OpenedWal, SnapshotFiles, Wal, WalContents, WalOptions, WalPosition, WalSnapshot } from './types.js';
