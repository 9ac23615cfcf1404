/**
 * The log as the state machine sees it: storage and unstable tail as one, with the marks on it.
 *
 *     firstIndex-1 <= applied <= applying <= committed <= lastIndex
 *
 * `committed` is known to be on a quorum; `applying` was handed out to be applied; `applied` was reported back.
 * Committed entries are never replaced. Source of behaviour: etcd-io/raft log.go; Raft paper §5.3, §5.4.
 */
import { entriesSize, limitSize } from '../../raftpb/sizes.js';
import type { Entry, Index, Snapshot, Term } from '../../raftpb/types.js';
import type { RaftLogger } from '../world/logger.js';
import { RaftPanic } from '../world/logger.js';
import type { Storage, StorageError } from '../world/storage.js';
import { Unstable } from './unstable.js';

export interface EntryId {
  readonly term: Term;
  readonly index: Index;
}

export class RaftLog {
  readonly unstable: Unstable;
  committed: Index;
  applying: Index;
  applied: Index;
  /** Bytes handed out to be applied and not reported back. */
  #applyingSize = 0;
  /** Nothing more is handed out until something is reported back. */
  #applyingPaused = false;
  readonly #storage: Storage;
  readonly #logger: RaftLogger;

  constructor(
    storage: Storage,
    logger: RaftLogger,
    readonly maxApplyingSizeBytes: number,
  ) {
    this.#storage = storage;
    this.#logger = logger;
    const first = storage.firstIndex();
    this.unstable = new Unstable(storage.lastIndex() + 1, logger);
    this.committed = first - 1;
    this.applying = first - 1;
    this.applied = first - 1;
  }

  toString(): string {
    const { offset, offsetInProgress, length } = this.unstable;
    return (
      `committed=${this.committed}, applied=${this.applied}, applying=${this.applying}, ` +
      `unstable.offset=${offset}, unstable.offsetInProgress=${offsetInProgress}, len(unstable.Entries)=${length}`
    );
  }

  /**
   * What a MsgApp brings: `entries` that follow `prev`, and the leader's commit index. Returns the last index that now
   * surely matches the leader's log, or undefined when `prev` is not in ours.
   */
  maybeAppend(prev: EntryId, entries: readonly Entry[], leaderCommit: Index): Index | undefined {
    if (!this.matchTerm(prev)) return undefined;
    const last = prev.index + entries.length;
    const conflict = this.#findConflict(entries);
    if (conflict !== 0) {
      if (conflict <= this.committed) {
        throw new RaftPanic(`entry ${conflict} conflict with committed entry [committed(${this.committed})]`);
      }
      const known = conflict - (prev.index + 1);
      if (known > entries.length) throw new RaftPanic(`index, ${known}, is out of range [${entries.length}]`);
      this.append(known === 0 ? entries : entries.slice(known));
    }
    this.commitTo(Math.min(leaderCommit, last));
    return last;
  }

  /** Returns the last index. */
  append(entries: readonly Entry[]): Index {
    const first = entries[0];
    if (first === undefined) return this.lastIndex();
    if (first.index - 1 < this.committed) {
      throw new RaftPanic(`after(${first.index - 1}) is out of range [committed(${this.committed})]`);
    }
    this.unstable.truncateAndAppend(entries);
    return this.lastIndex();
  }

  /** Index of the first of `entries` that is not in the log with the same term, 0 if all are. */
  #findConflict(entries: readonly Entry[]): Index {
    for (const entry of entries) {
      if (this.matchTerm(entry)) continue;
      if (entry.index <= this.lastIndex()) {
        this.#logger.info(
          `found conflict at index ${entry.index} [existing term: ${this.termOrZero(entry.index)}, conflicting ` +
            `term: ${entry.term}]`,
        );
      }
      return entry.index;
    }
    return 0;
  }

  /**
   * The highest index at or below `index` whose term is at most `term`: above it, this log and one that has `term` at
   * `index` cannot agree. Saves a round per entry when logs diverged. `term` of the answer is 0 where that is compacted
   * or not there.
   */
  findConflictByTerm({ index, term }: EntryId): EntryId {
    for (let at = index; at > 0; at--) {
      const ours = this.term(at);
      if (typeof ours === 'string') return { index: at, term: 0 };
      if (ours <= term) return { index: at, term: ours };
    }
    return { index: 0, term: 0 };
  }

  nextUnstableEntries(): readonly Entry[] {
    return this.unstable.nextEntries();
  }

  get hasNextOrInProgressSnapshot(): boolean {
    return this.unstable.snapshot !== undefined;
  }

  get hasNextOrInProgressUnstableEntries(): boolean {
    return this.unstable.length > 0;
  }

  get hasNextUnstableEntries(): boolean {
    return this.unstable.hasNextEntries;
  }

  /** Committed entries to apply next. With `allowUnstable`, also ones that the same Ready hands out to be written. */
  nextCommittedEntries({ allowUnstable }: { readonly allowUnstable: boolean }): readonly Entry[] {
    if (!this.hasNextCommittedEntries({ allowUnstable })) return [];
    const room = this.maxApplyingSizeBytes - this.#applyingSize;
    if (room <= 0) {
      throw new RaftPanic(
        `applying entry size (${this.maxApplyingSizeBytes}-${this.#applyingSize})=${room} not positive`,
      );
    }
    const entries = this.slice(this.applying + 1, this.#maxAppliableIndex(allowUnstable) + 1, room);
    if (typeof entries === 'string')
      throw new RaftPanic(`unexpected error when getting unapplied entries (${entries})`);
    return entries;
  }

  hasNextCommittedEntries({ allowUnstable }: { readonly allowUnstable: boolean }): boolean {
    // A pending snapshot comes first: what follows it makes no sense before it.
    if (this.#applyingPaused || this.hasNextOrInProgressSnapshot) return false;
    return this.applying < this.#maxAppliableIndex(allowUnstable);
  }

  #maxAppliableIndex(allowUnstable: boolean): Index {
    return allowUnstable ? this.committed : Math.min(this.committed, this.unstable.offset - 1);
  }

  /** The storage's newest snapshot, or the one that is on its way there. */
  snapshot(): Snapshot | undefined {
    return this.unstable.snapshot ?? this.#storage.snapshot();
  }

  firstIndex(): Index {
    return this.unstable.firstIndex() ?? this.#storage.firstIndex();
  }

  lastIndex(): Index {
    return this.unstable.lastIndex() ?? this.#storage.lastIndex();
  }

  lastEntryId(): EntryId {
    const index = this.lastIndex();
    const term = this.term(index);
    if (typeof term === 'string')
      throw new RaftPanic(`unexpected error when getting the last term at ${index}: ${term}`);
    return { term, index };
  }

  commitTo(index: Index): void {
    if (index <= this.committed) return;
    const last = this.lastIndex();
    if (index > last) {
      throw new RaftPanic(
        `tocommit(${index}) is out of range [lastIndex(${last})]. Was the raft log corrupted, truncated, or lost?`,
      );
    }
    this.committed = index;
  }

  appliedTo(index: Index, sizeBytes: number): void {
    if (index > this.committed || index < this.applied) {
      throw new RaftPanic(
        `applied(${index}) is out of range [prevApplied(${this.applied}), committed(${this.committed})]`,
      );
    }
    this.applied = index;
    this.applying = Math.max(this.applying, index);
    this.#applyingSize = Math.max(this.#applyingSize - sizeBytes, 0);
    this.#applyingPaused = this.#applyingSize >= this.maxApplyingSizeBytes;
  }

  /** Entries up to `index` were handed out to be applied. */
  acceptApplying(index: Index, sizeBytes: number, { allowUnstable }: { readonly allowUnstable: boolean }): void {
    if (index > this.committed) {
      throw new RaftPanic(
        `applying(${index}) is out of range [prevApplying(${this.applying}), committed(${this.committed})]`,
      );
    }
    this.applying = index;
    this.#applyingSize += sizeBytes;
    // Entries left behind mean that the next one does not fit; handing it out later alone would overstep the limit.
    this.#applyingPaused =
      this.#applyingSize >= this.maxApplyingSizeBytes || index < this.#maxAppliableIndex(allowUnstable);
  }

  stableTo(id: EntryId): void {
    this.unstable.stableTo(id);
  }

  stableSnapshotTo(index: Index): void {
    this.unstable.stableSnapshotTo(index);
  }

  acceptUnstable(): void {
    this.unstable.acceptInProgress();
  }

  term(index: Index): Term | StorageError {
    const unstable = this.unstable.term(index);
    if (unstable !== undefined) return unstable;
    if (index + 1 < this.firstIndex()) return 'compacted';
    if (index > this.lastIndex()) return 'unavailable';
    return this.#storage.term(index);
  }

  termOrZero(index: Index): Term {
    const term = this.term(index);
    return typeof term === 'string' ? 0 : term;
  }

  /** Entries from `index` to the end, at most `maxSizeBytes`, but at least one. */
  entries(index: Index, maxSizeBytes: number): readonly Entry[] | StorageError {
    const last = this.lastIndex();
    return index > last ? [] : this.slice(index, last + 1, maxSizeBytes);
  }

  /** Whether a log that ends with `id` is at least as complete as this one (paper §5.4.1). */
  isUpToDate(id: EntryId): boolean {
    const ours = this.lastEntryId();
    return id.term > ours.term || (id.term === ours.term && id.index >= ours.index);
  }

  matchTerm({ index, term }: EntryId): boolean {
    return this.term(index) === term;
  }

  /** Only an entry of the leader's own term is committed by counting (paper §5.4.2). */
  maybeCommit(at: EntryId): boolean {
    if (at.term === 0 || at.index <= this.committed || !this.matchTerm(at)) return false;
    this.commitTo(at.index);
    return true;
  }

  restore(snapshot: Snapshot): void {
    const { index, term } = snapshot.metadata;
    this.#logger.info(`log [${this}] starts to restore snapshot [index: ${index}, term: ${term}]`);
    this.committed = index;
    this.unstable.restore(snapshot);
  }

  /** Entries in `[low, high)`, cut to `maxSizeBytes`, but at least one. */
  slice(low: Index, high: Index, maxSizeBytes: number): readonly Entry[] | StorageError {
    if (low > high) throw new RaftPanic(`invalid slice ${low} > ${high}`);
    if (low < this.firstIndex()) return 'compacted';
    const last = this.lastIndex();
    if (high > last + 1) throw new RaftPanic(`slice[${low},${high}) out of bound [${this.firstIndex()},${last}]`);
    if (low === high) return [];
    const { unstable } = this;
    if (low >= unstable.offset) return limitSize(unstable.slice(low, high), maxSizeBytes);

    const cut = Math.min(high, unstable.offset);
    const stable = this.#storage.entries(low, cut, maxSizeBytes);
    if (stable === 'unavailable') throw new RaftPanic(`entries[${low}:${cut}) is unavailable from storage`);
    if (stable === 'compacted') return stable;
    if (high <= unstable.offset || stable.length < cut - low) return stable;
    const size = maxSizeBytes === Number.POSITIVE_INFINITY ? 0 : entriesSize(stable);
    if (size >= maxSizeBytes) return stable;
    const rest = limitSize(unstable.slice(unstable.offset, high), maxSizeBytes - size);
    // limitSize gives one entry at least, here it may be one too many.
    if (rest.length === 1 && size + entriesSize(rest) > maxSizeBytes) return stable;
    return stable.concat(rest);
  }
}
