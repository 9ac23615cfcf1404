/**
 * HashKV: a CRC-32C over the records up to a revision, without those that a compaction has dropped or is about to drop.
 * So members with the same compact revision agree, however far each has come with dropping.
 *
 *     crc("key") then, for each record of the bucket in order, with C = compact revision and R = the asked one:
 *       main > R                                               skip
 *       main <= C, some key is alive at R, and a compaction
 *         at R would drop the record                           skip   (C's own dropping may be under way)
 *       main == C and it is a tombstone                        skip   (older versions have deleted it, newer ones keep
 *                                                                     it)
 *       else                                                   raw key (17 or 18 bytes), raw value
 *
 * Source: etcd's mvcc/hash.go.
 */
import { isTombstone, mainOf, subOf } from '../backend/schema/key.js';
import { crc32c } from '../lib/crc32c.js';
import { findAt, hasOlderTombstoneAt, isKept } from './key-history.js';
import type { KeyIndex } from './key-index.js';
import { keyOfRecord } from './key-value.js';
import type { KvHash } from './types.js';

const bucketNameCrc = crc32c(0, Buffer.from('key', 'latin1'));

export class KvHasher {
  #crc = bucketNameCrc;
  readonly #anyKept: boolean;
  readonly #index: KeyIndex;

  constructor(
    index: KeyIndex,
    /**
     * `forCompaction`: the records are those of a compaction at `revision`, after one at `compactRevision`; then
     * tombstones at `revision` count as kept.
     */
    readonly at: { readonly revision: number; readonly compactRevision: number; readonly forCompaction: boolean },
  ) {
    this.#index = index;
    this.#anyKept = someKept(index, at);
  }

  add(recordKey: Uint8Array, record: Uint8Array): void {
    const main = mainOf(recordKey);
    const { revision, compactRevision } = this.at;
    if (main > revision) return;
    if (main <= compactRevision) {
      if (this.#anyKept) {
        const history = this.#index.get(keyOfRecord(record));
        if (history === undefined) return;
        if (!isKept(history, revision, { main, sub: subOf(recordKey) })) return;
      }
      // What a compaction keeps for watches alone is not part of what members compare.
      if (main === compactRevision && isTombstone(recordKey)) return;
    }
    this.#crc = crc32c(crc32c(this.#crc, recordKey), record);
  }

  get hash(): number {
    return this.#crc;
  }
}

/**
 * Whether a compaction at that revision would keep any record. Usually the first key says yes. A key that one
 * transaction deletes and puts again (in a nested one) ends a generation at that revision; etcd looks no further.
 */
function someKept(index: KeyIndex, at: { revision: number; forCompaction: boolean }): boolean {
  const found = { main: 0, sub: 0, tombstone: false };
  let some = false;
  index.range('', undefined, (_key, history) => {
    if (!findAt(history, at.revision, found)) return true;
    const isDeletedToo = found.main === at.revision && (found.tombstone || hasOlderTombstoneAt(history, at.revision));
    some = isDeletedToo ? at.forCompaction : !found.tombstone;
    return !some;
  });
  return some;
}

/** Hashes of past compactions: what members compare without stopping anything. The newest ten, as etcd keeps them. */
export class CompactionHashes {
  readonly #byRevision: Omit<KvHash, 'currentRevision'>[] = [];

  store(hash: Omit<KvHash, 'currentRevision'>): void {
    this.#byRevision.push(hash);
    this.#byRevision.sort((a, b) => a.revision - b.revision);
    if (this.#byRevision.length > 10) this.#byRevision.shift();
  }

  at(revision: number): Omit<KvHash, 'currentRevision'> | undefined {
    return this.#byRevision.find((it) => it.revision === revision);
  }

  /** Oldest first. */
  all(): readonly Omit<KvHash, 'currentRevision'>[] {
    return this.#byRevision;
  }
}
