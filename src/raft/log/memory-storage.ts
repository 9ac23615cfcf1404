/**
 * The stable log in memory. The member fills it with what the WAL holds already, so that the core reads without I/O.
 * Invariant: `slots[0]` is a dummy with index and term of the last compacted entry; `slots[i].index === slots[0].index
 * + i`. Source of behaviour: etcd-io/raft storage.go, `MemoryStorage`.
 */
import { limitSize } from '../../raftpb/sizes.js';
import {
  type ConfState,
  type Entry,
  type HardState,
  type Index,
  makeEntry,
  makeHardState,
  makeSnapshot,
  type Snapshot,
  type Term,
} from '../../raftpb/types.js';
import { RaftPanic } from '../world/logger.js';
import type { Storage, StorageError } from '../world/storage.js';

/** What `compact`, `createSnapshot` and `applySnapshot` refuse. */
export type MemoryStorageError = 'compacted' | 'snapshot-out-of-date';

export class MemoryStorage implements Storage {
  #hardState: HardState = makeHardState();
  #newest: Snapshot = makeSnapshot();
  #slots: Entry[] = [makeEntry()];

  get #offset(): Index {
    return (this.#slots[0] as Entry).index;
  }

  initialState(): { hardState: HardState; confState: ConfState } {
    return { hardState: this.#hardState, confState: this.#newest.metadata.confState };
  }

  setHardState(state: HardState): void {
    this.#hardState = state;
  }

  entries(low: Index, high: Index, maxSizeBytes: number): readonly Entry[] | StorageError {
    const offset = this.#offset;
    if (low <= offset) return 'compacted';
    if (high > this.lastIndex() + 1) {
      throw new RaftPanic(`entries' hi(${high}) is out of bound lastindex(${this.lastIndex()})`);
    }
    if (this.#slots.length === 1) return 'unavailable';
    return limitSize(this.#slots.slice(low - offset, high - offset), maxSizeBytes);
  }

  term(index: Index): Term | StorageError {
    const offset = this.#offset;
    if (index < offset) return 'compacted';
    return this.#slots[index - offset]?.term ?? 'unavailable';
  }

  lastIndex(): Index {
    return this.#offset + this.#slots.length - 1;
  }

  firstIndex(): Index {
    return this.#offset + 1;
  }

  snapshot(): Snapshot | undefined {
    return this.#newest;
  }

  /** Replaces everything by the snapshot. Refuses one that is not newer than the present one. */
  applySnapshot(snapshot: Snapshot): MemoryStorageError | undefined {
    const { index, term } = snapshot.metadata;
    if (this.#newest.metadata.index >= index) return 'snapshot-out-of-date';
    this.#newest = snapshot;
    this.#slots = [makeEntry({ term, index })];
    return undefined;
  }

  /** A snapshot at `index`, which must be in the log; `confState` where it changed since the last one. */
  createSnapshot(
    index: Index,
    { confState, data }: { readonly confState?: ConfState; readonly data: Uint8Array },
  ): Snapshot | MemoryStorageError {
    if (index <= this.#newest.metadata.index) return 'snapshot-out-of-date';
    const term = this.term(index);
    if (typeof term === 'string') {
      throw new RaftPanic(`snapshot ${index} is out of bound lastindex(${this.lastIndex()})`);
    }
    this.#newest = { data, metadata: { index, term, confState: confState ?? this.#newest.metadata.confState } };
    return this.#newest;
  }

  /** Drops entries at and below `index`. The application must not compact beyond what it has applied. */
  compact(index: Index): MemoryStorageError | undefined {
    const offset = this.#offset;
    if (index <= offset) return 'compacted';
    const at = this.#slots[index - offset];
    if (at === undefined) throw new RaftPanic(`compact ${index} is out of bound lastindex(${this.lastIndex()})`);
    // The dummy must not hold on to the entry's data.
    const kept = this.#slots.slice(index - offset);
    kept[0] = makeEntry({ term: at.term, index: at.index });
    this.#slots = kept;
    return undefined;
  }

  /** Consecutive entries; those at their indexes and above give way. What is compacted already is passed over. */
  append(entries: readonly Entry[]): void {
    const offset = this.#offset;
    const first = entries[0];
    if (first === undefined || first.index + entries.length - 1 <= offset) return;
    const fresh = first.index <= offset ? entries.slice(offset + 1 - first.index) : entries;
    const position = Math.max(first.index, offset + 1) - offset;
    if (position > this.#slots.length) {
      throw new RaftPanic(`missing log entry [last: ${this.lastIndex()}, append at: ${first.index}]`);
    }
    if (position < this.#slots.length) this.#slots.length = position;
    for (const entry of fresh) this.#slots.push(entry);
  }
}
