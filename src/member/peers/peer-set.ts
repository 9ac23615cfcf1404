/** Whom the transport is connected to: the members of the cluster as they are applied, without this one. */
import type { ClusterMember } from '../../datadir/cluster-member.js';
import type { RaftReceiver, Transport } from '../../peer/types.js';
import { type ConfChange, ConfChangeType } from '../../raftpb/types.js';
import type { Cluster } from '../membership/cluster.js';

export interface PeerSetDeps {
  readonly transport: Transport;
  readonly cluster: Cluster;
  /** Whom to connect to before the log has named anybody. */
  readonly initialMembers: readonly ClusterMember[];
  readonly peerUrls: readonly string[];
  readonly receiver: RaftReceiver;
}

export class PeerSet {
  constructor(readonly deps: PeerSetDeps) {}

  start(): void {
    const { cluster, initialMembers, peerUrls, receiver, transport } = this.deps;
    transport.start({ id: cluster.localId, clusterId: cluster.id, peerUrls }, receiver);
    this.#connect([...initialMembers, ...cluster.members]);
  }

  /** A change that has been applied to the membership. */
  applied({ type, nodeId }: ConfChange): void {
    const { cluster, transport } = this.deps;
    if (nodeId === cluster.localId) return;
    const member = cluster.get(nodeId);
    switch (type) {
      case ConfChangeType.ConfChangeAddNode:
      case ConfChangeType.ConfChangeAddLearnerNode:
        if (member !== undefined) transport.addPeer(nodeId, member.peerURLs);
        return;
      case ConfChangeType.ConfChangeRemoveNode:
        transport.removePeer(nodeId);
        return;
      case ConfChangeType.ConfChangeUpdateNode:
        if (member !== undefined) transport.updatePeer(nodeId, member.peerURLs);
        return;
    }
  }

  #connect(members: readonly ClusterMember[]): void {
    const { cluster, transport } = this.deps;
    for (const { id, peerURLs } of members)
      if (id !== cluster.localId && !cluster.isRemoved(id)) transport.addPeer(id, peerURLs);
  }
}
