/** `etcdutl hashkv`: what a member that had this database would answer to HashKV. */
import { readCompactRevision, scheduledCompactKey } from '../backend/schema/meta.js';
import type { Disk } from '../lib/disk.js';
import { KvHasher } from '../mvcc/hash.js';
import { restore } from '../mvcc/restore.js';
import { innerText, wireErrors } from '../proto/errors.js';
import { backendReader, readDb } from './db.js';
import { DataDirError } from './errors.js';

export interface FileHashKv {
  readonly hash: number;
  readonly hashRevision: number;
  /** -1 = never compacted. */
  readonly compactRevision: number;
}

/**
 * `revision` 0 = the newest. Nothing is changed in the file. Throws DataDirError, also for a revision it does not have,
 * and BoltError.
 */
export function hashKv(disk: Disk, path: string, revision: number): FileHashKv {
  return readDb(disk, path, (tx) => {
    const reader = backendReader(tx);
    const { index, currentRevision, compactRevision: finished } = restore(reader);
    // A member that opens this database first does the compaction that it was asked for.
    const compactRevision = Math.max(finished, readCompactRevision(reader, scheduledCompactKey) ?? -1);
    const at = revision === 0 ? currentRevision : revision;
    // Of a revision below zero the hash is that of nothing.
    if (at > 0 && at < compactRevision) throw new DataDirError(innerText(wireErrors.compacted));
    if (at > currentRevision) throw new DataDirError(innerText(wireErrors.futureRevision));
    const hasher = new KvHasher(index, { revision: at, compactRevision, forCompaction: false });
    reader.range('key', new Uint8Array(0), undefined, 0, (key, value) => hasher.add(key, value));
    return { hash: hasher.hash, hashRevision: at, compactRevision };
  });
}
