/** How much is in flight, uncommitted, handed out; and what happens to a follower that does not keep up. */
import { describe, expect, test } from 'vitest';
import { proposalDropped } from '../../../src/raft/errors.js';
import { entrySize } from '../../../src/raftpb/sizes.js';
import { type Message, MessageType, makeEntry, makeMessage } from '../../../src/raftpb/types.js';
import { RaftGroup } from '../../support/raft-group.js';

const data = (size: number): Uint8Array => Buffer.alloc(size, 'x');

function elected(voters: number, options: ConstructorParameters<typeof RaftGroup>[1] = {}): RaftGroup {
  const group = new RaftGroup(voters, options);
  group.elect(1n);
  return group;
}

/** Works off the leader's Ready and takes what it sends off the network. */
function sentBy(group: RaftGroup, id: bigint): Message[] {
  group.messages = [];
  group.process(id);
  const { messages } = group;
  group.messages = [];
  return messages;
}

const appendsTo = (to: bigint, messages: readonly Message[]): Message[] =>
  messages.filter((message) => message.to === to && message.type === MessageType.MsgApp);

describe('in flight', () => {
  test('no more messages than the window holds, and more as they are acknowledged', () => {
    const group = elected(3, { maxInflightMessages: 3 });
    for (let count = 0; count < 5; count++) group.raw(1n).propose(data(1));
    const messages = sentBy(group, 1n);
    expect(appendsTo(2n, messages).map(({ index }) => index)).toEqual([2, 3, 4]);
    group.raw(1n).step(makeMessage({ type: MessageType.MsgAppResp, from: 2n, to: 1n, term: 1, index: 3 }));
    expect(appendsTo(2n, sentBy(group, 1n)).map(({ index, entries }) => [index, entries.length])).toEqual([[5, 2]]);
  });
  test('no more bytes than allowed, but for the last message', () => {
    const group = elected(3, { maxSizePerMessageBytes: 100, maxInflightBytes: 150 });
    for (let count = 0; count < 5; count++) group.raw(1n).propose(data(80));
    expect(appendsTo(2n, sentBy(group, 1n)).length).toBe(2);
  });
  test('entries are cut into messages of the size allowed', () => {
    const size = entrySize(makeEntry({ term: 1, index: 3, data: data(50) }));
    const group = elected(3, { maxSizePerMessageBytes: 2 * size });
    group.raw(1n).propose(data(50), data(50), data(50), data(50), data(50));
    expect(appendsTo(2n, sentBy(group, 1n)).map(({ entries }) => entries.length)).toEqual([2]);
    group.raw(1n).step(makeMessage({ type: MessageType.MsgAppResp, from: 2n, to: 1n, term: 1, index: 4 }));
    // The acknowledgement lets out all that is left, in messages of that size.
    expect(appendsTo(2n, sentBy(group, 1n)).map(({ entries }) => entries.length)).toEqual([2, 1]);
  });
  test('if all in flight is lost, a heartbeat gets things going again', () => {
    const group = elected(2, { maxInflightMessages: 2 });
    group.isolate(2n);
    for (let count = 0; count < 4; count++) group.propose(1n, String(count));
    group.heal();
    group.tick(2, [1n]);
    expect(group.data(2n)).toEqual(['0', '1', '2', '3']);
  });
  test('a follower that has everything is probed no more once it has answered a heartbeat', () => {
    const group = elected(3);
    const state = (): unknown => group.raw(1n).status().progress.get(2n)?.state;
    group.raw(1n).reportUnreachable(2n);
    expect(state()).toBe('StateProbe');
    group.tick(1, [1n]);
    expect(state()).toBe('StateReplicate');
  });
  test('one whose window was full hears of what was committed when it answers, not with the next heartbeat', () => {
    const group = elected(3, { maxInflightMessages: 1 });
    group.propose(1n, 'x');
    expect([group.data(2n), group.data(3n)]).toEqual([['x'], ['x']]);
  });
  test('a follower that is unreachable is probed with one message at a time', () => {
    const group = elected(3);
    group.raw(1n).reportUnreachable(2n);
    expect(group.raw(1n).status().progress.get(2n)?.state).toBe('StateProbe');
    for (let count = 0; count < 3; count++) group.raw(1n).propose(data(1));
    const messages = sentBy(group, 1n);
    expect([appendsTo(2n, messages).length, appendsTo(3n, messages).length]).toEqual([1, 3]);
  });
});

describe('uncommitted', () => {
  test('proposals are dropped above the limit and taken again once applied', () => {
    const group = elected(3, { maxUncommittedEntriesSizeBytes: 100 });
    const { raw } = group.member(1n);
    expect(raw.propose(data(60))).toBeUndefined();
    expect(raw.propose(data(60))).toBe(proposalDropped);
    expect(raw.propose(data(40))).toBeUndefined();
    group.settle();
    expect(raw.propose(data(60))).toBeUndefined();
  });
  test('one proposal above it is taken where nothing else is uncommitted', () => {
    const { raw } = elected(3, { maxUncommittedEntriesSizeBytes: 100 }).member(1n);
    expect(raw.propose(data(1000))).toBeUndefined();
  });
  test('an empty entry is never dropped', () => {
    const { raw } = elected(3, { maxUncommittedEntriesSizeBytes: 100 }).member(1n);
    raw.propose(data(100));
    expect(raw.propose(data(0))).toBeUndefined();
    expect(raw.propose(data(1))).toBe(proposalDropped);
  });
  test('a dropped proposal leaves the log as it is', () => {
    const { raw } = elected(3, { maxUncommittedEntriesSizeBytes: 100 }).member(1n);
    raw.propose(data(100));
    const before = raw.lastIndex;
    raw.propose(data(50));
    expect(raw.lastIndex).toBe(before);
  });
});

describe('handed out to be applied', () => {
  test('committed entries come in portions of the size allowed, all of them in the end', () => {
    const size = entrySize(makeEntry({ term: 1, index: 3, data: data(10) }));
    const group = elected(1, { maxCommittedSizePerReadyBytes: 2 * size });
    const portions: number[] = [];
    group.onReady = (_, { committedEntries }) => portions.push(committedEntries.length);
    group.raw(1n).propose(...Array.from({ length: 5 }, () => data(10)));
    group.settle();
    expect(portions).toEqual([0, 2, 2, 1]);
  });
  test('an entry above the size comes alone', () => {
    const group = elected(1, { maxCommittedSizePerReadyBytes: 1 });
    group.propose(1n, 'abc', 'def');
    expect(group.data(1n)).toEqual(['abc', 'def']);
  });
});

describe('snapshots on their way', () => {
  function needingSnapshot(): RaftGroup {
    const group = elected(3);
    group.isolate(3n);
    group.propose(1n, 'a', 'b');
    const { storage, raw } = group.member(1n);
    storage.snapshot();
    storage.compact(raw.applied);
    group.drop = ({ type }) => type === MessageType.MsgSnap;
    group.tick(1, [1n]);
    expect(raw.status().progress.get(3n)?.state).toBe('StateSnapshot');
    return group;
  }
  const stateOf = (group: RaftGroup): string => String(group.raw(1n).status().progress.get(3n));

  test('nothing else is sent until it is reported', () => {
    const group = needingSnapshot();
    group.propose(1n, 'c');
    group.tick(3, [1n]);
    expect(stateOf(group)).toBe('StateSnapshot match=2 next=5 paused pendingSnap=4');
  });
  test('reported as failed, it is sent again', () => {
    const group = needingSnapshot();
    group.raw(1n).reportSnapshot(3n, { ok: false });
    expect(stateOf(group)).toBe('StateProbe match=2 next=3 paused');
    group.heal();
    group.tick(2, [1n]);
    expect(stateOf(group)).toBe('StateReplicate match=4 next=5');
  });
  test('reported as done, probing goes on after it', () => {
    const group = needingSnapshot();
    group.raw(1n).reportSnapshot(3n, { ok: true });
    expect(stateOf(group)).toBe('StateProbe match=2 next=5 paused');
  });
  test('one that cannot be had right now is asked for again', () => {
    const group = elected(3);
    group.isolate(3n);
    group.propose(1n, 'a', 'b');
    const { storage, raw } = group.member(1n);
    storage.compact(raw.applied);
    const { snapshot } = storage;
    storage.snapshot = () => undefined;
    group.heal();
    group.tick(2, [1n]);
    expect(group.raw(1n).status().progress.get(3n)?.state).toBe('StateProbe');
    storage.snapshot = snapshot;
    group.tick(2, [1n]);
    expect(stateOf(group)).toBe('StateReplicate match=4 next=5');
  });
  test('none goes to a follower that is silent', () => {
    const group = elected(3, { checkQuorum: true });
    group.isolate(3n);
    group.propose(1n, 'a');
    const { storage, raw } = group.member(1n);
    storage.snapshot();
    storage.compact(raw.applied);
    let sent = 0;
    group.onReady = (_, { messages }) => {
      sent += messages.filter(({ type }) => type === MessageType.MsgSnap).length;
    };
    group.tick(30, [1n, 2n]);
    expect(sent).toBe(0);
  });
});
