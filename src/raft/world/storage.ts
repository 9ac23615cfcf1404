/**
 * What the core asks of the stable log. The member keeps it in memory (`MemoryStorage`) beside the WAL; all calls are
 * synchronous and must not fail for reasons of I/O.
 * Source of behaviour: etcd-io/raft storage.go.
 */
import type { ConfState, Entry, HardState, Index, Snapshot, Term } from '../../raftpb/types.js';

/** The index asked for was compacted away, or is not there yet. */
export type StorageError = 'compacted' | 'unavailable';

export interface Storage {
  /** Called once, when the node is made. */
  initialState(): { readonly hardState: HardState; readonly confState: ConfState };
  /**
   * Entries in `[low, high)`, cut so that their sizes sum up to at most `maxSizeBytes`, but at least one. The array is
   * the caller's.
   */
  entries(low: Index, high: Index, maxSizeBytes: number): readonly Entry[] | StorageError;
  /**
   * Term of the entry at `index`, which must be in `[firstIndex - 1, lastIndex]`: that of `firstIndex - 1` is kept for
   * the match check.
   */
  term(index: Index): Term | StorageError;
  /** Index of the last entry. */
  lastIndex(): Index;
  /** Index of the first entry that is still there; older ones are part of the snapshot. */
  firstIndex(): Index;
  /** The newest snapshot, or undefined where it cannot be had right now: the core asks again later. */
  snapshot(): Snapshot | undefined;
}
