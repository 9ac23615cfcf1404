/** Which configuration changes to ask for, and which of them the application would refuse. */
import type { Random } from '../../../src/lib/random.js';
import {
  asConfChangeV2,
  type ConfChange,
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  type ConfChangeV2,
  type ConfState,
  makeConfChange,
  makeConfChangeV2,
  NONE,
  type NodeId,
} from '../../../src/raftpb/types.js';
import { isJoint } from './checks/configurations.js';
import { chance, mustPick } from './draws.js';

const { ConfChangeAddNode, ConfChangeAddLearnerNode, ConfChangeRemoveNode, ConfChangeUpdateNode } = ConfChangeType;
const { ConfChangeTransitionAuto, ConfChangeTransitionJointExplicit, ConfChangeTransitionJointImplicit } =
  ConfChangeTransition;

/** Whether nobody would vote in the configuration that `change` leads to from `conf`. */
export function leavesNoVoter(conf: ConfState, change: ConfChange | ConfChangeV2): boolean {
  const voters = new Set(conf.voters);
  for (const { type, nodeId } of asConfChangeV2(change).changes) {
    if (type === ConfChangeAddNode) voters.add(nodeId);
    else if (type !== ConfChangeUpdateNode) voters.delete(nodeId);
  }
  voters.delete(NONE);
  return voters.size === 0;
}

export function drawChange(random: Random, conf: ConfState, slots: number): ConfChange | ConfChangeV2 {
  // Most of the time: the only change that is possible.
  if (isJoint(conf) && chance(random, 800)) return makeConfChangeV2();
  if (chance(random, 600)) return makeConfChange(drawSingle(random, conf, slots));
  const count = mustPick(random, [0, 1, 1, 2, 2, 3, 4]);
  if (count === 0) return makeConfChangeV2();
  const changes = Array.from({ length: count }, () => drawSingle(random, conf, slots));
  const transition = mustPick(random, [
    ConfChangeTransitionAuto,
    ConfChangeTransitionJointExplicit,
    ConfChangeTransitionJointImplicit,
  ]);
  return makeConfChangeV2({ changes, transition });
}

export function drawLeave(random: Random, nodeId: NodeId): ConfChange {
  return makeConfChange({
    type: mustPick(random, [ConfChangeRemoveNode, ConfChangeRemoveNode, ConfChangeAddLearnerNode]),
    nodeId,
  });
}

/** Adds more often than it removes where voters are few, so that groups do not dwindle. */
function drawSingle(random: Random, conf: ConfState, slots: number): ConfChangeSingle {
  const nodeId = BigInt(1 + random.below(slots));
  const few = conf.voters.length * 2 <= slots;
  const type = few
    ? mustPick(random, [ConfChangeAddNode, ConfChangeAddNode, ConfChangeAddNode, ConfChangeAddLearnerNode])
    : mustPick(random, [
        ConfChangeAddNode,
        ConfChangeAddLearnerNode,
        ConfChangeRemoveNode,
        ConfChangeRemoveNode,
        ConfChangeUpdateNode,
      ]);
  return { type, nodeId };
}
