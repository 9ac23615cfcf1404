/**
 * The tail of the log that the storage does not hold yet, and a snapshot on its way there.
 *
 *     storage ……│ offset … offsetInProgress-1 │ offsetInProgress … last
 *               │ handed out to be written    │ not handed out yet
 *
 * Invariant: entry `i` of the tail has index `offset + i`; `offset <= offsetInProgress <= offset + length`.
 * Entries may be replaced by those of a newer leader while the older ones are being written.
 * Source of behaviour: etcd-io/raft log_unstable.go.
 */
import type { Entry, Index, Snapshot, Term } from '../../raftpb/types.js';
import type { RaftLogger } from '../world/logger.js';
import { RaftPanic } from '../world/logger.js';

/** Below this many dead entries at the front, moving the rest is not worth it. */
const TRIM_AT = 256;

export class Unstable {
  snapshot: Snapshot | undefined;
  snapshotInProgress = false;
  offset: Index;
  offsetInProgress: Index;
  /** Live entries start at `head`: cutting off the front must not cost a move of thousands that are in flight. */
  #entries: Entry[] = [];
  #head = 0;
  readonly #logger: RaftLogger;

  constructor(offset: Index, logger: RaftLogger) {
    this.#logger = logger;
    this.offset = offset;
    this.offsetInProgress = offset;
  }

  get length(): number {
    return this.#entries.length - this.#head;
  }

  firstIndex(): Index | undefined {
    return this.snapshot === undefined ? undefined : this.snapshot.metadata.index + 1;
  }

  lastIndex(): Index | undefined {
    const { length } = this;
    return length > 0 ? this.offset + length - 1 : this.snapshot?.metadata.index;
  }

  term(index: Index): Term | undefined {
    if (index < this.offset) {
      const metadata = this.snapshot?.metadata;
      return metadata?.index === index ? metadata.term : undefined;
    }
    return this.#entries[this.#head + (index - this.offset)]?.term;
  }

  /** Entries not yet handed out. */
  nextEntries(): readonly Entry[] {
    return this.slice(this.offsetInProgress, this.offset + this.length);
  }

  get hasNextEntries(): boolean {
    return this.offsetInProgress < this.offset + this.length;
  }

  /** The snapshot, if not yet handed out. */
  nextSnapshot(): Snapshot | undefined {
    return this.snapshotInProgress ? undefined : this.snapshot;
  }

  /** All that is here was handed out to be written. */
  acceptInProgress(): void {
    this.offsetInProgress = this.offset + this.length;
    if (this.snapshot !== undefined) this.snapshotInProgress = true;
  }

  /**
   * The storage now holds the log up to the entry `index` of `term`, unless that entry was replaced in the meantime.
   */
  stableTo({ index, term }: { readonly index: Index; readonly term: Term }): void {
    const ours = this.term(index);
    if (ours === undefined) {
      this.#logger.expected(`entry at index ${index} missing from unstable log; ignoring`);
      return;
    }
    if (index < this.offset) {
      this.#logger.info(`entry at index ${index} matched unstable snapshot; ignoring`);
      return;
    }
    if (ours !== term) {
      this.#logger.info(
        `entry at (index,term)=(${index},${term}) mismatched with entry at (${index},${ours}) in unstable log; ` +
          `ignoring`,
      );
      return;
    }
    this.#head += index + 1 - this.offset;
    this.offset = index + 1;
    if (this.offsetInProgress < this.offset) this.offsetInProgress = this.offset;
    if (this.#head === this.#entries.length) {
      this.#entries = [];
      this.#head = 0;
    } else if (this.#head >= TRIM_AT && this.#head * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }

  stableSnapshotTo(index: Index): void {
    if (this.snapshot?.metadata.index !== index) return;
    this.snapshot = undefined;
    this.snapshotInProgress = false;
  }

  restore(snapshot: Snapshot): void {
    this.offset = snapshot.metadata.index + 1;
    this.offsetInProgress = this.offset;
    this.#entries = [];
    this.#head = 0;
    this.snapshot = snapshot;
    this.snapshotInProgress = false;
  }

  /** `entries` follow on something in the log; what is there at their indexes and above gives way. */
  truncateAndAppend(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    const from = first.index;
    const end = this.offset + this.length;
    if (from > end) throw new RaftPanic(`unstable.slice[${this.offset},${from}) out of bound [${this.offset},${end}]`);
    if (from === end) {
      // The common case.
    } else if (from <= this.offset) {
      this.#logger.info(`replace the unstable entries from index ${from}`);
      this.#entries = [];
      this.#head = 0;
      this.offset = from;
      this.offsetInProgress = from;
    } else {
      this.#logger.info(`truncate the unstable entries before index ${from}`);
      this.#entries.length = this.#head + (from - this.offset);
      if (this.offsetInProgress > from) this.offsetInProgress = from;
    }
    for (const entry of entries) this.#entries.push(entry);
  }

  /** Entries in `[low, high)`, which must be here. */
  slice(low: Index, high: Index): readonly Entry[] {
    const end = this.offset + this.length;
    if (low > high) throw new RaftPanic(`invalid unstable.slice ${low} > ${high}`);
    if (low < this.offset || high > end) {
      throw new RaftPanic(`unstable.slice[${low},${high}) out of bound [${this.offset},${end}]`);
    }
    return this.#entries.slice(this.#head + (low - this.offset), this.#head + (high - this.offset));
  }
}
