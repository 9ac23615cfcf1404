/**
 * Snapshot files: a database as `snapshot save` received it, followed by the SHA-256 of it. Databases are whole pages,
 * so a size 32 beyond a multiple of 512 tells that the sum is there. A database copied out of a data directory has
 * none.
 */
import { createHash } from 'node:crypto';
import { isTombstone, mainOf } from '../backend/schema/key.js';
import { readStorageVersion } from '../backend/schema/meta.js';
import { checkBolt } from '../bolt/check.js';
import { BoltError } from '../bolt/errors.js';
import { type Meta, readMetas } from '../bolt/meta.js';
import { crc32c } from '../lib/crc32c.js';
import type { Disk, DiskFile } from '../lib/disk.js';
import { pathErrorText } from '../lib/go/system-error.js';
import { LargeMap } from '../lib/large-map.js';
import { latin1Text } from '../lib/latin1.js';
import { keyOfRecord } from '../mvcc/key-value.js';
import { absent, backendReader, readDb } from './db.js';
import { DataDirError } from './errors.js';

export interface SnapshotStatus {
  /** CRC-32C over name, keys and values of every bucket in order. */
  readonly hash: number;
  /** Of the newest record in `key`; 0 when there is none. */
  readonly revision: number;
  /** Entries of all buckets; since 3.6 keys of users instead. */
  readonly totalKey: number;
  readonly totalSize: number;
  /** Storage version, since 3.6; empty when the file has none. */
  readonly version: string;
}

/** Throws DataDirError, as Go's os.Stat says it, where nothing is. */
export function findSnapshot(disk: Disk, path: string): { readonly isDirectory: boolean; readonly size: number } {
  const found = disk.stat(path);
  if (found === undefined) throw absent('stat', disk, path);
  return found;
}

/** Throws DataDirError: missing, damaged, or in bbolt's words that it is no database. */
export function snapshotStatus(disk: Disk, path: string, options: { readonly countUserKeys: boolean }): SnapshotStatus {
  const found = findSnapshot(disk, path);
  if (found.isDirectory) throw new DataDirError('invalid database');
  checkLength(path, found.size);
  try {
    return readDb(disk, path, (tx, bolt) => {
      const { problems } = checkBolt(bolt);
      if (problems.length > 0) {
        const lines = problems.map(({ pageId, offset, problem }) => `page ${pageId} (offset ${offset}): ${problem}`);
        const head = `snapshot file integrity check failed. ${problems.length} errors found.`;
        throw new DataDirError([head, ...lines].join('\n'));
      }
      let hash = 0;
      let revision = 0;
      let entries = 0;
      const userKeys = new LargeMap<string, true>();
      tx.root.range(undefined, undefined, (name) => {
        hash = crc32c(hash, name);
        const isKeyBucket = latin1Text(name) === 'key';
        tx.bucket(name)?.range(undefined, undefined, (key, value) => {
          hash = crc32c(crc32c(hash, key), value);
          entries++;
          if (!isKeyBucket) return;
          revision = mainOf(key);
          if (!options.countUserKeys) return;
          if (isTombstone(key)) userKeys.delete(keyOfRecord(value));
          else userKeys.set(keyOfRecord(value), true);
        });
      });
      return {
        hash,
        revision,
        totalKey: options.countUserKeys ? userKeys.size : entries,
        totalSize: tx.highWaterPages * bolt.pageSize,
        version: readStorageVersion(backendReader(tx)) ?? '',
      };
    });
  } catch (error) {
    if (error instanceof BoltError && error.bboltText !== undefined) throw new DataDirError(error.bboltText, error);
    throw error;
  }
}

/** What bbolt says of files that are too short for its two pages of the beginning. */
function checkLength(path: string, size: number): void {
  // It takes an empty file for a new one, and would write its pages.
  if (size === 0) throw new DataDirError(`write ${path}: bad file descriptor`);
  if (size > LEAST_READ_BYTES && size < TWO_PAGES_BYTES) throw new DataDirError(`file size too small ${size}`);
}

/** Up to here it finds no page that it could read. */
const LEAST_READ_BYTES = 2048;
const TWO_PAGES_BYTES = 8192;
const HASH_SIZE = 32;
const PIECE_SIZE_BYTES = 1024 * 1024;

/**
 * Copies the database in `from` to the new file `to`, without the sum, and durable. Throws DataDirError when the sum is
 * missing or wrong, unless `skipHashCheck`; then there is no new file.
 */
export function copySnapshot(disk: Disk, from: string, to: string, options: { readonly skipHashCheck: boolean }): void {
  const source = openSource(disk, from);
  try {
    if (disk.stat(from)?.isDirectory === true) throw new DataDirError(`read ${from}: is a directory`);
    const size = source.size();
    if (size < HASH_SIZE) throw new DataDirError(`seek ${from}: invalid argument`);
    const hasHash = size % 512 === HASH_SIZE;
    if (!hasHash && !options.skipHashCheck) throw new DataDirError('snapshot missing hash but --skip-hash-check=false');
    const bodySize = hasHash ? size - HASH_SIZE : size;
    const target = disk.open(to, 'create', 0o600);
    try {
      const actual = copyHashed(source, target, bodySize);
      const stored = Buffer.alloc(hasHash ? HASH_SIZE : 0);
      source.read(stored, bodySize);
      if (hasHash && !options.skipHashCheck && !stored.equals(actual)) {
        throw new DataDirError(`expected sha256 [${stored.join(' ')}], got [${actual.join(' ')}]`);
      }
      checkDatabase(source, bodySize);
      target.sync();
    } catch (error) {
      target.close();
      disk.remove(to);
      throw error;
    }
    target.close();
  } finally {
    source.close();
  }
}

/** A file without its sum is believed, and a sum can be that of anything: it must at least be a database. */
function checkDatabase(source: DiskFile, size: number): void {
  const readAt = (position: number, length: number): Uint8Array => {
    const bytes = Buffer.alloc(Math.max(0, Math.min(length, size - position)));
    return bytes.subarray(0, source.read(bytes, position));
  };
  let meta: Meta;
  try {
    meta = readMetas(source.path, readAt);
  } catch (cause) {
    if (cause instanceof BoltError) throw new DataDirError(cause.bboltText ?? cause.message, cause);
    throw cause;
  }
  if (meta.highWater * meta.pageSize > size) throw new DataDirError('invalid database');
}

function openSource(disk: Disk, path: string): DiskFile {
  try {
    return disk.open(path, 'read');
  } catch (error) {
    throw new DataDirError(pathErrorText('open', path, error), error);
  }
}

function copyHashed(from: DiskFile, to: DiskFile, size: number): Buffer {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafeSlow(PIECE_SIZE_BYTES);
  for (let at = 0; at < size; ) {
    const count = from.read(piece.subarray(0, Math.min(PIECE_SIZE_BYTES, size - at)), at);
    if (count === 0) throw new DataDirError(`${from.path} became shorter while it was read`);
    hash.update(piece.subarray(0, count));
    to.write([piece.subarray(0, count)], at);
    at += count;
  }
  return hash.digest();
}
