import { expect, test } from 'vitest';
import { confChangeCodec, confChangeV2Codec } from '../../../src/raftpb/codec.js';
import {
  describeConfChange,
  describeEntry,
  describeHardState,
  describeMessage,
  messageTypeName,
} from '../../../src/raftpb/describe.js';
import {
  asConfChangeV2,
  EntryType,
  entersJoint,
  LOCAL_APPLY_THREAD,
  leavesJoint,
  MessageType,
  makeConfChange,
  makeConfChangeV2,
  makeConfState,
  makeEntry,
  makeMessage,
  makeSnapshot,
} from '../../../src/raftpb/types.js';

test('entries show term, index, type and content', () => {
  const change = makeConfChange({ type: 1, nodeId: 3n });
  const joint = makeConfChangeV2({
    changes: [
      { type: 0, nodeId: 1n },
      { type: 3, nodeId: 2n },
      { type: 2, nodeId: 4n },
    ],
  });
  expect(describeEntry(makeEntry({ term: 2, index: 7, data: Buffer.from('a"\n') }))).toBe('2/7 EntryNormal "a\\"\\n"');
  expect(
    describeEntry(makeEntry({ type: EntryType.EntryConfChange, data: confChangeCodec['3.5'].encode(change) })),
  ).toBe('0/0 EntryConfChange r3');
  expect(
    describeEntry(makeEntry({ type: EntryType.EntryConfChangeV2, data: confChangeV2Codec['3.5'].encode(joint) })),
  ).toBe('0/0 EntryConfChangeV2 v1 l2 u4');
  expect(describeEntry(makeEntry({ type: EntryType.EntryConfChangeV2 }))).toBe('0/0 EntryConfChangeV2');
});

test('messages show ids in hex and local targets by name; several entries stand one a line', () => {
  const message = makeMessage({
    type: MessageType.MsgStorageApply,
    from: 255n,
    to: LOCAL_APPLY_THREAD,
    entries: [makeEntry({ index: 1 }), makeEntry({ index: 2 })],
    snapshot: makeSnapshot({ index: 3, term: 1, confState: makeConfState({ voters: [1n, 2n] }) }),
    responses: [makeMessage({ type: MessageType.MsgAppResp, to: 10n, reject: true, rejectHint: 4 })],
  });
  expect(describeMessage(message)).toBe(
    [
      'ff->ApplyThread MsgStorageApply Term:0 Log:0/0 Entries:[',
      '  0/1 EntryNormal ""',
      '  0/2 EntryNormal ""',
      ']',
      '  Snapshot: Index:3 Term:1 ConfState:Voters:[1 2] VotersOutgoing:[] Learners:[] LearnersNext:[] ' +
        'AutoLeave:false Responses:[',
      '  None->a MsgAppResp Term:0 Log:0/0 Rejected (Hint: 4)',
      ']',
    ].join('\n'),
  );
});

test('a vote for nobody is not shown', () => {
  expect(describeHardState({ term: 1, vote: 0n, commit: 2 })).toBe('Term:1 Commit:2');
  expect(describeHardState({ term: 1, vote: 3n, commit: 2 })).toBe('Term:1 Vote:3 Commit:2');
});

test('changes are shown as protobuf text', () => {
  expect(describeConfChange(makeConfChange({ type: 3, nodeId: 9n, context: Buffer.from('c'), id: 4n }))).toBe(
    'type:ConfChangeAddLearnerNode node_id:9 context:"c" id:4',
  );
  expect(describeConfChange(makeConfChangeV2({ transition: 2, changes: [{ type: 0, nodeId: 1n }] }))).toBe(
    'transition:ConfChangeTransitionJointExplicit changes:{type:ConfChangeAddNode node_id:1}',
  );
});

test('a type nobody knows is shown by its number', () => {
  expect(messageTypeName(77 as MessageType)).toBe('77');
});

test('which changes need a joint configuration', () => {
  const one = { type: 0, nodeId: 1n } as const;
  expect(entersJoint(makeConfChangeV2({ changes: [one] }))).toEqual({ joint: false, autoLeave: false });
  expect(entersJoint(makeConfChangeV2({ changes: [one, one] }))).toEqual({ joint: true, autoLeave: true });
  expect(entersJoint(makeConfChangeV2({ transition: 1, changes: [one] }))).toEqual({ joint: true, autoLeave: true });
  expect(entersJoint(makeConfChangeV2({ transition: 2, changes: [one] }))).toEqual({ joint: true, autoLeave: false });
  expect(leavesJoint(makeConfChangeV2())).toBe(true);
  expect(leavesJoint(makeConfChangeV2({ context: Buffer.from('kept') }))).toBe(true);
  expect(leavesJoint(asConfChangeV2(makeConfChange({ nodeId: 1n })))).toBe(false);
});
