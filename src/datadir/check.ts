/**
 * `etcdutl check data-dir`: whether a member could start from a data directory, and where not, why, where, and what to
 * do. Reads only.
 *
 * What must hold for a start, checked in this order (docs/formats/data-directory.md; etcd's server/verify/verify.go):
 *   log        every record whole and in chain, from one segment on without a gap; one owner
 *   snapshots  the newest committed marker of the log has a readable `.snap` file
 *   database   every page sound; the applied index neither behind the newest snapshot (unless a received database waits
 *              beside it) nor beyond the log
 *   contents   revisions in order and readable, members alike in database and snapshot
 */
import { bucketBytes, bucketNames } from '../backend/buckets.js';
import { isTombstone, mainOf, subOf } from '../backend/schema/key.js';
import { readConsistentIndex } from '../backend/schema/meta.js';
import { checkBolt } from '../bolt/check.js';
import type { ReadTx } from '../bolt/types.js';
import type { Disk } from '../lib/disk.js';
import { Metadata } from '../proto/gen/etcdserverpb.js';
import { KeyValue } from '../proto/gen/mvccpb.js';
import { hardStateCodec } from '../raftpb/codec.js';
import type { Snapshot } from '../raftpb/types.js';
import {
  listSegments,
  parseSnapshotName,
  readRecords,
  readSnapshotFile,
  readWal,
  recordType,
  SnapshotFileError,
  snapshotDbName,
  type WalContents,
  type WalSnapshot,
  walSnapshots,
  withSegments,
} from '../wal/index.js';
import { BACKUP_MEMBER_NAME } from './backup.js';
import { memberFromJson } from './cluster-member.js';
import { backendReader, readDb } from './db.js';
import { dbPathOf, snapDirOf, walDirOf } from './names.js';
import { hasCustomV2Content } from './v2-content.js';
import { membershipFromV2Snapshot } from './v2-snapshot.js';

export interface Finding {
  /**
   * `note`: worth knowing. `warning`: a start puts it right. `error`: the member cannot start, or must not be trusted.
   */
  readonly level: 'note' | 'warning' | 'error';
  /** What was found and where. */
  readonly what: string;
  readonly remedy?: string;
}

const rebuild =
  'if the cluster has other healthy members, remove this one, empty its data directory and add it again; if not, ' +
  'restore from a snapshot';

/** Never throws for what is wrong with the directory: that is a finding. */
export function checkDataDir(disk: Disk, dataDir: string, walDir: string | undefined): Finding[] {
  const check = new Check(disk, dataDir, walDirOf(dataDir, walDir));
  check.run();
  return check.findings;
}

class Check {
  readonly findings: Finding[] = [];
  #log: WalContents | undefined;
  #markers: WalSnapshot[] = [];
  #snapshot: Snapshot | undefined;
  readonly #disk: Disk;
  readonly #dataDir: string;
  readonly #walDir: string;

  constructor(disk: Disk, dataDir: string, walDir: string) {
    this.#disk = disk;
    this.#dataDir = dataDir;
    this.#walDir = walDir;
  }

  run(): void {
    const hasLog = listSegments(this.#disk, this.#walDir).length > 0;
    const hasDb = this.#disk.stat(dbPathOf(this.#dataDir)) !== undefined;
    if (!hasLog && !hasDb) {
      const what = `${this.#dataDir} holds no member: neither ${this.#walDir} nor ${dbPathOf(this.#dataDir)} is there`;
      this.#error(what, 'check --data-dir and --wal-dir; an empty directory is right for a member that has never run');
      return;
    }
    if (hasLog) this.#guard('the log', () => this.#checkLog());
    else
      this.#error(`the log is missing: no segment in ${this.#walDir}`, 'check --wal-dir; without its log ' + rebuild);
    this.#guard('the snapshots', () => this.#checkSnapshots());
    if (hasDb) this.#guard('the database', () => this.#checkDb());
    else this.#error(`the database ${dbPathOf(this.#dataDir)} is missing`, rebuild);
    this.#checkLeftovers();
  }

  #checkLog(): void {
    const segments = listSegments(this.#disk, this.#walDir);
    const first = segments[0];
    let commit = 0;
    const end = withSegments(this.#disk, segments, (files) =>
      readRecords(files, (record) => {
        if (record.type === recordType.state) ({ commit } = hardStateCodec['3.5'].decode(record.data));
      }),
    );
    if (end.torn !== undefined) {
      const { file, offset, reason } = end.torn;
      this.#warn(
        `${file}: ${reason}, at offset ${offset}: a write that a crash cut short, nobody was told that it was done`,
        'none needed: the next start cuts it off and keeps a copy *.broken',
      );
    }
    this.#markers = walSnapshots(this.#disk, this.#walDir);
    const from = this.#markers.at(-1) ?? { index: 0, term: 0 };
    this.#log = readWal(this.#disk, this.#walDir, from);
    const { metadata, entries, hardState } = this.#log;
    const { NodeID, ClusterID } = Metadata.decode(metadata);
    const last = entries.at(-1)?.index ?? from.index;
    this.#note(
      `log of member ${NodeID.toString(16)} in cluster ${ClusterID.toString(16)}: ${segments.length} segments ` +
        `from index ${first?.firstIndex ?? 0}, ` +
        `last entry ${last}, committed ${commit}, term ${hardState.term}`,
    );
    if (hardState.commit > last) {
      this.#error(
        `the log says that entry ${hardState.commit} is committed, but ends at ${last}: acknowledged entries are lost`,
        rebuild,
      );
    }
  }

  #checkSnapshots(): void {
    const snapDir = snapDirOf(this.#dataDir);
    const names = this.#disk.stat(snapDir) ? this.#disk.list(snapDir) : [];
    for (const name of names.filter((candidate) => parseSnapshotName(candidate) !== undefined)) {
      const position = parseSnapshotName(name);
      try {
        const snapshot = readSnapshotFile(this.#disk, `${snapDir}/${name}`);
        const known = this.#markers.some(({ index, term }) => index === position?.index && term === position.term);
        if (known) this.#snapshot = snapshot;
        else this.#note(`${snapDir}/${name} is not among the log's committed snapshots and will not be used`);
      } catch (error) {
        if (!(error instanceof SnapshotFileError)) throw error;
        this.#warn(error.message, 'none needed: a start renames it *.broken and takes an older one');
      }
    }
    const newest = this.#markers.at(-1);
    if (newest !== undefined && newest.index > 0 && this.#snapshot?.metadata.index !== newest.index) {
      const wanted =
        `the log's newest snapshot (index ${newest.index}, term ${newest.term}) has no readable ` +
        `.snap file in ${snapDir}`;
      if (this.#snapshot === undefined && this.#oldestIndex() > 0) {
        this.#error(`${wanted}, and the log does not reach back to its beginning`, rebuild);
      } else {
        this.#warn(
          wanted,
          'none needed: a start replays the log from an older snapshot; etcd 3.7 does not need the file at all',
        );
      }
    }
    if (this.#snapshot !== undefined) this.#guard('the v2 store', () => this.#checkV2());
  }

  #oldestIndex(): number {
    return listSegments(this.#disk, this.#walDir)[0]?.firstIndex ?? 0;
  }

  #checkV2(): void {
    const { data, metadata } = this.#snapshot ?? { data: new Uint8Array(), metadata: { index: 0 } };
    const { members } = membershipFromV2Snapshot(data);
    this.#note(`snapshot at index ${metadata.index} with ${members.length} members`);
    if (hasCustomV2Content(data)) {
      this.#note(
        'there are keys of v2; etcd 3.6 and later refuse to start with them',
        'etcdctl (API 2) to copy or delete them',
      );
    }
  }

  #checkDb(): void {
    const path = dbPathOf(this.#dataDir);
    readDb(this.#disk, path, (tx, bolt) => {
      const { problems, entries, buckets } = checkBolt(bolt);
      for (const { offset, pageId, problem } of problems.slice(0, 20)) {
        this.#error(`${path}, page ${pageId} (offset ${offset}): ${problem}`, rebuild);
      }
      if (problems.length > 20) this.#error(`${path}: ${problems.length - 20} more damaged places`);
      if (problems.length > 0) return;
      this.#note(`database with ${entries} entries in ${buckets} buckets, transaction ${tx.txid}`);
      for (const name of bucketNames) {
        if (tx.bucket(bucketBytes(name)) === undefined)
          this.#warn(`${path}: bucket ${name} is missing`, 'none needed: a start makes it');
      }
      this.#checkIndex(tx, path);
      this.#checkKeys(tx, path);
      this.#checkMembers(tx, path);
    });
  }

  #checkIndex(tx: ReadTx, path: string): void {
    const applied = readConsistentIndex(backendReader(tx));
    this.#note(`applied index ${applied}`);
    const snapshotIndex = this.#snapshot?.metadata.index ?? 0;
    if (snapshotIndex > applied) {
      const received = `${snapDirOf(this.#dataDir)}/${snapshotDbName(snapshotIndex)}`;
      if (this.#disk.stat(received) !== undefined) {
        this.#warn(
          `${path} is behind the snapshot (${applied} < ${snapshotIndex})`,
          `none needed: a start takes ${received} in its place`,
        );
      } else {
        this.#error(
          `${path} is behind the snapshot (${applied} < ${snapshotIndex}), and ${received} is missing`,
          rebuild,
        );
      }
    }
    const last = this.#log?.entries.at(-1)?.index ?? this.#markers.at(-1)?.index;
    if (last !== undefined && applied > last) {
      this.#error(
        `${path} has applied entry ${applied}, but the log ends at ${last}: the log lost acknowledged entries`,
        rebuild,
      );
    }
  }

  #checkKeys(tx: ReadTx, path: string): void {
    let records = 0;
    let newest = 0;
    let bad = 0;
    const report = (key: Uint8Array, reason: string): void => {
      if (bad++ < 20)
        this.#error(`${path}, record ${Buffer.from(key).toString('hex')} of bucket key: ${reason}`, rebuild);
    };
    tx.bucket(Buffer.from('key'))?.range(undefined, undefined, (key, value) => {
      records++;
      if ((key.length !== 17 && !isTombstone(key)) || key[8] !== 0x5f) {
        report(key, 'its key is no revision');
        return;
      }
      newest = mainOf(key);
      const problem = recordProblem(key, value);
      if (problem !== undefined) report(key, problem);
    });
    this.#note(`${records} revisions of keys, the newest ${newest}`);
  }

  #checkMembers(tx: ReadTx, path: string): void {
    const inDb: string[] = [];
    let isBackup = false;
    tx.bucket(Buffer.from('members'))?.range(undefined, undefined, (key, value) => {
      try {
        const member = memberFromJson(Buffer.from(value).toString());
        inDb.push(member.id.toString(16));
        isBackup ||= member.name === BACKUP_MEMBER_NAME;
      } catch {
        this.#error(`${path}, bucket members: the record of ${Buffer.from(key).toString()} is unreadable`, rebuild);
      }
    });
    if (this.#log === undefined) return;
    const own = Metadata.decode(this.#log.metadata).NodeID.toString(16);
    const removed = tx.bucket(Buffer.from('members_removed'))?.get(Buffer.from(own)) !== undefined;
    if (isBackup) this.#note('a copy made by etcdutl backup', 'start it with --force-new-cluster');
    else if (removed)
      this.#error(
        `this member (${own}) has been removed from its cluster`,
        'empty the data directory and add it as a new member',
      );
    else if (inDb.length > 0 && !inDb.includes(own)) {
      this.#error(
        `this member (${own}) is not among the members that its database names: ${inDb.sort().join(', ')}`,
        rebuild,
      );
    }
  }

  #checkLeftovers(): void {
    const snapDir = snapDirOf(this.#dataDir);
    for (const dir of [snapDir, this.#walDir]) {
      for (const name of this.#disk.stat(dir) ? this.#disk.list(dir) : []) {
        if (name.endsWith('.broken'))
          this.#note(`${dir}/${name}: put aside by an earlier repair`, 'delete it once it is no longer of interest');
        else if (/^(tmp|db\.tmp)/.test(name))
          this.#note(`${dir}/${name}: left by an interrupted write`, 'none needed: a start removes it');
      }
    }
  }

  #guard(what: string, check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#error(`${what}: ${error instanceof Error ? error.message : String(error)}`, remedyOf(error));
    }
  }

  #note(what: string, remedy?: string): void {
    this.findings.push({ level: 'note', what, ...(remedy === undefined ? {} : { remedy }) });
  }

  #warn(what: string, remedy: string): void {
    this.findings.push({ level: 'warning', what, remedy });
  }

  #error(what: string, remedy = rebuild): void {
    this.findings.push({ level: 'error', what, remedy });
  }
}

function remedyOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ERR_DATA_DIR') return 'stop it and check again';
  if (code === 'EACCES' || code === 'EPERM') return 'check as the user that etcd runs as';
  return rebuild;
}

/**
 * A record must be a KeyValue of the revision that its key says; restoring with a raised revision leaves one that is
 * empty.
 */
function recordProblem(key: Uint8Array, value: Uint8Array): string | undefined {
  if (value.length === 0) return undefined;
  let kv: KeyValue;
  try {
    kv = KeyValue.decode(value);
  } catch (error) {
    return `unreadable: ${error instanceof Error ? error.message : String(error)}`;
  }
  if (isTombstone(key)) return undefined;
  if (kv.modRevision !== mainOf(key))
    return `it says it was written at revision ${kv.modRevision}, its key ${mainOf(key)}/${subOf(key)}`;
  return kv.createRevision > kv.modRevision ? `created at ${kv.createRevision}, after it was written` : undefined;
}
