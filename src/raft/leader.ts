/**
 * What a leader does with what it gets: proposals become entries, answers of the others say what is committed, and
 * leadership is handed over where that is asked. What it sends is `replication.ts`.
 */
import { hexId } from '../lib/ids.js';
import { confChangeOf, describeConfChange } from '../raftpb/describe.js';
import {
  asConfChangeV2,
  type Entry,
  EntryType,
  type Message,
  MessageType,
  makeEntry,
  NONE,
  type NodeId,
} from '../raftpb/types.js';
import { proposalDropped, type RaftError } from './errors.js';
import type { NodeState } from './node-state.js';
import type { Progress } from './tracker/progress.js';
import { describeConfig, isJoint } from './tracker/tracker.js';
import { RaftPanic } from './world/logger.js';

export class Leader {
  readonly #node: NodeState;

  constructor(node: NodeState) {
    this.#node = node;
  }

  step(message: Message): RaftError | undefined {
    switch (message.type) {
      case MessageType.MsgBeat:
        this.#node.replication.broadcastHeartbeat(this.#node.reads.lastPendingContext());
        return undefined;
      case MessageType.MsgCheckQuorum:
        this.#handleCheckQuorum();
        return undefined;
      case MessageType.MsgProp:
        return this.#handlePropose(message);
      case MessageType.MsgReadIndex:
        this.#node.reads.take(message, this.#node.term);
        return undefined;
      case MessageType.MsgForgetLeader:
        return undefined;
    }
    const progress = this.#node.tracker.progress.get(message.from);
    if (progress === undefined) {
      this.#node.logger.debug(`${hexId(this.#node.id)} no progress available for ${hexId(message.from)}`);
      return undefined;
    }
    switch (message.type) {
      case MessageType.MsgAppResp:
        progress.recentActive = true;
        if (message.reject) this.#handleAppendRejected(message, progress);
        else this.#handleAppendAccepted(message, progress);
        break;
      case MessageType.MsgHeartbeatResp:
        this.#handleHeartbeatResponse(message, progress);
        break;
      case MessageType.MsgSnapStatus:
        this.#handleSnapshotStatus(message, progress);
        break;
      case MessageType.MsgUnreachable:
        // What ran ahead is likely lost.
        if (progress.state === 'StateReplicate') progress.becomeProbe();
        this.#node.logger.debug(
          `${hexId(this.#node.id)} failed to send message to ${hexId(message.from)} because it is unreachable ` +
            `[${progress}]`,
        );
        break;
      case MessageType.MsgTransferLeader:
        this.#handleTransferLeader(message.from, progress);
        break;
    }
    return undefined;
  }

  #handleCheckQuorum(): void {
    if (!this.#node.tracker.quorumActive()) {
      this.#node.logger.warn(`${hexId(this.#node.id)} stepped down to follower since quorum is not active`);
      this.#node.becomeFollower(this.#node.term, NONE);
    }
    for (const [id, progress] of this.#node.tracker.progress) if (id !== this.#node.id) progress.recentActive = false;
  }

  #handlePropose(message: Message): RaftError | undefined {
    const me = hexId(this.#node.id);
    if (message.entries.length === 0) throw new RaftPanic(`${me} stepped empty MsgProp`);
    // Removed, but still leading until its removal is known to a quorum.
    if (!this.#node.tracker.progress.has(this.#node.id)) return proposalDropped;
    if (this.#node.leadTransferee !== NONE) {
      this.#node.logger.debug(
        `${me} [term ${this.#node.term}] transfer leadership to ${hexId(this.#node.leadTransferee)} is in progress; ` +
          `dropping proposal`,
      );
      return proposalDropped;
    }
    let { entries } = message;
    if (entries.some(({ type }) => type !== EntryType.EntryNormal)) entries = this.#checkConfChanges(entries);
    if (!this.#node.appendEntries(entries)) return proposalDropped;
    this.#node.replication.broadcastAppend();
    return undefined;
  }

  /**
   * A configuration change that must not be proposed now becomes an empty entry: its proposer finds it missing when
   * that is applied.
   */
  #checkConfChanges(entries: readonly Entry[]): readonly Entry[] {
    return entries.map((entry, position) => {
      const change = confChangeOf(entry);
      if (change === undefined) return entry;
      const { config } = this.#node.tracker;
      const leaving = asConfChangeV2(change).changes.length === 0;
      let refused: string | undefined;
      if (this.#node.pendingConfIndex > this.#node.log.applied) {
        refused =
          `possible unapplied conf change at index ${this.#node.pendingConfIndex} ` +
          `(applied to ${this.#node.log.applied})`;
      } else if (isJoint(config) && !leaving) {
        refused = 'must transition out of joint config first';
      } else if (!isJoint(config) && leaving) {
        refused = 'not in joint state; refusing empty conf change';
      }
      if (refused !== undefined && !this.#node.disableConfChangeValidation) {
        this.#node.logger.info(
          `${hexId(this.#node.id)} ignoring conf change ${describeConfChange(change)} at config ` +
            `${describeConfig(config)}: ${refused}`,
        );
        return makeEntry();
      }
      this.#node.pendingConfIndex = this.#node.log.lastIndex() + position + 1;
      return entry;
    });
  }

  #handleAppendRejected({ from, index, rejectHint, logTerm }: Message, progress: Progress): void {
    this.#node.logger.debug(
      `${hexId(this.#node.id)} received MsgAppResp(rejected, hint: (index ${rejectHint}, term ${logTerm})) from ` +
        `${hexId(from)} for index ${index}`,
    );
    // The follower has term `logTerm` at `rejectHint`. Where this log has higher terms, the two cannot agree: skip them
    // all at once.
    const probe =
      logTerm > 0 ? this.#node.log.findConflictByTerm({ index: rejectHint, term: logTerm }).index : rejectHint;
    if (!progress.maybeDecreaseTo(index, probe)) return;
    this.#node.logger.debug(`${hexId(this.#node.id)} decreased progress of ${hexId(from)} to [${progress}]`);
    if (progress.state === 'StateReplicate') progress.becomeProbe();
    this.#node.replication.sendAppend(from);
  }

  #handleAppendAccepted({ from, index }: Message, progress: Progress): void {
    // An answer that tells nothing new still ends a probe.
    if (!progress.maybeUpdate(index) && !(progress.match === index && progress.state === 'StateProbe')) return;
    switch (progress.state) {
      case 'StateProbe':
        progress.becomeReplicate();
        break;
      case 'StateSnapshot':
        // However it got there: as soon as the log reaches down to what the follower has, it is caught up from the log.
        if (progress.match + 1 >= this.#node.log.firstIndex()) {
          this.#node.logger.debug(
            `${hexId(this.#node.id)} recovered from needing snapshot, resumed sending replication messages to ` +
              `${hexId(from)} [${progress}]`,
          );
          progress.becomeProbe();
          progress.becomeReplicate();
        }
        break;
      case 'StateReplicate':
        progress.inflights.freeUpTo(index);
        break;
    }
    if (this.#node.maybeCommit()) {
      this.#node.reads.release(this.#node.term);
      this.#node.replication.broadcastAppend();
    } else if (from !== this.#node.id && progress.canBumpCommit(this.#node.log.committed)) {
      this.#node.replication.sendAppend(from);
    }
    if (from === this.#node.id) return;
    // There may be room for several messages now.
    while (this.#node.replication.maybeSendAppend(from, progress, false));
    if (from === this.#node.leadTransferee && progress.match === this.#node.log.lastIndex()) {
      this.#node.logger.info(`${hexId(this.#node.id)} sent MsgTimeoutNow to ${hexId(from)} after received MsgAppResp`);
      this.#node.replication.sendTimeoutNow(from);
    }
  }

  #handleHeartbeatResponse({ from, context }: Message, progress: Progress): void {
    progress.recentActive = true;
    progress.appendFlowPaused = false;
    // Also to a follower that has everything but is being probed: the answer ends the probe.
    if (progress.match < this.#node.log.lastIndex() || progress.state === 'StateProbe')
      this.#node.replication.sendAppend(from);
    if (context.length > 0) this.#node.reads.receiveAck(from, context);
  }

  #handleSnapshotStatus({ from, reject }: Message, progress: Progress): void {
    if (progress.state !== 'StateSnapshot') return;
    // Not applied: forget it before probing, or the probe would start from it.
    if (reject) progress.pendingSnapshot = 0;
    progress.becomeProbe();
    this.#node.logger.debug(
      `${hexId(this.#node.id)} snapshot ${reject ? 'failed' : 'succeeded'}, resumed sending replication messages to ` +
        `${hexId(from)} [${progress}]`,
    );
    // Next goes out on the follower's acknowledgement, or after a heartbeat.
    progress.appendFlowPaused = true;
  }

  #handleTransferLeader(transferee: NodeId, progress: Progress): void {
    const me = hexId(this.#node.id);
    const target = hexId(transferee);
    if (progress.isLearner) {
      this.#node.logger.debug(`${me} is learner. Ignored transferring leadership`);
      return;
    }
    const previous = this.#node.leadTransferee;
    if (previous !== NONE) {
      if (previous === transferee) {
        this.#node.logger.info(
          `${me} [term ${this.#node.term}] transfer leadership to ${target} is in progress, ignores request to same ` +
            `node ${target}`,
        );
        return;
      }
      this.#node.abortLeaderTransfer();
      this.#node.logger.info(
        `${me} [term ${this.#node.term}] abort previous transferring leadership to ${hexId(previous)}`,
      );
    }
    if (transferee === this.#node.id) {
      this.#node.logger.debug(`${me} is already leader. Ignored transferring leadership to self`);
      return;
    }
    this.#node.logger.info(`${me} [term ${this.#node.term}] starts to transfer leadership to ${target}`);
    // It has one election timeout.
    this.#node.electionElapsed = 0;
    this.#node.leadTransferee = transferee;
    if (progress.match === this.#node.log.lastIndex()) {
      this.#node.replication.sendTimeoutNow(transferee);
      this.#node.logger.info(
        `${me} sends MsgTimeoutNow to ${target} immediately as ${target} already has up-to-date log`,
      );
    } else {
      this.#node.replication.sendAppend(transferee);
    }
  }
}
