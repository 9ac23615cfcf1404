/**
 * What a node hands out. Source of behaviour: etcd-io/raft, `Ready`, `SoftState`, `ReadState`, `Status`. The contract
 * is described in `rawnode.ts`.
 */
import type { Entry, HardState, Index, Message, NodeId, Snapshot } from '../raftpb/types.js';

export type StateType = 'StateFollower' | 'StateCandidate' | 'StateLeader' | 'StatePreCandidate';

/** What need not be persisted: who leads, and what this node is. */
export interface SoftState {
  /** `NONE` when unknown. */
  readonly lead: NodeId;
  readonly raftState: StateType;
}

/** Answer to `readIndex`: a read is linearizable once `index` is applied. */
export interface ReadState {
  readonly index: Index;
  /** As handed to `readIndex`. */
  readonly requestContext: Uint8Array;
}

/** All arrays are the receiver's to read for as long as it likes; nothing in them changes. */
export interface Ready {
  /** Undefined when it did not change since the last Ready. */
  readonly softState: SoftState | undefined;
  /** To be persisted before messages that depend on it go out. Undefined when it did not change. */
  readonly hardState: HardState | undefined;
  readonly readStates: readonly ReadState[];
  /**
   * To be persisted. They may replace entries persisted earlier: what is at and above the first one's index is void.
   */
  readonly entries: readonly Entry[];
  /** To be persisted, and to be applied before `committedEntries`. Undefined when there is none. */
  readonly snapshot: Snapshot | undefined;
  /** To be applied, in order; they were handed out in `entries` of this or an earlier Ready. */
  readonly committedEntries: readonly Entry[];
  /**
   * To be sent. Without asynchronous storage writes: after `entries`, `hardState` and `snapshot` are persisted (a
   * leader may send its MsgApps while it writes). With them: at once; the two local targets are among the receivers.
   */
  readonly messages: readonly Message[];
  /** Whether persisting must be durable (fsync) before going on: there are entries, or term or vote changed. */
  readonly mustSync: boolean;
}
