/**
 * Applying a configuration change: is it still valid, and what does it do to the membership? An invalid one is applied
 * to raft as a change of node 0, so that all members agree that nothing happened. Source: etcd's
 * RaftCluster.ValidateConfigurationChange.
 */

import { type ClusterMember, memberFromJson } from '../../datadir/cluster-member.js';
import { EtcdError } from '../../proto/etcd-error.js';
import { type ConfChange, ConfChangeType } from '../../raftpb/types.js';
import type { Cluster } from './cluster.js';

/** The JSON of a change's context: the member, and whether this is a learner's promotion. */
interface ChangeContext {
  readonly member: ClusterMember;
  readonly isPromote: boolean;
}

/** undefined when the change may be applied. */
export function refusal(
  cluster: Cluster,
  change: ConfChange,
  { maxLearners }: { readonly maxLearners: number },
): EtcdError | undefined {
  const { nodeId } = change;
  const known = cluster.get(nodeId);
  if (cluster.isRemoved(nodeId)) return new EtcdError('memberNotFound');
  switch (change.type) {
    case ConfChangeType.ConfChangeAddNode:
    case ConfChangeType.ConfChangeAddLearnerNode: {
      const { member, isPromote } = contextOf(change);
      if (isPromote) {
        if (known === undefined) return new EtcdError('memberNotFound');
        return known.isLearner ? undefined : new EtcdError('memberNotLearner');
      }
      if (known !== undefined) return new EtcdError('memberExists');
      if (urlsTaken(cluster, member)) return new EtcdError('peerUrlExists');
      const isLearner = change.type === ConfChangeType.ConfChangeAddLearnerNode;
      const learners = cluster.members.length - cluster.voters.length;
      return isLearner && learners >= maxLearners ? new EtcdError('tooManyLearners') : undefined;
    }
    case ConfChangeType.ConfChangeRemoveNode:
      if (known === undefined) return new EtcdError('memberNotFound');
      // etcd-diff: there it ends the last voter with a panic, at each of its starts again.
      return cluster.voters.every(({ id }) => id === nodeId) ? new EtcdError('memberNotEnoughStarted') : undefined;
    case ConfChangeType.ConfChangeUpdateNode: {
      if (known === undefined) return new EtcdError('memberNotFound');
      return urlsTaken(cluster, contextOf(change).member) ? new EtcdError('peerUrlExists') : undefined;
    }
  }
}

export function applyChange(cluster: Cluster, change: ConfChange, options: { persist: boolean }): void {
  carryOut(cluster, change, options);
  if (options.persist) cluster.correctBucket();
}

function carryOut(cluster: Cluster, change: ConfChange, options: { persist: boolean }): void {
  switch (change.type) {
    case ConfChangeType.ConfChangeAddNode:
    case ConfChangeType.ConfChangeAddLearnerNode: {
      const { member, isPromote } = contextOf(change);
      if (isPromote) cluster.promote(change.nodeId, options);
      else cluster.add(member, options);
      return;
    }
    case ConfChangeType.ConfChangeRemoveNode:
      cluster.remove(change.nodeId, options);
      return;
    case ConfChangeType.ConfChangeUpdateNode:
      cluster.updatePeerURLs(change.nodeId, contextOf(change).member.peerURLs, options);
      return;
  }
}

function urlsTaken(cluster: Cluster, { id, peerURLs }: ClusterMember): boolean {
  return cluster.members.some((other) => other.id !== id && other.peerURLs.some((url) => peerURLs.includes(url)));
}

/** Throws SyntaxError. */
export function contextOf(change: ConfChange): ChangeContext {
  const text = Buffer.from(change.context).toString();
  return { member: memberFromJson(text), isPromote: /"isPromote"\s*:\s*true/.test(text) };
}
