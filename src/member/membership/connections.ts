/**
 * How well this member is connected to the others, as its transport reports: what decides on changes of the membership
 * that might cost a quorum, and on what a request that timed out ends with. Source: etcd's
 * server/etcdserver/cluster_util.go.
 */
import type { ClusterMember } from '../../datadir/cluster-member.js';
import type { Transport } from '../../peer/types.js';
import { EtcdError } from '../../proto/etcd-error.js';
import type { NodeId } from '../../raftpb/types.js';
import type { Leadership } from '../loop/leadership.js';
import type { Cluster } from './cluster.js';

export class Connections {
  constructor(
    readonly transport: Pick<Transport, 'activeSince'>,
    readonly cluster: Cluster,
  ) {}

  activeSince(id: NodeId): number | undefined {
    return this.transport.activeSince(id);
  }

  /** Without a failure since before `sinceMs` (monotonic milliseconds). */
  isConnectedSince(id: NodeId, sinceMs: number): boolean {
    const activeMs = this.transport.activeSince(id);
    return activeMs !== undefined && activeMs < sinceMs;
  }

  /** How many of `members` have been connected since before then, ourselves among them. */
  countSince(sinceMs: number, members: readonly ClusterMember[]): number {
    const { localId } = this.cluster;
    return members.filter(({ id }) => id === localId || this.isConnectedSince(id, sinceMs)).length;
  }

  hasQuorumSince(sinceMs: number): boolean {
    const { members } = this.cluster;
    return this.countSince(sinceMs, members) >= Math.floor(members.length / 2) + 1;
  }

  /** Others that are reached now. */
  get activeCount(): number {
    return this.cluster.members.filter(({ id }) => id !== this.cluster.localId && this.activeSince(id) !== undefined)
      .length;
  }

  /** The voter that has been reached for longest, whom leadership is best handed over to. */
  get longestConnectedVoter(): NodeId | undefined {
    let longest: { readonly id: NodeId; readonly sinceMs: number } | undefined;
    for (const { id } of this.cluster.voters) {
      const sinceMs = id === this.cluster.localId ? undefined : this.activeSince(id);
      if (sinceMs !== undefined && (longest === undefined || sinceMs < longest.sinceMs)) longest = { id, sinceMs };
    }
    return longest?.id;
  }
}

export interface TimeoutDeps {
  readonly connections: Connections;
  readonly leadership: Leadership;
  readonly electionTimeoutMs: number;
}

/**
 * What a request that began at `startMs` (monotonic) and got no result in time ends with. As etcd's parseProposeCtxErr.
 */
export function timeoutError({ connections, leadership, electionTimeoutMs }: TimeoutDeps, startMs: number): EtcdError {
  const { electedMs } = leadership;
  if (electedMs !== undefined && startMs > electedMs - 2 * electionTimeoutMs && startMs < electedMs)
    return new EtcdError('timeoutDueToLeaderFail');
  const { lead } = leadership;
  if (!leadership.hasLeader) return new EtcdError('timeout');
  const connected =
    lead === connections.cluster.localId
      ? connections.hasQuorumSince(startMs)
      : connections.isConnectedSince(lead, startMs);
  return new EtcdError(connected ? 'timeout' : 'timeoutDueToConnectionLost');
}
