/** The rules of "In Search of an Understandable Consensus Algorithm (Extended Version)", section by section. */
import { describe, expect, test } from 'vitest';
import { MemoryStorage } from '../../../src/raft/log/memory-storage.js';
import { RawNode } from '../../../src/raft/rawnode.js';
import { silentRaftLogger } from '../../../src/raft/world/logger.js';
import { describeMessage } from '../../../src/raftpb/describe.js';
import {
  type Message,
  MessageType,
  makeConfState,
  makeEntry,
  makeMessage,
  makeSnapshot,
} from '../../../src/raftpb/types.js';
import { RaftGroup } from '../../support/raft-group.js';
import { seededRandom } from '../../support/seeded-random.js';

/** A node of a group of `voters` whose log holds entries of these terms, from index 1 on; it has seen `term`. */
function nodeWith(
  terms: readonly number[],
  { term, voters = 3, commit = 0 }: { term: number; voters?: number; commit?: number },
) {
  const storage = new MemoryStorage();
  const ids = Array.from({ length: voters }, (_, at) => BigInt(at + 1));
  storage.append(terms.map((each, at) => makeEntry({ term: each, index: at + 1 })));
  storage.setHardState({ term, vote: 0n, commit });
  const state = { hardState: { term, vote: 0n, commit }, confState: makeConfState({ voters: ids }) };
  storage.initialState = () => state;
  const raw = new RawNode({
    id: 1n,
    electionTicks: 10,
    heartbeatTicks: 1,
    storage,
    random: seededRandom(1),
    logger: silentRaftLogger,
  });
  return { raw, storage };
}

/** Works off all Readys and returns what was sent. */
function sent({ raw, storage }: { raw: RawNode; storage: MemoryStorage }): Message[] {
  const messages: Message[] = [];
  while (raw.hasReady()) {
    const ready = raw.ready();
    storage.append(ready.entries);
    if (ready.hardState !== undefined) storage.setHardState(ready.hardState);
    messages.push(...ready.messages);
    raw.advance();
  }
  return messages;
}

describe('§5.1 terms', () => {
  test.each([MessageType.MsgApp, MessageType.MsgHeartbeat, MessageType.MsgVote, MessageType.MsgAppResp])(
    'a newer term in message type %i makes a leader step down to it',
    (type) => {
      const group = new RaftGroup(3);
      group.elect(1n);
      group.raw(1n).step(makeMessage({ type, from: 2n, to: 1n, term: 9 }));
      expect([group.raw(1n).isLeader, group.raw(1n).term]).toEqual([false, 9]);
    },
  );
  test('a message of an older term is ignored', () => {
    const node = nodeWith([1, 2], { term: 3 });
    node.raw.step(
      makeMessage({ type: MessageType.MsgApp, from: 2n, to: 1n, term: 2, index: 2, logTerm: 2, commit: 2 }),
    );
    expect([node.raw.lead, node.raw.committed]).toEqual([0n, 0]);
    expect(sent(node)).toEqual([]);
  });
  test('term and vote are persisted before the vote is answered', () => {
    const { raw } = nodeWith([1], { term: 1 });
    raw.step(makeMessage({ type: MessageType.MsgVote, from: 2n, to: 1n, term: 2, index: 1, logTerm: 1 }));
    const ready = raw.ready();
    expect([ready.hardState, ready.mustSync]).toEqual([{ term: 2, vote: 2n, commit: 0 }, true]);
    expect(ready.messages.map((message) => describeMessage(message))).toEqual(['1->2 MsgVoteResp Term:2 Log:0/0']);
  });
});

describe('§5.2 leader election', () => {
  test('a node begins as a follower', () => {
    expect(nodeWith([], { term: 0 }).raw.status().softState).toEqual({ lead: 0n, raftState: 'StateFollower' });
  });
  test('a follower that hears nothing starts an election: new term, vote for itself, requests to all others', () => {
    const node = nodeWith([1, 1], { term: 1 });
    for (let tick = 0; tick < 19; tick++) node.raw.tick();
    expect([node.raw.term, node.raw.status().softState.raftState]).toEqual([2, 'StateCandidate']);
    expect(node.raw.status().hardState.vote).toBe(1n);
    expect(sent(node).map((message) => describeMessage(message))).toEqual([
      '1->2 MsgVote Term:2 Log:1/2',
      '1->3 MsgVote Term:2 Log:1/2',
    ]);
  });
  test('a heartbeat keeps a follower from it', () => {
    const { raw } = nodeWith([1], { term: 1 });
    for (let tick = 0; tick < 100; tick++) {
      raw.tick();
      if (tick % 5 === 0) raw.step(makeMessage({ type: MessageType.MsgHeartbeat, from: 2n, to: 1n, term: 1 }));
    }
    expect([raw.term, raw.lead]).toEqual([1, 2n]);
  });
  test.each([
    [1, [], true],
    [3, [], false],
    [3, [2n], true],
    [5, [2n], false],
    [5, [2n, 3n], true],
    [7, [2n, 3n], false],
    [7, [2n, 3n, 4n], true],
  ] as const)('of %i voters, one with its own vote and those of [%s] is leader: %s', (voters, granting, leads) => {
    const node = nodeWith([], { term: 0, voters });
    node.raw.campaign();
    sent(node);
    for (const from of granting) {
      node.raw.step(makeMessage({ type: MessageType.MsgVoteResp, from, to: 1n, term: 1 }));
    }
    expect(node.raw.isLeader).toBe(leads);
  });
  test('a quorum of refusals ends the candidacy', () => {
    const node = nodeWith([], { term: 0 });
    node.raw.campaign();
    sent(node);
    for (const from of [2n, 3n]) {
      node.raw.step(makeMessage({ type: MessageType.MsgVoteResp, from, to: 1n, term: 1, reject: true }));
    }
    expect(node.raw.status().softState).toEqual({ lead: 0n, raftState: 'StateFollower' });
  });
  test('one vote a term, first come, first served; the same candidate gets it again', () => {
    const node = nodeWith([], { term: 0 });
    const ask = (from: bigint, term: number): string[] => {
      node.raw.step(makeMessage({ type: MessageType.MsgVote, from, to: 1n, term }));
      return sent(node).map(({ to, reject }) => `${to}:${reject ? 'no' : 'yes'}`);
    };
    expect([ask(2n, 1), ask(3n, 1), ask(2n, 1), ask(3n, 2)]).toEqual([['2:yes'], ['3:no'], ['2:yes'], ['3:yes']]);
  });
  test('a vote survives a crash', () => {
    const group = new RaftGroup(3);
    group.raw(1n).step(makeMessage({ type: MessageType.MsgVote, from: 2n, to: 1n, term: 5, index: 1, logTerm: 1 }));
    group.process(1n);
    group.restart(1n);
    group.messages = [];
    group.raw(1n).step(makeMessage({ type: MessageType.MsgVote, from: 3n, to: 1n, term: 5, index: 9, logTerm: 4 }));
    group.process(1n);
    expect(group.messages.map(({ type, reject }) => [type, reject])).toEqual([[MessageType.MsgVoteResp, true]]);
  });
  test('a candidate that hears of a leader of its term follows it', () => {
    const node = nodeWith([], { term: 0 });
    node.raw.campaign();
    node.raw.step(makeMessage({ type: MessageType.MsgApp, from: 3n, to: 1n, term: 1 }));
    expect(node.raw.status().softState).toEqual({ lead: 3n, raftState: 'StateFollower' });
  });
  test('a split vote is resolved in a later term', () => {
    const group = new RaftGroup(4);
    group.raw(1n).campaign();
    group.raw(2n).campaign();
    // Each gets one other vote.
    group.drop = ({ from, to, type }) =>
      type === MessageType.MsgVote && ((from === 1n && to !== 3n) || (from === 2n && to !== 4n));
    group.settle();
    expect(group.leaders()).toEqual([]);
    group.heal();
    group.tick(60);
    expect(group.leaders().length).toBe(1);
    expect(group.raw(1n).term).toBeGreaterThan(1);
  });
  test('timeouts are drawn anew for every election, from one to two times the timeout', () => {
    const seen = new Set<number>();
    const node = nodeWith([], { term: 0 });
    for (let round = 0; round < 200; round++) {
      const { term } = node.raw;
      let ticks = 0;
      while (node.raw.term === term) {
        node.raw.tick();
        ticks++;
      }
      seen.add(ticks);
    }
    expect(Math.min(...seen)).toBe(10);
    expect(Math.max(...seen)).toBe(19);
    expect(seen.size).toBe(10);
  });
});

describe('§5.3 log replication', () => {
  test('the leader appends a proposal and sends it with the entry before it', () => {
    const group = new RaftGroup(3);
    group.elect(1n);
    group.raw(1n).propose(Buffer.from('x'));
    group.process(1n);
    expect(group.messages.map((message) => describeMessage(message))).toEqual([
      '1->2 MsgApp Term:1 Log:1/2 Commit:2 Entries:[1/3 EntryNormal "x"]',
      '1->3 MsgApp Term:1 Log:1/2 Commit:2 Entries:[1/3 EntryNormal "x"]',
    ]);
  });
  test.each([
    [1, 0],
    [3, 0],
    [3, 1],
    [5, 1],
    [5, 2],
    [5, 3],
    [7, 3],
    [7, 4],
  ])('of %i voters with %i silent ones a proposal commits only with a majority', (voters, silent) => {
    const group = new RaftGroup(voters);
    group.elect(1n);
    group.isolate(...[...group.members.keys()].slice(voters - silent));
    group.propose(1n, 'x');
    expect(group.data(1n)).toEqual(silent * 2 < voters ? ['x'] : []);
  });
  test('the leader does not count its own write before it is done', () => {
    const group = new RaftGroup(3);
    group.elect(1n);
    const { raw, storage } = group.member(1n);
    raw.propose(Buffer.from('x'));
    const ready = raw.ready();
    raw.step(makeMessage({ type: MessageType.MsgAppResp, from: 2n, to: 1n, term: 1, index: 3 }));
    expect(raw.committed).toBe(2);
    storage.append(ready.entries);
    raw.advance();
    expect(raw.committed).toBe(3);
  });
  test('followers learn what is committed and apply it in log order', () => {
    const group = new RaftGroup(3);
    group.elect(1n);
    group.propose(1n, 'a', 'b');
    group.propose(1n, 'c');
    for (const id of [1n, 2n, 3n]) expect(group.data(id)).toEqual(['a', 'b', 'c']);
    expect(group.member(3n).applied.map(({ index }) => index)).toEqual([2, 3, 4, 5]);
  });
  test.each([
    ['an append that fits is taken', 2, 2, false],
    ['one whose previous entry has another term is rejected', 2, 1, true],
    ['one beyond the end is rejected', 5, 2, true],
  ])('%s', (_, index, logTerm, rejected) => {
    const node = nodeWith([1, 2], { term: 2 });
    node.raw.step(makeMessage({ type: MessageType.MsgApp, from: 2n, to: 1n, term: 2, index, logTerm }));
    expect(sent(node).map(({ type, reject }) => [type, reject])).toEqual([[MessageType.MsgAppResp, rejected]]);
  });
  // Figure 7 of the paper: what may happen when a leader of term 8 comes to power.
  const leaderTerms = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
  test.each([
    ['a: one entry missing', [1, 1, 1, 4, 4, 5, 5, 6, 6]],
    ['b: many entries missing', [1, 1, 1, 4]],
    ['c: an entry too many', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]],
    ['d: entries of a newer term too many', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]],
    ['e: both missing and too many', [1, 1, 1, 4, 4, 4, 4]],
    ['f: of terms the leader never saw', [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]],
  ])('figure 7 %s: the leader brings the follower to its own log', (_, followerTerms) => {
    const leader = nodeWith(leaderTerms, { term: 7 });
    const follower = nodeWith(followerTerms, { term: 7 });
    leader.raw.campaign();
    sent(leader);
    leader.raw.step(makeMessage({ type: MessageType.MsgVoteResp, from: 3n, to: 1n, term: 8 }));
    expect(leader.raw.isLeader).toBe(true);
    // The follower plays node 2, though it thinks it is 1: only the envelope differs.
    let rounds = 0;
    for (let toFollower = sent(leader); toFollower.length > 0; rounds++) {
      for (const message of toFollower) if (message.to === 2n) follower.raw.step({ ...message, from: 3n, to: 1n });
      for (const message of sent(follower)) leader.raw.step({ ...message, from: 2n, to: 1n });
      toFollower = sent(leader);
    }
    const termsOf = (storage: MemoryStorage): unknown[] =>
      Array.from({ length: storage.lastIndex() }, (_, at) => storage.term(at + 1));
    expect(termsOf(follower.storage)).toEqual([...leaderTerms, 8]);
    // A round per diverging term at most, not per entry.
    expect(rounds).toBeLessThanOrEqual(5);
  });
});

describe('§5.4.1 election restriction', () => {
  test.each([
    [[1], 1, 1, true],
    [[1], 1, 2, true],
    [[1, 1], 1, 1, false],
    [[1], 2, 1, true],
    [[1], 2, 2, true],
    [[1, 1], 2, 1, true],
    [[2], 1, 1, false],
    [[2], 1, 2, false],
    [[2, 1], 1, 1, false],
  ] as const)(
    'a voter with terms %j grants a candidate whose log ends with term %i at %i: %s',
    (terms, logTerm, index, granted) => {
      const node = nodeWith(terms, { term: 2 });
      node.raw.step(makeMessage({ type: MessageType.MsgVote, from: 2n, to: 1n, term: 3, logTerm, index }));
      expect(sent(node).map(({ reject }) => !reject)).toEqual([granted]);
    },
  );
});

describe('§5.4.2 entries of previous terms', () => {
  test.each([
    [1, false],
    [2, false],
    [3, true],
  ])('a leader of term 3 that hears index %i acknowledged commits: %s', (index, committed) => {
    const node = nodeWith([1, 2], { term: 2 });
    node.raw.campaign();
    sent(node);
    node.raw.step(makeMessage({ type: MessageType.MsgVoteResp, from: 2n, to: 1n, term: 3 }));
    sent(node);
    node.raw.step(makeMessage({ type: MessageType.MsgAppResp, from: 2n, to: 1n, term: 3, index }));
    expect(node.raw.committed).toBe(committed ? index : 0);
  });
});

describe('§5.5 crashes, §5.6 timing', () => {
  test('requests that come twice do no harm', () => {
    const group = new RaftGroup(3);
    group.elect(1n);
    group.raw(1n).propose(Buffer.from('x'));
    group.process(1n);
    group.messages.push(...group.messages, ...group.messages);
    group.settle();
    for (const id of [1n, 2n, 3n]) expect(group.data(id)).toEqual(['x']);
  });
  test('a follower that was away is brought up to date when it comes back', () => {
    const group = new RaftGroup(3);
    group.elect(1n);
    group.isolate(3n);
    group.propose(1n, 'a', 'b', 'c');
    group.restart(3n);
    group.heal();
    group.tick(2, [1n]);
    expect(group.data(3n)).toEqual(['a', 'b', 'c']);
  });
  test('what was committed survives the crash of its leader', () => {
    const group = new RaftGroup(3);
    group.elect(1n);
    group.propose(1n, 'a');
    group.isolate(1n);
    group.elect(2n);
    group.propose(2n, 'b');
    group.heal();
    group.tick(2);
    for (const id of [1n, 2n, 3n]) expect(group.data(id)).toEqual(['a', 'b']);
  });
  test('what was not committed may be replaced', () => {
    const group = new RaftGroup(3);
    group.elect(1n);
    group.isolate(1n);
    group.propose(1n, 'lost');
    group.elect(2n);
    group.propose(2n, 'kept');
    group.heal();
    group.tick(2);
    for (const id of [1n, 2n, 3n]) expect(group.data(id)).toEqual(['kept']);
  });
});

describe('§7 log compaction', () => {
  test('a follower whose entries are compacted gets the snapshot, then the rest', () => {
    const group = new RaftGroup(3);
    group.elect(1n);
    group.isolate(3n);
    group.propose(1n, 'a', 'b');
    const { storage, raw } = group.member(1n);
    expect(storage.snapshot()?.metadata.index).toBe(raw.applied);
    storage.compact(raw.applied);
    group.propose(1n, 'c');
    group.heal();
    group.tick(2, [1n]);
    expect(Buffer.from(group.member(3n).storage.snapshot()?.data ?? []).toString()).toBe('state');
    expect([group.member(3n).storage.snapshot()?.metadata.index, group.data(3n)]).toEqual([5, []]);
    group.propose(1n, 'd');
    expect(group.data(3n)).toEqual(['d']);
    expect(raw.status().progress.get(3n)?.state).toBe('StateReplicate');
  });
  test('an older snapshot is ignored, and answered with what is committed', () => {
    const group = new RaftGroup(3);
    group.elect(1n);
    const { raw } = group.member(2n);
    const snapshot = makeSnapshot({ index: 2, term: 1, confState: raw.confState() });
    raw.step(makeMessage({ type: MessageType.MsgSnap, from: 1n, to: 2n, term: 1, snapshot }));
    const ready = raw.ready();
    expect([raw.lastIndex, ready.snapshot]).toEqual([2, undefined]);
    expect(ready.messages.map((message) => describeMessage(message))).toEqual(['2->1 MsgAppResp Term:1 Log:0/2']);
  });
  test('one of what is in the log already commits that, and takes away nothing behind it', () => {
    const group = new RaftGroup(3);
    const { raw, storage } = group.member(2n);
    const entries = [2, 3, 4].map((index) => makeEntry({ term: 1, index }));
    raw.step(makeMessage({ type: MessageType.MsgApp, from: 1n, to: 2n, term: 1, logTerm: 1, index: 1, entries }));
    group.process(2n);
    const confState = makeConfState({ voters: [1n, 2n, 3n] });
    const snapshot = { data: new Uint8Array(0), metadata: { index: 3, term: 1, confState } };
    raw.step(makeMessage({ type: MessageType.MsgSnap, from: 1n, to: 2n, term: 1, snapshot }));
    expect([raw.committed, raw.lastIndex]).toEqual([3, 4]);
    const ready = raw.ready();
    expect(ready.snapshot).toBeUndefined();
    expect(ready.messages.at(-1)).toMatchObject({ type: MessageType.MsgAppResp, to: 1n, index: 3 });
    expect(storage.lastIndex()).toBe(4);
  });
  test('a snapshot that does not name the node is refused', () => {
    const group = new RaftGroup(3);
    const snapshot = makeSnapshot({ index: 20, term: 1, confState: makeConfState({ voters: [1n, 2n] }) });
    group.raw(3n).step(makeMessage({ type: MessageType.MsgSnap, from: 1n, to: 3n, term: 1, snapshot }));
    expect(group.raw(3n).committed).toBe(1);
  });
});

describe('§8 clients', () => {
  test('a new leader commits an empty entry of its own term', () => {
    const group = new RaftGroup(3);
    group.elect(1n);
    expect(group.member(2n).applied.map(({ term, index, data }) => [term, index, data.length])).toEqual([[1, 2, 0]]);
  });
  test('a follower hands proposals on to the leader', () => {
    const group = new RaftGroup(3);
    group.elect(1n);
    group.propose(3n, 'x');
    expect(group.data(1n)).toEqual(['x']);
  });
});
