/**
 * Raft's messages as plain values. They are never changed after they were handed on: an entry that stands in the log is
 * the same object that stands in messages, in Ready and in the WAL's batch, so that an entry costs one allocation,
 * whatever its travels.
 *
 * Node ids are bigint (all 64 bits are used); terms and indexes are plain numbers; absent byte fields are empty arrays.
 * Bytes are borrowed: whoever proposes an entry or decodes a message must not write to its buffer afterwards.
 * Source: etcd-io/raft's raftpb/raft.proto (v3.7); names and numbers are the wire's.
 */
import type { MemberId, RequestId } from '../lib/ids.js';

export type NodeId = MemberId;
export type Term = number;
/** Position in the log; the first entry has index 1. */
export type Index = number;

/** "No node": no leader, no vote. */
export const NONE: NodeId = 0n;
/** Where `MsgStorageAppend` goes when storage writes are asynchronous. Never a member's id. */
export const LOCAL_APPEND_THREAD: NodeId = 0xffff_ffff_ffff_ffffn;
/** Where `MsgStorageApply` goes when storage writes are asynchronous. Never a member's id. */
export const LOCAL_APPLY_THREAD: NodeId = 0xffff_ffff_ffff_fffen;

export const NO_BYTES: Uint8Array = new Uint8Array(0);

export const EntryType = { EntryNormal: 0, EntryConfChange: 1, EntryConfChangeV2: 2 } as const;
export type EntryType = (typeof EntryType)[keyof typeof EntryType];

export const MessageType = {
  MsgHup: 0,
  MsgBeat: 1,
  MsgProp: 2,
  MsgApp: 3,
  MsgAppResp: 4,
  MsgVote: 5,
  MsgVoteResp: 6,
  MsgSnap: 7,
  MsgHeartbeat: 8,
  MsgHeartbeatResp: 9,
  MsgUnreachable: 10,
  MsgSnapStatus: 11,
  MsgCheckQuorum: 12,
  MsgTransferLeader: 13,
  MsgTimeoutNow: 14,
  MsgReadIndex: 15,
  MsgReadIndexResp: 16,
  MsgPreVote: 17,
  MsgPreVoteResp: 18,
  MsgStorageAppend: 19,
  MsgStorageAppendResp: 20,
  MsgStorageApply: 21,
  MsgStorageApplyResp: 22,
  MsgForgetLeader: 23,
} as const;
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

export const ConfChangeType = {
  ConfChangeAddNode: 0,
  ConfChangeRemoveNode: 1,
  ConfChangeUpdateNode: 2,
  ConfChangeAddLearnerNode: 3,
} as const;
export type ConfChangeType = (typeof ConfChangeType)[keyof typeof ConfChangeType];

export const ConfChangeTransition = {
  /** Simple where one voter changes at most, otherwise joint and left by itself. */
  ConfChangeTransitionAuto: 0,
  /** Joint, left by itself. */
  ConfChangeTransitionJointImplicit: 1,
  /** Joint, left by an empty change that the application proposes. */
  ConfChangeTransitionJointExplicit: 2,
} as const;
export type ConfChangeTransition = (typeof ConfChangeTransition)[keyof typeof ConfChangeTransition];

export interface Entry {
  readonly type: EntryType;
  readonly term: Term;
  readonly index: Index;
  readonly data: Uint8Array;
}

/** Term, vote and commit index: what a node must find again after a crash. */
export interface HardState {
  readonly term: Term;
  readonly vote: NodeId;
  readonly commit: Index;
}

export interface ConfState {
  readonly voters: readonly NodeId[];
  readonly learners: readonly NodeId[];
  /** Voters of the configuration that is being left; empty unless joint. */
  readonly votersOutgoing: readonly NodeId[];
  /** Voters of the outgoing configuration that become learners when the joint configuration is left. */
  readonly learnersNext: readonly NodeId[];
  /** Whether the joint configuration is left without being asked. */
  readonly autoLeave: boolean;
}

export interface SnapshotMetadata {
  readonly confState: ConfState;
  readonly index: Index;
  readonly term: Term;
}

/** `metadata.index === 0` stands for "no snapshot". */
export interface Snapshot {
  readonly data: Uint8Array;
  readonly metadata: SnapshotMetadata;
}

export interface Message {
  readonly type: MessageType;
  readonly to: NodeId;
  readonly from: NodeId;
  /** 0 in local messages, and in proposals and read requests on their way to the leader. */
  readonly term: Term;
  /** Term of the entry at `index`; in a rejecting MsgAppResp the term of the entry at `rejectHint`. */
  readonly logTerm: Term;
  readonly index: Index;
  readonly entries: readonly Entry[];
  readonly commit: Index;
  readonly snapshot: Snapshot | undefined;
  readonly reject: boolean;
  readonly rejectHint: Index;
  readonly context: Uint8Array;
  /** Only in MsgStorageAppend (wire: since 3.6). */
  readonly vote: NodeId;
  /** Only in MsgStorageAppend and MsgStorageApply (wire: since 3.6): to be sent once the work is done. */
  readonly responses: readonly Message[];
}

export interface ConfChange {
  readonly type: ConfChangeType;
  readonly nodeId: NodeId;
  readonly context: Uint8Array;
  /** Free for the application's use (etcd: the request id). */
  readonly id: RequestId;
}

export interface ConfChangeSingle {
  readonly type: ConfChangeType;
  readonly nodeId: NodeId;
}

/** No changes means "leave the joint configuration". */
export interface ConfChangeV2 {
  readonly transition: ConfChangeTransition;
  readonly changes: readonly ConfChangeSingle[];
  readonly context: Uint8Array;
}

const noEntries: readonly Entry[] = [];
const noMessages: readonly Message[] = [];

export const makeEntry = (init: Partial<Entry> = {}): Entry => ({
  type: init.type ?? EntryType.EntryNormal,
  term: init.term ?? 0,
  index: init.index ?? 0,
  data: init.data ?? NO_BYTES,
});

export const makeHardState = (init: Partial<HardState> = {}): HardState => ({
  term: init.term ?? 0,
  vote: init.vote ?? NONE,
  commit: init.commit ?? 0,
});

export const makeConfState = (init: Partial<ConfState> = {}): ConfState => ({
  voters: init.voters ?? [],
  learners: init.learners ?? [],
  votersOutgoing: init.votersOutgoing ?? [],
  learnersNext: init.learnersNext ?? [],
  autoLeave: init.autoLeave ?? false,
});

export const makeSnapshot = (
  init: { data?: Uint8Array; confState?: ConfState; index?: Index; term?: Term } = {},
): Snapshot => ({
  data: init.data ?? NO_BYTES,
  metadata: { confState: init.confState ?? makeConfState(), index: init.index ?? 0, term: init.term ?? 0 },
});

export const emptySnapshot = makeSnapshot();

/** All messages are made here, so that they share one hidden class. Sender and term may stand beside the rest. */
export const makeMessage = (
  init: Partial<Message> = {},
  from: NodeId = init.from ?? NONE,
  term: Term = init.term ?? 0,
): Message => ({
  type: init.type ?? MessageType.MsgHup,
  to: init.to ?? NONE,
  from,
  term,
  logTerm: init.logTerm ?? 0,
  index: init.index ?? 0,
  entries: init.entries ?? noEntries,
  commit: init.commit ?? 0,
  snapshot: init.snapshot,
  reject: init.reject ?? false,
  rejectHint: init.rejectHint ?? 0,
  context: init.context ?? NO_BYTES,
  vote: init.vote ?? NONE,
  responses: init.responses ?? noMessages,
});

export const makeConfChange = (init: Partial<ConfChange> = {}): ConfChange => ({
  type: init.type ?? ConfChangeType.ConfChangeAddNode,
  nodeId: init.nodeId ?? NONE,
  context: init.context ?? NO_BYTES,
  id: init.id ?? 0n,
});

export const makeConfChangeV2 = (init: Partial<ConfChangeV2> = {}): ConfChangeV2 => ({
  transition: init.transition ?? ConfChangeTransition.ConfChangeTransitionAuto,
  changes: init.changes ?? [],
  context: init.context ?? NO_BYTES,
});

export const isConfChangeV2 = (change: ConfChange | ConfChangeV2): change is ConfChangeV2 => 'changes' in change;

/** The v2 form of either form. */
export function asConfChangeV2(change: ConfChange | ConfChangeV2): ConfChangeV2 {
  if (isConfChangeV2(change)) return change;
  return makeConfChangeV2({ changes: [{ type: change.type, nodeId: change.nodeId }], context: change.context });
}

/** Whether the change leaves a joint configuration. */
export const leavesJoint = (change: ConfChangeV2): boolean =>
  change.changes.length === 0 && change.transition === ConfChangeTransition.ConfChangeTransitionAuto;

/** Whether the change must go through a joint configuration, and if so whether that one is left by itself. */
export function entersJoint(change: ConfChangeV2): { joint: boolean; autoLeave: boolean } {
  const { transition, changes } = change;
  if (transition === ConfChangeTransition.ConfChangeTransitionAuto && changes.length <= 1)
    return { joint: false, autoLeave: false };
  return { joint: true, autoLeave: transition !== ConfChangeTransition.ConfChangeTransitionJointExplicit };
}

export const isEmptyHardState = (state: HardState): boolean =>
  state.term === 0 && state.vote === NONE && state.commit === 0;

export const sameHardState = (a: HardState, b: HardState): boolean =>
  a.term === b.term && a.vote === b.vote && a.commit === b.commit;

export const isEmptySnapshot = (snapshot: Snapshot | undefined): boolean =>
  snapshot === undefined || snapshot.metadata.index === 0;
