/** The first entries of a brand-new group. Source of behaviour: etcd-io/raft bootstrap.go. */
import { confChangeCodec } from '../raftpb/codec.js';
import {
  asConfChangeV2,
  ConfChangeType,
  EntryType,
  makeConfChange,
  makeEntry,
  NO_BYTES,
  NONE,
  type NodeId,
} from '../raftpb/types.js';
import type { Raft } from './raft.js';

export interface Peer {
  readonly id: NodeId;
  /** Goes into the context of the peer's ConfChangeAddNode entry. */
  readonly context?: Uint8Array;
}

/** Throws RangeError where there are no peers, or a log. */
export function bootstrapGroup(raft: Raft, peers: readonly Peer[]): void {
  if (peers.length === 0) throw new RangeError('must provide at least one peer to Bootstrap');
  if (raft.log.lastIndex() !== 0) throw new RangeError("can't bootstrap a nonempty Storage");
  raft.becomeFollower(1, NONE);
  const changes = peers.map(({ id, context }) =>
    makeConfChange({ type: ConfChangeType.ConfChangeAddNode, nodeId: id, context: context ?? NO_BYTES }),
  );
  const entries = changes.map((change, position) =>
    makeEntry({
      type: EntryType.EntryConfChange,
      term: 1,
      index: position + 1,
      data: confChangeCodec['3.5'].encode(change),
    }),
  );
  raft.log.append(entries);
  raft.log.committed = entries.length;
  for (const change of changes) raft.applyConfChange(asConfChangeV2(change));
}
