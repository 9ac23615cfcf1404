/**
 * One majority: which index it has acknowledged, how its vote stands. An empty majority agrees with everything, so that
 * a joint configuration whose second half is empty behaves as the first half alone.
 * Source of behaviour: etcd-io/raft quorum/majority.go; Raft paper §5.3, §5.4.
 */
import type { Index, NodeId } from '../../raftpb/types.js';

export type VoteResult = 'VotePending' | 'VoteLost' | 'VoteWon';
export type VoterSet = ReadonlySet<NodeId>;
/** The highest index a voter has acknowledged, or undefined if it was not heard of. */
export type AckedIndex = (id: NodeId) => Index | undefined;

/** What an empty majority has committed: everything. */
export const INFINITE_INDEX: Index = Number.POSITIVE_INFINITY;

// Reused between calls, which never nest: committedIndex runs for every acknowledgement.
const scratch: Index[] = [];

/** The highest index that more than half of `voters` have acknowledged. */
export function committedIndex(voters: VoterSet, acked: AckedIndex): Index {
  const count = voters.size;
  if (count === 0) return INFINITE_INDEX;
  let filled = 0;
  for (const id of voters) {
    const index = acked(id) ?? 0;
    // Insertion sort, ascending: groups have a handful of voters.
    let at = filled++;
    for (; at > 0; at--) {
      const before = scratch[at - 1] as Index;
      if (before <= index) break;
      scratch[at] = before;
    }
    scratch[at] = index;
  }
  return scratch[count - ((count >> 1) + 1)] as Index;
}

/** `votes` holds true for yes, false for no, nothing for not heard of. */
export function voteResult(voters: VoterSet, votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  if (voters.size === 0) return 'VoteWon';
  let granted = 0;
  let missing = 0;
  for (const id of voters) {
    const vote = votes.get(id);
    if (vote === undefined) missing++;
    else if (vote) granted++;
  }
  const quorum = (voters.size >> 1) + 1;
  if (granted >= quorum) return 'VoteWon';
  return granted + missing >= quorum ? 'VotePending' : 'VoteLost';
}

export function sortedIds(ids: Iterable<NodeId>): NodeId[] {
  return [...ids].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** `(1 2 3)` */
export const describeVoters = (voters: VoterSet): string => `(${sortedIds(voters).join(' ')})`;

export const describeIndex = (index: Index): string => (index === INFINITE_INDEX ? '∞' : String(index));

/** A picture, one line a voter, longer bars for those further ahead. For traces. */
export function describeAcked(voters: VoterSet, acked: AckedIndex): string {
  const count = voters.size;
  if (count === 0) return '<empty majority quorum>';
  const rows = sortedIds(voters).map((id) => ({ id, index: acked(id), bar: 0 }));
  const byIndex = [...rows].sort((a, b) => (a.index ?? 0) - (b.index ?? 0));
  for (const [position, row] of byIndex.entries()) {
    const before = byIndex[position - 1];
    if (before !== undefined) row.bar = (before.index ?? 0) < (row.index ?? 0) ? position : before.bar;
  }
  const lines = rows.map(({ id, index, bar }) => {
    const picture = index === undefined ? '?' + ' '.repeat(count) : 'x'.repeat(bar) + '>' + ' '.repeat(count - bar);
    return `${picture} ${String(index ?? 0).padStart(5)}    (id=${id})\n`;
  });
  return `${' '.repeat(count)}    idx\n${lines.join('')}`;
}
