/** Whom the transport is connected to: the members of the cluster as they are applied, without this one. */
import type { ClusterMember } from '../../datadir/cluster-member.js';
import type { RaftReceiver, Transport } from '../../peer/types.js';
import { type ConfChange, ConfChangeType, type NodeId } from '../../raftpb/types.js';
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
  readonly #connected = new Set<NodeId>();

  constructor(readonly deps: PeerSetDeps) {}

  start(): void {
    const { cluster, initialMembers, peerUrls, receiver, transport } = this.deps;
    transport.start({ id: cluster.localId, clusterId: cluster.id, peerUrls }, receiver);
    this.#connect([...initialMembers, ...cluster.members]);
  }

  /**
   * The whole membership may be another: a leader's snapshot has been installed. Connections to those who stay are
   * kept.
   */
  reconnect(): void {
    const { cluster, transport } = this.deps;
    for (const id of this.#connected) {
      const member = cluster.get(id);
      if (member === undefined) this.#disconnect(id);
      else transport.updatePeer(id, member.peerURLs);
    }
    this.#connect(cluster.members.filter(({ id }) => !this.#connected.has(id)));
  }

  /** A change that has been applied to the membership. */
  applied({ type, nodeId }: ConfChange): void {
    const { cluster, transport } = this.deps;
    if (nodeId === cluster.localId) return;
    const member = cluster.get(nodeId);
    switch (type) {
      case ConfChangeType.ConfChangeAddNode:
      case ConfChangeType.ConfChangeAddLearnerNode:
        if (member !== undefined) this.#connect([member]);
        return;
      case ConfChangeType.ConfChangeRemoveNode:
        this.#disconnect(nodeId);
        return;
      case ConfChangeType.ConfChangeUpdateNode:
        if (member !== undefined) transport.updatePeer(nodeId, member.peerURLs);
        return;
    }
  }

  #connect(members: readonly ClusterMember[]): void {
    const { cluster, transport } = this.deps;
    for (const { id, peerURLs } of members) {
      if (id === cluster.localId || cluster.isRemoved(id)) continue;
      this.#connected.add(id);
      transport.addPeer(id, peerURLs);
    }
  }

  #disconnect(id: NodeId): void {
    this.#connected.delete(id);
    this.deps.transport.removePeer(id);
  }
}
