/** One node of a raft group, driven from outside. */
import type { ConfChange, ConfChangeV2, ConfState, Index, Message, NodeId } from '../raftpb/types.js';
import type { RaftConfig } from './config.js';
import type { RaftError } from './errors.js';
import type { Ready } from './ready.js';

export declare class RawNode {
  constructor(config: RaftConfig);
  /** A brand-new group: appends one committed ConfChangeAddNode entry (term 1) per peer. The log must be empty. */
  bootstrap(peers: readonly { readonly id: NodeId; readonly context?: Uint8Array }[]): void;
  tick(): void;
  /** A message from another node (or, with asynchronous storage writes, a response of a local target). */
  step(message: Message): RaftError | undefined;
  campaign(): RaftError | undefined;
  /** One or several entries as one append. */
  propose(...data: readonly Uint8Array[]): RaftError | undefined;
  proposeConfChange(change: ConfChange | ConfChangeV2): RaftError | undefined;
  /** To be called for every committed change, in order, with nodeId NONE where the application refuses it. */
  applyConfChange(change: ConfChange | ConfChangeV2): ConfState;
  hasReady(): boolean;
  ready(): Ready;
  /** The last Ready was persisted, sent and applied. Not with asynchronous storage writes. */
  advance(): void;
  readIndex(context: Uint8Array): void;
  transferLeader(to: NodeId): void;
  forgetLeader(): RaftError | undefined;
  reportUnreachable(id: NodeId): void;
  reportSnapshot(id: NodeId, outcome: { readonly ok: boolean }): void;
  readonly id: NodeId;
  readonly lead: NodeId;
  readonly term: number;
  readonly committed: Index;
  readonly applied: Index;
}
