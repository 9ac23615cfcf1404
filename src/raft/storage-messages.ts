/**
 * Messages between a node and the two targets of asynchronous storage writes; where a Ready is written in step, what
 * they would answer is what the node owes itself on `advance`. The contract is told in `rawnode.ts`.
 */
import {
  type Entry,
  type HardState,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  makeMessage,
  NONE,
  type NodeId,
  type Snapshot,
} from '../raftpb/types.js';
import type { Raft } from './raft.js';

/** Whether `id` is one of the two targets. */
export const isLocalTarget = (id: NodeId): boolean => id === LOCAL_APPEND_THREAD || id === LOCAL_APPLY_THREAD;

export function storageAppend(
  raft: Raft,
  entries: readonly Entry[],
  state: HardState | undefined,
  snapshot: Snapshot | undefined,
  promises: Message[],
): Message {
  // The answer for the leader itself comes last: its own MsgAppResp moves the commit index while the entries are
  // still at hand in the unstable log.
  const responses = promises;
  if (raft.log.hasNextOrInProgressUnstableEntries || snapshot !== undefined) {
    responses.push(storageAppendResponse(raft, snapshot));
  }
  return makeMessage({
    type: MessageType.MsgStorageAppend,
    to: LOCAL_APPEND_THREAD,
    from: raft.id,
    term: state?.term ?? 0,
    vote: state?.vote ?? NONE,
    commit: state?.commit ?? 0,
    entries,
    snapshot,
    responses,
  });
}

/**
 * Says that the log is stable up to its present end. Two guards make that true when it arrives, however late:
 * 1. Term. Entries x of term 1 are handed out; a leader of term 2 replaces them by y; one of term 3 by x again, the
 *    very same entries. The answer for the first write must not vouch for the third, which is still under way. Its
 *    term, 1, is below the node's by then: it is dropped.
 * 2. That is why every append, even without entries, vouches for the whole unstable log: the answer that was dropped
 *    has to be made up for by a later one, and the writes are done in order.
 */
export function storageAppendResponse(raft: Raft, snapshot: Snapshot | undefined): Message {
  const { log } = raft;
  const last = log.hasNextOrInProgressUnstableEntries ? log.lastEntryId() : undefined;
  return makeMessage({
    type: MessageType.MsgStorageAppendResp,
    to: raft.id,
    from: LOCAL_APPEND_THREAD,
    term: raft.term,
    logTerm: last?.term ?? 0,
    index: last?.index ?? 0,
    snapshot,
  });
}

/** Committed entries belong to no term: neither do these two messages. */
export function storageApply(raft: Raft, entries: readonly Entry[]): Message {
  return makeMessage({
    type: MessageType.MsgStorageApply,
    to: LOCAL_APPLY_THREAD,
    from: raft.id,
    entries,
    responses: [storageApplyResponse(raft, entries)],
  });
}

export function storageApplyResponse(raft: Raft, entries: readonly Entry[]): Message {
  return makeMessage({
    type: MessageType.MsgStorageApplyResp,
    to: raft.id,
    from: LOCAL_APPLY_THREAD,
    entries,
  });
}
