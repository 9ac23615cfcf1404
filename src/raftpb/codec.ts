/**
 * Raft's messages on the wire, on peer streams and in the WAL. By hand, for it is a hot path and numbers must not
 * become bigint.
 *
 * etcd 3.4–3.6 write their non-nullable proto2 fields even when zero, 3.4 and 3.5 an empty snapshot on every message,
 * 3.6 a vote; 3.7 leaves zero values out. All of them read either. Byte fields are left out when empty. Unknown fields
 * are passed over. Source: etcd-io/raft raftpb/raft.proto (v3.7), field by field; what is written when was seen in
 * files and streams of the real versions.
 */
import type { Codec } from '../lib/codec.js';
import { type EmulatedVersion, emulatedVersions } from '../lib/emulate.js';
import { Reader, type Writer, writer } from '../proto/wire.js';
import {
  type ConfChange,
  type ConfChangeSingle,
  type ConfChangeTransition,
  type ConfChangeType,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  type EntryType,
  type HardState,
  type Index,
  type Message,
  type MessageType,
  makeConfChange,
  makeConfChangeV2,
  makeConfState,
  makeEntry,
  makeHardState,
  makeMessage,
  makeSnapshot,
  NO_BYTES,
  NONE,
  type NodeId,
  type Snapshot,
  type Term,
} from './types.js';

/** Which zero values are written. */
interface Form {
  readonly zeros: boolean;
  readonly emptySnapshot: boolean;
  readonly vote: boolean;
}

const forms: Readonly<Record<EmulatedVersion, Form>> = {
  '3.4': { zeros: true, emptySnapshot: true, vote: false },
  '3.5': { zeros: true, emptySnapshot: true, vote: false },
  '3.6': { zeros: true, emptySnapshot: false, vote: true },
  '3.7': { zeros: false, emptySnapshot: false, vote: false },
};

const emptySnapshot = makeSnapshot();

// The writer goes backwards: fields come last first.

function writeEntry(w: Writer, entry: Entry, form: Form): void {
  if (entry.data.length > 0) {
    w.bytes(entry.data);
    w.byte(34);
  }
  putNumber(w, 24, entry.index, form);
  putNumber(w, 16, entry.term, form);
  putNumber(w, 8, entry.type, form);
}

function putNumber(w: Writer, tag: number, value: number, form: Form): void {
  if (value === 0 && !form.zeros) return;
  w.int64(value);
  w.byte(tag);
}

function putId(w: Writer, tag: number, value: bigint, written: boolean): void {
  if (value === 0n && !written) return;
  w.big(value);
  w.byte(tag);
}

function putBool(w: Writer, tag: number, value: boolean, form: Form): void {
  if (!value && !form.zeros) return;
  w.bool(value);
  w.byte(tag);
}

function putBytes(w: Writer, tag: number, value: Uint8Array): void {
  if (value.length === 0) return;
  w.bytes(value);
  w.byte(tag);
}

function putIds(w: Writer, tag: number, ids: readonly NodeId[]): void {
  for (let at = ids.length - 1; at >= 0; at--) putId(w, tag, ids[at] as NodeId, true);
}

function writeConfState(w: Writer, state: ConfState, form: Form): void {
  putBool(w, 40, state.autoLeave, form);
  putIds(w, 32, state.learnersNext);
  putIds(w, 24, state.votersOutgoing);
  putIds(w, 16, state.learners);
  putIds(w, 8, state.voters);
}

function writeSnapshot(w: Writer, snapshot: Snapshot, form: Form): void {
  const outer = w.mark();
  putNumber(w, 24, snapshot.metadata.term, form);
  putNumber(w, 16, snapshot.metadata.index, form);
  const inner = w.mark();
  writeConfState(w, snapshot.metadata.confState, form);
  w.length(inner);
  w.byte(10);
  w.length(outer);
  w.byte(18);
  putBytes(w, 10, snapshot.data);
}

function writeMessage(w: Writer, message: Message, form: Form): void {
  const { entries, responses } = message;
  for (let at = responses.length - 1; at >= 0; at--) {
    const mark = w.mark();
    writeMessage(w, responses[at] as Message, form);
    w.length(mark);
    w.byte(114);
  }
  putId(w, 104, message.vote, form.vote);
  putBytes(w, 98, message.context);
  putNumber(w, 88, message.rejectHint, form);
  putBool(w, 80, message.reject, form);
  if (message.snapshot !== undefined || form.emptySnapshot) {
    const mark = w.mark();
    writeSnapshot(w, message.snapshot ?? emptySnapshot, form);
    w.length(mark);
    w.byte(74);
  }
  putNumber(w, 64, message.commit, form);
  for (let at = entries.length - 1; at >= 0; at--) {
    const mark = w.mark();
    writeEntry(w, entries[at] as Entry, form);
    w.length(mark);
    w.byte(58);
  }
  putNumber(w, 48, message.index, form);
  putNumber(w, 40, message.logTerm, form);
  putNumber(w, 32, message.term, form);
  putId(w, 24, message.from, form.zeros);
  putId(w, 16, message.to, form.zeros);
  putNumber(w, 8, message.type, form);
}

function writeHardState(w: Writer, state: HardState, form: Form): void {
  putNumber(w, 24, state.commit, form);
  putId(w, 16, state.vote, form.zeros);
  putNumber(w, 8, state.term, form);
}

function writeConfChange(w: Writer, change: ConfChange, form: Form): void {
  putBytes(w, 34, change.context);
  putId(w, 24, change.nodeId, form.zeros);
  putNumber(w, 16, change.type, form);
  putId(w, 8, change.id, form.zeros);
}

function writeConfChangeV2(w: Writer, change: ConfChangeV2, form: Form): void {
  putBytes(w, 26, change.context);
  const { changes } = change;
  for (let at = changes.length - 1; at >= 0; at--) {
    const { type, nodeId } = changes[at] as ConfChangeSingle;
    const mark = w.mark();
    putId(w, 16, nodeId, form.zeros);
    putNumber(w, 8, type, form);
    w.length(mark);
    w.byte(18);
  }
  putNumber(w, 8, change.transition, form);
}

function readEntry(r: Reader, end: number): Entry {
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

function readConfState(r: Reader, end: number): ConfState {
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

function readSnapshot(r: Reader, end: number): Snapshot {
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

function readMessage(r: Reader, end: number): Message {
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

function readHardState(r: Reader, end: number): HardState {
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

function readConfChange(r: Reader, end: number): ConfChange {
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

function readConfChangeV2(r: Reader, end: number): ConfChangeV2 {
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

/** One codec per version; they differ in what they write, not in what they read. */
export type VersionedCodec<T> = Readonly<Record<EmulatedVersion, Codec<T>>>;

function versioned<T>(
  name: string,
  create: (init?: Partial<T>) => T,
  write: (w: Writer, value: T, form: Form) => void,
  read: (r: Reader, end: number) => T,
): VersionedCodec<T> {
  const make = (form: Form): Codec<T> => ({
    typeName: `raftpb.${name}`,
    create,
    encode(value) {
      const w = writer.begin();
      write(w, value, form);
      return w.finish();
    },
    decode: (bytes) => read(new Reader(bytes), bytes.length),
  });
  return Object.fromEntries(emulatedVersions.map((version) => [version, make(forms[version])])) as VersionedCodec<T>;
}

/**
 * Writes what the codecs' `encode` gives into a writer that others write to as well: frames of many messages are one
 * piece of memory.
 */
export interface PartWriter {
  entry(w: Writer, entry: Entry): void;
  message(w: Writer, message: Message): void;
}

export const partWriter = Object.fromEntries(
  emulatedVersions.map((version): [EmulatedVersion, PartWriter] => [
    version,
    {
      entry: (w, entry) => writeEntry(w, entry, forms[version]),
      message: (w, message) => writeMessage(w, message, forms[version]),
    },
  ]),
) as Readonly<Record<EmulatedVersion, PartWriter>>;

export const entryCodec = versioned<Entry>('Entry', makeEntry, writeEntry, readEntry);
export const messageCodec = versioned<Message>('Message', makeMessage, writeMessage, readMessage);
export const hardStateCodec = versioned<HardState>('HardState', makeHardState, writeHardState, readHardState);
export const confStateCodec = versioned<ConfState>('ConfState', makeConfState, writeConfState, readConfState);
export const confChangeCodec = versioned<ConfChange>('ConfChange', makeConfChange, writeConfChange, readConfChange);
export const confChangeV2Codec = versioned<ConfChangeV2>(
  'ConfChangeV2',
  makeConfChangeV2,
  writeConfChangeV2,
  readConfChangeV2,
);
export const snapshotCodec = versioned<Snapshot>(
  'Snapshot',
  (init) => ({ data: init?.data ?? NO_BYTES, metadata: init?.metadata ?? emptySnapshot.metadata }),
  writeSnapshot,
  readSnapshot,
);
