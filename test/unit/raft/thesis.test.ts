/** The rules of "Consensus: Bridging Theory and Practice", section by section, where they go beyond the paper. */
import { describe, expect, test } from 'vitest';
import { proposalDropped } from '../../../src/raft/errors.js';
import { describeMessage } from '../../../src/raftpb/describe.js';
import {
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  makeConfChange,
  makeConfChangeV2,
  makeEntry,
  makeMessage,
} from '../../../src/raftpb/types.js';
import { RaftGroup } from '../../support/raft-group.js';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const add = (nodeId: bigint): ConfChangeSingle => ({ type: ConfChangeType.ConfChangeAddNode, nodeId });
const addLearner = (nodeId: bigint): ConfChangeSingle => ({ type: ConfChangeType.ConfChangeAddLearnerNode, nodeId });
const remove = (nodeId: bigint): ConfChangeSingle => ({ type: ConfChangeType.ConfChangeRemoveNode, nodeId });

function elected(voters: number, options: ConstructorParameters<typeof RaftGroup>[1] = {}): RaftGroup {
  const group = new RaftGroup(voters, options);
  group.elect(1n);
  return group;
}

describe('§3.10 leadership transfer', () => {
  test('an up-to-date follower is told to campaign at once and wins under the lease of the old leader', () => {
    const group = elected(3, { checkQuorum: true, preVote: true });
    group.raw(1n).transferLeader(2n);
    group.settle();
    expect(group.leaders()).toEqual([2n]);
  });
  test('one that lags is brought up to date first', () => {
    const group = elected(3);
    group.isolate(2n);
    group.propose(1n, 'a');
    group.heal();
    group.raw(1n).transferLeader(2n);
    group.tick(3, [1n]);
    expect([group.leaders(), group.data(2n)]).toEqual([[2n], ['a']]);
  });
  test('it has one election timeout from when it was asked for, however often that is', () => {
    const group = elected(3);
    group.isolate(2n);
    const leader = group.raw(1n);
    const ticks = (count: number): bigint => {
      for (let tick = 0; tick < count; tick++) leader.tick();
      return leader.leadTransferee;
    };
    ticks(5);
    leader.transferLeader(2n);
    expect(ticks(5)).toBe(2n);
    leader.transferLeader(2n);
    expect([ticks(4), ticks(1)]).toEqual([2n, 0n]);
  });
  test('asked of a follower it goes to the leader', () => {
    const group = elected(3);
    group.raw(3n).transferLeader(2n);
    group.settle();
    expect(group.leaders()).toEqual([2n]);
  });
  test('proposals are dropped meanwhile, and taken again after an election timeout', () => {
    const group = elected(3);
    group.isolate(2n);
    group.raw(1n).transferLeader(2n);
    expect(group.raw(1n).leadTransferee).toBe(2n);
    expect(group.raw(1n).propose(bytes('x'))).toBe(proposalDropped);
    for (let tick = 0; tick < 10; tick++) group.raw(1n).tick();
    expect(group.raw(1n).leadTransferee).toBe(0n);
    expect(group.raw(1n).propose(bytes('x'))).toBeUndefined();
  });
  test.each([
    ['itself', 1n],
    ['a learner', 4n],
    ['a stranger', 9n],
  ])('not to %s', (_, to) => {
    const group = elected(3, { learners: 1 });
    group.raw(1n).transferLeader(to);
    group.settle();
    expect([group.leaders(), group.raw(1n).leadTransferee]).toEqual([[1n], 0n]);
  });
  test('a second wish replaces the first', () => {
    const group = elected(3);
    group.isolate(2n, 3n);
    group.raw(1n).transferLeader(2n);
    group.raw(1n).transferLeader(3n);
    expect(group.raw(1n).leadTransferee).toBe(3n);
  });
});

describe('§4.1 one server at a time', () => {
  test('a node added catches up and votes', () => {
    const group = elected(1);
    group.add(2n);
    group.raw(1n).proposeConfChange(makeConfChange(add(2n)));
    group.settle();
    group.tick(2, [1n]);
    group.propose(1n, 'x');
    expect(group.data(2n)).toEqual(['x']);
    expect(group.raw(2n).confState().voters).toEqual([1n, 2n]);
    group.isolate(2n);
    group.propose(1n, 'y');
    expect(group.data(1n)).toEqual(['x']);
  });
  test('a second change waits until the first is applied: it becomes an empty entry', () => {
    const group = elected(3);
    group.raw(1n).proposeConfChange(makeConfChange(addLearner(4n)));
    group.raw(1n).proposeConfChange(makeConfChange(addLearner(5n)));
    group.settle();
    expect(group.raw(1n).confState().learners).toEqual([4n]);
    expect(group.member(1n).applied.map(({ type, data }) => [type, data.length > 0])).toEqual([
      [0, false],
      [1, true],
      [0, false],
    ]);
  });
  test('where fewer voters are a quorum for what waits, it is committed with the removal', () => {
    const group = elected(2);
    group.raw(1n).proposeConfChange(makeConfChange(remove(2n)));
    group.process(1n);
    group.raw(1n).propose(bytes('x'));
    // The removal reaches 2, what comes after it does not.
    group.drop = ({ entries }) => entries.some(({ data }) => Buffer.from(data).toString() === 'x');
    group.settle();
    expect(group.raw(1n).confState().voters).toEqual([1n]);
    expect([group.raw(1n).committed, group.data(1n)]).toEqual([group.raw(1n).lastIndex, ['x']]);
  });
  test('what a removal commits is told at once to who is left', () => {
    const group = elected(4);
    group.isolate(4n);
    group.raw(1n).proposeConfChange(makeConfChange(remove(4n)));
    group.process(1n);
    group.raw(1n).propose(bytes('x'));
    // Two of four have it: a quorum once there are three.
    group.drop = ({ to, from, entries }) =>
      to === 4n || from === 4n || (to === 3n && entries.some(({ data }) => Buffer.from(data).toString() === 'x'));
    group.settle();
    expect([group.data(1n), group.data(2n)]).toEqual([['x'], ['x']]);
  });
  test('a newcomer is sent the log as it is added, not with the next heartbeat', () => {
    const group = elected(1);
    group.propose(1n, 'x');
    group.add(2n);
    group.raw(1n).proposeConfChange(makeConfChange(add(2n)));
    group.settle();
    expect(group.raw(2n).lastIndex).toBe(group.raw(1n).lastIndex);
  });
  test('a transfer to who is removed meanwhile is over: proposals are taken again', () => {
    const group = elected(3);
    group.isolate(2n);
    group.raw(1n).proposeConfChange(makeConfChange(remove(2n)));
    group.process(1n);
    group.raw(1n).transferLeader(2n);
    expect(group.raw(1n).propose(bytes('x'))).toBe(proposalDropped);
    group.settle();
    expect(group.raw(1n).leadTransferee).toBe(0n);
    group.propose(1n, 'y');
    expect(group.data(3n)).toEqual(['y']);
  });
  test('a change that the application refuses leaves the configuration alone', () => {
    const group = elected(3);
    expect(group.raw(1n).applyConfChange(makeConfChange(remove(0n))).voters).toEqual([1n, 2n, 3n]);
  });
  test('nobody campaigns with a change committed and not applied', () => {
    const group = elected(3);
    const { raw } = group.member(2n);
    group.raw(1n).proposeConfChange(makeConfChange(addLearner(4n)));
    group.process(1n);
    group.deliver();
    raw.ready();
    raw.step(makeMessage({ type: MessageType.MsgHeartbeat, from: 1n, to: 2n, term: 1, commit: 3 }));
    raw.campaign();
    expect(raw.status().softState.raftState).toBe('StateFollower');
  });
});

describe('§4.2.1 learners', () => {
  test('a learner gets everything and counts for nothing', () => {
    const group = elected(2, { learners: 2 });
    group.propose(1n, 'a');
    expect(group.data(4n)).toEqual(['a']);
    group.isolate(2n);
    group.propose(1n, 'b');
    expect(group.data(1n)).toEqual(['a']);
  });
  test('a learner never campaigns by itself', () => {
    const group = elected(1, { learners: 1 });
    group.isolate(1n);
    group.tick(100, [2n]);
    expect([group.raw(2n).term, group.leaders()]).toEqual([1, [1n]]);
  });
  test('a learner that is promoted votes', () => {
    const group = elected(1, { learners: 1 });
    group.raw(1n).proposeConfChange(makeConfChange(add(2n)));
    group.settle();
    expect(group.raw(1n).confState()).toMatchObject({ voters: [1n, 2n], learners: [] });
    group.raw(1n).transferLeader(2n);
    group.settle();
    expect(group.leaders()).toEqual([2n]);
  });
});

describe('§4.2.2 removing the leader', () => {
  test('it leads on until its removal is committed, without counting itself', () => {
    const group = elected(3);
    group.raw(1n).proposeConfChange(makeConfChange(remove(1n)));
    group.settle();
    expect([group.raw(1n).isLeader, group.raw(2n).confState().voters]).toEqual([true, [2n, 3n]]);
    expect(group.raw(1n).propose(bytes('x'))).toBe(proposalDropped);
  });
  test('it steps down at once where that is wished', () => {
    const group = elected(3, { stepDownOnRemoval: true });
    group.raw(1n).proposeConfChange(makeConfChange(remove(1n)));
    group.settle();
    expect(group.leaders()).toEqual([]);
    group.tick(30, [2n, 3n]);
    expect(group.leaders().length).toBe(1);
  });
});

describe('§4.2.3 disruptive servers', () => {
  test('who hears of a leader ignores vote requests, whatever their term', () => {
    const group = elected(3, { checkQuorum: true });
    group.raw(2n).step(makeMessage({ type: MessageType.MsgVote, from: 3n, to: 2n, term: 50, logTerm: 9, index: 99 }));
    expect(group.raw(2n).term).toBe(1);
  });
  test('after an election timeout without a leader it answers them', () => {
    const group = elected(3, { checkQuorum: true });
    group.isolate(1n);
    // Node 2 draws the shorter timeout or the longer one: either way somebody of the two leads in the end.
    group.tick(60, [2n, 3n]);
    expect(group.leaders().filter((id) => id !== 1n).length).toBe(1);
  });
  test('a leader that hears from no quorum steps down within two election timeouts', () => {
    const group = elected(3, { checkQuorum: true });
    group.isolate(1n);
    group.tick(20, [1n]);
    expect(group.leaders()).toEqual([]);
  });
  test('one that does stays', () => {
    const group = elected(3, { checkQuorum: true });
    group.isolate(3n);
    group.tick(50, [1n]);
    expect(group.leaders()).toEqual([1n]);
  });
  test('a node whose term ran ahead frees itself by its answers', () => {
    const group = elected(3, { checkQuorum: true });
    group.isolate(3n);
    group.raw(3n).campaign();
    group.settle();
    group.heal();
    expect(group.raw(3n).term).toBe(2);
    group.tick(1, [1n]);
    group.tick(60);
    const [leader] = group.leaders();
    expect(group.leaders().length).toBe(1);
    expect(group.raw(3n).lead).toBe(leader);
  });
  test('forgetting the leader lets a follower vote at once', () => {
    const group = elected(3, { checkQuorum: true });
    group.raw(2n).forgetLeader();
    group.raw(2n).step(makeMessage({ type: MessageType.MsgVote, from: 3n, to: 2n, term: 2, logTerm: 1, index: 2 }));
    expect(group.raw(2n).status().hardState.vote).toBe(3n);
  });
});

describe('§4.3 joint consensus', () => {
  const joint = (transition: ConfChangeTransition, ...changes: ConfChangeSingle[]) =>
    makeConfChangeV2({ transition, changes });
  const { ConfChangeTransitionAuto: auto, ConfChangeTransitionJointExplicit: explicit } = ConfChangeTransition;

  test('several changes go through a joint configuration and leave it by themselves', () => {
    const group = elected(3);
    for (const id of [4n, 5n]) group.add(id);
    const seen: unknown[] = [];
    group.onReady = (id) => {
      if (id === 2n) seen.push(group.raw(2n).confState().votersOutgoing.length);
    };
    group.raw(1n).proposeConfChange(joint(auto, remove(2n), remove(3n), add(4n), add(5n)));
    group.settle();
    group.tick(3, [1n]);
    expect(group.raw(1n).confState()).toEqual({
      voters: [1n, 4n, 5n],
      votersOutgoing: [],
      learners: [],
      learnersNext: [],
      autoLeave: false,
    });
    expect(seen).toContain(3);
    group.propose(1n, 'x');
    expect(group.data(5n)).toEqual(['x']);
  });
  test('an explicit one stays joint until it is left', () => {
    const group = elected(3);
    group.raw(1n).proposeConfChange(joint(explicit, addLearner(3n)));
    group.settle();
    expect(group.raw(1n).confState()).toMatchObject({
      voters: [1n, 2n],
      votersOutgoing: [1n, 2n, 3n],
      learnersNext: [3n],
    });
    group.raw(1n).proposeConfChange(makeConfChangeV2());
    group.settle();
    expect(group.raw(1n).confState()).toMatchObject({
      voters: [1n, 2n],
      votersOutgoing: [],
      learners: [3n],
      learnersNext: [],
    });
  });
  test('while joint, both majorities must agree', () => {
    const group = elected(3);
    for (const id of [4n, 5n, 6n]) group.add(id);
    group.raw(1n).proposeConfChange(joint(explicit, remove(1n), remove(2n), remove(3n), add(4n), add(5n), add(6n)));
    group.settle();
    group.tick(3, [1n]);
    group.propose(1n, 'both');
    for (const [cut, text] of [
      [[5n, 6n], 'old alone'],
      [[2n, 3n], 'new alone'],
    ] as const) {
      const before = group.data(1n);
      group.isolate(...cut);
      group.propose(1n, text);
      expect(group.data(1n)).toEqual(before);
      group.heal();
      group.tick(3, [1n]);
      expect(group.data(1n)).toEqual([...before, text]);
    }
  });
  test('no further change is taken while joint, unless the check is switched off', () => {
    for (const disableConfChangeValidation of [false, true]) {
      const group = elected(3, { disableConfChangeValidation });
      group.raw(1n).proposeConfChange(joint(explicit, addLearner(4n)));
      group.settle();
      group.raw(1n).proposeConfChange(makeConfChangeV2({ changes: [] }));
      group.settle();
      expect(group.raw(1n).confState().votersOutgoing).toEqual([]);
    }
  });
});

describe('§6.4 reads', () => {
  const reads = (group: RaftGroup, id: bigint): string[] =>
    group.member(id).reads.map(({ index, requestContext }) => `${Buffer.from(requestContext)}@${index}`);

  test('are given up where more wait for a quorum than there are members', () => {
    const group = elected(3);
    const leader = group.raw(1n);
    for (let at = 0; at < 5000; at++) {
      const entries = [makeEntry({ data: bytes(`${at}`) })];
      leader.step(makeMessage({ type: MessageType.MsgReadIndex, from: 2n, to: 1n, entries }));
    }
    group.settle();
    expect(reads(group, 2n)).toHaveLength(4096);
    expect(reads(group, 2n).at(-1)).toBe('4095@2');
  });

  test('a read is answered with the commit index once a quorum confirmed the leader', () => {
    const group = elected(3);
    group.propose(1n, 'a');
    group.raw(1n).readIndex(bytes('r'));
    group.process(1n);
    expect(reads(group, 1n)).toEqual([]);
    group.settle();
    expect(reads(group, 1n)).toEqual(['r@3']);
  });
  test('of five, one answer is no quorum, and learners are none of it', () => {
    const group = new RaftGroup(5, { learners: 2 });
    group.elect(1n);
    group.isolate(3n, 4n, 5n);
    group.raw(1n).readIndex(bytes('r'));
    group.tick(3, [1n]);
    expect(reads(group, 1n)).toEqual([]);
    group.isolate(4n, 5n);
    group.tick(1, [1n]);
    expect(reads(group, 1n)).toEqual(['r@2']);
  });
  test('in a joint configuration each half has to confirm', () => {
    const group = elected(5);
    const transition = ConfChangeTransition.ConfChangeTransitionJointExplicit;
    group.raw(1n).proposeConfChange(makeConfChangeV2({ transition, changes: [remove(4n), remove(5n)] }));
    group.settle();
    expect(group.raw(1n).confState()).toMatchObject({ voters: [1n, 2n, 3n], votersOutgoing: [1n, 2n, 3n, 4n, 5n] });
    // Two of the three that are to be, but no three of the five that were.
    group.isolate(3n, 4n, 5n);
    group.raw(1n).readIndex(bytes('r'));
    group.tick(3, [1n]);
    expect(reads(group, 1n)).toEqual([]);
    group.heal();
    group.tick(1, [1n]);
    expect(reads(group, 1n)).toHaveLength(1);
  });
  test('one that a leader took before it was deposed is not answered when it leads again', () => {
    const group = elected(3);
    group.isolate(1n);
    group.elect(2n);
    group.propose(2n, 'new');
    group.raw(1n).readIndex(bytes('r'));
    group.heal();
    group.tick(1, [2n]);
    expect(group.raw(1n).isFollower).toBe(true);
    group.elect(1n);
    group.tick(3, [1n]);
    // It would say 2, and 4 was acknowledged when the read began.
    expect(reads(group, 1n)).toEqual([]);
    group.raw(1n).readIndex(bytes('s'));
    group.settle();
    expect(reads(group, 1n)).toEqual(['s@5']);
  });
  test('a leader that was deposed without knowing answers none', () => {
    const group = elected(3);
    group.isolate(1n);
    group.elect(2n);
    group.propose(2n, 'new');
    group.raw(1n).readIndex(bytes('r'));
    group.tick(5, [1n]);
    expect(reads(group, 1n)).toEqual([]);
  });
  test('a follower forwards, and gets the answer', () => {
    const group = elected(3);
    group.raw(3n).readIndex(bytes('r'));
    group.settle();
    expect([reads(group, 3n), reads(group, 1n)]).toEqual([['r@2'], []]);
  });
  test('many reads share one round of heartbeats', () => {
    const group = elected(3);
    group.isolate(2n, 3n);
    for (const name of ['a', 'b', 'c']) group.raw(1n).readIndex(bytes(name));
    group.settle();
    group.heal();
    let heartbeats = 0;
    group.onReady = (_, { messages }) => {
      heartbeats += messages.filter(({ type }) => type === MessageType.MsgHeartbeat).length;
    };
    group.tick(1, [1n]);
    expect(reads(group, 1n)).toEqual(['a@2', 'b@2', 'c@2']);
    expect(heartbeats).toBe(2);
  });
  test.each([1, 3])('of %i voters, a new leader holds reads back until it has committed in its term', (voters) => {
    const group = elected(voters);
    group.restart(1n);
    const { raw, storage } = group.member(1n);
    raw.campaign();
    while (!raw.isLeader) {
      group.process(1n);
      for (const id of group.members.keys()) if (id !== 1n) group.process(id);
      group.deliver();
    }
    raw.readIndex(bytes('early'));
    const ready = raw.ready();
    expect(ready.readStates).toEqual([]);
    storage.append(ready.entries);
    group.messages.push(...ready.messages);
    raw.advance();
    group.settle();
    expect(reads(group, 1n)).toEqual(['early@3']);
  });
  test('under a lease the leader answers at once', () => {
    const group = elected(3, { checkQuorum: true, readOnlyOption: 'lease-based' });
    group.raw(1n).readIndex(bytes('r'));
    expect(
      group
        .raw(1n)
        .ready()
        .readStates.map(({ index }) => index),
    ).toEqual([2]);
  });
  test('without a leader a read is dropped', () => {
    const group = new RaftGroup(3);
    group.raw(1n).readIndex(bytes('r'));
    expect(group.raw(1n).hasReady()).toBe(false);
  });
});

describe('§9.6 pre-vote', () => {
  test('a node that was cut off raises no term and disturbs nobody', () => {
    const group = elected(3, { preVote: true, checkQuorum: true });
    group.isolate(3n);
    group.tick(100, [3n]);
    expect(group.raw(3n).term).toBe(1);
    group.heal();
    group.tick(5);
    expect([group.leaders(), group.raw(1n).term, group.raw(3n).lead]).toEqual([[1n], 1, 1n]);
  });
  test('with its log behind it is refused even without a leader', () => {
    const group = elected(3, { preVote: true });
    group.isolate(3n);
    group.propose(1n, 'a');
    group.isolate(1n);
    group.raw(3n).campaign();
    group.settle();
    expect([group.raw(3n).term, group.leaders()]).toEqual([1, [1n]]);
  });
  test('a pre-vote that is won leads to an election', () => {
    const group = new RaftGroup(3, { preVote: true });
    group.elect(2n);
    expect(group.raw(2n).term).toBe(1);
  });
  test('an answer to the vote does not count for the pre-vote', () => {
    const group = new RaftGroup(3, { preVote: true });
    group.raw(1n).campaign();
    group.raw(1n).step(makeMessage({ type: MessageType.MsgVoteResp, from: 2n, to: 1n, term: 0 }));
    expect(group.raw(1n).status().softState.raftState).toBe('StatePreCandidate');
  });
});

describe('§10.2.1 writing in parallel', () => {
  test('the leader sends entries that it has not written yet', () => {
    const group = elected(3);
    group.raw(1n).propose(bytes('x'));
    const { entries, messages } = group.raw(1n).ready();
    expect(entries.length).toBe(1);
    expect(messages.filter(({ type }) => type === MessageType.MsgApp).length).toBe(2);
  });
  test('with asynchronous writes, promises wait for the write and everything else goes out at once', () => {
    const group = new RaftGroup(3, { asyncStorageWrites: true });
    const { raw } = group.member(1n);
    raw.campaign();
    const { messages } = raw.ready();
    expect(messages.map((message) => describeMessage(message))).toEqual([
      '1->2 MsgVote Term:1 Log:1/1',
      '1->3 MsgVote Term:1 Log:1/1',
      '1->AppendThread MsgStorageAppend Term:1 Log:0/0 Commit:1 Vote:1 Responses:[\n  1->1 MsgVoteResp Term:1 ' +
        'Log:0/0\n]',
    ]);
    expect(() => raw.advance()).toThrow('Advance must not be called');
  });
  test('several writes may be under way, and entries are applied only once they are stable here', () => {
    const group = new RaftGroup(1, { asyncStorageWrites: true });
    const { raw, storage } = group.member(1n);
    const appends: Message[] = [];
    const applies: Message[] = [];
    const take = (): void => {
      while (raw.hasReady()) {
        for (const message of raw.ready().messages) {
          if (message.to === LOCAL_APPEND_THREAD) appends.push(message);
          if (message.to === LOCAL_APPLY_THREAD) applies.push(message);
        }
      }
    };
    const write = (): void => {
      const message = appends.shift();
      storage.append(message?.entries ?? []);
      for (const response of message?.responses ?? []) raw.step(response);
      take();
    };
    raw.campaign();
    take();
    write();
    for (const text of ['a', 'b', 'c']) {
      raw.propose(bytes(text));
      take();
    }
    expect([appends.length, applies.length]).toEqual([4, 0]);
    write();
    write();
    expect(applies.flatMap(({ entries }) => entries.map(({ index }) => index))).toEqual([2, 3]);
    while (appends.length > 0) write();
    for (const { responses } of applies) for (const response of responses) raw.step(response);
    expect([raw.committed, raw.applied]).toEqual([5, 5]);
  });
});
