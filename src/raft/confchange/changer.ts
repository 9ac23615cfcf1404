/**
 * Configuration changes as pure functions: the present configuration and progress in, the next ones or the reason why
 * not out.
 *
 *     (1 2 3) ──simple: at most one voter differs──▶ (1 2 3 4)
 *     (1 2 3) ──enterJoint──▶ (4 5 6)&&(1 2 3) ──leaveJoint──▶ (4 5 6)
 *
 * Invariants, checked before and after: every member has a progress; learners and voters are disjoint; `learnersNext`
 * is a subset of the outgoing voters; outside of a joint configuration there are no outgoing voters, no `learnersNext`
 * and no `autoLeave`. Source of behaviour: etcd-io/raft confchange/confchange.go; Raft thesis §4.1, §4.3.
 */
import { type ConfChangeSingle, ConfChangeType, type Index, NONE, type NodeId } from '../../raftpb/types.js';
import type { Inflights } from '../tracker/inflights.js';
import { Progress } from '../tracker/progress.js';
import { isJoint, type ProgressMap, type TrackerConfig } from '../tracker/tracker.js';

export interface Configuration {
  readonly config: TrackerConfig;
  readonly progress: ProgressMap;
}

export interface ChangeBase extends Configuration {
  /** Last index of the log: where newcomers are probed. */
  readonly lastIndex: Index;
  makeInflights(): Inflights;
}

/** Why a change was refused; the present configuration stays. */
export interface ChangeRefused {
  readonly refused: string;
}

export type ChangeResult = Configuration | ChangeRefused;

export const isRefused = (result: ChangeResult): result is ChangeRefused => 'refused' in result;

interface Draft {
  readonly incoming: Set<NodeId>;
  readonly outgoing: Set<NodeId>;
  readonly learners: Set<NodeId>;
  readonly learnersNext: Set<NodeId>;
  autoLeave: boolean;
  readonly progress: Map<NodeId, Progress>;
}

export function simple(base: ChangeBase, changes: readonly ConfChangeSingle[]): ChangeResult {
  const draft = open(base);
  if (isJoint(base.config)) return { refused: "can't apply simple config change in joint config" };
  const refused = apply(base, draft, changes);
  if (refused !== undefined) return { refused };
  const before = base.config.voters.incoming;
  let differing = 0;
  for (const id of before) if (!draft.incoming.has(id)) differing++;
  for (const id of draft.incoming) if (!before.has(id)) differing++;
  if (differing > 1) return { refused: 'more than one voter changed without entering joint config' };
  return close(draft);
}

export function enterJoint(
  base: ChangeBase,
  { autoLeave }: { readonly autoLeave: boolean },
  changes: readonly ConfChangeSingle[],
): ChangeResult {
  const draft = open(base);
  if (isJoint(base.config)) return { refused: 'config is already joint' };
  if (draft.incoming.size === 0) return { refused: "can't make a zero-voter config joint" };
  for (const id of draft.incoming) draft.outgoing.add(id);
  const refused = apply(base, draft, changes);
  if (refused !== undefined) return { refused };
  draft.autoLeave = autoLeave;
  return close(draft);
}

export function leaveJoint(base: ChangeBase): ChangeResult {
  const draft = open(base);
  if (!isJoint(base.config)) return { refused: "can't leave a non-joint config" };
  for (const id of draft.learnersNext) {
    draft.learners.add(id);
    mustFind(draft, id).isLearner = true;
  }
  draft.learnersNext.clear();
  for (const id of draft.outgoing) if (!draft.incoming.has(id) && !draft.learners.has(id)) draft.progress.delete(id);
  draft.outgoing.clear();
  draft.autoLeave = false;
  return close(draft);
}

/**
 * Returns why not. Changes of node NONE are passed over: so the application cancels one that it refuses while applying
 * it.
 */
function apply(base: ChangeBase, draft: Draft, changes: readonly ConfChangeSingle[]): string | undefined {
  for (const { type, nodeId } of changes) {
    if (nodeId === NONE) continue;
    switch (type) {
      case ConfChangeType.ConfChangeAddNode:
        makeVoter(base, draft, nodeId);
        break;
      case ConfChangeType.ConfChangeAddLearnerNode:
        makeLearner(base, draft, nodeId);
        break;
      case ConfChangeType.ConfChangeRemoveNode:
        remove(draft, nodeId);
        break;
      case ConfChangeType.ConfChangeUpdateNode:
        break;
      default:
        return `unexpected conf type ${type satisfies never}`;
    }
  }
  return draft.incoming.size === 0 ? 'removed all voters' : undefined;
}

function makeVoter(base: ChangeBase, draft: Draft, id: NodeId): void {
  const progress = draft.progress.get(id);
  if (progress === undefined) addProgress(base, draft, id, { isLearner: false });
  else progress.isLearner = false;
  draft.learners.delete(id);
  draft.learnersNext.delete(id);
  draft.incoming.add(id);
}

function makeLearner(base: ChangeBase, draft: Draft, id: NodeId): void {
  const progress = draft.progress.get(id);
  if (progress === undefined) {
    addProgress(base, draft, id, { isLearner: true });
    draft.learners.add(id);
    return;
  }
  if (progress.isLearner) return;
  remove(draft, id);
  draft.progress.set(id, progress);
  if (draft.outgoing.has(id)) {
    draft.learnersNext.add(id);
  } else {
    progress.isLearner = true;
    draft.learners.add(id);
  }
}

function remove(draft: Draft, id: NodeId): void {
  draft.incoming.delete(id);
  draft.learners.delete(id);
  draft.learnersNext.delete(id);
  // While it votes in the outgoing configuration, its progress counts.
  if (!draft.outgoing.has(id)) draft.progress.delete(id);
}

function addProgress(base: ChangeBase, draft: Draft, id: NodeId, { isLearner }: { isLearner: boolean }): void {
  const progress = new Progress({
    match: 0,
    next: Math.max(base.lastIndex, 1),
    inflights: base.makeInflights(),
    isLearner,
    // It cannot have spoken yet; counted as silent, it could make the leader step down at the next check of the quorum.
    recentActive: true,
  });
  draft.progress.set(id, progress);
}

function open(base: ChangeBase): Draft {
  const { config, progress } = base;
  const copies = new Map<NodeId, Progress>();
  for (const [id, one] of progress) copies.set(id, one.clone());
  const draft: Draft = {
    incoming: new Set(config.voters.incoming),
    outgoing: new Set(config.voters.outgoing),
    learners: new Set(config.learners),
    learnersNext: new Set(config.learnersNext),
    autoLeave: config.autoLeave,
    progress: copies,
  };
  checkInvariants(draft);
  return draft;
}

function close(draft: Draft): Configuration {
  checkInvariants(draft);
  const { incoming, outgoing, learners, learnersNext, autoLeave, progress } = draft;
  return { config: { voters: { incoming, outgoing }, autoLeave, learners, learnersNext }, progress };
}

function mustFind(draft: Draft, id: NodeId): Progress {
  const progress = draft.progress.get(id);
  if (progress === undefined) throw new RangeError(`no progress for ${id}`);
  return progress;
}

function checkInvariants(draft: Draft): void {
  const { incoming, outgoing, learners, learnersNext } = draft;
  const must = (holds: boolean, sentence: string): void => {
    if (!holds) throw new RangeError(sentence);
  };
  for (const ids of [incoming, outgoing, learners, learnersNext]) for (const id of ids) mustFind(draft, id);
  for (const id of learnersNext) {
    must(outgoing.has(id), `${id} is in LearnersNext, but not Voters[1]`);
    must(!mustFind(draft, id).isLearner, `${id} is in LearnersNext, but is already marked as learner`);
  }
  for (const id of learners) {
    must(!outgoing.has(id), `${id} is in Learners and Voters[1]`);
    must(!incoming.has(id), `${id} is in Learners and Voters[0]`);
    must(mustFind(draft, id).isLearner, `${id} is in Learners, but is not marked as learner`);
  }
  if (outgoing.size === 0) {
    must(learnersNext.size === 0, 'cfg.LearnersNext must be nil when not joint');
    must(!draft.autoLeave, 'AutoLeave must be false when not joint');
  }
}
