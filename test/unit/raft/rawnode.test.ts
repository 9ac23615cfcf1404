import { describe, expect, test } from 'vitest';
import type { RaftConfig } from '../../../src/raft/config.js';
import { stepLocalMessage, stepOutOfRange, stepPeerNotFound } from '../../../src/raft/errors.js';
import { MemoryStorage } from '../../../src/raft/log/memory-storage.js';
import { RawNode } from '../../../src/raft/rawnode.js';
import { isLocalTarget } from '../../../src/raft/storage-messages.js';
import { RaftPanic, silentRaftLogger } from '../../../src/raft/world/logger.js';
import { confChangeOf } from '../../../src/raftpb/describe.js';
import {
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  makeConfState,
  makeEntry,
  makeMessage,
  makeSnapshot,
} from '../../../src/raftpb/types.js';
import { RaftGroup } from '../../support/raft-group.js';
import { seededRandom } from '../../support/seeded-random.js';

const configured = (options: Partial<RaftConfig> = {}): RaftConfig => ({
  id: 1n,
  electionTicks: 10,
  heartbeatTicks: 1,
  storage: new MemoryStorage(),
  random: seededRandom(1),
  logger: silentRaftLogger,
  ...options,
});

describe('configuration', () => {
  test.each([
    ['cannot use none as id', { id: 0n }],
    ['cannot use local target as id', { id: LOCAL_APPEND_THREAD }],
    ['cannot use local target as id', { id: LOCAL_APPLY_THREAD }],
    ['heartbeat tick must be greater than 0', { heartbeatTicks: 0 }],
    ['election tick must be greater than heartbeat tick', { electionTicks: 1 }],
    ['max inflight messages must be greater than 0', { maxInflightMessages: 0 }],
    ['max inflight bytes must be >= max message size', { maxInflightBytes: 10, maxSizePerMessageBytes: 11 }],
    ['CheckQuorum must be enabled when ReadOnlyOption is ReadOnlyLeaseBased', { readOnlyOption: 'lease-based' }],
  ] as const)('%s', (sentence, options) => {
    expect(() => new RawNode(configured(options))).toThrow(sentence);
  });
});

describe('bootstrap', () => {
  test('gives every peer an entry, committed, with the configuration in force at once', () => {
    const raw = new RawNode(configured());
    raw.bootstrap([{ id: 1n, context: Buffer.from('one') }, { id: 2n }]);
    expect(raw.confState().voters).toEqual([1n, 2n]);
    const ready = raw.ready();
    expect(ready.hardState).toEqual({ term: 1, vote: 0n, commit: 2 });
    expect(ready.mustSync).toBe(true);
    expect(ready.entries).toEqual(ready.committedEntries);
    expect(ready.entries.map((entry) => confChangeOf(entry)?.context.length)).toEqual([3, 0]);
  });
  test('needs a peer and an empty log', () => {
    expect(() => new RawNode(configured()).bootstrap([])).toThrow('must provide at least one peer');
    const storage = new MemoryStorage();
    storage.append([makeEntry({ term: 1, index: 1 })]);
    expect(() => new RawNode(configured({ storage })).bootstrap([{ id: 1n }])).toThrow('nonempty Storage');
  });
});

describe('restart', () => {
  test('committed entries above what was applied come again, and nothing is to be persisted', () => {
    const storage = new MemoryStorage();
    storage.applySnapshot(makeSnapshot({ index: 5, term: 2, confState: makeConfState({ voters: [1n] }) }));
    storage.append([6, 7, 8].map((index) => makeEntry({ term: 2, index })));
    storage.setHardState({ term: 2, vote: 1n, commit: 7 });
    const raw = new RawNode(configured({ storage, applied: 6 }));
    expect([raw.term, raw.committed, raw.applied, raw.lastIndex]).toEqual([2, 7, 6, 8]);
    const ready = raw.ready();
    expect(ready.committedEntries.map(({ index }) => index)).toEqual([7]);
    expect([ready.hardState, ready.entries, ready.mustSync]).toEqual([undefined, [], false]);
    raw.advance();
    expect(raw.hasReady()).toBe(false);
  });
  test('a commit index that the log does not reach stops the node', () => {
    const storage = new MemoryStorage();
    storage.setHardState({ term: 1, vote: 0n, commit: 3 });
    expect(() => new RawNode(configured({ storage }))).toThrow(RaftPanic);
  });
});

describe('step', () => {
  test.each([
    'MsgHup',
    'MsgBeat',
    'MsgUnreachable',
    'MsgSnapStatus',
    'MsgCheckQuorum',
    'MsgStorageAppend',
    'MsgStorageAppendResp',
    'MsgStorageApply',
    'MsgStorageApplyResp',
  ] as const)('%s from elsewhere is refused', (name) => {
    const group = new RaftGroup(2);
    expect(group.raw(1n).step(makeMessage({ type: MessageType[name], from: 2n, to: 1n, term: 9 }))).toBe(
      stepLocalMessage,
    );
    expect(group.raw(1n).term).toBe(0);
  });
  test.each(['MsgAppResp', 'MsgVoteResp', 'MsgHeartbeatResp', 'MsgReadIndexResp', 'MsgPreVoteResp'] as const)(
    '%s of a stranger is refused',
    (name) => {
      const group = new RaftGroup(2);
      expect(group.raw(1n).step(makeMessage({ type: MessageType[name], from: 7n, to: 1n, term: 9 }))).toBe(
        stepPeerNotFound,
      );
    },
  );
  test('a message of a type this version does not know changes nothing', () => {
    const group = new RaftGroup(2);
    const unknown = { ...makeMessage({ from: 2n, to: 1n }), type: 99 as MessageType };
    expect(group.raw(1n).step(unknown)).toBeUndefined();
    expect(group.raw(1n).hasReady()).toBe(false);
  });
  test('a leader that counts on entries which are not there is not followed', () => {
    const said: string[] = [];
    const logger = { ...silentRaftLogger, error: (sentence: string) => void said.push(sentence) };
    const node = new RawNode(configured({ logger }));
    const beat = (term: number, commit: number) =>
      node.step(makeMessage({ type: MessageType.MsgHeartbeat, from: 2n, to: 1n, term, commit }));
    for (const term of [4, 4, 5]) expect(beat(term, 99)).toBe(stepOutOfRange);
    expect([node.term, node.lead, node.committed]).toEqual([0, 0n, 0]);
    // Once for each term.
    expect(said).toHaveLength(2);
    expect(said[0]).toContain(
      'refused a MsgHeartbeat message from 2 [term: 4]: tocommit(99) is out of range [lastIndex(0)]',
    );
    expect(beat(4, 0)).toBeUndefined();
    expect([node.term, node.lead]).toEqual([4, 2n]);
    // A deposed leader's word counts for nothing, whatever it says.
    expect(beat(3, 99)).toBeUndefined();
  });
  test('a follower that has what its leader never wrote is not believed', () => {
    const group = new RaftGroup(2);
    group.elect(1n);
    const leader = group.raw(1n);
    const last = leader.lastIndex;
    const answer = (index: number, more: Partial<Message> = {}) =>
      leader.step(makeMessage({ type: MessageType.MsgAppResp, from: 2n, to: 1n, term: leader.term, index, ...more }));
    expect(answer(last + 1)).toBe(stepOutOfRange);
    expect(leader.status().progress.get(2n)?.match).toBe(last);
    expect(answer(last)).toBeUndefined();
    expect(answer(last + 1, { reject: true })).toBeUndefined();
  });
  test('an append that would replace committed entries stops the node', () => {
    const group = new RaftGroup(2);
    group.elect(1n);
    expect(() =>
      group
        .raw(2n)
        .step(makeMessage({ type: MessageType.MsgApp, from: 1n, to: 2n, term: 1, index: 1, logTerm: 1, entries: [] })),
    ).not.toThrow();
    const replacing = [makeEntry({ term: 9, index: 2 })];
    // The follower answers with its commit index instead of looking at them.
    group
      .raw(2n)
      .step(
        makeMessage({ type: MessageType.MsgApp, from: 1n, to: 2n, term: 1, index: 1, logTerm: 1, entries: replacing }),
      );
    expect(group.raw(2n).lastIndex).toBe(2);
    expect(group.member(2n).storage.term(2)).toBe(1);
  });
});

describe('Ready', () => {
  test('must be advanced before the next', () => {
    const group = new RaftGroup(1);
    group.raw(1n).campaign();
    group.raw(1n).ready();
    expect(() => group.raw(1n).ready()).toThrow('two accepted Ready structs without call to Advance');
  });
  test('an advance without a Ready does nothing', () => {
    const group = new RaftGroup(1);
    group.raw(1n).advance();
    expect(group.raw(1n).hasReady()).toBe(false);
  });
  test('there is none when nothing happened', () => {
    const group = new RaftGroup(3);
    expect(group.raw(1n).hasReady()).toBe(false);
    group.raw(1n).tick();
    expect(group.raw(1n).hasReady()).toBe(false);
  });
  test('soft and hard state are there only when they changed', () => {
    const group = new RaftGroup(1);
    const seen: string[] = [];
    group.onReady = (_, { softState, hardState, mustSync }) =>
      seen.push(`${softState?.raftState ?? '-'} ${hardState?.term ?? '-'}/${hardState?.commit ?? '-'} ${mustSync}`);
    group.elect(1n);
    expect(seen).toEqual(['StateCandidate 1/1 true', 'StateLeader -/- true', '- 1/2 false']);
  });
  test('what was handed out does not change afterwards', () => {
    const group = new RaftGroup(1);
    group.elect(1n);
    const { raw, storage } = group.member(1n);
    raw.propose(Buffer.from('a'));
    const ready = raw.ready();
    const before = JSON.stringify(ready.entries.map(({ index, data }) => [index, [...data]]));
    storage.append(ready.entries);
    raw.propose(Buffer.from('b'));
    raw.advance();
    group.settle();
    expect(JSON.stringify(ready.entries.map(({ index, data }) => [index, [...data]]))).toBe(before);
  });
});

describe('status', () => {
  test('is a copy, with progress on the leader alone', () => {
    const group = new RaftGroup(3);
    group.elect(1n);
    const status = group.raw(1n).status();
    expect([...status.progress.keys()]).toEqual([1n, 2n, 3n]);
    expect(group.raw(2n).status().progress.size).toBe(0);
    group.propose(1n, 'x');
    expect(status.progress.get(2n)?.match).toBe(2);
    expect(group.raw(1n).status().progress.get(2n)?.match).toBe(3);
  });
  test('local targets are none of the members', () => {
    expect([LOCAL_APPEND_THREAD, LOCAL_APPLY_THREAD, 1n, 0n].map(isLocalTarget)).toEqual([true, true, false, false]);
  });
});
