/**
 * The Raft state machine: messages, ticks and proposals in, messages and log entries out. Pure and synchronous;
 * `RawNode` is its face.
 *
 *                       election timeout                       quorum of votes
 *     StateFollower ────────────────────────▶ StateCandidate ──────────────────▶ StateLeader
 *        ▲   ▲  └─────────▶ StatePreCandidate ────▶┘ │                                │
 *        │   │  (pre-vote)      │ quorum of          │ a leader, a higher term,       │ a higher term,
 *        │   └──────────────────┘ pre-votes          │ a quorum of refusals           │ no word from a quorum
 *        └───────────────────────────────────────────┴────────────────────────────────┘
 *
 * Here: time, and the order in which a message is looked at: its term, what concerns every role, then the role
 * (`follower.ts`, `candidate.ts`, `leader.ts`), all over one `node-state.ts`. Who votes for whom is `elections.ts`, who
 * may vote at all `group-configuration.ts`. What the node wants sent waits in `mailbox.ts`; what a leader sends is
 * `replication.ts`, how it answers reads `leader-reads.ts`.
 *
 * Source of behaviour: etcd-io/raft raft.go (v3.7); the Raft paper and thesis by section where they say the same.
 */
import { hexId } from '../lib/ids.js';
import { messageTypeName } from '../raftpb/describe.js';
import { entriesSize, payloadsSize } from '../raftpb/sizes.js';
import {
  type ConfChangeV2,
  type ConfState,
  type Entry,
  EntryType,
  type Index,
  isEmptyHardState,
  type Message,
  MessageType,
  makeEntry,
  makeMessage,
  NONE,
  type Snapshot,
} from '../raftpb/types.js';
import { Candidate } from './candidate.js';
import type { RaftConfig } from './config.js';
import { Elections, isTransfer } from './elections.js';
import type { RaftError } from './errors.js';
import { Follower } from './follower.js';
import { GroupConfiguration } from './group-configuration.js';
import { Leader } from './leader.js';
import { NodeState } from './node-state.js';
import { describeConfig } from './tracker/tracker.js';

export class Raft extends NodeState {
  readonly #configuration: GroupConfiguration;
  readonly #elections: Elections;
  readonly #follower: Follower;
  readonly #candidate: Candidate;
  readonly #leader: Leader;

  /** `config` was checked and completed by `RawNode`. */
  constructor(config: Required<RaftConfig>) {
    super(config);
    this.#configuration = new GroupConfiguration(this);
    this.#elections = new Elections(this);
    this.#follower = new Follower(this, this.#elections, this.#configuration);
    this.#candidate = new Candidate(this, this.#elections, this.#follower);
    this.#leader = new Leader(this);

    const { hardState, confState } = config.storage.initialState();
    this.#configuration.restore(confState);
    if (!isEmptyHardState(hardState)) this.loadState(hardState);
    if (config.applied > 0) this.log.appliedTo(config.applied, 0);
    this.becomeFollower(this.term, NONE);
    const last = this.log.lastEntryId();
    const peers = this.tracker.voterIds().map(hexId).join(',');
    this.logger.info(
      `newRaft ${hexId(this.id)} [peers: [${peers}], term: ${this.term}, commit: ${this.log.committed}, applied: ` +
        `${this.log.applied}, lastindex: ${last.index}, lastterm: ${last.term}]`,
    );
  }

  // Log

  /**
   * Applied entries and their configuration are done with; where the joint configuration is to be left by itself, that
   * is proposed now.
   */
  #appliedTo(index: Index, sizeBytes: number): void {
    const applied = Math.max(index, this.log.applied);
    this.log.appliedTo(applied, sizeBytes);
    const { config } = this.tracker;
    if (!config.autoLeave || applied < this.pendingConfIndex || this.state !== 'StateLeader') return;
    // Without data it decodes to "leave the joint configuration", and no size limit can refuse it. A running leadership
    // transfer can: then either the new leader does it, or this one at the next applied entry.
    const leave = makeMessage({
      type: MessageType.MsgProp,
      entries: [makeEntry({ type: EntryType.EntryConfChangeV2 })],
    });
    const error = this.step(leave);
    if (error === undefined) {
      this.logger.info(`initiating automatic transition out of joint configuration ${describeConfig(config)}`);
    } else {
      this.logger.debug(
        `not initiating automatic transition out of joint configuration ${describeConfig(config)}: ${error.message}`,
      );
    }
  }

  #appliedSnapshot(snapshot: Snapshot): void {
    const { index } = snapshot.metadata;
    this.log.stableSnapshotTo(index);
    this.#appliedTo(index, 0);
  }

  // Time

  tick(): void {
    if (this.state === 'StateLeader') this.#tickHeartbeat();
    else this.#tickElection();
  }

  #tickElection(): void {
    this.electionElapsed++;
    if (!this.#elections.promotable() || this.electionElapsed < this.randomizedElectionTimeout) return;
    this.electionElapsed = 0;
    this.step(makeMessage({ type: MessageType.MsgHup, from: this.id }));
  }

  #tickHeartbeat(): void {
    this.heartbeatElapsed++;
    this.electionElapsed++;
    if (this.electionElapsed >= this.electionTimeout) {
      this.electionElapsed = 0;
      if (this.checkQuorum) this.step(makeMessage({ type: MessageType.MsgCheckQuorum, from: this.id }));
      // A transfer that takes longer than an election timeout has failed: take proposals again.
      if (this.state === 'StateLeader') this.abortLeaderTransfer();
    }
    if (this.state !== 'StateLeader') return;
    if (this.heartbeatElapsed >= this.heartbeatTimeout) {
      this.heartbeatElapsed = 0;
      this.step(makeMessage({ type: MessageType.MsgBeat, from: this.id }));
    }
  }

  // Messages

  step(message: Message): RaftError | undefined {
    if (message.term > this.term) {
      if (!this.#takeHigherTerm(message)) return undefined;
    } else if (message.term !== 0 && message.term < this.term) {
      this.#answerLowerTerm(message);
      return undefined;
    }
    switch (message.type) {
      case MessageType.MsgHup:
        this.#elections.hup(this.preVote ? 'pre-election' : 'election');
        return undefined;
      case MessageType.MsgStorageAppendResp:
        if (message.index !== 0) this.log.stableTo({ term: message.logTerm, index: message.index });
        if (message.snapshot !== undefined) this.#appliedSnapshot(message.snapshot);
        return undefined;
      case MessageType.MsgStorageApplyResp:
        this.#applied(message.entries);
        return undefined;
      case MessageType.MsgVote:
      case MessageType.MsgPreVote:
        this.#elections.handleVoteRequest(message);
        return undefined;
    }
    switch (this.state) {
      case 'StateFollower':
        return this.#follower.step(message);
      case 'StateCandidate':
      case 'StatePreCandidate':
        return this.#candidate.step(message);
      case 'StateLeader':
        return this.#leader.step(message);
    }
  }

  /** Returns false where the message is not to be looked at further. */
  #takeHigherTerm(message: Message): boolean {
    const { type } = message;
    if (type === MessageType.MsgVote || type === MessageType.MsgPreVote) {
      const inLease = this.checkQuorum && this.lead !== NONE && this.electionElapsed < this.electionTimeout;
      if (inLease && !isTransfer(message)) {
        // Someone who was cut off, or removed, must not depose a leader that is heard of (thesis §4.2.3).
        this.logger.info(
          `${this.#elections.voteDecision('ignored', message)}: lease is not expired (remaining ticks: ` +
            `${this.electionTimeout - this.electionElapsed})`,
        );
        return false;
      }
    }
    // A pre-vote asks about a term that nobody is in yet. Granted, it is followed by a real vote; refused, the answer
    // carries the refuser's term.
    if (type === MessageType.MsgPreVote || (type === MessageType.MsgPreVoteResp && !message.reject)) return true;
    this.logger.info(
      `${hexId(this.id)} [term: ${this.term}] received a ${messageTypeName(type)} message with higher term from ` +
        `${hexId(message.from)} [term: ${message.term}]`,
    );
    const fromLeader = type === MessageType.MsgApp || type === MessageType.MsgHeartbeat || type === MessageType.MsgSnap;
    this.becomeFollower(message.term, fromLeader ? message.from : NONE);
    return true;
  }

  #answerLowerTerm(message: Message): void {
    const { type, from } = message;
    if ((this.checkQuorum || this.preVote) && (type === MessageType.MsgHeartbeat || type === MessageType.MsgApp)) {
      // This node's term ran ahead while it was cut off, and its vote requests are now ignored under the leader's lease
      // (or are pre-votes, which raise no term). Silence would leave it stuck: the answer's term makes that leader step
      // down and a new election settle it.
      this.mailbox.send({ type: MessageType.MsgAppResp, to: from });
    } else if (type === MessageType.MsgPreVote) {
      // A node with a higher term but a shorter log, while pre-vote is being rolled out: without an answer neither
      // could win.
      this.logger.info(this.#elections.voteDecision('rejected', message));
      this.mailbox.send({ type: MessageType.MsgPreVoteResp, to: from, term: this.term, reject: true });
    } else if (type === MessageType.MsgStorageAppendResp) {
      // The entries may have been replaced since; whether they are stable cannot be said. The snapshot is: it holds
      // committed state.
      if (message.index !== 0) {
        this.logger.info(
          `${hexId(this.id)} [term: ${this.term}] ignored entry appends from a ${messageTypeName(type)} message ` +
            `with lower term [term: ${message.term}]`,
        );
      }
      if (message.snapshot !== undefined) this.#appliedSnapshot(message.snapshot);
    } else {
      this.logger.info(
        `${hexId(this.id)} [term: ${this.term}] ignored a ${messageTypeName(type)} message with lower term from ` +
          `${hexId(from)} [term: ${message.term}]`,
      );
    }
  }

  #applied(entries: readonly Entry[]): void {
    const last = entries[entries.length - 1];
    if (last === undefined) return;
    this.#appliedTo(last.index, entriesSize(entries));
    // New leaders start from 0 and so may have counted less than is applied here.
    this.uncommittedSize = Math.max(this.uncommittedSize - payloadsSize(entries), 0);
  }

  applyConfChange(change: ConfChangeV2): ConfState {
    return this.#configuration.apply(change);
  }
}
