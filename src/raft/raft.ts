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
 * What it wants sent waits in `mailbox.ts`; what a leader sends is `replication.ts`, how it answers reads
 * `leader-reads.ts`.
 *
 * Source of behaviour: etcd-io/raft raft.go (v3.7); the Raft paper and thesis by section where they say the same.
 */
import { hexId } from '../lib/ids.js';
import type { Random } from '../lib/random.js';
import { confChangeOf, describeConfChange, describeConfState, messageTypeName } from '../raftpb/describe.js';
import { entriesSize, payloadsSize } from '../raftpb/sizes.js';
import {
  asConfChangeV2,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  EntryType,
  entersJoint,
  type HardState,
  type Index,
  isEmptyHardState,
  leavesJoint,
  type Message,
  MessageType,
  makeEntry,
  makeMessage,
  NO_BYTES,
  NONE,
  type NodeId,
  type Snapshot,
  type Term,
} from '../raftpb/types.js';
import { type ChangeBase, type ChangeResult, enterJoint, isRefused, leaveJoint, simple } from './confchange/changer.js';
import { restore as restoreConfiguration } from './confchange/restore.js';
import type { RaftConfig, ReadOnlyOption } from './config.js';
import { proposalDropped, type RaftError } from './errors.js';
import { LeaderReads } from './leader-reads.js';
import { RaftLog } from './log/raft-log.js';
import { Mailbox } from './mailbox.js';
import type { ReadState, SoftState, StateType } from './ready.js';
import { Replication } from './replication.js';
import { Progress } from './tracker/progress.js';
import { describeConfig, emptyConfig, isJoint, Tracker } from './tracker/tracker.js';
import { type RaftLogger, RaftPanic } from './world/logger.js';

type CampaignType = 'pre-election' | 'election' | 'transfer';

/** Marks the vote request of a leadership transfer: it is granted in spite of the present leader's lease. */
const transferContext: Uint8Array = Buffer.from('CampaignTransfer', 'latin1');

const isTransfer = (message: Message): boolean => Buffer.compare(message.context, transferContext) === 0;

const voteResponseType = (type: MessageType): MessageType =>
  type === MessageType.MsgVote ? MessageType.MsgVoteResp : MessageType.MsgPreVoteResp;

export class Raft {
  readonly id: NodeId;
  term: Term = 0;
  vote: NodeId = NONE;
  state: StateType = 'StateFollower';
  /** `NONE` when unknown. */
  lead: NodeId = NONE;
  /** To whom leadership is being transferred. */
  leadTransferee: NodeId = NONE;
  isLearner = false;
  readonly log: RaftLog;
  readonly tracker: Tracker;
  readonly mailbox: Mailbox;
  readStates: ReadState[] = [];
  /** Drawn anew with each change of term or state, so that candidates do not collide for ever (paper §5.2). */
  randomizedElectionTimeout = 0;

  readonly #logger: RaftLogger;
  readonly #random: Random;
  readonly #electionTimeout: number;
  readonly #heartbeatTimeout: number;
  readonly #replication: Replication;
  readonly #reads: LeaderReads;
  readonly #maxUncommittedSize: number;
  readonly #checkQuorum: boolean;
  readonly #preVote: boolean;
  readonly #readOnlyOption: ReadOnlyOption;
  readonly #disableProposalForwarding: boolean;
  readonly #disableConfChangeValidation: boolean;
  readonly #stepDownOnRemoval: boolean;
  #electionElapsed = 0;
  #heartbeatElapsed = 0;
  /** No configuration change is proposed while one at or below this index may be unapplied. */
  #pendingConfIndex: Index = 0;
  /**
   * Payload bytes appended by this leader and not known to be applied; an estimate that never blocks an empty entry.
   */
  #uncommittedSize = 0;

  /** `config` was checked and completed by `RawNode`. */
  constructor(config: Required<RaftConfig>) {
    this.id = config.id;
    this.#logger = config.logger;
    this.#random = config.random;
    this.#electionTimeout = config.electionTicks;
    this.#heartbeatTimeout = config.heartbeatTicks;
    this.#maxUncommittedSize = config.maxUncommittedEntriesSizeBytes;
    this.#checkQuorum = config.checkQuorum;
    this.#preVote = config.preVote;
    this.#readOnlyOption = config.readOnlyOption;
    this.#disableProposalForwarding = config.disableProposalForwarding;
    this.#disableConfChangeValidation = config.disableConfChangeValidation;
    this.#stepDownOnRemoval = config.stepDownOnRemoval;
    this.log = new RaftLog(config.storage, config.logger, config.maxCommittedSizePerReadyBytes);
    this.tracker = new Tracker(config.maxInflightMessages, config.maxInflightBytes);
    this.mailbox = new Mailbox(this);
    this.#replication = new Replication({
      id: this.id,
      log: this.log,
      tracker: this.tracker,
      mailbox: this.mailbox,
      logger: this.#logger,
      maxMessageSize: config.maxSizePerMessageBytes,
    });
    this.#reads = new LeaderReads({
      id: this.id,
      log: this.log,
      tracker: this.tracker,
      mailbox: this.mailbox,
      replication: this.#replication,
      option: config.readOnlyOption,
      answer: (state) => this.readStates.push(state),
    });

    const { hardState, confState } = config.storage.initialState();
    this.#restoreConfiguration(confState);
    if (!isEmptyHardState(hardState)) this.#loadState(hardState);
    if (config.applied > 0) this.log.appliedTo(config.applied, 0);
    this.becomeFollower(this.term, NONE);
    const last = this.log.lastEntryId();
    const peers = this.tracker.voterIds().map(hexId).join(',');
    this.#logger.info(
      `newRaft ${hexId(this.id)} [peers: [${peers}], term: ${this.term}, commit: ${this.log.committed}, applied: ` +
        `${this.log.applied}, lastindex: ${last.index}, lastterm: ${last.term}]`,
    );
  }

  softState(): SoftState {
    return { lead: this.lead, raftState: this.state };
  }

  hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
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
    if (!config.autoLeave || applied < this.#pendingConfIndex || this.state !== 'StateLeader') return;
    // Without data it decodes to "leave the joint configuration", and no size limit can refuse it. A running leadership
    // transfer can: then either the new leader does it, or this one at the next applied entry.
    const leave = makeMessage({
      type: MessageType.MsgProp,
      entries: [makeEntry({ type: EntryType.EntryConfChangeV2 })],
    });
    const error = this.step(leave);
    if (error === undefined) {
      this.#logger.info(`initiating automatic transition out of joint configuration ${describeConfig(config)}`);
    } else {
      this.#logger.debug(
        `not initiating automatic transition out of joint configuration ${describeConfig(config)}: ${error.message}`,
      );
    }
  }

  #appliedSnapshot(snapshot: Snapshot): void {
    const { index } = snapshot.metadata;
    this.log.stableSnapshotTo(index);
    this.#appliedTo(index, 0);
  }

  #maybeCommit(): boolean {
    return this.log.maybeCommit({ term: this.term, index: this.tracker.committed() });
  }

  /** Returns false where too much is uncommitted already. */
  #appendEntries(proposed: readonly Entry[]): boolean {
    const size = payloadsSize(proposed);
    if (this.#uncommittedSize > 0 && size > 0 && this.#uncommittedSize + size > this.#maxUncommittedSize) {
      this.#logger.warn(
        `${hexId(this.id)} appending new entries to log would exceed uncommitted entry size limit; dropping proposal`,
      );
      return false;
    }
    this.#uncommittedSize += size;
    let index = this.log.lastIndex();
    const { term } = this;
    const entries = proposed.map(({ type, data }): Entry => ({ type, term, index: ++index, data }));
    this.log.append(entries);
    // The leader's own acknowledgement, which counts once the entries are on its stable storage (thesis §10.2.1).
    this.mailbox.send({ type: MessageType.MsgAppResp, to: this.id, index });
    return true;
  }

  // States

  #reset(term: Term): void {
    if (this.term !== term) {
      this.term = term;
      this.vote = NONE;
    }
    this.lead = NONE;
    this.#electionElapsed = 0;
    this.#heartbeatElapsed = 0;
    this.randomizedElectionTimeout = this.#electionTimeout + this.#random.below(this.#electionTimeout);
    this.#abortLeaderTransfer();
    this.tracker.resetVotes();
    const last = this.log.lastIndex();
    const fresh = new Map<NodeId, Progress>();
    for (const [id, { isLearner }] of this.tracker.progress) {
      const match = id === this.id ? last : 0;
      const inflights = this.tracker.makeInflights();
      fresh.set(id, new Progress({ match, next: last + 1, inflights, isLearner, recentActive: false }));
    }
    this.tracker.use(this.tracker.config, fresh);
    this.#pendingConfIndex = 0;
    this.#uncommittedSize = 0;
    this.#reads.reset();
  }

  becomeFollower(term: Term, lead: NodeId): void {
    this.#reset(term);
    this.lead = lead;
    this.state = 'StateFollower';
    this.#logger.info(`${hexId(this.id)} became follower at term ${this.term}`);
  }

  #becomeCandidate(): void {
    if (this.state === 'StateLeader') throw new RaftPanic('invalid transition [leader -> candidate]');
    this.#reset(this.term + 1);
    this.vote = this.id;
    this.state = 'StateCandidate';
    this.#logger.info(`${hexId(this.id)} became candidate at term ${this.term}`);
  }

  /** Neither term nor vote change: the point of asking first. */
  #becomePreCandidate(): void {
    if (this.state === 'StateLeader') throw new RaftPanic('invalid transition [leader -> pre-candidate]');
    this.tracker.resetVotes();
    this.lead = NONE;
    this.state = 'StatePreCandidate';
    this.#logger.info(`${hexId(this.id)} became pre-candidate at term ${this.term}`);
  }

  #becomeLeader(): void {
    if (this.state === 'StateFollower') throw new RaftPanic('invalid transition [follower -> leader]');
    this.#reset(this.term);
    this.lead = this.id;
    this.state = 'StateLeader';
    const own = this.#replication.mustFindProgress(this.id);
    own.becomeReplicate();
    own.recentActive = true;
    // There may be an unapplied configuration change anywhere in the log. Waiting for all of it is simpler than
    // looking.
    this.#pendingConfIndex = this.log.lastIndex();
    // Older terms' entries are committed through one of this term (paper §5.4.2, §8).
    if (!this.#appendEntries([makeEntry()])) throw new RaftPanic('empty entry was dropped');
    this.#logger.info(`${hexId(this.id)} became leader at term ${this.term}`);
  }

  // Time

  tick(): void {
    if (this.state === 'StateLeader') this.#tickHeartbeat();
    else this.#tickElection();
  }

  #tickElection(): void {
    this.#electionElapsed++;
    if (!this.#promotable() || this.#electionElapsed < this.randomizedElectionTimeout) return;
    this.#electionElapsed = 0;
    this.step(makeMessage({ type: MessageType.MsgHup, from: this.id }));
  }

  #tickHeartbeat(): void {
    this.#heartbeatElapsed++;
    this.#electionElapsed++;
    if (this.#electionElapsed >= this.#electionTimeout) {
      this.#electionElapsed = 0;
      if (this.#checkQuorum) this.step(makeMessage({ type: MessageType.MsgCheckQuorum, from: this.id }));
      // A transfer that takes longer than an election timeout has failed: take proposals again.
      if (this.state === 'StateLeader') this.#abortLeaderTransfer();
    }
    if (this.state !== 'StateLeader') return;
    if (this.#heartbeatElapsed >= this.#heartbeatTimeout) {
      this.#heartbeatElapsed = 0;
      this.step(makeMessage({ type: MessageType.MsgBeat, from: this.id }));
    }
  }

  // Elections

  /** Whether this node may become leader: it votes, and no snapshot is about to change who does. */
  #promotable(): boolean {
    const progress = this.tracker.progress.get(this.id);
    return progress !== undefined && !progress.isLearner && !this.log.hasNextOrInProgressSnapshot;
  }

  #hup(type: CampaignType): void {
    const me = hexId(this.id);
    if (this.state === 'StateLeader') {
      this.#logger.debug(`${me} ignoring MsgHup because already leader`);
      return;
    }
    if (!this.#promotable()) {
      this.#logger.warn(`${me} is unpromotable and can not campaign`);
      return;
    }
    if (this.#hasUnappliedConfChanges()) {
      this.#logger.warn(
        `${me} cannot campaign at term ${this.term} since there are still pending configuration changes to apply`,
      );
      return;
    }
    this.#logger.info(`${me} is starting a new election at term ${this.term}`);
    this.#campaign(type);
  }

  #hasUnappliedConfChanges(): boolean {
    const { log } = this;
    // By pages, for there may be much to apply.
    for (let low = log.applied + 1; low <= log.committed; ) {
      const page = log.slice(low, log.committed + 1, log.maxApplyingSizeBytes);
      if (typeof page === 'string') throw new RaftPanic(`error scanning unapplied entries: ${page}`);
      if (page.some((entry) => entry.type !== EntryType.EntryNormal)) return true;
      low += page.length;
    }
    return false;
  }

  #campaign(type: CampaignType): void {
    let term: Term;
    let request: MessageType;
    if (type === 'pre-election') {
      this.#becomePreCandidate();
      request = MessageType.MsgPreVote;
      term = this.term + 1;
    } else {
      this.#becomeCandidate();
      request = MessageType.MsgVote;
      term = this.term;
    }
    for (const id of this.tracker.voterIds()) {
      if (id === this.id) {
        // The vote for itself counts once it is on stable storage, like anyone else's.
        this.mailbox.send({ type: voteResponseType(request), to: id, term });
        continue;
      }
      const last = this.log.lastEntryId();
      this.#logger.info(
        `${hexId(this.id)} [logterm: ${last.term}, index: ${last.index}] sent ${messageTypeName(request)} request ` +
          `to ${hexId(id)} at term ${this.term}`,
      );
      const context = type === 'transfer' ? transferContext : NO_BYTES;
      this.mailbox.send({ type: request, to: id, term, index: last.index, logTerm: last.term, context });
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
        this.#hup(this.#preVote ? 'pre-election' : 'election');
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
        this.#handleVoteRequest(message);
        return undefined;
    }
    switch (this.state) {
      case 'StateFollower':
        return this.#stepFollower(message);
      case 'StateCandidate':
      case 'StatePreCandidate':
        return this.#stepCandidate(message);
      case 'StateLeader':
        return this.#stepLeader(message);
    }
  }

  /** Returns false where the message is not to be looked at further. */
  #takeHigherTerm(message: Message): boolean {
    const { type } = message;
    if (type === MessageType.MsgVote || type === MessageType.MsgPreVote) {
      const inLease = this.#checkQuorum && this.lead !== NONE && this.#electionElapsed < this.#electionTimeout;
      if (inLease && !isTransfer(message)) {
        // Someone who was cut off, or removed, must not depose a leader that is heard of (thesis §4.2.3).
        this.#logger.info(
          `${this.#voteDecision('ignored', message)}: lease is not expired (remaining ticks: ` +
            `${this.#electionTimeout - this.#electionElapsed})`,
        );
        return false;
      }
    }
    // A pre-vote asks about a term that nobody is in yet. Granted, it is followed by a real vote; refused, the answer
    // carries the refuser's term.
    if (type === MessageType.MsgPreVote || (type === MessageType.MsgPreVoteResp && !message.reject)) return true;
    this.#logger.info(
      `${hexId(this.id)} [term: ${this.term}] received a ${messageTypeName(type)} message with higher term from ` +
        `${hexId(message.from)} [term: ${message.term}]`,
    );
    const fromLeader = type === MessageType.MsgApp || type === MessageType.MsgHeartbeat || type === MessageType.MsgSnap;
    this.becomeFollower(message.term, fromLeader ? message.from : NONE);
    return true;
  }

  #answerLowerTerm(message: Message): void {
    const { type, from } = message;
    if ((this.#checkQuorum || this.#preVote) && (type === MessageType.MsgHeartbeat || type === MessageType.MsgApp)) {
      // This node's term ran ahead while it was cut off, and its vote requests are now ignored under the leader's lease
      // (or are pre-votes, which raise no term). Silence would leave it stuck: the answer's term makes that leader step
      // down and a new election settle it.
      this.mailbox.send({ type: MessageType.MsgAppResp, to: from });
    } else if (type === MessageType.MsgPreVote) {
      // A node with a higher term but a shorter log, while pre-vote is being rolled out: without an answer neither
      // could win.
      this.#logger.info(this.#voteDecision('rejected', message));
      this.mailbox.send({ type: MessageType.MsgPreVoteResp, to: from, term: this.term, reject: true });
    } else if (type === MessageType.MsgStorageAppendResp) {
      // The entries may have been replaced since; whether they are stable cannot be said. The snapshot is: it holds
      // committed state.
      if (message.index !== 0) {
        this.#logger.info(
          `${hexId(this.id)} [term: ${this.term}] ignored entry appends from a ${messageTypeName(type)} message ` +
            `with lower term [term: ${message.term}]`,
        );
      }
      if (message.snapshot !== undefined) this.#appliedSnapshot(message.snapshot);
    } else {
      this.#logger.info(
        `${hexId(this.id)} [term: ${this.term}] ignored a ${messageTypeName(type)} message with lower term from ` +
          `${hexId(from)} [term: ${message.term}]`,
      );
    }
  }

  #voteDecision(decision: 'ignored' | 'rejected', message: Message): string {
    const last = this.log.lastEntryId();
    return (
      `${hexId(this.id)} [logterm: ${last.term}, index: ${last.index}, vote: ${hexId(this.vote)}] ${decision} ` +
      `${messageTypeName(message.type)} from ${hexId(message.from)} [logterm: ${message.logTerm}, index: ` +
      `${message.index}] at term ${this.term}`
    );
  }

  #applied(entries: readonly Entry[]): void {
    const last = entries[entries.length - 1];
    if (last === undefined) return;
    this.#appliedTo(last.index, entriesSize(entries));
    // New leaders start from 0 and so may have counted less than is applied here.
    this.#uncommittedSize = Math.max(this.#uncommittedSize - payloadsSize(entries), 0);
  }

  #handleVoteRequest(message: Message): void {
    const { type, from, term } = message;
    const canVote =
      this.vote === from ||
      (this.vote === NONE && this.lead === NONE) ||
      (type === MessageType.MsgPreVote && term > this.term);
    if (!canVote || !this.log.isUpToDate({ term: message.logTerm, index: message.index })) {
      this.#logger.info(this.#voteDecision('rejected', message));
      this.mailbox.send({ type: voteResponseType(type), to: from, term: this.term, reject: true });
      return;
    }
    // Learners vote too when asked: the one who asks may know of a promotion that this node has not applied yet.
    const last = this.log.lastEntryId();
    this.#logger.info(
      `${hexId(this.id)} [logterm: ${last.term}, index: ${last.index}, vote: ${hexId(this.vote)}] cast ` +
        `${messageTypeName(type)} for ${hexId(from)} [logterm: ${message.logTerm}, index: ${message.index}] at ` +
        `term ${this.term}`,
    );
    // With the request's term: a pre-candidate asks about the next one, and would ignore an answer of the present one.
    this.mailbox.send({ type: voteResponseType(type), to: from, term });
    if (type === MessageType.MsgVote) {
      this.#electionElapsed = 0;
      this.vote = from;
    }
  }

  // As follower

  #stepFollower(message: Message): RaftError | undefined {
    const me = hexId(this.id);
    switch (message.type) {
      case MessageType.MsgProp:
        if (this.lead === NONE) {
          this.#logger.info(`${me} no leader at term ${this.term}; dropping proposal`);
          return proposalDropped;
        }
        if (this.#disableProposalForwarding) {
          this.#logger.info(
            `${me} not forwarding to leader ${hexId(this.lead)} at term ${this.term}; dropping proposal`,
          );
          return proposalDropped;
        }
        this.mailbox.send({ ...message, to: this.lead });
        return undefined;
      case MessageType.MsgApp:
        this.#electionElapsed = 0;
        this.lead = message.from;
        this.#handleAppend(message);
        return undefined;
      case MessageType.MsgHeartbeat:
        this.#electionElapsed = 0;
        this.lead = message.from;
        this.#handleHeartbeat(message);
        return undefined;
      case MessageType.MsgSnap:
        this.#electionElapsed = 0;
        this.lead = message.from;
        this.#handleSnapshot(message);
        return undefined;
      case MessageType.MsgTransferLeader:
        if (this.lead === NONE) {
          this.#logger.info(`${me} no leader at term ${this.term}; dropping leader transfer msg`);
          return undefined;
        }
        this.mailbox.send({ ...message, to: this.lead, term: 0 });
        return undefined;
      case MessageType.MsgForgetLeader:
        if (this.#readOnlyOption === 'lease-based') {
          this.#logger.error('ignoring MsgForgetLeader due to ReadOnlyLeaseBased');
          return undefined;
        }
        if (this.lead !== NONE) {
          this.#logger.info(`${me} forgetting leader ${hexId(this.lead)} at term ${this.term}`);
          this.lead = NONE;
        }
        return undefined;
      case MessageType.MsgTimeoutNow:
        this.#logger.info(
          `${me} [term ${this.term}] received MsgTimeoutNow from ${hexId(message.from)} and starts an election to ` +
            `get leadership.`,
        );
        // Never a pre-vote: the leader itself asked for it, nobody comes back from a partition here.
        this.#hup('transfer');
        return undefined;
      case MessageType.MsgReadIndex:
        if (this.lead === NONE) {
          this.#logger.info(`${me} no leader at term ${this.term}; dropping index reading msg`);
          return undefined;
        }
        this.mailbox.send({ ...message, to: this.lead });
        return undefined;
      case MessageType.MsgReadIndexResp: {
        const [entry] = message.entries;
        if (entry === undefined || message.entries.length !== 1) {
          this.#logger.error(
            `${me} invalid format of MsgReadIndexResp from ${hexId(message.from)}, entries count: ` +
              `${message.entries.length}`,
          );
          return undefined;
        }
        this.readStates.push({ index: message.index, requestContext: entry.data });
        return undefined;
      }
      default:
        return undefined;
    }
  }

  #handleAppend(message: Message): void {
    const { from, index, logTerm } = message;
    const { log } = this;
    if (index < log.committed) {
      this.mailbox.send({ type: MessageType.MsgAppResp, to: from, index: log.committed });
      return;
    }
    const last = log.maybeAppend({ term: logTerm, index }, message.entries, message.commit);
    if (last !== undefined) {
      this.mailbox.send({ type: MessageType.MsgAppResp, to: from, index: last });
      return;
    }
    this.#logger.debug(
      `${hexId(this.id)} [logterm: ${log.termOrZero(index)}, index: ${index}] rejected MsgApp [logterm: ` +
        `${logTerm}, index: ${index}] from ${hexId(from)}`,
    );
    // The leader's entry before `index` has term `logTerm` at most, so ours of higher terms cannot match: tell it where
    // to look next (paper §5.3).
    const hint = log.findConflictByTerm({ index: Math.min(index, log.lastIndex()), term: logTerm });
    this.mailbox.send({
      type: MessageType.MsgAppResp,
      to: from,
      index,
      reject: true,
      rejectHint: hint.index,
      logTerm: hint.term,
    });
  }

  #handleHeartbeat(message: Message): void {
    this.log.commitTo(message.commit);
    this.mailbox.send({ type: MessageType.MsgHeartbeatResp, to: message.from, context: message.context });
  }

  #handleSnapshot(message: Message): void {
    const { snapshot, from } = message;
    const index = snapshot?.metadata.index ?? 0;
    const term = snapshot?.metadata.term ?? 0;
    const restored = snapshot !== undefined && this.#restore(snapshot);
    this.#logger.info(
      `${hexId(this.id)} [commit: ${this.log.committed}] ${restored ? 'restored' : 'ignored'} snapshot [index: ` +
        `${index}, term: ${term}]`,
    );
    this.mailbox.send({
      type: MessageType.MsgAppResp,
      to: from,
      index: restored ? this.log.lastIndex() : this.log.committed,
    });
  }

  /** Takes over log position and configuration of `snapshot`. Returns false where this node is further already. */
  #restore(snapshot: Snapshot): boolean {
    const { index, term, confState } = snapshot.metadata;
    const me = hexId(this.id);
    if (index <= this.log.committed) return false;
    if (this.state !== 'StateFollower') {
      // Cannot happen; a leader that took a snapshot would lose its log.
      this.#logger.warn(`${me} attempted to restore snapshot as leader; should never happen`);
      this.becomeFollower(this.term + 1, NONE);
      return false;
    }
    // Learners of the next configuration are voters of the outgoing one.
    if (![confState.voters, confState.learners, confState.votersOutgoing].some((ids) => ids.includes(this.id))) {
      this.#logger.warn(
        `${me} attempted to restore snapshot but it is not in the ConfState ${describeConfState(confState)}; ` +
          `should never happen`,
      );
      return false;
    }
    if (this.log.matchTerm({ term, index })) {
      const last = this.log.lastEntryId();
      this.#logger.info(
        `${me} [commit: ${this.log.committed}, lastindex: ${last.index}, lastterm: ${last.term}] fast-forwarded ` +
          `commit to snapshot [index: ${index}, term: ${term}]`,
      );
      this.log.commitTo(index);
      return false;
    }
    this.log.restore(snapshot);
    this.#restoreConfiguration(confState);
    const last = this.log.lastEntryId();
    this.#logger.info(
      `${me} [commit: ${this.log.committed}, lastindex: ${last.index}, lastterm: ${last.term}] restored snapshot ` +
        `[index: ${index}, term: ${term}]`,
    );
    return true;
  }

  // As candidate

  #stepCandidate(message: Message): RaftError | undefined {
    const me = hexId(this.id);
    const { type, from } = message;
    switch (type) {
      case MessageType.MsgProp:
        this.#logger.info(`${me} no leader at term ${this.term}; dropping proposal`);
        return proposalDropped;
      case MessageType.MsgApp:
        this.becomeFollower(message.term, from);
        this.#handleAppend(message);
        return undefined;
      case MessageType.MsgHeartbeat:
        this.becomeFollower(message.term, from);
        this.#handleHeartbeat(message);
        return undefined;
      case MessageType.MsgSnap:
        this.becomeFollower(message.term, from);
        this.#handleSnapshot(message);
        return undefined;
      case MessageType.MsgVoteResp:
      case MessageType.MsgPreVoteResp: {
        // A late answer to the pre-vote says nothing about the vote, and the other way round.
        const mine = this.state === 'StatePreCandidate' ? MessageType.MsgPreVoteResp : MessageType.MsgVoteResp;
        if (type === mine) this.#countVote(message);
        return undefined;
      }
      case MessageType.MsgTimeoutNow:
        this.#logger.debug(`${me} [term ${this.term} state ${this.state}] ignored MsgTimeoutNow from ${hexId(from)}`);
        return undefined;
      default:
        return undefined;
    }
  }

  #countVote({ type, from, reject }: Message): void {
    const me = hexId(this.id);
    const name = messageTypeName(type);
    this.#logger.info(`${me} received ${name}${reject ? ' rejection' : ''} from ${hexId(from)} at term ${this.term}`);
    this.tracker.recordVote(from, !reject);
    const { granted, rejected, result } = this.tracker.tallyVotes();
    this.#logger.info(`${me} has received ${granted} ${name} votes and ${rejected} vote rejections`);
    switch (result) {
      case 'VoteWon':
        if (this.state === 'StatePreCandidate') {
          this.#campaign('election');
        } else {
          this.#becomeLeader();
          this.#replication.broadcastAppend();
        }
        break;
      case 'VoteLost':
        this.becomeFollower(this.term, NONE);
        break;
      case 'VotePending':
        break;
    }
  }

  // As leader

  #stepLeader(message: Message): RaftError | undefined {
    switch (message.type) {
      case MessageType.MsgBeat:
        this.#replication.broadcastHeartbeat(this.#reads.lastPendingContext());
        return undefined;
      case MessageType.MsgCheckQuorum:
        this.#handleCheckQuorum();
        return undefined;
      case MessageType.MsgProp:
        return this.#handlePropose(message);
      case MessageType.MsgReadIndex:
        this.#reads.take(message, this.term);
        return undefined;
      case MessageType.MsgForgetLeader:
        return undefined;
    }
    const progress = this.tracker.progress.get(message.from);
    if (progress === undefined) {
      this.#logger.debug(`${hexId(this.id)} no progress available for ${hexId(message.from)}`);
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
        this.#logger.debug(
          `${hexId(this.id)} failed to send message to ${hexId(message.from)} because it is unreachable [${progress}]`,
        );
        break;
      case MessageType.MsgTransferLeader:
        this.#handleTransferLeader(message.from, progress);
        break;
    }
    return undefined;
  }

  #handleCheckQuorum(): void {
    if (!this.tracker.quorumActive()) {
      this.#logger.warn(`${hexId(this.id)} stepped down to follower since quorum is not active`);
      this.becomeFollower(this.term, NONE);
    }
    for (const [id, progress] of this.tracker.progress) if (id !== this.id) progress.recentActive = false;
  }

  #handlePropose(message: Message): RaftError | undefined {
    const me = hexId(this.id);
    if (message.entries.length === 0) throw new RaftPanic(`${me} stepped empty MsgProp`);
    // Removed, but still leading until its removal is known to a quorum.
    if (!this.tracker.progress.has(this.id)) return proposalDropped;
    if (this.leadTransferee !== NONE) {
      this.#logger.debug(
        `${me} [term ${this.term}] transfer leadership to ${hexId(this.leadTransferee)} is in progress; dropping ` +
          `proposal`,
      );
      return proposalDropped;
    }
    let { entries } = message;
    if (entries.some(({ type }) => type !== EntryType.EntryNormal)) entries = this.#checkConfChanges(entries);
    if (!this.#appendEntries(entries)) return proposalDropped;
    this.#replication.broadcastAppend();
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
      const { config } = this.tracker;
      const leaving = asConfChangeV2(change).changes.length === 0;
      let refused: string | undefined;
      if (this.#pendingConfIndex > this.log.applied) {
        refused = `possible unapplied conf change at index ${this.#pendingConfIndex} (applied to ${this.log.applied})`;
      } else if (isJoint(config) && !leaving) {
        refused = 'must transition out of joint config first';
      } else if (!isJoint(config) && leaving) {
        refused = 'not in joint state; refusing empty conf change';
      }
      if (refused !== undefined && !this.#disableConfChangeValidation) {
        this.#logger.info(
          `${hexId(this.id)} ignoring conf change ${describeConfChange(change)} at config ` +
            `${describeConfig(config)}: ${refused}`,
        );
        return makeEntry();
      }
      this.#pendingConfIndex = this.log.lastIndex() + position + 1;
      return entry;
    });
  }

  #handleAppendRejected({ from, index, rejectHint, logTerm }: Message, progress: Progress): void {
    this.#logger.debug(
      `${hexId(this.id)} received MsgAppResp(rejected, hint: (index ${rejectHint}, term ${logTerm})) from ` +
        `${hexId(from)} for index ${index}`,
    );
    // The follower has term `logTerm` at `rejectHint`. Where this log has higher terms, the two cannot agree: skip them
    // all at once.
    const probe = logTerm > 0 ? this.log.findConflictByTerm({ index: rejectHint, term: logTerm }).index : rejectHint;
    if (!progress.maybeDecreaseTo(index, probe)) return;
    this.#logger.debug(`${hexId(this.id)} decreased progress of ${hexId(from)} to [${progress}]`);
    if (progress.state === 'StateReplicate') progress.becomeProbe();
    this.#replication.sendAppend(from);
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
        if (progress.match + 1 >= this.log.firstIndex()) {
          this.#logger.debug(
            `${hexId(this.id)} recovered from needing snapshot, resumed sending replication messages to ` +
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
    if (this.#maybeCommit()) {
      this.#reads.release(this.term);
      this.#replication.broadcastAppend();
    } else if (from !== this.id && progress.canBumpCommit(this.log.committed)) {
      this.#replication.sendAppend(from);
    }
    if (from === this.id) return;
    // There may be room for several messages now.
    while (this.#replication.maybeSendAppend(from, progress, false));
    if (from === this.leadTransferee && progress.match === this.log.lastIndex()) {
      this.#logger.info(`${hexId(this.id)} sent MsgTimeoutNow to ${hexId(from)} after received MsgAppResp`);
      this.#replication.sendTimeoutNow(from);
    }
  }

  #handleHeartbeatResponse({ from, context }: Message, progress: Progress): void {
    progress.recentActive = true;
    progress.appendFlowPaused = false;
    // Also to a follower that has everything but is being probed: the answer ends the probe.
    if (progress.match < this.log.lastIndex() || progress.state === 'StateProbe') this.#replication.sendAppend(from);
    if (context.length > 0) this.#reads.receiveAck(from, context);
  }

  #handleSnapshotStatus({ from, reject }: Message, progress: Progress): void {
    if (progress.state !== 'StateSnapshot') return;
    // Not applied: forget it before probing, or the probe would start from it.
    if (reject) progress.pendingSnapshot = 0;
    progress.becomeProbe();
    this.#logger.debug(
      `${hexId(this.id)} snapshot ${reject ? 'failed' : 'succeeded'}, resumed sending replication messages to ` +
        `${hexId(from)} [${progress}]`,
    );
    // Next goes out on the follower's acknowledgement, or after a heartbeat.
    progress.appendFlowPaused = true;
  }

  #handleTransferLeader(transferee: NodeId, progress: Progress): void {
    const me = hexId(this.id);
    const target = hexId(transferee);
    if (progress.isLearner) {
      this.#logger.debug(`${me} is learner. Ignored transferring leadership`);
      return;
    }
    const previous = this.leadTransferee;
    if (previous !== NONE) {
      if (previous === transferee) {
        this.#logger.info(
          `${me} [term ${this.term}] transfer leadership to ${target} is in progress, ignores request to same ` +
            `node ${target}`,
        );
        return;
      }
      this.#abortLeaderTransfer();
      this.#logger.info(`${me} [term ${this.term}] abort previous transferring leadership to ${hexId(previous)}`);
    }
    if (transferee === this.id) {
      this.#logger.debug(`${me} is already leader. Ignored transferring leadership to self`);
      return;
    }
    this.#logger.info(`${me} [term ${this.term}] starts to transfer leadership to ${target}`);
    // It has one election timeout.
    this.#electionElapsed = 0;
    this.leadTransferee = transferee;
    if (progress.match === this.log.lastIndex()) {
      this.#replication.sendTimeoutNow(transferee);
      this.#logger.info(`${me} sends MsgTimeoutNow to ${target} immediately as ${target} already has up-to-date log`);
    } else {
      this.#replication.sendAppend(transferee);
    }
  }

  #abortLeaderTransfer(): void {
    this.leadTransferee = NONE;
  }

  // Configuration

  applyConfChange(change: ConfChangeV2): ConfState {
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
    const { tracker } = this;
    return {
      config: tracker.config,
      progress: tracker.progress,
      lastIndex: this.log.lastIndex(),
      makeInflights: () => tracker.makeInflights(),
    };
  }

  #restoreConfiguration(state: ConfState): void {
    this.tracker.resetVotes();
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
    const { tracker } = this;
    tracker.use(result.config, result.progress);
    this.#logger.info(`${hexId(this.id)} switched to configuration ${describeConfig(tracker.config)}`);
    const confState = tracker.confState();
    const own = tracker.progress.get(this.id);
    this.isLearner = own?.isLearner ?? false;
    if (this.state !== 'StateLeader') return confState;
    if (own === undefined || this.isLearner) {
      // Without stepping down it goes on to lead without a vote of its own until someone else does (thesis §4.2.2).
      if (this.#stepDownOnRemoval) this.becomeFollower(this.term, NONE);
      return confState;
    }
    if (confState.voters.length === 0) return confState;
    if (this.#maybeCommit()) {
      // Fewer voters may be a quorum for more.
      this.#replication.broadcastAppend();
    } else {
      // Newcomers need not wait for a heartbeat.
      for (const id of tracker.ids) {
        if (id !== this.id) this.#replication.maybeSendAppend(id, this.#replication.mustFindProgress(id), false);
      }
    }
    if (this.leadTransferee !== NONE && !tracker.isVoter(this.leadTransferee)) this.#abortLeaderTransfer();
    return confState;
  }

  #loadState({ term, vote, commit }: HardState): void {
    const last = this.log.lastIndex();
    if (commit < this.log.committed || commit > last) {
      throw new RaftPanic(`${hexId(this.id)} state.commit ${commit} is out of range [${this.log.committed}, ${last}]`);
    }
    this.log.committed = commit;
    this.term = term;
    this.vote = vote;
  }
}
