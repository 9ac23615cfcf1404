/**
 * Found by the simulation (`test/sim`, seed 49): of two voters, the leader applies its own removal, leads on, and was
 * asked to read.
 */
import { expect, test } from 'vitest';
import { ConfChangeType, makeConfChange } from '../../../src/raftpb/types.js';
import { RaftGroup } from '../../support/raft-group.js';

function withRemovedLeader(): RaftGroup {
  const group = new RaftGroup(2);
  group.elect(1n);
  group.raw(1n).proposeConfChange(makeConfChange({ type: ConfChangeType.ConfChangeRemoveNode, nodeId: 1n }));
  group.settle();
  expect(group.raw(1n).confState().voters).toEqual([2n]);
  expect(group.raw(1n).isLeader).toBe(true);
  return group;
}

const readAt = (group: RaftGroup): number[] => group.member(1n).reads.map(({ index }) => index);

test('a leader that is no voter any more does not answer reads from memory, though there is but one voter', () => {
  const group = withRemovedLeader();
  group.isolate(1n);
  group.elect(2n);
  group.propose(2n, 'unseen by 1');
  group.raw(1n).readIndex(Buffer.from('r'));
  group.settle();
  expect(readAt(group)).toEqual([]);
});

test('it answers when the voter confirms that it leads', () => {
  const group = withRemovedLeader();
  group.raw(1n).readIndex(Buffer.from('r'));
  group.settle();
  expect(readAt(group)).toEqual([group.raw(2n).committed]);
});
