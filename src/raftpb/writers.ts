/** How each of raft's messages is written: see `codec.ts`. */
import type { EmulatedVersion } from '../lib/emulate.js';
import type { Writer } from '../proto/wire.js';
import {
  type ConfChange,
  type ConfChangeSingle,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  emptySnapshot,
  type HardState,
  type Message,
  type NodeId,
  type Snapshot,
} from './types.js';

/** Which zero values are written. */
export interface Form {
  readonly zeros: boolean;
  readonly emptySnapshot: boolean;
  readonly vote: boolean;
}

export const forms: Readonly<Record<EmulatedVersion, Form>> = {
  '3.4': { zeros: true, emptySnapshot: true, vote: false },
  '3.5': { zeros: true, emptySnapshot: true, vote: false },
  '3.6': { zeros: true, emptySnapshot: false, vote: true },
  '3.7': { zeros: false, emptySnapshot: false, vote: false },
};

// The writer goes backwards: fields come last first.

export function writeEntry(w: Writer, entry: Entry, form: Form): void {
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

export function writeConfState(w: Writer, state: ConfState, form: Form): void {
  putBool(w, 40, state.autoLeave, form);
  putIds(w, 32, state.learnersNext);
  putIds(w, 24, state.votersOutgoing);
  putIds(w, 16, state.learners);
  putIds(w, 8, state.voters);
}

export function writeSnapshot(w: Writer, snapshot: Snapshot, form: Form): void {
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

export function writeMessage(w: Writer, message: Message, form: Form): void {
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

export function writeHardState(w: Writer, state: HardState, form: Form): void {
  putNumber(w, 24, state.commit, form);
  putId(w, 16, state.vote, form.zeros);
  putNumber(w, 8, state.term, form);
}

export function writeConfChange(w: Writer, change: ConfChange, form: Form): void {
  putBytes(w, 34, change.context);
  putId(w, 24, change.nodeId, form.zeros);
  putNumber(w, 16, change.type, form);
  putId(w, 8, change.id, form.zeros);
}

export function writeConfChangeV2(w: Writer, change: ConfChangeV2, form: Form): void {
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
