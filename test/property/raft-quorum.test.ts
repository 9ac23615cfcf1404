/** Quorum and vote arithmetic against the definitions, tried out one by one. */

import { expect, test } from 'vitest';
import { type JointVoters, jointCommittedIndex, jointVoteResult } from '../../src/raft/quorum/joint.js';
import { committedIndex, INFINITE_INDEX, type VoteResult, voteResult } from '../../src/raft/quorum/majority.js';
import fc from '../support/drawn.js';

const id = fc.integer({ min: 1, max: 8 }).map(BigInt);
const voters = fc.uniqueArray(id, { maxLength: 8 }).map((ids) => new Set(ids));
const acks = fc
  .array(fc.tuple(id, fc.nat(6)), { maxLength: 12 })
  .map((pairs): ReadonlyMap<bigint, number> => new Map(pairs));
const votes = fc
  .array(fc.tuple(id, fc.boolean()), { maxLength: 12 })
  .map((pairs): ReadonlyMap<bigint, boolean> => new Map(pairs));

/** More than half of `set` satisfies `holds`; an empty set always agrees. */
const majority = (set: ReadonlySet<bigint>, holds: (id: bigint) => boolean): boolean =>
  set.size === 0 || [...set].filter(holds).length * 2 > set.size;

/** The highest index, tried from above, that is acknowledged by a majority of each set. */
function slowCommitted(sets: readonly ReadonlySet<bigint>[], acked: ReadonlyMap<bigint, number>): number {
  if (sets.every((set) => set.size === 0)) return INFINITE_INDEX;
  for (let index = 6; index > 0; index--) {
    if (sets.every((set) => majority(set, (each) => (acked.get(each) ?? 0) >= index))) return index;
  }
  return 0;
}

/** Won if it is won even with all outstanding votes against it, lost if it is not won even with all of them for it. */
function slowVote(sets: readonly ReadonlySet<bigint>[], cast: ReadonlyMap<bigint, boolean>): VoteResult {
  const won = (outstanding: boolean): boolean =>
    sets.every((set) => majority(set, (each) => cast.get(each) ?? outstanding));
  if (won(false)) return 'VoteWon';
  return won(true) ? 'VotePending' : 'VoteLost';
}

test('a majority has committed the highest index that more than half acknowledged', () => {
  fc.assert(
    fc.property(voters, acks, (set, acked) => {
      expect(committedIndex(set, (each) => acked.get(each))).toBe(slowCommitted([set], acked));
    }),
    { numRuns: 500 },
  );
});

test('a joint configuration has committed what both majorities have', () => {
  fc.assert(
    fc.property(voters, voters, acks, (incoming, outgoing, acked) => {
      const joint: JointVoters = { incoming, outgoing };
      expect(jointCommittedIndex(joint, (each) => acked.get(each))).toBe(slowCommitted([incoming, outgoing], acked));
    }),
    { numRuns: 500 },
  );
});

test('a vote is decided as soon as the outstanding votes cannot change it', () => {
  fc.assert(
    fc.property(voters, votes, (set, cast) => {
      expect(voteResult(set, cast)).toBe(slowVote([set], cast));
    }),
    { numRuns: 500 },
  );
});

test('a joint vote needs both majorities', () => {
  fc.assert(
    fc.property(voters, voters, votes, (incoming, outgoing, cast) => {
      expect(jointVoteResult({ incoming, outgoing }, cast)).toBe(slowVote([incoming, outgoing], cast));
    }),
    { numRuns: 500 },
  );
});

test('no two leaders: two disjoint groups of voters never both win', () => {
  fc.assert(
    fc.property(voters, voters, votes, (incoming, outgoing, cast) => {
      if (incoming.size + outgoing.size === 0) return;
      const mirrored = new Map([...incoming, ...outgoing].map((each) => [each, !(cast.get(each) ?? false)]));
      const won = jointVoteResult({ incoming, outgoing }, cast) === 'VoteWon';
      expect(won && jointVoteResult({ incoming, outgoing }, mirrored) === 'VoteWon').toBe(false);
    }),
  );
});
