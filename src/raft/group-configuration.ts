/** Who belongs to the group and who votes, as committed changes and snapshots say it (thesis §4). */
import { hexId } from '../lib/ids.js';
import { type ConfChangeV2, type ConfState, entersJoint, leavesJoint, NONE, type NodeId } from '../raftpb/types.js';
import { type ChangeBase, type ChangeResult, enterJoint, isRefused, leaveJoint, simple } from './confchange/changer.js';
import { restore as restoreConfiguration } from './confchange/restore.js';
import type { NodeState } from './node-state.js';
import { describeConfig, emptyConfig } from './tracker/tracker.js';
import { RaftPanic } from './world/logger.js';

export class GroupConfiguration {
  readonly #node: NodeState;

  constructor(node: NodeState) {
    this.#node = node;
  }

  apply(change: ConfChangeV2): ConfState {
    const base = this.#changeBase();
    const { joint, autoLeave } = entersJoint(change);
    const result = leavesJoint(change)
      ? leaveJoint(base)
      : joint
        ? enterJoint(base, { autoLeave }, change.changes)
        : simple(base, change.changes);
    return this.#switchTo(result);
  }

  #changeBase(): ChangeBase {
    const { tracker } = this.#node;
    return {
      config: tracker.config,
      progress: tracker.progress,
      lastIndex: this.#node.log.lastIndex(),
      makeInflights: () => tracker.makeInflights(),
    };
  }

  restore(state: ConfState): void {
    this.#node.tracker.resetVotes();
    const base = { ...this.#changeBase(), config: emptyConfig, progress: new Map() };
    const restored = this.#switchTo(restoreConfiguration(base, state));
    const sameIds = (a: readonly NodeId[], b: readonly NodeId[]): boolean =>
      a.length === b.length && new Set([...a, ...b]).size === a.length;
    const same =
      sameIds(restored.voters, state.voters) &&
      sameIds(restored.learners, state.learners) &&
      sameIds(restored.votersOutgoing, state.votersOutgoing) &&
      sameIds(restored.learnersNext, state.learnersNext) &&
      restored.autoLeave === state.autoLeave;
    if (!same) throw new RaftPanic('ConfStates not equivalent after restoring the configuration');
  }

  #switchTo(result: ChangeResult): ConfState {
    // What is applied was committed, so every node would refuse it: only a bug leads here.
    if (isRefused(result)) throw new RaftPanic(result.refused);
    const { tracker } = this.#node;
    tracker.use(result.config, result.progress);
    this.#node.logger.info(`${hexId(this.#node.id)} switched to configuration ${describeConfig(tracker.config)}`);
    const confState = tracker.confState();
    const own = tracker.progress.get(this.#node.id);
    this.#node.isLearner = own?.isLearner ?? false;
    if (this.#node.state !== 'StateLeader') return confState;
    if (own === undefined || this.#node.isLearner) {
      // Without stepping down it goes on to lead without a vote of its own until someone else does (thesis §4.2.2).
      if (this.#node.stepDownOnRemoval) this.#node.becomeFollower(this.#node.term, NONE);
      return confState;
    }
    if (confState.voters.length === 0) return confState;
    if (this.#node.maybeCommit()) {
      // Fewer voters may be a quorum for more.
      this.#node.replication.broadcastAppend();
    } else {
      // Newcomers need not wait for a heartbeat.
      for (const id of tracker.ids) {
        if (id !== this.#node.id)
          this.#node.replication.maybeSendAppend(id, this.#node.replication.mustFindProgress(id), false);
      }
    }
    if (this.#node.leadTransferee !== NONE && !tracker.isVoter(this.#node.leadTransferee))
      this.#node.abortLeaderTransfer();
    return confState;
  }
}
