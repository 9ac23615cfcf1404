/**
 * A log as one can see it from outside: on a node's disk, or as the node's Readys told it.
 * Invariant: `entries[i].index === base + 1 + i`; `base` and `baseTerm` are those of the snapshot below it, 0 for none.
 */
import type { Entry, Index, Snapshot, Term } from '../../../src/raftpb/types.js';

export class LogCopy {
  base: Index = 0;
  baseTerm: Term = 0;
  private entries: Entry[] = [];

  get last(): Index {
    return this.base + this.entries.length;
  }

  entry(index: Index): Entry | undefined {
    return this.entries[index - this.base - 1];
  }

  /** Undefined above the end and below the snapshot. */
  term(index: Index): Term | undefined {
    return index === this.base ? this.baseTerm : this.entry(index)?.term;
  }

  /** Whether this log has the entry of `term` at `index`, or a snapshot that contains it. */
  holds(index: Index, term: Term): boolean {
    return index < this.base || this.term(index) === term;
  }

  /**
   * What is there at the first one's index and above gives way; what the snapshot contains is passed over. Returns
   * false for a gap.
   */
  append(added: readonly Entry[]): boolean {
    const first = added[0];
    if (first === undefined) return true;
    if (first.index > this.last + 1) return false;
    const from = Math.max(first.index, this.base + 1);
    this.entries.length = from - this.base - 1;
    for (const entry of added) if (entry.index >= from) this.entries.push(entry);
    return true;
  }

  /** A snapshot takes the place of everything. */
  reset({ metadata }: Snapshot): void {
    this.base = metadata.index;
    this.baseTerm = metadata.term;
    this.entries = [];
  }

  /** A snapshot takes the place of what is at and below its index. */
  compact({ metadata }: Snapshot): void {
    this.entries = this.entries.slice(metadata.index - this.base);
    this.base = metadata.index;
    this.baseTerm = metadata.term;
  }

  tail(): readonly Entry[] {
    return this.entries.slice();
  }

  clone(): LogCopy {
    const copy = new LogCopy();
    copy.base = this.base;
    copy.baseTerm = this.baseTerm;
    copy.entries = this.entries.slice();
    return copy;
  }
}
