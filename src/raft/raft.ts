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
 * `msgs` may be sent at once. `msgsAfterAppend` are promises — votes and acknowledgements, also the node's own to
 * itself — and leave only when all that was handed out before is on stable storage.
 *
 * Source of behaviour: etcd-io/raft raft.go (v3.7); the Raft paper and thesis by section where they say the same.
 */
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
  isEmptySnapshot,
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
import { RaftLog } from './log/raft-log.js';
import { jointVoteResult } from './quorum/joint.js';
import { ReadOnlyQueue } from './read-only.js';
import type { ReadState, SoftState, StateType } from './ready.js';
import { Progress } from './tracker/progress.js';
import { describeConfig, emptyConfig, isJoint, Tracker } from './tracker/tracker.js';
import { type RaftLogger, RaftPanic } from './world/logger.js';

type CampaignType = 'pre-election' | 'election' | 'transfer';

/** Marks the vote request of a leadership transfer: it is granted in spite of the present leader's lease. */
const transferContext: Uint8Array = Buffer.from('CampaignTransfer', 'latin1');

const isTransfer = (message: Message): boolean => Buffer.compare(message.context, transferContext) === 0;

const noEntries: readonly Entry[] = [];
const noResponses: readonly Message[] = [];

const hex = (id: NodeId): string => id.toString(16);

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
  tracker: Tracker;
  readStates: ReadState[] = [];
  msgs: Message[] = [];
  msgsAfterAppend: Message[] = [];
  /** Drawn anew with each change of term or state, so that candidates do not collide for ever (paper §5.2). */
  randomizedElectionTimeout = 0;

  readonly #logger: RaftLogger;
  readonly #random: Random;
  readonly #electionTimeout: number;
  readonly #heartbeatTimeout: number;
  readonly #maxMessageSize: number;
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
  #readOnly = new ReadOnlyQueue();
  /**
   * Reads that came before this leader had committed an entry of its term: until then its commit index may be behind
   * (thesis §6.4).
   */
  #pendingReads: Message[] = [];

  /** `config` was checked and completed by `RawNode`. */
  constructor(config: Required<RaftConfig>) {
    this.id = config.id;
    this.#logger = config.logger;
    this.#random = config.random;
    this.#electionTimeout = config.electionTicks;
    this.#heartbeatTimeout = config.heartbeatTicks;
    this.#maxMessageSize = config.maxSizePerMessageBytes;
    this.#maxUncommittedSize = config.maxUncommittedEntriesSizeBytes;
    this.#checkQuorum = config.checkQuorum;
    this.#preVote = config.preVote;
    this.#readOnlyOption = config.readOnlyOption;
    this.#disableProposalForwarding = config.disableProposalForwarding;
    this.#disableConfChangeValidation = config.disableConfChangeValidation;
    this.#stepDownOnRemoval = config.stepDownOnRemoval;
    this.log = new RaftLog(config.storage, config.logger, config.maxCommittedSizePerReadyBytes);
    this.tracker = new Tracker(config.maxInflightMessages, config.maxInflightBytes);

    const { hardState, confState } = config.storage.initialState();
    this.#restoreConfiguration(confState);
    if (!isEmptyHardState(hardState)) this.#loadState(hardState);
    if (config.applied > 0) this.log.appliedTo(config.applied, 0);
    this.becomeFollower(this.term, NONE);
    const last = this.log.lastEntryId();
    const peers = this.tracker.voterIds().map(hex).join(',');
    this.#logger.info(
      `newRaft ${hex(this.id)} [peers: [${peers}], term: ${this.term}, commit: ${this.log.committed}, applied: ` +
        `${this.log.applied}, lastindex: ${last.index}, lastterm: ${last.term}]`,
    );
  }

  softState(): SoftState {
    return { lead: this.lead, raftState: this.state };
  }

  hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }

  // Sending

  /** `message` carries a term only where it is about votes; all others get the present one. */
  #send(init: Partial<Message> & { readonly type: MessageType; readonly to: NodeId }): void {
    const { type } = init;
    let term = init.term ?? 0;
    switch (type) {
      case MessageType.MsgVote:
      case MessageType.MsgVoteResp:
      case MessageType.MsgPreVote:
      case MessageType.MsgPreVoteResp:
        // Pre-votes and their answers may speak of the next term, so the sender has to say which it means.
        if (term === 0) throw new RaftPanic(`term should be set when sending ${messageTypeName(type)}`);
        break;
      case MessageType.MsgProp:
      case MessageType.MsgReadIndex:
        // On their way to the leader these count as local to it, whatever its term.
        break;
      default:
        if (term !== 0)
          throw new RaftPanic(`term should not be set when sending ${messageTypeName(type)} (was ${term})`);
        term = this.term;
    }
    const message: Message = {
      type,
      to: init.to,
      from: init.from === undefined || init.from === NONE ? this.id : init.from,
      term,
      logTerm: init.logTerm ?? 0,
      index: init.index ?? 0,
      entries: init.entries ?? noEntries,
      commit: init.commit ?? 0,
      snapshot: init.snapshot,
      reject: init.reject ?? false,
      rejectHint: init.rejectHint ?? 0,
      context: init.context ?? NO_BYTES,
      vote: NONE,
      responses: noResponses,
    };
    if (type === MessageType.MsgAppResp || type === MessageType.MsgVoteResp || type === MessageType.MsgPreVoteResp) {
      this.msgsAfterAppend.push(message);
      return;
    }
    if (message.to === this.id)
      throw new RaftPanic(`message should not be self-addressed when sending ${messageTypeName(type)}`);
    this.msgs.push(message);
  }

  #mustFindProgress(id: NodeId): Progress {
    const progress = this.tracker.progress.get(id);
    if (progress === undefined) throw new RaftPanic(`${hex(this.id)} has no progress for ${hex(id)}`);
    return progress;
  }

  #sendAppend(to: NodeId): void {
    this.#maybeSendAppend(to, this.#mustFindProgress(to), true);
  }

  /**
   * Sends what the follower lacks, or at least the commit index if `sendIfEmpty`. Returns whether a message went out.
   */
  #maybeSendAppend(to: NodeId, progress: Progress, sendIfEmpty: boolean): boolean {
    if (progress.paused) return false;
    const { log } = this;
    const previous = progress.next - 1;
    const previousTerm = log.term(previous);
    if (typeof previousTerm === 'string') return this.#maybeSendSnapshot(to, progress);
    let entries: readonly Entry[] = noEntries;
    // Past a full window only an empty MsgApp goes: if all in flight were lost, its answer gets things going again.
    if (progress.state !== 'StateReplicate' || !progress.inflights.full) {
      const found = log.entries(progress.next, this.#maxMessageSize);
      if (typeof found === 'string') return this.#maybeSendSnapshot(to, progress);
      entries = found;
    }
    if (entries.length === 0 && !sendIfEmpty) return false;
    this.#send({
      type: MessageType.MsgApp,
      to,
      index: previous,
      logTerm: previousTerm,
      entries,
      commit: log.committed,
    });
    progress.sentEntries(entries.length, payloadsSize(entries));
    progress.sentCommit = log.committed;
    return true;
  }

  #maybeSendSnapshot(to: NodeId, progress: Progress): boolean {
    const me = hex(this.id);
    const target = hex(to);
    if (!progress.recentActive) {
      this.#logger.debug(`ignore sending snapshot to ${target} since it is not recently active`);
      return false;
    }
    const snapshot = this.log.snapshot();
    if (snapshot === undefined) {
      this.#logger.debug(`${me} failed to send snapshot to ${target} because snapshot is temporarily unavailable`);
      return false;
    }
    if (isEmptySnapshot(snapshot)) throw new RaftPanic('need non-empty snapshot');
    const { index, term } = snapshot.metadata;
    this.#logger.debug(
      `${me} [firstindex: ${this.log.firstIndex()}, commit: ${this.log.committed}] sent snapshot[index: ` +
        `${index}, term: ${term}] to ${target} [${progress}]`,
    );
    progress.becomeSnapshot(index);
    this.#logger.debug(`${me} paused sending replication messages to ${target} [${progress}]`);
    this.#send({ type: MessageType.MsgSnap, to, snapshot });
    return true;
  }

  #sendHeartbeat(to: NodeId, context: Uint8Array | undefined): void {
    const progress = this.#mustFindProgress(to);
    // The follower may lack what is committed; it must not be told of more than it is known to have.
    const commit = Math.min(progress.match, this.log.committed);
    this.#send({ type: MessageType.MsgHeartbeat, to, commit, context: context ?? NO_BYTES });
    progress.sentCommit = commit;
  }

  #broadcastAppend(): void {
    for (const id of this.tracker.ids) if (id !== this.id) this.#sendAppend(id);
  }

  #broadcastHeartbeat(context: Uint8Array | undefined): void {
    for (const id of this.tracker.ids) if (id !== this.id) this.#sendHeartbeat(id, context);
  }

  #sendTimeoutNow(to: NodeId): void {
    this.#send({ type: MessageType.MsgTimeoutNow, to });
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
        `${hex(this.id)} appending new entries to log would exceed uncommitted entry size limit; dropping proposal`,
      );
      return false;
    }
    this.#uncommittedSize += size;
    let index = this.log.lastIndex();
    const { term } = this;
    const entries = proposed.map(({ type, data }): Entry => ({ type, term, index: ++index, data }));
    this.log.append(entries);
    // The leader's own acknowledgement, which counts once the entries are on its stable storage (thesis §10.2.1).
    this.#send({ type: MessageType.MsgAppResp, to: this.id, index });
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
    this.#readOnly = new ReadOnlyQueue();
  }

  becomeFollower(term: Term, lead: NodeId): void {
    this.#reset(term);
    this.lead = lead;
    this.state = 'StateFollower';
    this.#logger.info(`${hex(this.id)} became follower at term ${this.term}`);
  }

  #becomeCandidate(): void {
    if (this.state === 'StateLeader') throw new RaftPanic('invalid transition [leader -> candidate]');
    this.#reset(this.term + 1);
    this.vote = this.id;
    this.state = 'StateCandidate';
    this.#logger.info(`${hex(this.id)} became candidate at term ${this.term}`);
  }

  /** Neither term nor vote change: the point of asking first. */
  #becomePreCandidate(): void {
    if (this.state === 'StateLeader') throw new RaftPanic('invalid transition [leader -> pre-candidate]');
    this.tracker.resetVotes();
    this.lead = NONE;
    this.state = 'StatePreCandidate';
    this.#logger.info(`${hex(this.id)} became pre-candidate at term ${this.term}`);
  }

  #becomeLeader(): void {
    if (this.state === 'StateFollower') throw new RaftPanic('invalid transition [follower -> leader]');
    this.#reset(this.term);
    this.lead = this.id;
    this.state = 'StateLeader';
    const own = this.#mustFindProgress(this.id);
    own.becomeReplicate();
    own.recentActive = true;
    // There may be an unapplied configuration change anywhere in the log. Waiting for all of it is simpler than
    // looking.
    this.#pendingConfIndex = this.log.lastIndex();
    // Older terms' entries are committed through one of this term (paper §5.4.2, §8).
    if (!this.#appendEntries([makeEntry()])) throw new RaftPanic('empty entry was dropped');
    this.#logger.info(`${hex(this.id)} became leader at term ${this.term}`);
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
    const me = hex(this.id);
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
        this.#send({ type: voteResponseType(request), to: id, term });
        continue;
      }
      const last = this.log.lastEntryId();
      this.#logger.info(
        `${hex(this.id)} [logterm: ${last.term}, index: ${last.index}] sent ${messageTypeName(request)} request ` +
          `to ${hex(id)} at term ${this.term}`,
      );
      const context = type === 'transfer' ? transferContext : NO_BYTES;
      this.#send({ type: request, to: id, term, index: last.index, logTerm: last.term, context });
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
      `${hex(this.id)} [term: ${this.term}] received a ${messageTypeName(type)} message with higher term from ` +
        `${hex(message.from)} [term: ${message.term}]`,
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
      this.#send({ type: MessageType.MsgAppResp, to: from });
    } else if (type === MessageType.MsgPreVote) {
      // A node with a higher term but a shorter log, while pre-vote is being rolled out: without an answer neither
      // could win.
      this.#logger.info(this.#voteDecision('rejected', message));
      this.#send({ type: MessageType.MsgPreVoteResp, to: from, term: this.term, reject: true });
    } else if (type === MessageType.MsgStorageAppendResp) {
      // The entries may have been replaced since; whether they are stable cannot be said. The snapshot is: it holds
      // committed state.
      if (message.index !== 0) {
        this.#logger.info(
          `${hex(this.id)} [term: ${this.term}] ignored entry appends from a ${messageTypeName(type)} message ` +
            `with lower term [term: ${message.term}]`,
        );
      }
      if (message.snapshot !== undefined) this.#appliedSnapshot(message.snapshot);
    } else {
      this.#logger.info(
        `${hex(this.id)} [term: ${this.term}] ignored a ${messageTypeName(type)} message with lower term from ` +
          `${hex(from)} [term: ${message.term}]`,
      );
    }
  }

  #voteDecision(decision: 'ignored' | 'rejected', message: Message): string {
    const last = this.log.lastEntryId();
    return (
      `${hex(this.id)} [logterm: ${last.term}, index: ${last.index}, vote: ${hex(this.vote)}] ${decision} ` +
      `${messageTypeName(message.type)} from ${hex(message.from)} [logterm: ${message.logTerm}, index: ` +
      `${message.index}] at term ${this.term}`
    );
  }

  #applied(entries: readonly Entry[]): void {
    const last = entries[entries.length - 1];
    if (last === undefined) return;
    this.#appliedTo(last.index, entriesSize(entries));
    // New leaders start from 0 and so may have counted less than they are told of here.
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
      this.#send({ type: voteResponseType(type), to: from, term: this.term, reject: true });
      return;
    }
    // Learners vote too when asked: the one who asks may know of a promotion that this node has not applied yet.
    const last = this.log.lastEntryId();
    this.#logger.info(
      `${hex(this.id)} [logterm: ${last.term}, index: ${last.index}, vote: ${hex(this.vote)}] cast ` +
        `${messageTypeName(type)} for ${hex(from)} [logterm: ${message.logTerm}, index: ${message.index}] at ` +
        `term ${this.term}`,
    );
    // With the request's term: a pre-candidate asks about the next one, and would ignore an answer of the present one.
    this.#send({ type: voteResponseType(type), to: from, term });
    if (type === MessageType.MsgVote) {
      this.#electionElapsed = 0;
      this.vote = from;
    }
  }

  // As follower

  #stepFollower(message: Message): RaftError | undefined {
    const me = hex(this.id);
    switch (message.type) {
      case MessageType.MsgProp:
        if (this.lead === NONE) {
          this.#logger.info(`${me} no leader at term ${this.term}; dropping proposal`);
          return proposalDropped;
        }
        if (this.#disableProposalForwarding) {
          this.#logger.info(`${me} not forwarding to leader ${hex(this.lead)} at term ${this.term}; dropping proposal`);
          return proposalDropped;
        }
        this.#send({ ...message, to: this.lead });
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
        this.#send({ ...message, to: this.lead, term: 0 });
        return undefined;
      case MessageType.MsgForgetLeader:
        if (this.#readOnlyOption === 'lease-based') {
          this.#logger.error('ignoring MsgForgetLeader due to ReadOnlyLeaseBased');
          return undefined;
        }
        if (this.lead !== NONE) {
          this.#logger.info(`${me} forgetting leader ${hex(this.lead)} at term ${this.term}`);
          this.lead = NONE;
        }
        return undefined;
      case MessageType.MsgTimeoutNow:
        this.#logger.info(
          `${me} [term ${this.term}] received MsgTimeoutNow from ${hex(message.from)} and starts an election to ` +
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
        this.#send({ ...message, to: this.lead });
        return undefined;
      case MessageType.MsgReadIndexResp: {
        const [entry] = message.entries;
        if (entry === undefined || message.entries.length !== 1) {
          this.#logger.error(
            `${me} invalid format of MsgReadIndexResp from ${hex(message.from)}, entries count: ` +
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
      this.#send({ type: MessageType.MsgAppResp, to: from, index: log.committed });
      return;
    }
    const last = log.maybeAppend({ term: logTerm, index }, message.entries, message.commit);
    if (last !== undefined) {
      this.#send({ type: MessageType.MsgAppResp, to: from, index: last });
      return;
    }
    this.#logger.debug(
      `${hex(this.id)} [logterm: ${log.termOrZero(index)}, index: ${index}] rejected MsgApp [logterm: ` +
        `${logTerm}, index: ${index}] from ${hex(from)}`,
    );
    // The leader's entry before `index` has term `logTerm` at most, so ours of higher terms cannot match: tell it where
    // to look next (paper §5.3).
    const hint = log.findConflictByTerm({ index: Math.min(index, log.lastIndex()), term: logTerm });
    this.#send({
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
    this.#send({ type: MessageType.MsgHeartbeatResp, to: message.from, context: message.context });
  }

  #handleSnapshot(message: Message): void {
    const { snapshot, from } = message;
    const index = snapshot?.metadata.index ?? 0;
    const term = snapshot?.metadata.term ?? 0;
    const restored = snapshot !== undefined && this.#restore(snapshot);
    this.#logger.info(
      `${hex(this.id)} [commit: ${this.log.committed}] ${restored ? 'restored' : 'ignored'} snapshot [index: ` +
        `${index}, term: ${term}]`,
    );
    this.#send({
      type: MessageType.MsgAppResp,
      to: from,
      index: restored ? this.log.lastIndex() : this.log.committed,
    });
  }

  /** Takes over log position and configuration of `snapshot`. Returns false where this node is further already. */
  #restore(snapshot: Snapshot): boolean {
    const { index, term, confState } = snapshot.metadata;
    const me = hex(this.id);
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
    const me = hex(this.id);
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
        this.#logger.debug(`${me} [term ${this.term} state ${this.state}] ignored MsgTimeoutNow from ${hex(from)}`);
        return undefined;
      default:
        return undefined;
    }
  }

  #countVote({ type, from, reject }: Message): void {
    const me = hex(this.id);
    const name = messageTypeName(type);
    this.#logger.info(`${me} received ${name}${reject ? ' rejection' : ''} from ${hex(from)} at term ${this.term}`);
    this.tracker.recordVote(from, !reject);
    const { granted, rejected, result } = this.tracker.tallyVotes();
    this.#logger.info(`${me} has received ${granted} ${name} votes and ${rejected} vote rejections`);
    switch (result) {
      case 'VoteWon':
        if (this.state === 'StatePreCandidate') {
          this.#campaign('election');
        } else {
          this.#becomeLeader();
          this.#broadcastAppend();
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
        this.#broadcastHeartbeat(this.#readOnly.lastPendingContext());
        return undefined;
      case MessageType.MsgCheckQuorum:
        this.#handleCheckQuorum();
        return undefined;
      case MessageType.MsgProp:
        return this.#handlePropose(message);
      case MessageType.MsgReadIndex:
        // A read before this term's first commit could miss entries that an earlier leader acknowledged (thesis §6.4).
        // etcd-diff: a single voter waits for it too. After a restart its commit index may be behind what it
        // acknowledged.
        if (this.#committedInTerm()) this.#answerReadIndex(message);
        else this.#pendingReads.push(message);
        return undefined;
      case MessageType.MsgForgetLeader:
        return undefined;
    }
    const progress = this.tracker.progress.get(message.from);
    if (progress === undefined) {
      this.#logger.debug(`${hex(this.id)} no progress available for ${hex(message.from)}`);
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
          `${hex(this.id)} failed to send message to ${hex(message.from)} because it is unreachable [${progress}]`,
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
      this.#logger.warn(`${hex(this.id)} stepped down to follower since quorum is not active`);
      this.becomeFollower(this.term, NONE);
    }
    for (const [id, progress] of this.tracker.progress) if (id !== this.id) progress.recentActive = false;
  }

  #handlePropose(message: Message): RaftError | undefined {
    const me = hex(this.id);
    if (message.entries.length === 0) throw new RaftPanic(`${me} stepped empty MsgProp`);
    // Removed, but still leading until its removal is known to a quorum.
    if (!this.tracker.progress.has(this.id)) return proposalDropped;
    if (this.leadTransferee !== NONE) {
      this.#logger.debug(
        `${me} [term ${this.term}] transfer leadership to ${hex(this.leadTransferee)} is in progress; dropping ` +
          `proposal`,
      );
      return proposalDropped;
    }
    let { entries } = message;
    if (entries.some(({ type }) => type !== EntryType.EntryNormal)) entries = this.#checkConfChanges(entries);
    if (!this.#appendEntries(entries)) return proposalDropped;
    this.#broadcastAppend();
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
          `${hex(this.id)} ignoring conf change ${describeConfChange(change)} at config ` +
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
      `${hex(this.id)} received MsgAppResp(rejected, hint: (index ${rejectHint}, term ${logTerm})) from ` +
        `${hex(from)} for index ${index}`,
    );
    // The follower has term `logTerm` at `rejectHint`. Where this log has higher terms, the two cannot agree: skip them
    // all at once.
    const probe = logTerm > 0 ? this.log.findConflictByTerm({ index: rejectHint, term: logTerm }).index : rejectHint;
    if (!progress.maybeDecreaseTo(index, probe)) return;
    this.#logger.debug(`${hex(this.id)} decreased progress of ${hex(from)} to [${progress}]`);
    if (progress.state === 'StateReplicate') progress.becomeProbe();
    this.#sendAppend(from);
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
            `${hex(this.id)} recovered from needing snapshot, resumed sending replication messages to ` +
              `${hex(from)} [${progress}]`,
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
      this.#releasePendingReads();
      this.#broadcastAppend();
    } else if (from !== this.id && progress.canBumpCommit(this.log.committed)) {
      this.#sendAppend(from);
    }
    if (from === this.id) return;
    // There may be room for several messages now.
    while (this.#maybeSendAppend(from, progress, false));
    if (from === this.leadTransferee && progress.match === this.log.lastIndex()) {
      this.#logger.info(`${hex(this.id)} sent MsgTimeoutNow to ${hex(from)} after received MsgAppResp`);
      this.#sendTimeoutNow(from);
    }
  }

  #handleHeartbeatResponse({ from, context }: Message, progress: Progress): void {
    progress.recentActive = true;
    progress.appendFlowPaused = false;
    // Also to a follower that has everything but is being probed: the answer ends the probe.
    if (progress.match < this.log.lastIndex() || progress.state === 'StateProbe') this.#sendAppend(from);
    if (this.#readOnlyOption !== 'safe' || context.length === 0) return;
    const acks = this.#readOnly.receiveAck(from, context);
    if (acks === undefined || jointVoteResult(this.tracker.config.voters, acks) !== 'VoteWon') return;
    for (const { request, index } of this.#readOnly.advance(context)) this.#respondToRead(request, index);
  }

  #handleSnapshotStatus({ from, reject }: Message, progress: Progress): void {
    if (progress.state !== 'StateSnapshot') return;
    // Not applied: forget it before probing, or the probe would start from it.
    if (reject) progress.pendingSnapshot = 0;
    progress.becomeProbe();
    this.#logger.debug(
      `${hex(this.id)} snapshot ${reject ? 'failed' : 'succeeded'}, resumed sending replication messages to ` +
        `${hex(from)} [${progress}]`,
    );
    // Next goes out on the follower's acknowledgement, or after a heartbeat.
    progress.appendFlowPaused = true;
  }

  #handleTransferLeader(transferee: NodeId, progress: Progress): void {
    const me = hex(this.id);
    const target = hex(transferee);
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
      this.#logger.info(`${me} [term ${this.term}] abort previous transferring leadership to ${hex(previous)}`);
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
      this.#sendTimeoutNow(transferee);
      this.#logger.info(`${me} sends MsgTimeoutNow to ${target} immediately as ${target} already has up-to-date log`);
    } else {
      this.#sendAppend(transferee);
    }
  }

  #abortLeaderTransfer(): void {
    this.leadTransferee = NONE;
  }

  // Reads

  #committedInTerm(): boolean {
    return this.log.termOrZero(this.log.committed) === this.term;
  }

  #releasePendingReads(): void {
    if (this.#pendingReads.length === 0 || !this.#committedInTerm()) return;
    const reads = this.#pendingReads;
    this.#pendingReads = [];
    for (const read of reads) this.#answerReadIndex(read);
  }

  #answerReadIndex(request: Message): void {
    // Nobody else could have become leader without this node's vote, if the only voter is this node.
    // etcd-diff: there a leader that was removed and leads on takes itself for the only voter that is left, and answers
    // although it may be deposed.
    const onlyVoter = this.tracker.singleton && this.tracker.isVoter(this.id);
    if (onlyVoter || this.#readOnlyOption === 'lease-based') {
      this.#respondToRead(request, this.log.committed);
      return;
    }
    const context = request.entries[0]?.data ?? NO_BYTES;
    this.#readOnly.add(this.log.committed, request);
    this.#readOnly.receiveAck(this.id, context);
    this.#broadcastHeartbeat(context);
  }

  #respondToRead(request: Message, index: Index): void {
    if (request.from === NONE || request.from === this.id) {
      this.readStates.push({ index, requestContext: request.entries[0]?.data ?? NO_BYTES });
      return;
    }
    this.#send({ type: MessageType.MsgReadIndexResp, to: request.from, index, entries: request.entries });
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
    this.tracker = new Tracker(this.tracker.maxInflightMessages, this.tracker.maxInflightBytes);
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
    this.#logger.info(`${hex(this.id)} switched to configuration ${describeConfig(tracker.config)}`);
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
      this.#broadcastAppend();
    } else {
      // Newcomers need not wait for a heartbeat.
      for (const id of tracker.ids) {
        if (id !== this.id) this.#maybeSendAppend(id, this.#mustFindProgress(id), false);
      }
    }
    if (this.leadTransferee !== NONE && !tracker.isVoter(this.leadTransferee)) this.#abortLeaderTransfer();
    return confState;
  }

  #loadState({ term, vote, commit }: HardState): void {
    const last = this.log.lastIndex();
    if (commit < this.log.committed || commit > last) {
      throw new RaftPanic(`${hex(this.id)} state.commit ${commit} is out of range [${this.log.committed}, ${last}]`);
    }
    this.log.committed = commit;
    this.term = term;
    this.vote = vote;
  }
}
