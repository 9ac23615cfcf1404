/**
 * Work on the whole store, cut into steps: compactions and hashes, one at a time in the order they were asked for, as
 * etcd's scheduler runs them. So a hash never sees a compaction half done that began after it.
 *
 * A step handles a batch of records and then lets the member go on with heartbeats and requests. Changes made between
 * two steps do not matter: they have higher revisions than the job looks at.
 */
import { mainOf, revisionKey, subOf } from '../backend/schema/key.js';
import type { Backend } from '../backend/types.js';
import type { Caller } from '../lib/caller.js';
import { KvHasher } from './hash.js';
import { compacted, isKept } from './key-history.js';
import type { KeyIndex } from './key-index.js';
import { keyOfRecord } from './key-value.js';

export interface Job {
  readonly kind: 'compaction' | 'hash';
  readonly revision: number;
  /** Handles up to `limit` records; true when done. */
  step(limit: number): boolean;
  /** True, and it has ended, when nobody waits for it any more. */
  endsAbandoned(): boolean;
  /** Will not be stepped again: the store was closed or replaced. */
  interrupt(): void;
}

const nothing = new Uint8Array(0);

/** Walks the `key` bucket up to a revision, a batch at a time. */
class RecordCursor {
  #next: Uint8Array = nothing;
  readonly #end: Uint8Array;
  readonly #backend: Backend;

  constructor(backend: Backend, upToRevision: number) {
    this.#backend = backend;
    this.#end = revisionKey(upToRevision + 1, 0, false);
  }

  /** False when there are no more. `visit` must not call the backend. */
  batch(limit: number, visit: (recordKey: Uint8Array, record: Uint8Array) => void): boolean {
    let seen = 0;
    this.#backend.range('key', this.#next, this.#end, limit, (recordKey, record) => {
      visit(recordKey, record);
      // Enough room for the last key and a zero byte behind it: the smallest key above it.
      if (++seen === limit) {
        this.#next = new Uint8Array(recordKey.length + 1);
        this.#next.set(recordKey);
      }
    });
    return seen === limit;
  }
}

interface CompactionParts {
  readonly backend: Backend;
  readonly index: KeyIndex;
  readonly revision: number;
  readonly previousCompactRevision: number;
  readonly removed: (records: number) => void;
  readonly done: (hash: number) => void;
  readonly interrupted: () => void;
}

/**
 * Drops from backend and index what no reader at or above `revision` can see. Until it is done, a restart resumes it:
 * the store has written scheduledCompactRev before, and writes finishedCompactRev in `done`, behind the last deletion.
 */
export class CompactionJob implements Job {
  readonly kind = 'compaction';
  readonly revision: number;
  readonly #cursor: RecordCursor;
  readonly #hasher: KvHasher;
  #recordsDone = false;
  /** Where the sweep over the index goes on. */
  #sweepFrom: string | undefined = '';
  readonly #parts: CompactionParts;

  constructor(parts: CompactionParts) {
    this.#parts = parts;
    const { backend, index, revision, previousCompactRevision } = parts;
    this.revision = revision;
    this.#cursor = new RecordCursor(backend, revision);
    this.#hasher = new KvHasher(index, { revision, compactRevision: previousCompactRevision, forCompaction: true });
  }

  get isSweepingIndex(): boolean {
    return this.#recordsDone;
  }

  step(limit: number): boolean {
    if (!this.#recordsDone) {
      this.#recordsDone = !this.#sweepRecords(limit);
      return false;
    }
    this.#sweepIndex(limit);
    if (this.#sweepFrom !== undefined) return false;
    this.#parts.done(this.#hasher.hash);
    return true;
  }

  endsAbandoned(): boolean {
    return false;
  }

  interrupt(): void {
    this.#parts.interrupted();
  }

  #sweepRecords(limit: number): boolean {
    const { backend, index, revision } = this.#parts;
    const doomed: Uint8Array[] = [];
    const more = this.#cursor.batch(limit, (recordKey, record) => {
      this.#hasher.add(recordKey, record);
      const history = index.get(keyOfRecord(record));
      const change = { main: mainOf(recordKey), sub: subOf(recordKey) };
      if (history === undefined || !isKept(history, revision, change)) doomed.push(recordKey.slice());
    });
    for (const recordKey of doomed) backend.delete('key', recordKey);
    this.#parts.removed(doomed.length);
    return more;
  }

  #sweepIndex(limit: number): void {
    const { index, revision } = this.#parts;
    let handled = 0;
    while (this.#sweepFrom !== undefined && handled < limit) {
      this.#sweepFrom = index.sweepLeaf(this.#sweepFrom, (history) => {
        handled++;
        return compacted(history, revision);
      });
    }
  }
}

interface HashParts {
  readonly backend: Backend;
  readonly index: KeyIndex;
  readonly revision: number;
  readonly compactRevision: number;
  readonly done: (hash: number) => void;
  /** Who waits for it: the job ends when it is gone. */
  readonly caller: Caller | undefined;
  readonly abandoned: () => void;
  readonly interrupted: () => void;
}

export class HashJob implements Job {
  readonly kind = 'hash';
  readonly revision: number;
  readonly #cursor: RecordCursor;
  #hasher: KvHasher | undefined;
  readonly #parts: HashParts;

  constructor(parts: HashParts) {
    this.#parts = parts;
    this.revision = parts.revision;
    this.#cursor = new RecordCursor(parts.backend, parts.revision);
  }

  step(limit: number): boolean {
    if (this.endsAbandoned()) return true;
    const { index, revision, compactRevision } = this.#parts;
    // Made at the first step: jobs before this one may still change the index.
    this.#hasher ??= new KvHasher(index, { revision, compactRevision, forCompaction: false });
    const hasher = this.#hasher;
    const more = this.#cursor.batch(limit, (recordKey, record) => hasher.add(recordKey, record));
    if (!more) this.#parts.done(hasher.hash);
    return !more;
  }

  endsAbandoned(): boolean {
    if (this.#parts.caller?.aborted !== true) return false;
    this.#parts.abandoned();
    return true;
  }

  interrupt(): void {
    this.#parts.interrupted();
  }
}
