/**
 * The stable log in memory. The member fills it with what the WAL holds already, so that the core reads without I/O.
 * What only followers that are behind ask for is packed, many entries at a time. Invariant: behind the last compacted
 * entry come those of `packs`, then those of `recent`, without a gap. Source of behaviour: etcd-io/raft storage.go,
 * `MemoryStorage`.
 */
import { limitSize } from '../../raftpb/sizes.js';
import {
  type ConfState,
  type Entry,
  type HardState,
  type Index,
  makeHardState,
  makeSnapshot,
  type Snapshot,
  type Term,
} from '../../raftpb/types.js';
import { RaftPanic } from '../world/logger.js';
import type { Storage, StorageError } from '../world/storage.js';
import { PackedEntries } from './packed-entries.js';

/** What `compact`, `createSnapshot` and `applySnapshot` refuse. */
export type MemoryStorageError = 'compacted' | 'snapshot-out-of-date';

export interface PackSizes {
  /** So many entries are packed together. */
  readonly pack: number;
  /** So many stay as they are: those that are being applied, or sent to followers that keep up. */
  readonly recent: number;
}

const PACK_SIZES: PackSizes = { pack: 1024, recent: 4096 };

export class MemoryStorage implements Storage {
  #hardState: HardState = makeHardState();
  #newest: Snapshot = makeSnapshot();
  /** The last compacted entry. */
  #offset: Index = 0;
  #offsetTerm: Term = 0;
  /** Of the first, what is compacted may still be in memory. */
  #packs: PackedEntries[] = [];
  #recent: Entry[] = [];
  #isDeflating = false;

  /** Other sizes are for simulated logs, which are short. */
  constructor(readonly sizes: PackSizes = PACK_SIZES) {}

  get #recentFirst(): Index {
    const last = this.#packs.at(-1);
    return last === undefined ? this.#offset + 1 : last.first + last.length;
  }

  #packOf(index: Index): PackedEntries | undefined {
    const first = this.#packs[0];
    return first === undefined ? undefined : this.#packs[Math.floor((index - first.first) / this.sizes.pack)];
  }

  /** It must be there. */
  #entry(index: Index): Entry {
    return this.#packOf(index)?.entry(index) ?? (this.#recent[index - this.#recentFirst] as Entry);
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
    if (this.lastIndex() === offset) return 'unavailable';
    const recentFirst = this.#recentFirst;
    if (low >= recentFirst) return limitSize(this.#recent.slice(low - recentFirst, high - recentFirst), maxSizeBytes);
    const found: Entry[] = [];
    let dataBytes = 0;
    for (let index = low; index < high && dataBytes <= maxSizeBytes; index++) {
      const entry = this.#entry(index);
      found.push(entry);
      dataBytes += entry.data.length;
    }
    return limitSize(found, maxSizeBytes);
  }

  term(index: Index): Term | StorageError {
    const offset = this.#offset;
    if (index < offset) return 'compacted';
    if (index === offset) return this.#offsetTerm;
    if (index > this.lastIndex()) return 'unavailable';
    return this.#packOf(index)?.term(index) ?? this.#entry(index).term;
  }

  lastIndex(): Index {
    return this.#recentFirst + this.#recent.length - 1;
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
    this.#offset = index;
    this.#offsetTerm = term;
    this.#packs = [];
    this.#recent = [];
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
    const term = this.term(index);
    if (typeof term === 'string')
      throw new RaftPanic(`compact ${index} is out of bound lastindex(${this.lastIndex()})`);
    const recentFirst = this.#recentFirst;
    if (index >= recentFirst) this.#recent = this.#recent.slice(index + 1 - recentFirst);
    this.#packs = this.#packs.filter(({ first, length }) => first + length - 1 > index);
    this.#offset = index;
    this.#offsetTerm = term;
    return undefined;
  }

  /** Consecutive entries; those at their indexes and above give way. What is compacted already is passed over. */
  append(entries: readonly Entry[]): void {
    const offset = this.#offset;
    const first = entries[0];
    if (first === undefined || first.index + entries.length - 1 <= offset) return;
    const fresh = first.index <= offset ? entries.slice(offset + 1 - first.index) : entries;
    const position = Math.max(first.index, offset + 1);
    if (position > this.lastIndex() + 1) {
      throw new RaftPanic(`missing log entry [last: ${this.lastIndex()}, append at: ${first.index}]`);
    }
    this.#truncate(position);
    for (const entry of fresh) this.#recent.push(entry);
    const { pack, recent } = this.sizes;
    while (this.#recent.length >= recent + pack) this.#packs.push(new PackedEntries(this.#recent.splice(0, pack)));
    this.#deflateNext();
  }

  /** One after the other. */
  #deflateNext(): void {
    if (this.#isDeflating) return;
    const pack = this.#packs.find(({ isFresh }) => isFresh);
    if (pack === undefined) return;
    this.#isDeflating = true;
    pack.deflate(() => {
      this.#isDeflating = false;
      this.#deflateNext();
    });
  }

  /** Drops the entries at `index` and above. */
  #truncate(index: Index): void {
    while (index < this.#recentFirst) {
      const pack = this.#packs.pop() as PackedEntries;
      this.#recent = [];
      for (let at = Math.max(pack.first, this.#offset + 1); at < index && at < pack.first + pack.length; at++)
        this.#recent.push(pack.entry(at));
    }
    this.#recent.length = Math.min(this.#recent.length, index - this.#recentFirst);
  }
}
