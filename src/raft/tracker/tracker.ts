/**
 * The configuration in force, the progress of everyone in it, and the votes of the running election.
 * Invariant: every voter and learner of the configuration has a progress, and nobody else has.
 * Source of behaviour: etcd-io/raft tracker/tracker.go.
 */
import type { ConfState, Index, NodeId } from '../../raftpb/types.js';
import {
  allVoters,
  describeJointVoters,
  type JointVoters,
  jointCommittedIndex,
  jointVoteResult,
} from '../quorum/joint.js';
import { describeVoters, sortedIds, type VoteResult } from '../quorum/majority.js';
import { Inflights } from './inflights.js';
import type { Progress } from './progress.js';

export interface TrackerConfig {
  readonly voters: JointVoters;
  /** Whether the joint configuration is left without being asked. */
  readonly autoLeave: boolean;
  readonly learners: ReadonlySet<NodeId>;
  /**
   * Outgoing voters that become learners when the joint configuration is left: as learners now, they would be in two
   * sets at once.
   */
  readonly learnersNext: ReadonlySet<NodeId>;
}

export type ProgressMap = ReadonlyMap<NodeId, Progress>;

export const emptyConfig: TrackerConfig = {
  voters: { incoming: new Set(), outgoing: new Set() },
  autoLeave: false,
  learners: new Set(),
  learnersNext: new Set(),
};

export const isJoint = (config: TrackerConfig): boolean => config.voters.outgoing.size > 0;

/** `voters=(1 2 3)&&(1) learners=(4) learners_next=(5) autoleave` */
export function describeConfig(config: TrackerConfig): string {
  let text = `voters=${describeJointVoters(config.voters)}`;
  if (config.learners.size > 0) text += ` learners=${describeVoters(config.learners)}`;
  if (config.learnersNext.size > 0) text += ` learners_next=${describeVoters(config.learnersNext)}`;
  if (config.autoLeave) text += ' autoleave';
  return text;
}

/** One line a node. */
export const describeProgress = (progress: ProgressMap): string =>
  sortedIds(progress.keys())
    .map((id) => `${id}: ${progress.get(id)}\n`)
    .join('');

export class Tracker {
  config: TrackerConfig = emptyConfig;
  progress: ProgressMap = new Map();
  /** Everyone in the configuration, by rising id: the order in which messages go out. */
  ids: readonly NodeId[] = [];
  readonly #votes = new Map<NodeId, boolean>();
  readonly #acked = (id: NodeId): Index | undefined => this.progress.get(id)?.match;

  constructor(
    readonly maxInflightMessages: number,
    readonly maxInflightBytes: number,
  ) {}

  makeInflights(): Inflights {
    return new Inflights(this.maxInflightMessages, this.maxInflightBytes);
  }

  use(config: TrackerConfig, progress: ProgressMap): void {
    this.config = config;
    this.progress = progress;
    this.ids = sortedIds(progress.keys());
  }

  confState(): ConfState {
    const { voters, learners, learnersNext, autoLeave } = this.config;
    return {
      voters: sortedIds(voters.incoming),
      votersOutgoing: sortedIds(voters.outgoing),
      learners: sortedIds(learners),
      learnersNext: sortedIds(learnersNext),
      autoLeave,
    };
  }

  /** Whether there is but one voter. */
  get singleton(): boolean {
    return this.config.voters.incoming.size === 1 && this.config.voters.outgoing.size === 0;
  }

  voterIds(): NodeId[] {
    return sortedIds(allVoters(this.config.voters));
  }

  isVoter(id: NodeId): boolean {
    return this.config.voters.incoming.has(id) || this.config.voters.outgoing.has(id);
  }

  /** What a quorum has in its logs. */
  committed(): Index {
    return jointCommittedIndex(this.config.voters, this.#acked);
  }

  /** Whether a quorum was heard of lately. */
  quorumActive(): boolean {
    const votes = new Map<NodeId, boolean>();
    for (const [id, progress] of this.progress) if (!progress.isLearner) votes.set(id, progress.recentActive);
    return jointVoteResult(this.config.voters, votes) === 'VoteWon';
  }

  resetVotes(): void {
    this.#votes.clear();
  }

  /** The first vote of a node counts. */
  recordVote(id: NodeId, granted: boolean): void {
    if (!this.#votes.has(id)) this.#votes.set(id, granted);
  }

  tallyVotes(): { granted: number; rejected: number; result: VoteResult } {
    let granted = 0;
    let rejected = 0;
    for (const [id, progress] of this.progress) {
      if (progress.isLearner) continue;
      const vote = this.#votes.get(id);
      if (vote === true) granted++;
      else if (vote === false) rejected++;
    }
    return { granted, rejected, result: jointVoteResult(this.config.voters, this.#votes) };
  }
}
