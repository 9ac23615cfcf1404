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
import type { Disk } from '../lib/disk.js';
import type { MemberId } from '../lib/ids.js';
import { Metadata } from '../proto/gen/etcdserverpb.js';
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
  type WalContents,
  type WalSnapshot,
  walSnapshots,
  withSegments,
} from '../wal/index.js';
import { checkDb, type FoundInLog } from './check-db.js';
import { type Finding, Findings, rebuild } from './findings.js';
import { dbPathOf, snapDirOf, walDirOf } from './names.js';
import { hasCustomV2Content } from './v2-content.js';
import { membershipFromV2Snapshot } from './v2-snapshot.js';

/** Never throws for what is wrong with the directory: that is a finding. */
export function checkDataDir(disk: Disk, dataDir: string, walDir: string | undefined): Finding[] {
  const check = new Check(disk, dataDir, walDirOf(dataDir, walDir));
  check.run();
  return check.findings.all;
}

class Check {
  readonly findings = new Findings();
  #log: WalContents | undefined;
  #memberId: MemberId | undefined;
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
      this.findings.error(
        what,
        'check --data-dir and --wal-dir; an empty directory is right for a member that has never run',
      );
      return;
    }
    if (hasLog) this.#guard('the log', () => this.#checkLog());
    else
      this.findings.error(
        `the log is missing: no segment in ${this.#walDir}`,
        'check --wal-dir; without its log ' + rebuild,
      );
    this.#guard('the snapshots', () => this.#checkSnapshots());
    if (hasDb) this.#guard('the database', () => checkDb(this.#disk, this.#dataDir, this.findings, this.#found));
    else this.findings.error(`the database ${dbPathOf(this.#dataDir)} is missing`, rebuild);
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
      this.findings.warn(
        `${file}: ${reason}, at offset ${offset}: a write that a crash cut short, nobody was told that it was done`,
        'none needed: the next start cuts it off and keeps a copy *.broken',
      );
    }
    this.#markers = walSnapshots(this.#disk, this.#walDir);
    const from = this.#markers.at(-1) ?? { index: 0, term: 0 };
    this.#log = readWal(this.#disk, this.#walDir, from);
    const { metadata, entries, hardState } = this.#log;
    const { NodeID, ClusterID } = Metadata.decode(metadata);
    this.#memberId = NodeID;
    const last = entries.at(-1)?.index ?? from.index;
    this.findings.note(
      `log of member ${NodeID.toString(16)} in cluster ${ClusterID.toString(16)}: ${segments.length} segments ` +
        `from index ${first?.firstIndex ?? 0}, ` +
        `last entry ${last}, committed ${commit}, term ${hardState.term}`,
    );
    if (hardState.commit > last) {
      this.findings.error(
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
        else this.findings.note(`${snapDir}/${name} is not among the log's committed snapshots and will not be used`);
      } catch (error) {
        if (!(error instanceof SnapshotFileError)) throw error;
        this.findings.warn(error.message, 'none needed: a start renames it *.broken and takes an older one');
      }
    }
    const newest = this.#markers.at(-1);
    if (newest !== undefined && newest.index > 0 && this.#snapshot?.metadata.index !== newest.index) {
      const wanted =
        `the log's newest snapshot (index ${newest.index}, term ${newest.term}) has no readable ` +
        `.snap file in ${snapDir}`;
      if (this.#snapshot === undefined && this.#oldestIndex() > 0) {
        this.findings.error(`${wanted}, and the log does not reach back to its beginning`, rebuild);
      } else {
        this.findings.warn(
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
    this.findings.note(`snapshot at index ${metadata.index} with ${members.length} members`);
    if (hasCustomV2Content(data)) {
      this.findings.note(
        'there are keys of v2; etcd 3.6 and later refuse to start with them',
        'etcdctl (API 2) to copy or delete them',
      );
    }
  }

  get #found(): FoundInLog {
    return {
      memberId: this.#memberId,
      lastIndex: this.#log?.entries.at(-1)?.index ?? this.#markers.at(-1)?.index,
      snapshotIndex: this.#snapshot?.metadata.index ?? 0,
    };
  }

  #checkLeftovers(): void {
    const snapDir = snapDirOf(this.#dataDir);
    for (const dir of [snapDir, this.#walDir]) {
      for (const name of this.#disk.stat(dir) ? this.#disk.list(dir) : []) {
        if (name.endsWith('.broken'))
          this.findings.note(
            `${dir}/${name}: put aside by an earlier repair`,
            'delete it once it is no longer of interest',
          );
        else if (/^(tmp|db\.tmp)/.test(name))
          this.findings.note(`${dir}/${name}: left by an interrupted write`, 'none needed: a start removes it');
      }
    }
  }

  #guard(what: string, check: () => void): void {
    try {
      check();
    } catch (error) {
      this.findings.error(`${what}: ${error instanceof Error ? error.message : String(error)}`, remedyOf(error));
    }
  }
}

function remedyOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ERR_DATA_DIR') return 'stop it and check again';
  if (code === 'EACCES' || code === 'EPERM') return 'check as the user that etcd runs as';
  return rebuild;
}
