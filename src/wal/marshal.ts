/**
 * Raft's values as the log and `.snap` files hold them: proto2 as etcd 3.4–3.6 write it, zero-valued fields included.
 */
import { Snapshot as WalSnapshotMessage } from '../proto/gen/walpb.js';
import { Reader, type Writer, writer } from '../proto/wire.js';
import type { ConfState, Entry, HardState, NodeId, Snapshot } from '../raftpb/types.js';
import { EntryType, makeConfState, NO_BYTES } from '../raftpb/types.js';
import type { WalSnapshot } from './types.js';

export function encodeHardState(state: HardState): Uint8Array {
  const w = writer.begin();
  w.int64(state.commit);
  w.byte(0x18);
  w.big(state.vote);
  w.byte(0x10);
  w.int64(state.term);
  w.byte(0x08);
  return w.finish();
}

export function decodeHardState(bytes: Uint8Array): HardState {
  const state = { term: 0, vote: 0n, commit: 0 };
  fields(bytes, 'HardState', '1 Term 2 Vote 3 Commit', {
    8: (r, end) => {
      state.term = r.uint64(end);
    },
    16: (r, end) => {
      state.vote = r.uint64Big(end);
    },
    24: (r, end) => {
      state.commit = r.uint64(end);
    },
  });
  return state;
}

/** The hot path of a restart: 0.2 µs. The data is a view. */
export function decodeEntry(bytes: Uint8Array): Entry {
  const r = new Reader(bytes);
  const end = bytes.length;
  let type: EntryType = EntryType.EntryNormal;
  let term = 0;
  let index = 0;
  let data = NO_BYTES;
  while (r.pos < end) {
    const tag = r.tag(end);
    switch (tag) {
      case 0x08:
        type = entryType(r.uint64(end));
        break;
      case 0x10:
        term = r.uint64(end);
        break;
      case 0x18:
        index = r.uint64(end);
        break;
      case 0x22:
        data = r.bytes(end);
        break;
      default:
        r.skip(tag, end, 'Entry', '1 Type 2 Term 3 Index 4 Data');
    }
  }
  return { type, term, index, data };
}

function entryType(value: number): EntryType {
  if (value === 0 || value === 1 || value === 2) return value;
  throw new Error(`unknown entry type ${value}`);
}

export function encodeWalSnapshot({ index, term, confState }: WalSnapshot): Uint8Array {
  return WalSnapshotMessage.encode({ index, term, confState: confState && encodeConfState(confState) });
}

export function decodeWalSnapshot(bytes: Uint8Array): WalSnapshot {
  const { index, term, confState } = WalSnapshotMessage.decode(bytes);
  return { index, term, ...(confState && { confState: decodeConfState(confState) }) };
}

export function encodeConfState(state: ConfState): Uint8Array {
  const w = writer.begin();
  w.bool(state.autoLeave);
  w.byte(0x28);
  ids(w, 0x20, state.learnersNext);
  ids(w, 0x18, state.votersOutgoing);
  ids(w, 0x10, state.learners);
  ids(w, 0x08, state.voters);
  return w.finish();
}

function ids(w: Writer, tag: number, values: readonly NodeId[]): void {
  for (const id of values.toReversed()) {
    w.big(id);
    w.byte(tag);
  }
}

export function decodeConfState(bytes: Uint8Array): ConfState {
  const lists = {
    voters: [] as NodeId[],
    learners: [] as NodeId[],
    votersOutgoing: [] as NodeId[],
    learnersNext: [] as NodeId[],
  };
  let autoLeave = false;
  const one = (list: NodeId[]) => (r: Reader, end: number) => {
    list.push(r.uint64Big(end));
  };
  const packed = (list: NodeId[]) => (r: Reader, end: number) => {
    for (const stop = r.stop(end); r.pos < stop; ) list.push(r.uint64Big(stop));
  };
  fields(bytes, 'ConfState', '1 Voters 2 Learners 3 VotersOutgoing 4 LearnersNext 5 AutoLeave', {
    8: one(lists.voters),
    10: packed(lists.voters),
    16: one(lists.learners),
    18: packed(lists.learners),
    24: one(lists.votersOutgoing),
    26: packed(lists.votersOutgoing),
    32: one(lists.learnersNext),
    34: packed(lists.learnersNext),
    40: (r, end) => {
      autoLeave = r.bool(end);
    },
  });
  return { ...lists, autoLeave };
}

export function encodeSnapshot({ data, metadata }: Snapshot): Uint8Array {
  const confState = encodeConfState(metadata.confState);
  const w = writer.begin();
  const before = w.mark();
  w.int64(metadata.term);
  w.byte(0x18);
  w.int64(metadata.index);
  w.byte(0x10);
  w.bytes(confState);
  w.byte(0x0a);
  w.length(before);
  w.byte(0x12);
  if (data.length > 0) {
    w.bytes(data);
    w.byte(0x0a);
  }
  return w.finish();
}

/** The data is a view. */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  const metadata = { confState: makeConfState(), index: 0, term: 0 };
  let data = NO_BYTES;
  fields(bytes, 'Snapshot', '1 Data 2 Metadata', {
    10: (r, end) => {
      data = r.bytes(end);
    },
    18: (r, end) => {
      fields(r.bytes(end), 'SnapshotMetadata', '1 ConfState 2 Index 3 Term', {
        10: (inner, stop) => {
          metadata.confState = decodeConfState(inner.bytes(stop));
        },
        16: (inner, stop) => {
          metadata.index = inner.uint64(stop);
        },
        24: (inner, stop) => {
          metadata.term = inner.uint64(stop);
        },
      });
    },
  });
  return { data, metadata };
}

/** Calls, for each field, what `known` has under its tag. Throws ProtoDecodeError. */
function fields(
  bytes: Uint8Array,
  message: string,
  names: string,
  known: Readonly<Record<number, (reader: Reader, end: number) => void>>,
): void {
  const reader = new Reader(bytes);
  while (reader.pos < bytes.length) {
    const tag = reader.tag(bytes.length);
    const read = known[tag];
    if (read) read(reader, bytes.length);
    else reader.skip(tag, bytes.length, message, names);
  }
}
