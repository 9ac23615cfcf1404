/**
 * Of `etcdutl check data-dir`, what concerns the database: whether it is sound, fits the log and the snapshots, and
 * holds revisions and members that can be read.
 */
import { bucketBytes, bucketNames } from '../backend/buckets.js';
import { isTombstone, mainOf, subOf } from '../backend/schema/key.js';
import { readConsistentIndex } from '../backend/schema/meta.js';
import { checkBolt } from '../bolt/check.js';
import type { ReadTx } from '../bolt/types.js';
import type { Disk } from '../lib/disk.js';
import type { MemberId } from '../lib/ids.js';
import { KeyValue } from '../proto/gen/mvccpb.js';
import { snapshotDbName } from '../wal/index.js';
import { BACKUP_MEMBER_NAME } from './backup.js';
import { memberFromJson } from './cluster-member.js';
import { backendReader, readDb } from './db.js';
import { type Findings, rebuild } from './findings.js';
import { dbPathOf, snapDirOf } from './names.js';

/** What log and snapshots say; undefined where they are missing. */
export interface FoundInLog {
  readonly memberId: MemberId | undefined;
  /** Of the last entry, or of the newest marker. */
  readonly lastIndex: number | undefined;
  /** 0 = no snapshot. */
  readonly snapshotIndex: number;
}

export function checkDb(disk: Disk, dataDir: string, findings: Findings, found: FoundInLog): void {
  new DbCheck(disk, dataDir, findings, found).run();
}

class DbCheck {
  readonly #disk: Disk;
  readonly #dataDir: string;
  readonly #findings: Findings;
  readonly #found: FoundInLog;

  constructor(disk: Disk, dataDir: string, findings: Findings, found: FoundInLog) {
    this.#disk = disk;
    this.#dataDir = dataDir;
    this.#findings = findings;
    this.#found = found;
  }

  run(): void {
    const path = dbPathOf(this.#dataDir);
    readDb(this.#disk, path, (tx, bolt) => {
      const { problems, entries, buckets } = checkBolt(bolt);
      for (const { offset, pageId, problem } of problems.slice(0, 20)) {
        this.#findings.error(`${path}, page ${pageId} (offset ${offset}): ${problem}`, rebuild);
      }
      if (problems.length > 20) this.#findings.error(`${path}: ${problems.length - 20} more damaged places`);
      if (problems.length > 0) return;
      this.#findings.note(`database with ${entries} entries in ${buckets} buckets, transaction ${tx.txid}`);
      for (const name of bucketNames) {
        if (tx.bucket(bucketBytes(name)) === undefined)
          this.#findings.warn(`${path}: bucket ${name} is missing`, 'none needed: a start makes it');
      }
      this.#checkIndex(tx, path);
      this.#checkKeys(tx, path);
      this.#checkMembers(tx, path);
    });
  }

  #checkIndex(tx: ReadTx, path: string): void {
    const applied = readConsistentIndex(backendReader(tx));
    this.#findings.note(`applied index ${applied}`);
    const snapshotIndex = this.#found.snapshotIndex;
    if (snapshotIndex > applied) {
      const received = `${snapDirOf(this.#dataDir)}/${snapshotDbName(snapshotIndex)}`;
      if (this.#disk.stat(received) !== undefined) {
        this.#findings.warn(
          `${path} is behind the snapshot (${applied} < ${snapshotIndex})`,
          `none needed: a start takes ${received} in its place`,
        );
      } else {
        this.#findings.error(
          `${path} is behind the snapshot (${applied} < ${snapshotIndex}), and ${received} is missing`,
          rebuild,
        );
      }
    }
    const last = this.#found.lastIndex;
    if (last !== undefined && applied > last) {
      this.#findings.error(
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
        this.#findings.error(`${path}, record ${Buffer.from(key).toString('hex')} of bucket key: ${reason}`, rebuild);
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
    this.#findings.note(`${records} revisions of keys, the newest ${newest}`);
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
        this.#findings.error(
          `${path}, bucket members: the record of ${Buffer.from(key).toString()} is unreadable`,
          rebuild,
        );
      }
    });
    const own = this.#found.memberId?.toString(16);
    if (own === undefined) return;
    const removed = tx.bucket(Buffer.from('members_removed'))?.get(Buffer.from(own)) !== undefined;
    if (isBackup) this.#findings.note('a copy made by etcdutl backup', 'start it with --force-new-cluster');
    else if (removed)
      this.#findings.error(
        `this member (${own}) has been removed from its cluster`,
        'empty the data directory and add it as a new member',
      );
    else if (inDb.length > 0 && !inDb.includes(own)) {
      this.#findings.error(
        `this member (${own}) is not among the members that its database names: ${inDb.sort().join(', ')}`,
        rebuild,
      );
    }
  }
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
