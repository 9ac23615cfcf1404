/**
 * The bucket `meta`: how far the database has got.
 *
 *     consistent_index     uint64, big-endian         index of the last entry whose effects are in the database
 *     term                 uint64, big-endian         of that entry
 *     confState            JSON                       the configuration as of there
 *     storageVersion       text, `3.6.0`              the oldest etcd that can read it; absent before 3.6
 *     scheduledCompactRev  revision, as in `key`      the last compaction that was asked for
 *     finishedCompactRev   revision, as in `key`      the last one whose records are all gone
 *
 * Source: etcd's server/storage/schema (cindex.go, confstate.go, migration.go) and server/storage/mvcc/store.go.
 */
import type { MemberId } from '../../lib/ids.js';
import { latin1Text } from '../../lib/latin1.js';
import type { ConfState } from '../../raftpb/types.js';
import type { BackendReader, BackendWriter } from '../types.js';
import { mainOf, revisionKey } from './key.js';

const consistentIndexKey: Uint8Array = Buffer.from('consistent_index');
export const termKey: Uint8Array = Buffer.from('term');
const confStateKey: Uint8Array = Buffer.from('confState');
const storageVersionKey: Uint8Array = Buffer.from('storageVersion');
export const scheduledCompactKey: Uint8Array = Buffer.from('scheduledCompactRev');
export const finishedCompactKey: Uint8Array = Buffer.from('finishedCompactRev');

/** An index or term as it is stored. */
function encodeCounter(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** Index of the last entry whose effects are in the backend; 0 in a new one. */
export function readConsistentIndex(backend: BackendReader): number {
  const bytes = backend.get('meta', consistentIndexKey);
  return bytes === undefined ? 0 : Number(Buffer.from(bytes).readBigUInt64BE());
}

export function writeConsistentIndex(backend: BackendWriter, at: { index: number; term: number }): void {
  backend.put('meta', consistentIndexKey, encodeCounter(at.index));
  backend.put('meta', termKey, encodeCounter(at.term));
}

/** As Go marshals raftpb.ConfState: ids as bare numbers, empty lists left out. */
export function writeConfState(backend: BackendWriter, state: ConfState): void {
  const list = (name: string, ids: readonly MemberId[]): string[] =>
    ids.length > 0 ? [`"${name}":[${ids.join(',')}]`] : [];
  const fields = [
    ...list('voters', state.voters),
    ...list('learners', state.learners),
    ...list('voters_outgoing', state.votersOutgoing),
    ...list('learners_next', state.learnersNext),
    `"auto_leave":${state.autoLeave}`,
  ];
  backend.put('meta', confStateKey, Buffer.from(`{${fields.join(',')}}`));
}

export function readStorageVersion(backend: BackendReader): string | undefined {
  const bytes = backend.get('meta', storageVersionKey);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString();
}

/** A database that does not say its version is one of 3.5 if it knows terms, and else of none that 3.6 can name. */
export function detectStorageVersion(backend: BackendReader): string | undefined {
  return readStorageVersion(backend) ?? (backend.get('meta', termKey) === undefined ? undefined : '3.5.0');
}

export function writeStorageVersion(backend: BackendWriter, version: string): void {
  backend.put('meta', storageVersionKey, Buffer.from(version));
}

export function deleteStorageVersion(backend: BackendWriter): void {
  backend.delete('meta', storageVersionKey);
}

/** The main revision of a compaction; undefined where there was none. */
export function readCompactRevision(backend: BackendReader, key: Uint8Array): number | undefined {
  const value = backend.get('meta', key);
  return value === undefined || value.length === 0 ? undefined : mainOf(value);
}

export function writeCompactRevision(backend: BackendWriter, key: Uint8Array, revision: number): void {
  backend.put('meta', key, revisionKey(revision, 0, false));
}

/** What `Hash` leaves out, since it differs between members or changes without a write. */
export function isOutsideHash(bucket: string, key: Uint8Array, options: { termToo: boolean }): boolean {
  if (bucket !== 'meta') return false;
  const name = latin1Text(key);
  return name === 'consistent_index' || name === 'storageVersion' || (options.termToo && name === 'term');
}
