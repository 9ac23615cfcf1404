/**
 * What the leader knows of one follower, and so what it may send next.
 *
 *                     rejection, unreachable                       entries not in the log any more
 *     StateReplicate ──────────────────────────▶ StateProbe ──────────────────────────────────────▶ StateSnapshot
 *     optimistic: next runs ahead, ◀──────────── one MsgApp a       ◀────────────────────────────── nothing is sent
 *                                                                   until
 *     bounded by inflights          acknowledged heartbeat           snapshot reported or followed   the snapshot is
 *                                                                                                    done
 *
 * Invariant: 0 <= match < next; in StateSnapshot next === pendingSnapshot + 1.
 * Source of behaviour: etcd-io/raft tracker/progress.go; Raft paper §5.3.
 */
import type { Index } from '../../raftpb/types.js';
import type { Inflights } from './inflights.js';

export type ProgressState = 'StateProbe' | 'StateReplicate' | 'StateSnapshot';

export interface ProgressInit {
  readonly match: Index;
  readonly next: Index;
  readonly inflights: Inflights;
  readonly isLearner: boolean;
  readonly recentActive: boolean;
}

export class Progress {
  state: ProgressState = 'StateProbe';
  /** Highest index known to be in the follower's log. */
  match: Index;
  /** Index of the next entry to send. */
  next: Index;
  /** Highest commit index in flight to the follower: none higher than `next - 1` helps it. */
  sentCommit: Index = 0;
  /** Index of the snapshot on its way, 0 = none. */
  pendingSnapshot: Index = 0;
  /** Whether the follower was heard of since the last check of the quorum. */
  recentActive: boolean;
  /** No MsgApp may go until an answer, or a heartbeat's answer, comes in. */
  appendFlowPaused = false;
  readonly inflights: Inflights;
  isLearner: boolean;

  constructor(init: ProgressInit) {
    this.match = init.match;
    this.next = init.next;
    this.inflights = init.inflights;
    this.isLearner = init.isLearner;
    this.recentActive = init.recentActive;
  }

  #resetState(state: ProgressState): void {
    this.appendFlowPaused = false;
    this.pendingSnapshot = 0;
    this.state = state;
    this.inflights.reset();
  }

  becomeProbe(): void {
    // A follower that took a snapshot has everything up to it, though it has not said so.
    const next = this.state === 'StateSnapshot' ? Math.max(this.match, this.pendingSnapshot) + 1 : this.match + 1;
    this.#resetState('StateProbe');
    this.next = next;
    this.sentCommit = Math.min(this.sentCommit, next - 1);
  }

  becomeReplicate(): void {
    this.#resetState('StateReplicate');
    this.next = this.match + 1;
  }

  becomeSnapshot(snapshotIndex: Index): void {
    this.#resetState('StateSnapshot');
    this.pendingSnapshot = snapshotIndex;
    this.next = snapshotIndex + 1;
    this.sentCommit = snapshotIndex;
  }

  /** A MsgApp with `count` entries of `bytes` payload was sent. */
  sentEntries(count: number, bytes: number): void {
    switch (this.state) {
      case 'StateReplicate':
        if (count > 0) {
          this.next += count;
          this.inflights.add(this.next - 1, bytes);
        }
        // A message that fills the window, or an empty one past a full window, counts as a probe: nothing more until an
        // answer comes.
        this.appendFlowPaused = this.inflights.full;
        break;
      case 'StateProbe':
        if (count > 0) this.appendFlowPaused = true;
        break;
      case 'StateSnapshot':
        throw new RangeError('sending append in unhandled state StateSnapshot');
    }
  }

  /** Whether telling the follower `commit` can move its commit index. */
  canBumpCommit(commit: Index): boolean {
    return commit > this.sentCommit && this.sentCommit < this.next - 1;
  }

  /** The follower acknowledged `index`. Returns false when that is old news. */
  maybeUpdate(index: Index): boolean {
    if (index <= this.match) return false;
    this.match = index;
    if (this.next <= index) this.next = index + 1;
    this.appendFlowPaused = false;
    return true;
  }

  /**
   * The follower rejected the append after `rejected`; the logs may meet at `matchHint` or below. Returns false for a
   * stale rejection, such as a reordered or repeated one.
   */
  maybeDecreaseTo(rejected: Index, matchHint: Index): boolean {
    if (this.state === 'StateReplicate') {
      if (rejected <= this.match) return false;
      this.next = this.match + 1;
      this.sentCommit = Math.min(this.sentCommit, this.next - 1);
      return true;
    }
    // Probes go one at a time, so an answer to the present one rejects exactly next - 1.
    if (this.next - 1 !== rejected) return false;
    this.next = Math.max(Math.min(rejected, matchHint + 1), this.match + 1);
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
    this.appendFlowPaused = false;
    return true;
  }

  get paused(): boolean {
    return this.state === 'StateSnapshot' || this.appendFlowPaused;
  }

  clone(): Progress {
    const copy = new Progress({ ...this, inflights: this.inflights.clone() });
    copy.state = this.state;
    copy.sentCommit = this.sentCommit;
    copy.pendingSnapshot = this.pendingSnapshot;
    copy.appendFlowPaused = this.appendFlowPaused;
    return copy;
  }

  toString(): string {
    let text = `${this.state} match=${this.match} next=${this.next}`;
    if (this.isLearner) text += ' learner';
    if (this.paused) text += ' paused';
    if (this.pendingSnapshot > 0) text += ` pendingSnap=${this.pendingSnapshot}`;
    if (!this.recentActive) text += ' inactive';
    if (this.inflights.count > 0) {
      text += ` inflight=${this.inflights.count}`;
      if (this.inflights.full) text += '[full]';
    }
    return text;
  }
}
