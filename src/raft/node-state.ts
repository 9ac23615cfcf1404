/**
 * What a node knows and is: term, vote and role, its log, whom it counts. And how one role becomes another, with all
 * that is forgotten then. Who takes which messages when is in `raft.ts` and the files of the roles.
 */
import { hexId } from '../lib/ids.js';
import type { Random } from '../lib/random.js';
import { payloadsSize } from '../raftpb/sizes.js';
import {
  type Entry,
  type HardState,
  type Index,
  MessageType,
  makeEntry,
  NONE,
  type NodeId,
  type Term,
} from '../raftpb/types.js';
import type { RaftConfig, ReadOnlyOption } from './config.js';
import { LeaderReads } from './leader-reads.js';
import { RaftLog } from './log/raft-log.js';
import { Mailbox } from './mailbox.js';
import type { ReadState, SoftState, StateType } from './ready.js';
import { Replication } from './replication.js';
import { Progress } from './tracker/progress.js';
import { Tracker } from './tracker/tracker.js';
import { type RaftLogger, RaftPanic } from './world/logger.js';

export class NodeState {
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
  /** Chosen at random with each change of term or state, so that candidates do not collide for ever (paper §5.2). */
  randomizedElectionTimeout = 0;

  readonly logger: RaftLogger;
  readonly random: Random;
  readonly electionTimeout: number;
  readonly heartbeatTimeout: number;
  readonly replication: Replication;
  readonly reads: LeaderReads;
  readonly maxUncommittedSize: number;
  readonly checkQuorum: boolean;
  readonly preVote: boolean;
  readonly readOnlyOption: ReadOnlyOption;
  readonly disableProposalForwarding: boolean;
  readonly disableConfChangeValidation: boolean;
  readonly stepDownOnRemoval: boolean;
  electionElapsed = 0;
  heartbeatElapsed = 0;
  /** No configuration change is proposed while one at or below this index may be unapplied. */
  pendingConfIndex: Index = 0;
  /**
   * Payload bytes appended by this leader and not known to be applied; an estimate that never blocks an empty entry.
   */
  uncommittedSize = 0;

  constructor(config: Required<RaftConfig>) {
    this.id = config.id;
    this.logger = config.logger;
    this.random = config.random;
    this.electionTimeout = config.electionTicks;
    this.heartbeatTimeout = config.heartbeatTicks;
    this.maxUncommittedSize = config.maxUncommittedEntriesSizeBytes;
    this.checkQuorum = config.checkQuorum;
    this.preVote = config.preVote;
    this.readOnlyOption = config.readOnlyOption;
    this.disableProposalForwarding = config.disableProposalForwarding;
    this.disableConfChangeValidation = config.disableConfChangeValidation;
    this.stepDownOnRemoval = config.stepDownOnRemoval;
    this.log = new RaftLog(config.storage, config.logger, config.maxCommittedSizePerReadyBytes);
    this.tracker = new Tracker(config.maxInflightMessages, config.maxInflightBytes);
    this.mailbox = new Mailbox(this);
    this.replication = new Replication({
      id: this.id,
      log: this.log,
      tracker: this.tracker,
      mailbox: this.mailbox,
      logger: this.logger,
      maxMessageSize: config.maxSizePerMessageBytes,
    });
    this.reads = new LeaderReads({
      id: this.id,
      log: this.log,
      tracker: this.tracker,
      mailbox: this.mailbox,
      replication: this.replication,
      option: config.readOnlyOption,
      answer: (state) => this.readStates.push(state),
    });
  }

  softState(): SoftState {
    return { lead: this.lead, raftState: this.state };
  }

  hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }

  maybeCommit(): boolean {
    return this.log.maybeCommit({ term: this.term, index: this.tracker.committed() });
  }

  /** Returns false where too much is uncommitted already. */
  appendEntries(proposed: readonly Entry[]): boolean {
    const size = payloadsSize(proposed);
    if (this.uncommittedSize > 0 && size > 0 && this.uncommittedSize + size > this.maxUncommittedSize) {
      this.logger.warn(
        `${hexId(this.id)} appending new entries to log would exceed uncommitted entry size limit; dropping proposal`,
      );
      return false;
    }
    this.uncommittedSize += size;
    let index = this.log.lastIndex();
    const { term } = this;
    const entries = proposed.map(({ type, data }): Entry => ({ type, term, index: ++index, data }));
    this.log.append(entries);
    // The leader's own acknowledgement, which counts once the entries are on its stable storage (thesis §10.2.1).
    this.mailbox.send({ type: MessageType.MsgAppResp, to: this.id, index });
    return true;
  }

  #reset(term: Term): void {
    if (this.term !== term) {
      this.term = term;
      this.vote = NONE;
    }
    this.lead = NONE;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    this.randomizedElectionTimeout = this.electionTimeout + this.random.below(this.electionTimeout);
    this.abortLeaderTransfer();
    this.tracker.resetVotes();
    const last = this.log.lastIndex();
    const fresh = new Map<NodeId, Progress>();
    for (const [id, { isLearner }] of this.tracker.progress) {
      const match = id === this.id ? last : 0;
      const inflights = this.tracker.makeInflights();
      fresh.set(id, new Progress({ match, next: last + 1, inflights, isLearner, recentActive: false }));
    }
    this.tracker.use(this.tracker.config, fresh);
    this.pendingConfIndex = 0;
    this.uncommittedSize = 0;
    this.reads.reset();
  }

  becomeFollower(term: Term, lead: NodeId): void {
    this.#reset(term);
    this.lead = lead;
    this.state = 'StateFollower';
    this.logger.info(`${hexId(this.id)} became follower at term ${this.term}`);
  }

  becomeCandidate(): void {
    if (this.state === 'StateLeader') throw new RaftPanic('invalid transition [leader -> candidate]');
    this.#reset(this.term + 1);
    this.vote = this.id;
    this.state = 'StateCandidate';
    this.logger.info(`${hexId(this.id)} became candidate at term ${this.term}`);
  }

  /** Neither term nor vote change: the point of asking first. */
  becomePreCandidate(): void {
    if (this.state === 'StateLeader') throw new RaftPanic('invalid transition [leader -> pre-candidate]');
    this.tracker.resetVotes();
    this.lead = NONE;
    this.state = 'StatePreCandidate';
    this.logger.info(`${hexId(this.id)} became pre-candidate at term ${this.term}`);
  }

  becomeLeader(): void {
    if (this.state === 'StateFollower') throw new RaftPanic('invalid transition [follower -> leader]');
    this.#reset(this.term);
    this.lead = this.id;
    this.state = 'StateLeader';
    const own = this.replication.mustFindProgress(this.id);
    own.becomeReplicate();
    own.recentActive = true;
    // There may be an unapplied configuration change anywhere in the log. Waiting for all of it is simpler than
    // looking.
    this.pendingConfIndex = this.log.lastIndex();
    // Older terms' entries are committed through one of this term (paper §5.4.2, §8).
    if (!this.appendEntries([makeEntry()])) throw new RaftPanic('empty entry was dropped');
    this.logger.info(`${hexId(this.id)} became leader at term ${this.term}`);
  }

  abortLeaderTransfer(): void {
    this.leadTransferee = NONE;
  }

  loadState({ term, vote, commit }: HardState): void {
    const last = this.log.lastIndex();
    if (commit < this.log.committed || commit > last) {
      throw new RaftPanic(`${hexId(this.id)} state.commit ${commit} is out of range [${this.log.committed}, ${last}]`);
    }
    this.log.committed = commit;
    this.term = term;
    this.vote = vote;
  }
}
