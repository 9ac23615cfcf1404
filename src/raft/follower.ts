/** What a follower does with what it gets: the leader's entries, heartbeats and snapshots, and what is to go there. */
import { hexId } from '../lib/ids.js';
import { describeConfState } from '../raftpb/describe.js';
import { type Message, MessageType, NONE, type Snapshot } from '../raftpb/types.js';
import type { Elections } from './elections.js';
import { proposalDropped, type RaftError } from './errors.js';
import type { GroupConfiguration } from './group-configuration.js';
import type { NodeState } from './node-state.js';

export class Follower {
  readonly #node: NodeState;
  readonly #elections: Elections;
  readonly #configuration: GroupConfiguration;

  constructor(node: NodeState, elections: Elections, configuration: GroupConfiguration) {
    this.#node = node;
    this.#elections = elections;
    this.#configuration = configuration;
  }

  step(message: Message): RaftError | undefined {
    const me = hexId(this.#node.id);
    switch (message.type) {
      case MessageType.MsgProp:
        if (this.#node.lead === NONE) {
          this.#node.logger.info(`${me} no leader at term ${this.#node.term}; dropping proposal`);
          return proposalDropped;
        }
        if (this.#node.disableProposalForwarding) {
          this.#node.logger.info(
            `${me} not forwarding to leader ${hexId(this.#node.lead)} at term ${this.#node.term}; dropping proposal`,
          );
          return proposalDropped;
        }
        this.#node.mailbox.send({ ...message, to: this.#node.lead });
        return undefined;
      case MessageType.MsgApp:
        this.#node.electionElapsed = 0;
        this.#node.lead = message.from;
        this.handleAppend(message);
        return undefined;
      case MessageType.MsgHeartbeat:
        this.#node.electionElapsed = 0;
        this.#node.lead = message.from;
        this.handleHeartbeat(message);
        return undefined;
      case MessageType.MsgSnap:
        this.#node.electionElapsed = 0;
        this.#node.lead = message.from;
        this.handleSnapshot(message);
        return undefined;
      case MessageType.MsgTransferLeader:
        if (this.#node.lead === NONE) {
          this.#node.logger.info(`${me} no leader at term ${this.#node.term}; dropping leader transfer msg`);
          return undefined;
        }
        this.#node.mailbox.send({ ...message, to: this.#node.lead, term: 0 });
        return undefined;
      case MessageType.MsgForgetLeader:
        if (this.#node.readOnlyOption === 'lease-based') {
          this.#node.logger.error('ignoring MsgForgetLeader due to ReadOnlyLeaseBased');
          return undefined;
        }
        if (this.#node.lead !== NONE) {
          this.#node.logger.info(`${me} forgetting leader ${hexId(this.#node.lead)} at term ${this.#node.term}`);
          this.#node.lead = NONE;
        }
        return undefined;
      case MessageType.MsgTimeoutNow:
        this.#node.logger.info(
          `${me} [term ${this.#node.term}] received MsgTimeoutNow from ${hexId(message.from)} and starts an ` +
            `election to get leadership.`,
        );
        // Never a pre-vote: the leader itself asked for it, nobody comes back from a partition here.
        this.#elections.hup('transfer');
        return undefined;
      case MessageType.MsgReadIndex:
        if (this.#node.lead === NONE) {
          this.#node.logger.info(`${me} no leader at term ${this.#node.term}; dropping index reading msg`);
          return undefined;
        }
        this.#node.mailbox.send({ ...message, to: this.#node.lead });
        return undefined;
      case MessageType.MsgReadIndexResp: {
        const [entry] = message.entries;
        if (entry === undefined || message.entries.length !== 1) {
          this.#node.logger.error(
            `${me} invalid format of MsgReadIndexResp from ${hexId(message.from)}, entries count: ` +
              `${message.entries.length}`,
          );
          return undefined;
        }
        this.#node.readStates.push({ index: message.index, requestContext: entry.data });
        return undefined;
      }
      default:
        return undefined;
    }
  }

  handleAppend(message: Message): void {
    const { from, index, logTerm } = message;
    const { log } = this.#node;
    if (index < log.committed) {
      this.#node.mailbox.send({ type: MessageType.MsgAppResp, to: from, index: log.committed });
      return;
    }
    const last = log.maybeAppend({ term: logTerm, index }, message.entries, message.commit);
    if (last !== undefined) {
      this.#node.mailbox.send({ type: MessageType.MsgAppResp, to: from, index: last });
      return;
    }
    this.#node.logger.debug(
      `${hexId(this.#node.id)} [logterm: ${log.termOrZero(index)}, index: ${index}] rejected MsgApp [logterm: ` +
        `${logTerm}, index: ${index}] from ${hexId(from)}`,
    );
    // The leader's entry before `index` has term `logTerm` at most, so ours of higher terms cannot match: tell it where
    // to look next (paper §5.3).
    const hint = log.findConflictByTerm({ index: Math.min(index, log.lastIndex()), term: logTerm });
    this.#node.mailbox.send({
      type: MessageType.MsgAppResp,
      to: from,
      index,
      reject: true,
      rejectHint: hint.index,
      logTerm: hint.term,
    });
  }

  handleHeartbeat(message: Message): void {
    this.#node.log.commitTo(message.commit);
    this.#node.mailbox.send({ type: MessageType.MsgHeartbeatResp, to: message.from, context: message.context });
  }

  handleSnapshot(message: Message): void {
    const { snapshot, from } = message;
    const index = snapshot?.metadata.index ?? 0;
    const term = snapshot?.metadata.term ?? 0;
    const restored = snapshot !== undefined && this.#restore(snapshot);
    this.#node.logger.info(
      `${hexId(this.#node.id)} [commit: ${this.#node.log.committed}] ${restored ? 'restored' : 'ignored'} snapshot ` +
        `[index: ${index}, term: ${term}]`,
    );
    this.#node.mailbox.send({
      type: MessageType.MsgAppResp,
      to: from,
      index: restored ? this.#node.log.lastIndex() : this.#node.log.committed,
    });
  }

  /** Takes over log position and configuration of `snapshot`. Returns false where this node is further already. */
  #restore(snapshot: Snapshot): boolean {
    const { index, term, confState } = snapshot.metadata;
    const me = hexId(this.#node.id);
    if (index <= this.#node.log.committed) return false;
    if (this.#node.state !== 'StateFollower') {
      // Cannot happen; a leader that took a snapshot would lose its log.
      this.#node.logger.warn(`${me} attempted to restore snapshot as leader; should never happen`);
      this.#node.becomeFollower(this.#node.term + 1, NONE);
      return false;
    }
    // Learners of the next configuration are voters of the outgoing one.
    if (![confState.voters, confState.learners, confState.votersOutgoing].some((ids) => ids.includes(this.#node.id))) {
      this.#node.logger.warn(
        `${me} attempted to restore snapshot but it is not in the ConfState ${describeConfState(confState)}; ` +
          `should never happen`,
      );
      return false;
    }
    if (this.#node.log.matchTerm({ term, index })) {
      const last = this.#node.log.lastEntryId();
      this.#node.logger.info(
        `${me} [commit: ${this.#node.log.committed}, lastindex: ${last.index}, lastterm: ${last.term}] ` +
          `fast-forwarded commit to snapshot [index: ${index}, term: ${term}]`,
      );
      this.#node.log.commitTo(index);
      return false;
    }
    this.#node.log.restore(snapshot);
    this.#configuration.restore(confState);
    const last = this.#node.log.lastEntryId();
    this.#node.logger.info(
      `${me} [commit: ${this.#node.log.committed}, lastindex: ${last.index}, lastterm: ${last.term}] restored ` +
        `snapshot [index: ${index}, term: ${term}]`,
    );
    return true;
  }
}
