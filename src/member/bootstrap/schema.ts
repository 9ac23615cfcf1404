/** What a member keeps in the bucket `meta` besides mvcc's marks: how far it has applied, and the configuration as of there. facts: data-dir 5. */
import {
  confStateKey,
  consistentIndexKey,
  encodeCounter,
  storageVersionKey,
  termKey,
} from '../../backend/schema/meta.js';
import type { Backend } from '../../backend/types.js';
import { latin1Text } from '../../lib/latin1.js';
import type { ConfState } from '../../raftpb/types.js';

/** Index of the last entry whose effects are in the backend; 0 in a new one. */
export function readConsistentIndex(backend: Backend): number {
  const bytes = backend.get('meta', consistentIndexKey);
  return bytes === undefined ? 0 : Number(Buffer.from(bytes).readBigUInt64BE());
}

export function writeConsistentIndex(backend: Backend, at: { index: number; term: number }): void {
  backend.put('meta', consistentIndexKey, encodeCounter(at.index));
  backend.put('meta', termKey, encodeCounter(at.term));
}

/** As Go marshals raftpb.ConfState: ids as bare numbers, empty lists left out. */
export function writeConfState(backend: Backend, state: ConfState): void {
  const list = (name: string, ids: readonly bigint[]): string[] =>
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

export function readStorageVersion(backend: Backend): string | undefined {
  const bytes = backend.get('meta', storageVersionKey);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString();
}

export function writeStorageVersion(backend: Backend, version: string): void {
  backend.put('meta', storageVersionKey, Buffer.from(version));
}

/** What `Hash` leaves out, since it differs between members or changes without a write. */
export function isOutsideHash(bucket: string, key: Uint8Array, options: { termToo: boolean }): boolean {
  if (bucket !== 'meta') return false;
  const name = latin1Text(key);
  return name === 'consistent_index' || name === 'storageVersion' || (options.termToo && name === 'term');
}
