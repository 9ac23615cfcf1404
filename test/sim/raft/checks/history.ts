/**
 * What the group has committed and applied, from its first entry on: the yardstick for every node. It outlives all
 * crashes.
 *
 * Rules checked:
 * - Log matching (paper §5.3): entries of one index and term are the same everywhere, and so is all that precedes them.
 *   Checked by induction: each entry a node takes must have the content, and the term before it, that it had when it
 *   was first seen.
 * - Committing (§5.3, §5.4.2): only a leader commits by itself, only an entry of its own term, only with a quorum of
 *   its configuration that has it on disk; nobody else knows of a commit index before.
 * - State machine safety (§5.4.3): what is committed at an index is the same for all and for ever, and is applied in
 *   order and without gap.
 */
import type { Ready } from '../../../../src/raft/ready.js';
import {
  type ConfState,
  type Entry,
  EntryType,
  type Index,
  type Snapshot,
  type Term,
} from '../../../../src/raftpb/types.js';
import type { LogCopy } from '../log-copy.js';
import { chainHash, hashIn } from '../state-machine.js';
import { must, Violation } from '../violation.js';
import type { Observed } from './observed.js';
import { hasQuorum } from './quorum.js';

/** An entry as it was first seen. */
interface Sighting {
  readonly entry: Entry;
  readonly previousTerm: Term | undefined;
}

/** A leader moved the commit index. */
export interface CommitMark {
  readonly index: Index;
  readonly term: Term;
  readonly at: number;
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a === b || Buffer.compare(a, b) === 0;

export class History {
  /** The highest index that any leader has committed, even if it told nobody yet. */
  committed: Index;
  readonly marks: CommitMark[] = [];
  /** `entries[i]` has index `base + 1 + i`, as have its hash and the term of the leader that committed it. */
  private readonly entries: Entry[] = [];
  private readonly hashes: number[] = [];
  private readonly commitTerms: Term[] = [];
  /** By index, those of each term. */
  private readonly sightings = new Map<Index, Sighting[]>();
  /** Position in `marks` of the first one at or above the last known entry. */
  private nextMark = 0;
  /** Up to where each node's commit index was compared. */
  private readonly compared = new Map<number, Index>();

  private readonly base: Index;
  private readonly baseTerm: Term;
  private readonly baseHash: number;

  /** The entry below the first, and the state of the state machine there. */
  constructor({ index, term }: { readonly index: Index; readonly term: Term }, hash: number) {
    this.base = index;
    this.baseTerm = term;
    this.baseHash = hash;
    this.committed = index;
  }

  get last(): Index {
    return this.base + this.entries.length;
  }

  /** Entries that are committed without any leader: those of a new group. */
  begin(entries: readonly Entry[]): void {
    for (const entry of entries) this.add(entry, entry.term);
    this.committed = this.last;
  }

  private add(entry: Entry, commitTerm: Term): void {
    this.hashes.push(chainHash(this.hashes[this.hashes.length - 1] ?? this.baseHash, entry));
    this.entries.push(entry);
    this.commitTerms.push(commitTerm);
  }

  term(index: Index): Term | undefined {
    return index === this.base ? this.baseTerm : this.entries[index - this.base - 1]?.term;
  }

  private hash(index: Index): number | undefined {
    return index === this.base ? this.baseHash : this.hashes[index - this.base - 1];
  }

  /** The last entry that was committed in a term below `term`. */
  lastCommittedBefore(term: Term): { readonly index: Index; readonly term: Term } {
    let at = this.entries.length - 1;
    while (at >= 0 && (this.commitTerms[at] as Term) >= term) at--;
    const index = this.base + 1 + at;
    return { index, term: this.term(index) ?? this.baseTerm };
  }

  /** To be called whenever the node's commit index may have moved. */
  commitMoved(
    { raw, id }: Observed,
    holders: readonly { log: LogCopy; id: number }[],
    conf: ConfState,
    at: number,
  ): void {
    const { committed } = raw;
    if (committed <= this.committed) return;
    must(
      raw.isLeader,
      'only a leader commits',
      () => `node ${id} knows of ${committed}, committed was ${this.committed}`,
    );
    const { term } = raw;
    const have = new Set<number>();
    for (const { log, id: holder } of holders) if (log.holds(committed, term)) have.add(holder);
    must(
      hasQuorum(conf, have),
      'what is committed is of the leader’s term and durable on a quorum',
      () =>
        `node ${id} committed ${committed} in term ${term}, on disk only with [${[...have]}], voters ` +
        `[${conf.voters}] outgoing [${conf.votersOutgoing}]`,
    );
    this.committed = committed;
    this.marks.push({ index: committed, term, at });
  }

  /** Returns the new entries that were never seen anywhere before. */
  entriesTaken({ id, view }: Observed, entries: readonly Entry[]): Entry[] {
    const first = entries[0];
    if (first === undefined) return [];
    const fresh: Entry[] = [];
    let previousTerm = view.term(first.index - 1);
    let previous = first.index - 1;
    for (const entry of entries) {
      if (entry.index !== previous + 1) {
        throw new Violation('entries are consecutive', `node ${id} took ${entry.index} after ${previous}`);
      }
      if (previousTerm !== undefined && entry.term < previousTerm) {
        throw new Violation(
          'terms rise along a log',
          `node ${id} took ${entry.term}/${entry.index} after term ${previousTerm}`,
        );
      }
      if (this.isNew(id, entry, previousTerm)) fresh.push(entry);
      previous = entry.index;
      previousTerm = entry.term;
    }
    return fresh;
  }

  private isNew(id: number, entry: Entry, previousTerm: Term | undefined): boolean {
    let known = this.sightings.get(entry.index);
    if (known === undefined) {
      known = [];
      this.sightings.set(entry.index, known);
    }
    for (const { entry: seen, previousTerm: before } of known) {
      if (seen.term !== entry.term) continue;
      const same =
        seen.type === entry.type &&
        sameBytes(seen.data, entry.data) &&
        (before === previousTerm || before === undefined || previousTerm === undefined);
      must(
        same,
        'logs match',
        () => `node ${id} has another ${entry.term}/${entry.index}, after term ${previousTerm} instead of ${before}`,
      );
      return false;
    }
    known.push({ entry, previousTerm });
    return true;
  }

  /**
   * Compares what the node newly knows to be committed, and learns what nobody told before. To be called after `view`
   * took the Ready's entries.
   */
  readyTaken({ id, view, raw }: Observed, ready: Ready): void {
    if (ready.snapshot !== undefined) this.checkSnapshot(id, ready.snapshot);
    const commit = ready.hardState?.commit;
    if (commit === undefined) return;
    const from = Math.max(this.compared.get(id) ?? this.base, view.base);
    for (let index = from + 1; index <= commit; index++) {
      const entry = view.entry(index);
      if (entry === undefined)
        throw new Violation('a node has what it knows to be committed', `node ${id} lacks ${index}`);
      if (index > this.last) this.learn(id, entry, raw.term);
      else if (this.term(index) !== entry.term) {
        throw new Violation(
          'what is committed never changes',
          `node ${id} has ${entry.term}/${index}, committed was ${this.term(index)}/${index}`,
        );
      }
    }
    if (commit > from) this.compared.set(id, commit);
  }

  private learn(id: number, entry: Entry, term: Term): void {
    let mark = this.marks[this.nextMark];
    while (mark !== undefined && mark.index < entry.index) mark = this.marks[++this.nextMark];
    if (mark?.index === entry.index) {
      must(
        mark.term === entry.term,
        'what is committed never changes',
        () => `node ${id} has ${entry.term}/${entry.index}, committed was ${mark.term}/${entry.index}`,
      );
    }
    this.add(entry, Math.max(mark?.term ?? term, this.commitTerms[this.commitTerms.length - 1] ?? 0));
  }

  /** A node begins anew from its disk. */
  started({ id, view, disk }: Observed): void {
    this.checkSnapshot(id, disk.snapshot);
    this.compared.set(id, Math.max(view.base, Math.min(disk.hardState.commit, this.last)));
    const index = Math.min(disk.hardState.commit, this.last);
    must(
      view.holds(index, this.term(index) ?? 0),
      'what is committed never vanishes',
      () => `node ${id} restarted with commit index ${index}, but without ${this.term(index)}/${index}`,
    );
  }

  private checkSnapshot(id: number, { metadata, ...snapshot }: Snapshot): void {
    if (metadata.index <= this.base) return;
    must(
      this.term(metadata.index) === metadata.term && this.hash(metadata.index) === hashIn({ metadata, ...snapshot }),
      'a snapshot holds committed state',
      () => `node ${id} got one of ${metadata.term}/${metadata.index}, committed is ${this.term(metadata.index)}`,
    );
  }

  /** The node's state machine has applied `entry`. */
  applied({ id, machine }: Observed, entry: Entry, before: Index): void {
    if (entry.index !== before + 1) {
      throw new Violation('entries are applied in order', `node ${id} applied ${entry.index} after ${before}`);
    }
    if (this.hash(entry.index) !== machine.hash || this.term(entry.index) !== entry.term) {
      throw new Violation(
        'state machines are equal',
        `node ${id} applied ${entry.term}/${entry.index}, committed is term ${this.term(entry.index)}`,
      );
    }
  }
}

export const isConfChange = (entry: Entry): boolean => entry.type !== EntryType.EntryNormal;
