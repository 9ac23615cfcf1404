/**
 * A configuration built anew from what a snapshot or the storage says, through the same changes that led to it.
 * Source of behaviour: etcd-io/raft confchange/restore.go.
 */
import { type ConfChangeSingle, ConfChangeType, type ConfState, type NodeId } from '../../raftpb/types.js';
import { type ChangeBase, type ChangeResult, type Configuration, enterJoint, isRefused, simple } from './changer.js';

/** `base` must hold the empty configuration. */
export function restore(base: ChangeBase, state: ConfState): ChangeResult {
  const adding = (id: NodeId): ConfChangeSingle => ({ type: ConfChangeType.ConfChangeAddNode, nodeId: id });
  const addingLearner = (id: NodeId): ConfChangeSingle => ({
    type: ConfChangeType.ConfChangeAddLearnerNode,
    nodeId: id,
  });
  const removing = (id: NodeId): ConfChangeSingle => ({ type: ConfChangeType.ConfChangeRemoveNode, nodeId: id });

  const joint = state.votersOutgoing.length > 0;
  // From the outgoing configuration, `changes` lead to the joint one. Without an outgoing one, they lead from nothing
  // to the present one.
  const changes = [
    ...state.votersOutgoing.map(removing),
    ...state.voters.map(adding),
    ...state.learners.map(addingLearner),
    ...state.learnersNext.map(addingLearner),
  ];
  let current: Configuration = base;
  for (const change of joint ? state.votersOutgoing.map(adding) : changes) {
    const next = simple({ ...base, ...current }, [change]);
    if (isRefused(next)) return next;
    current = next;
  }
  return joint ? enterJoint({ ...base, ...current }, { autoLeave: state.autoLeave }, changes) : current;
}
