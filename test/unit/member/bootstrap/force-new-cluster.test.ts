import { describe, expect, it } from 'vitest';
import { forceNewCluster } from '../../../../src/member/bootstrap/force-new-cluster.js';
import { confChangeCodec } from '../../../../src/raftpb/codec.js';
import {
  ConfChangeType,
  type Entry,
  EntryType,
  makeConfChange,
  makeConfState,
  makeEntry,
  makeHardState,
} from '../../../../src/raftpb/types.js';

const codec = confChangeCodec['3.5'];
const change = (index: number, type: ConfChangeType, nodeId: bigint): Entry =>
  makeEntry({
    type: EntryType.EntryConfChange,
    term: 2,
    index,
    data: codec.encode(makeConfChange({ type, nodeId })),
  });
const { ConfChangeAddNode: add, ConfChangeAddLearnerNode: addLearner, ConfChangeRemoveNode: remove } = ConfChangeType;
const hardState = (commit: number) => makeHardState({ term: 4, vote: 1n, commit });
const added = (forced: { added: readonly Entry[] }): string[] =>
  forced.added.map(({ index, term, data }) => {
    const { type, nodeId } = codec.decode(data);
    return `${term}/${index} ${type === remove ? 'remove' : 'add'} ${nodeId}`;
  });

describe('going on alone', () => {
  it('removes every other voter and learner, and drops what was not committed', () => {
    const entries = [change(6, addLearner, 5n), makeEntry({ term: 3, index: 7 }), makeEntry({ term: 4, index: 8 })];
    const forced = forceNewCluster(2n, '3.5', {
      confState: makeConfState({ voters: [1n, 2n, 3n], learners: [4n] }),
      entries,
      hardState: hardState(7),
    });
    expect(forced.entries.slice(0, 2)).toEqual(entries.slice(0, 2));
    expect(added(forced)).toEqual(['4/8 remove 1', '4/9 remove 3', '4/10 remove 4', '4/11 remove 5']);
    expect(forced.hardState).toEqual(hardState(11));
  });

  it('takes no notice of a change that was not committed', () => {
    const forced = forceNewCluster(1n, '3.5', {
      confState: makeConfState({ voters: [1n] }),
      entries: [change(6, add, 9n)],
      hardState: hardState(5),
    });
    expect(added(forced)).toEqual([]);
    expect(forced.entries).toEqual([]);
  });

  it('does not remove again who was removed already', () => {
    const forced = forceNewCluster(1n, '3.5', {
      confState: makeConfState(),
      entries: [change(1, add, 1n), change(2, add, 2n), change(3, remove, 2n)],
      hardState: hardState(3),
    });
    expect(added(forced)).toEqual([]);
  });

  it('makes a learner a voter before the last other one goes', () => {
    const forced = forceNewCluster(7n, '3.5', {
      confState: makeConfState({ voters: [1n], learners: [7n] }),
      entries: [],
      hardState: hardState(5),
    });
    expect(added(forced)).toEqual(['4/6 add 7', '4/7 remove 1']);
    expect(Buffer.from(codec.decode(forced.added[0]?.data ?? Buffer.alloc(0)).context).toString()).toBe(
      '{"id":7,"isPromote":true}',
    );
  });
});
