/**
 * A database file opened offline, by commands that work on it for a moment. It is locked as a member locks it: shared
 * to read, alone to write.
 */

import { bucketBytes } from '../backend/buckets.js';
import type { BackendReader, BackendWriter } from '../backend/types.js';
import { type Bolt, openBolt } from '../bolt/bolt.js';
import { BoltError } from '../bolt/errors.js';
import type { ReadTx, WriteTx } from '../bolt/types.js';
import type { Disk } from '../lib/disk.js';
import { pathErrorText } from '../lib/go/system-error.js';
import { parentOf } from '../lib/path.js';
import { DataDirError } from './errors.js';

/** Runs `use` on the file's newest state. Throws DataDirError, BoltError. */
export function readDb<T>(disk: Disk, path: string, use: (tx: ReadTx, bolt: Bolt) => T): T {
  const bolt = open(disk, path, { readOnly: true });
  try {
    const tx = bolt.beginRead();
    try {
      return use(tx, bolt);
    } finally {
      tx.close();
    }
  } finally {
    bolt.close();
  }
}

/** Runs `edit` in one transaction, durable on return. The file must exist. Throws DataDirError, BoltError. */
export function editDb<T>(disk: Disk, path: string, edit: (tx: WriteTx) => T): T {
  const bolt = open(disk, path, { readOnly: false });
  try {
    const tx = bolt.beginWrite();
    let result: T;
    try {
      result = edit(tx);
    } catch (error) {
      tx.rollback();
      throw error;
    }
    tx.commit();
    return result;
  } finally {
    bolt.close();
  }
}

/** Whether somebody else holds the database: the caller decides how long to wait. */
export function isLocked(error: unknown): boolean {
  const cause = error instanceof DataDirError ? error.cause : error;
  return cause instanceof BoltError && cause.code === 'ERR_BOLT_LOCKED';
}

/** What Go says of a file that is not there: it is something else where a file stands above it. */
export function absent(action: string, disk: Disk, path: string): DataDirError {
  let above = parentOf(path);
  while (disk.stat(above) === undefined && parentOf(above) !== above) above = parentOf(above);
  const code = disk.stat(above)?.isDirectory === false ? 'ENOTDIR' : 'ENOENT';
  return new DataDirError(pathErrorText(action, path, Object.assign(new Error(), { code })));
}

function open(disk: Disk, path: string, options: { readOnly: boolean }): Bolt {
  if (disk.stat(path) === undefined) throw absent('stat', disk, path);
  try {
    return openBolt(disk, path, options);
  } catch (error) {
    if (isLocked(error)) {
      throw new DataDirError(`${path} is in use by another process; stop the etcd that runs on it first`, error);
    }
    if (error instanceof BoltError) throw error;
    throw new DataDirError(pathErrorText('open', path, error), error);
  }
}

/** A transaction as the parts above the backend read it. */
export function backendReader(tx: Pick<ReadTx, 'bucket'>): BackendReader {
  return {
    get: (bucket, key) => tx.bucket(bucketBytes(bucket))?.get(key),
    range(bucket, start, end, limit, visit) {
      let left = limit;
      tx.bucket(bucketBytes(bucket))?.range(start, end, (key, value) => {
        if (visit(key, value) === false) return false;
        return --left !== 0;
      });
    },
  };
}

/** The same to write; a bucket is made where it is missing. */
export function backendWriter(tx: WriteTx): BackendWriter {
  return {
    put: (bucket, key, value) => tx.createBucket(bucketBytes(bucket)).put(key, value),
    delete: (bucket, key) => void tx.createBucket(bucketBytes(bucket)).delete(key),
  };
}

/** Removes every key of a bucket; the bucket itself is made where it is missing. */
export function clearBucket(tx: WriteTx, name: 'members' | 'members_removed' | 'cluster'): void {
  tx.deleteBucket(bucketBytes(name));
  tx.createBucket(bucketBytes(name));
}
