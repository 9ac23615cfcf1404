/**
 * Two majorities at once: nothing is decided unless both agree. The second is empty outside of configuration changes.
 * Source of behaviour: etcd-io/raft quorum/joint.go; Raft thesis §4.3.
 */
import type { Index, NodeId } from '../../raftpb/types.js';
import {
  type AckedIndex,
  committedIndex,
  describeAcked,
  describeVoters,
  type VoteResult,
  type VoterSet,
  voteResult,
} from './majority.js';

export interface JointVoters {
  readonly incoming: VoterSet;
  /** Empty unless a joint configuration is in force. */
  readonly outgoing: VoterSet;
}

export const allVoters = ({ incoming, outgoing }: JointVoters): Set<NodeId> => new Set([...incoming, ...outgoing]);

export const jointCommittedIndex = ({ incoming, outgoing }: JointVoters, acked: AckedIndex): Index =>
  outgoing.size === 0
    ? committedIndex(incoming, acked)
    : Math.min(committedIndex(incoming, acked), committedIndex(outgoing, acked));

export function jointVoteResult({ incoming, outgoing }: JointVoters, votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  const first = voteResult(incoming, votes);
  const second = voteResult(outgoing, votes);
  if (first === second) return first;
  return first === 'VoteLost' || second === 'VoteLost' ? 'VoteLost' : 'VotePending';
}

/** `(1 2 3)` or `(1 2 3)&&(1)` */
export const describeJointVoters = ({ incoming, outgoing }: JointVoters): string =>
  outgoing.size === 0 ? describeVoters(incoming) : `${describeVoters(incoming)}&&${describeVoters(outgoing)}`;

export const describeJointAcked = (voters: JointVoters, acked: AckedIndex): string =>
  describeAcked(allVoters(voters), acked);
