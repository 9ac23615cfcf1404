/** How each of raft's messages is read, whichever version wrote it: see `codec.ts`. */
import type { Reader } from '../proto/wire.js';
import {
  type ConfChange,
  type ConfChangeSingle,
  type ConfChangeTransition,
  type ConfChangeType,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  type EntryType,
  emptySnapshot,
  type HardState,
  type Index,
  type Message,
  type MessageType,
  makeMessage,
  NO_BYTES,
  NONE,
  type NodeId,
  type Snapshot,
  type Term,
} from './types.js';

export function readEntry(r: Reader, end: number): Entry {
  let type = 0;
  let term: Term = 0;
  let index: Index = 0;
  let data = NO_BYTES;
  while (r.pos < end) {
    const tag = r.tag(end);
    switch (tag) {
      case 8:
        type = r.int32(end);
        break;
      case 16:
        term = r.uint64(end);
        break;
      case 24:
        index = r.uint64(end);
        break;
      case 34:
        data = r.bytes(end);
        break;
      default:
        r.skipUnknown(tag, end, 'Entry', '1 Type 2 Term 3 Index 4 Data');
    }
  }
  return { type: type as EntryType, term, index, data };
}

function readIds(r: Reader, end: number, tag: number, ids: NodeId[]): void {
  if ((tag & 7) === 0) {
    ids.push(r.uint64Big(end));
    return;
  }
  const stop = r.stop(end);
  while (r.pos < stop) ids.push(r.uint64Big(stop));
}

export function readConfState(r: Reader, end: number): ConfState {
  const voters: NodeId[] = [];
  const learners: NodeId[] = [];
  const votersOutgoing: NodeId[] = [];
  const learnersNext: NodeId[] = [];
  let autoLeave = false;
  while (r.pos < end) {
    const tag = r.tag(end);
    switch (tag) {
      case 8:
      case 10:
        readIds(r, end, tag, voters);
        break;
      case 16:
      case 18:
        readIds(r, end, tag, learners);
        break;
      case 24:
      case 26:
        readIds(r, end, tag, votersOutgoing);
        break;
      case 32:
      case 34:
        readIds(r, end, tag, learnersNext);
        break;
      case 40:
        autoLeave = r.bool(end);
        break;
      default:
        r.skipUnknown(tag, end, 'ConfState', '1 Voters 2 Learners 3 VotersOutgoing 4 LearnersNext 5 AutoLeave');
    }
  }
  return { voters, learners, votersOutgoing, learnersNext, autoLeave };
}

export function readSnapshot(r: Reader, end: number): Snapshot {
  let data = NO_BYTES;
  let { metadata } = emptySnapshot;
  while (r.pos < end) {
    const tag = r.tag(end);
    switch (tag) {
      case 10:
        data = r.bytes(end);
        break;
      case 18:
        metadata = readSnapshotMetadata(r, r.stop(end));
        break;
      default:
        r.skipUnknown(tag, end, 'Snapshot', '1 Data 2 Metadata');
    }
  }
  return { data, metadata };
}

function readSnapshotMetadata(r: Reader, end: number): Snapshot['metadata'] {
  let { confState } = emptySnapshot.metadata;
  let index: Index = 0;
  let term: Term = 0;
  while (r.pos < end) {
    const tag = r.tag(end);
    switch (tag) {
      case 10:
        confState = readConfState(r, r.stop(end));
        break;
      case 16:
        index = r.uint64(end);
        break;
      case 24:
        term = r.uint64(end);
        break;
      default:
        r.skipUnknown(tag, end, 'SnapshotMetadata', '1 ConfState 2 Index 3 Term');
    }
  }
  return { confState, index, term };
}

export function readMessage(r: Reader, end: number): Message {
  // A message may hold messages.
  r.enter();
  let type = 0;
  let to = NONE;
  let from = NONE;
  let term: Term = 0;
  let logTerm: Term = 0;
  let index: Index = 0;
  let commit: Index = 0;
  let snapshot: Snapshot | undefined;
  let reject = false;
  let rejectHint: Index = 0;
  let context = NO_BYTES;
  let vote = NONE;
  const entries: Entry[] = [];
  const responses: Message[] = [];
  while (r.pos < end) {
    const tag = r.tag(end);
    switch (tag) {
      case 8:
        type = r.int32(end);
        break;
      case 16:
        to = r.uint64Big(end);
        break;
      case 24:
        from = r.uint64Big(end);
        break;
      case 32:
        term = r.uint64(end);
        break;
      case 40:
        logTerm = r.uint64(end);
        break;
      case 48:
        index = r.uint64(end);
        break;
      case 58:
        entries.push(readEntry(r, r.stop(end)));
        break;
      case 64:
        commit = r.uint64(end);
        break;
      case 74:
        snapshot = readSnapshot(r, r.stop(end));
        // 3.4 and 3.5 put an empty one on every message.
        if (snapshot.metadata.index === 0) snapshot = undefined;
        break;
      case 80:
        reject = r.bool(end);
        break;
      case 88:
        rejectHint = r.uint64(end);
        break;
      case 98:
        context = r.bytes(end);
        break;
      case 104:
        vote = r.uint64Big(end);
        break;
      case 114:
        responses.push(readMessage(r, r.stop(end)));
        break;
      default:
        r.skipUnknown(
          tag,
          end,
          'Message',
          '1 Type 2 To 3 From 4 Term 5 LogTerm 6 Index 7 Entries 8 Commit 9 Snapshot 10 Reject 11 RejectHint 12 ' +
            'Context 13 Vote 14 Responses',
        );
    }
  }
  r.leave();
  return makeMessage({
    type: type as MessageType,
    to,
    from,
    term,
    logTerm,
    index,
    entries,
    commit,
    snapshot,
    reject,
    rejectHint,
    context,
    vote,
    responses,
  });
}

export function readHardState(r: Reader, end: number): HardState {
  let term: Term = 0;
  let vote = NONE;
  let commit: Index = 0;
  while (r.pos < end) {
    const tag = r.tag(end);
    switch (tag) {
      case 8:
        term = r.uint64(end);
        break;
      case 16:
        vote = r.uint64Big(end);
        break;
      case 24:
        commit = r.uint64(end);
        break;
      default:
        r.skipUnknown(tag, end, 'HardState', '1 Term 2 Vote 3 Commit');
    }
  }
  return { term, vote, commit };
}

export function readConfChange(r: Reader, end: number): ConfChange {
  let type = 0;
  let nodeId = NONE;
  let context = NO_BYTES;
  let id = 0n;
  while (r.pos < end) {
    const tag = r.tag(end);
    switch (tag) {
      case 8:
        id = r.uint64Big(end);
        break;
      case 16:
        type = r.int32(end);
        break;
      case 24:
        nodeId = r.uint64Big(end);
        break;
      case 34:
        context = r.bytes(end);
        break;
      default:
        r.skipUnknown(tag, end, 'ConfChange', '1 ID 2 Type 3 NodeID 4 Context');
    }
  }
  return { type: type as ConfChangeType, nodeId, context, id };
}

function readConfChangeSingle(r: Reader, end: number): ConfChangeSingle {
  let type = 0;
  let nodeId = NONE;
  while (r.pos < end) {
    const tag = r.tag(end);
    switch (tag) {
      case 8:
        type = r.int32(end);
        break;
      case 16:
        nodeId = r.uint64Big(end);
        break;
      default:
        r.skipUnknown(tag, end, 'ConfChangeSingle', '1 Type 2 NodeID');
    }
  }
  return { type: type as ConfChangeType, nodeId };
}

export function readConfChangeV2(r: Reader, end: number): ConfChangeV2 {
  let transition = 0;
  const changes: ConfChangeSingle[] = [];
  let context = NO_BYTES;
  while (r.pos < end) {
    const tag = r.tag(end);
    switch (tag) {
      case 8:
        transition = r.int32(end);
        break;
      case 18:
        changes.push(readConfChangeSingle(r, r.stop(end)));
        break;
      case 26:
        context = r.bytes(end);
        break;
      default:
        r.skipUnknown(tag, end, 'ConfChangeV2', '1 Transition 2 Changes 3 Context');
    }
  }
  return { transition: transition as ConfChangeTransition, changes, context };
}
