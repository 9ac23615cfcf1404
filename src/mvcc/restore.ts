/**
 * Reads the `key` bucket back into an index. Source: etcd's mvcc/kvstore.go, restore.
 *
 * The current revision is the last record's, but not below a finished or scheduled compaction: where the newest change
 * was a tombstone, the compaction may have deleted it before the crash, and revisions must never go back (#17780).
 */

import type { BackendReader } from '../backend/types.js';
import type { LeaseId } from '../lib/ids.js';
import { latin1Text } from '../lib/latin1.js';
import { extended, type History } from './key-history.js';
import { KeyIndex } from './key-index.js';
import { decodeRecord } from './key-value.js';
import { isTombstone, mainOf, revisionKey, subOf } from './revision.js';

export const scheduledKey = Buffer.from('scheduledCompactRev', 'latin1');
export const finishedKey = Buffer.from('finishedCompactRev', 'latin1');

export interface Restored {
  readonly index: KeyIndex;
  readonly currentRevision: number;
  /** -1 = never compacted. */
  readonly compactRevision: number;
  /** Keys that hang on a lease, with their newest record's. */
  readonly leased: ReadonlyMap<string, LeaseId>;
}

export function restore(backend: BackendReader): Restored {
  const histories = new Map<string, History>();
  const leased = new Map<string, LeaseId>();
  let currentRevision = 1;
  backend.range('key', revisionKey(1, 0, false), undefined, 0, (recordKey, record) => {
    const main = mainOf(recordKey);
    const sub = subOf(recordKey);
    currentRevision = main;
    const kv = decodeRecord(record);
    const key = latin1Text(kv.key);
    if (isTombstone(recordKey)) {
      histories.set(key, extended(histories.get(key), { main, sub, created: 0, version: 0 }));
      if (leased.size > 0) leased.delete(key);
      return;
    }
    // A restore with a bumped revision leaves a record that is no KeyValue at all: it counts as a key '' that nobody
    // can ask for.
    const change = { main, sub, created: kv.createRevision, version: Math.max(kv.version, 1) };
    const before = histories.get(key);
    const history = extended(before, change);
    if (history !== before) histories.set(key, history);
    if (kv.lease !== 0n) leased.set(key, kv.lease);
    else if (leased.size > 0) leased.delete(key);
  });

  const compactRevision = readMain(backend, finishedKey) ?? -1;
  const scheduled = readMain(backend, scheduledKey) ?? -1;
  return {
    index: KeyIndex.of(histories),
    currentRevision: Math.max(currentRevision, compactRevision, scheduled),
    compactRevision,
    leased,
  };
}

export function readMain(backend: BackendReader, key: Uint8Array): number | undefined {
  const value = backend.get('meta', key);
  return value === undefined || value.length === 0 ? undefined : mainOf(value);
}
