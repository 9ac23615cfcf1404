/**
 * Reads the `key` bucket back into an index. Source: etcd's mvcc/kvstore.go, restore.
 *
 * The current revision is the last record's, but not below a finished or scheduled compaction: where the newest change
 * was a tombstone, the compaction may have deleted it before the crash, and revisions must never go back (#17780).
 */

import { isTombstone, mainOf, revisionKey, subOf } from '../backend/schema/key.js';
import { finishedCompactKey, readCompactRevision, scheduledCompactKey } from '../backend/schema/meta.js';
import type { BackendReader } from '../backend/types.js';
import type { LeaseId } from '../lib/ids.js';
import { LargeMap } from '../lib/large-map.js';
import { latin1Text } from '../lib/latin1.js';
import { extended, type History } from './key-history.js';
import { KeyIndex } from './key-index.js';
import { decodeRecord } from './key-value.js';

export interface Restored {
  readonly index: KeyIndex;
  readonly currentRevision: number;
  /** -1 = never compacted. */
  readonly compactRevision: number;
  /** Keys that hang on a lease, with their newest record's. */
  readonly leased: Iterable<readonly [string, LeaseId]>;
}

const RECORDS_BEFORE_PAUSE = 2000;
const BYTES_BEFORE_PAUSE = 1024 * 1024;

export function restore(backend: BackendReader): Restored {
  const records = new Records();
  backend.range('key', FIRST, undefined, 0, (recordKey, record) => records.add(recordKey, record));
  return restored(backend, records, KeyIndex.of(records.histories));
}

/** The same with pauses for others: nothing may be written to the backend meanwhile. */
export function* restoreInSteps(backend: BackendReader): Generator<undefined, Restored> {
  const records = new Records();
  for (let next: Uint8Array | undefined = FIRST; next !== undefined; ) {
    const from: Uint8Array = next;
    let read = 0;
    let bytes = 0;
    next = undefined;
    backend.range('key', from, undefined, 0, (recordKey, record) => {
      records.add(recordKey, record);
      read++;
      bytes += record.length;
      if (read < RECORDS_BEFORE_PAUSE && bytes < BYTES_BEFORE_PAUSE) return true;
      // The next key there can be.
      next = Buffer.concat([recordKey, Buffer.alloc(1)]);
      return false;
    });
    yield;
  }
  return restored(backend, records, yield* KeyIndex.inSteps(records.histories));
}

const FIRST = revisionKey(1, 0, false);

/** What follows from the records that were read, in their order. */
class Records {
  readonly histories = new LargeMap<string, History>();
  readonly leased = new LargeMap<string, LeaseId>();
  currentRevision = 1;

  add(recordKey: Uint8Array, record: Uint8Array): void {
    const { histories, leased } = this;
    const main = mainOf(recordKey);
    const sub = subOf(recordKey);
    this.currentRevision = main;
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
  }
}

function restored(backend: BackendReader, { currentRevision, leased }: Records, index: KeyIndex): Restored {
  const compactRevision = readCompactRevision(backend, finishedCompactKey) ?? -1;
  const scheduled = readCompactRevision(backend, scheduledCompactKey) ?? -1;
  return {
    index,
    currentRevision: Math.max(currentRevision, compactRevision, scheduled),
    compactRevision,
    leased,
  };
}
