import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { MemoryDisk } from '../../support/memory-disk.js';
import { unpack } from '../../support/tar.js';

const folder = new URL('../../fixtures/', import.meta.url);

/** A gzipped file of `test/fixtures`. */
export const fixtureBytes = (name: string): Buffer => gunzipSync(readFileSync(new URL(name, folder)));

export function fixtureJson<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as T;
}

/** The database of a real member's data directory. */
export function databaseOf(version: string): Buffer {
  const disk = new MemoryDisk();
  unpack(new URL(`datadir/datadir-${version}.tar.gz`, folder), disk, '/unpacked');
  return disk.content('/unpacked/data/member/snap/db');
}

/** A disk that holds just this file, as `/db`. */
export function diskWith(content: Uint8Array): MemoryDisk {
  const disk = new MemoryDisk();
  disk.setContent('/db', content);
  return disk;
}

export const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
export const text = (data: Uint8Array): string => Buffer.from(data).toString('latin1');
