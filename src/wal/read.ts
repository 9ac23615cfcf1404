/**
 * Reading a log: the records of its segments in order, put together to entries and state.
 *
 * An entry may be written more than once: a new leader replaces what its predecessor left uncommitted. So the last
 * record of an index counts, and it takes all later ones with it. Source: etcd's server/storage/wal/wal.go, ReadAll and
 * ValidSnapshotEntries.
 */
import type { Disk, DiskFile } from '../lib/disk.js';
import type { Entry, HardState } from '../raftpb/types.js';
import { isEmptyHardState, makeHardState } from '../raftpb/types.js';
import { SegmentReader, type WalRecord } from './decoder.js';
import { WalCorruptError, WalSnapshotError, WalTornError } from './errors.js';
import { recordType } from './frame.js';
import { decodeEntry, decodeHardState, decodeWalSnapshot } from './marshal.js';
import { listSegments, type SegmentFile, segmentsFrom } from './segments.js';
import type { WalContents, WalPosition, WalSnapshot } from './types.js';

/** How far a reading came. */
export interface ReadEnd {
  /** In the last segment, where the next record belongs. */
  readonly position: number;
  readonly crc: number;
  /** Set when it ended at a torn record rather than cleanly. */
  readonly torn: WalTornError | undefined;
}

/**
 * Hands every record to `visit`. A torn record in the last segment ends the reading; all else that is wrong throws
 * (WalCorruptError, system errors). `files` are the opened segments, in order, left open.
 */
export function readRecords(files: readonly DiskFile[], visit: (record: WalRecord) => void): ReadEnd {
  let crc = 0;
  let position = 0;
  for (const [i, file] of files.entries()) {
    const reader = new SegmentReader(file, i === files.length - 1, crc);
    try {
      for (let record = reader.next(); record !== undefined; record = reader.next()) visit(record);
    } catch (error) {
      if (error instanceof WalTornError) return { position: reader.position, crc: reader.crc, torn: error };
      throw error;
    }
    ({ crc, position } = reader);
  }
  return { position, crc, torn: undefined };
}

/** Opens the segments for reading, without locks, for as long as `use` runs. */
export function withSegments<T>(
  disk: Disk,
  segments: readonly SegmentFile[],
  use: (files: readonly DiskFile[]) => T,
): T {
  const files: DiskFile[] = [];
  try {
    for (const segment of segments) files.push(disk.open(segment.path, 'read'));
    return use(files);
  } finally {
    for (const file of files) file.close();
  }
}

/** Reads without locks and without changing anything; a torn last record is passed over. Throws as `openWal` does. */
export function readWal(disk: Disk, dir: string, from: WalPosition): WalContents {
  const segments = segmentsFrom(disk, dir, from.index);
  const collector = new Collector(dir, from, segments[0]?.path ?? dir);
  withSegments(disk, segments, (files) => readRecords(files, (record) => collector.add(record)));
  return collector.finish();
}

/**
 * Markers of snapshots that can be started from: those whose index is committed, in the order they were written. Reads
 * all segments, without locks; a torn last record is passed over.
 */
export function walSnapshots(disk: Disk, dir: string): WalSnapshot[] {
  const first = listSegments(disk, dir)[0];
  const segments = segmentsFrom(disk, dir, first?.firstIndex ?? 0);
  const found: WalSnapshot[] = [];
  let commit = 0;
  const visit = (record: WalRecord): void => {
    if (record.type === recordType.snapshot) found.push(parse(record, decodeWalSnapshot));
    else if (record.type === recordType.state) commit = parse(record, decodeHardState).commit;
  };
  withSegments(disk, segments, (files) => readRecords(files, visit));
  return found.filter((snapshot) => snapshot.index <= commit);
}

/** Puts a log's contents together from its records. */
export class Collector {
  readonly #entries: Entry[] = [];
  #metadata: Uint8Array | undefined;
  #hardState: HardState = makeHardState();
  #matched = false;
  /** Of the last entry read, whether before or after the position. */
  lastIndex = 0;
  readonly #dir: string;
  readonly #from: WalPosition;
  readonly #firstFile: string;

  constructor(
    dir: string,
    from: WalPosition,
    /** The file that has to say whose log it is. */
    firstFile: string,
  ) {
    this.#dir = dir;
    this.#from = from;
    this.#firstFile = firstFile;
  }

  add(record: WalRecord): void {
    switch (record.type) {
      case recordType.entry:
        this.#addEntry(record);
        return;
      case recordType.state:
        this.#setState(record);
        return;
      case recordType.metadata:
        if (this.#metadata !== undefined && Buffer.compare(this.#metadata, record.data) !== 0) {
          throw new WalCorruptError(
            record.file,
            record.offset,
            'conflicting metadata: the segment belongs to another member or cluster',
          );
        }
        this.#metadata = record.data;
        return;
      case recordType.snapshot: {
        const snapshot = parse(record, decodeWalSnapshot);
        if (snapshot.index === this.#from.index) {
          if (snapshot.term !== this.#from.term) throw new WalSnapshotError(this.#dir, this.#from, snapshot.term);
          this.#matched = true;
        }
        return;
      }
      case recordType.crc:
        if (record.data.length > 0) throw new WalCorruptError(record.file, record.offset, 'a crc record with data');
        return;
      default:
        throw new WalCorruptError(
          record.file,
          record.offset,
          `unexpected record type ${record.type}, written by a newer version`,
        );
    }
  }

  #addEntry(record: WalRecord): void {
    const entry = parse(record, decodeEntry);
    if (entry.type > 2) implausible(record, `entry ${entry.index} is of unknown type ${entry.type}`);
    if (!Number.isSafeInteger(entry.term + 1) || !Number.isSafeInteger(entry.index + 1))
      implausible(record, 'term or index out of range');
    this.lastIndex = entry.index;
    if (entry.index <= this.#from.index) return;
    const at = entry.index - this.#from.index - 1;
    if (at > this.#entries.length) {
      const expected = this.#from.index + this.#entries.length + 1;
      throw new WalCorruptError(
        record.file,
        record.offset,
        `entry ${entry.index} follows a gap: entry ${expected} is missing`,
      );
    }
    const previous = this.#entries[at - 1];
    if (previous !== undefined && entry.term < previous.term) {
      implausible(record, `entry ${entry.index} has term ${entry.term} after one of term ${previous.term}`);
    }
    this.#entries.length = at;
    this.#entries.push(entry);
  }

  #setState(record: WalRecord): void {
    const state = parse(record, decodeHardState);
    const { term } = this.#hardState;
    if (state.term < term) implausible(record, `the term goes back from ${term} to ${state.term}`);
    if (state.term === 0 && !isEmptyHardState(state)) implausible(record, 'a vote or commit index without a term');
    if (!Number.isSafeInteger(state.term + 1) || !Number.isSafeInteger(state.commit + 1))
      implausible(record, 'term or commit index out of range');
    this.#hardState = state;
  }

  finish(): WalContents {
    if (this.#metadata === undefined) throw new WalCorruptError(this.#firstFile, 0, 'no metadata record');
    if (!this.#matched) throw new WalSnapshotError(this.#dir, this.#from, undefined);
    return { metadata: this.#metadata, hardState: this.#hardState, entries: this.#entries };
  }
}

/**
 * The checksum covers a record's data but not its type, so one flipped bit can make an entry a hard state or the other
 * way round. What raft never writes gives it away.
 */
function implausible(record: WalRecord, reason: string): never {
  throw new WalCorruptError(record.file, record.offset, reason);
}

/** A record whose checksum is right but whose content is not what its type says. */
function parse<T>(record: WalRecord, decode: (bytes: Uint8Array) => T): T {
  try {
    return decode(record.data);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new WalCorruptError(
      record.file,
      record.offset,
      `malformed content of a record of type ${record.type}: ${reason}`,
    );
  }
}
