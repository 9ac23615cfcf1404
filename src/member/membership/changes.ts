/**
 * Changes of the cluster's membership while it runs: add, remove, update, promote. Each is checked here, proposed as a
 * configuration change, and checked again by every member as it is applied (`conf-change.ts`). Whether a learner is in
 * sync only the leader knows: others ask it. Source: etcd's server.go (AddMember, RemoveMember, UpdateMember,
 * PromoteMember).
 */
import { type ClusterMember, membersFromJson, memberToJson } from '../../datadir/cluster-member.js';
import { addedMemberId } from '../../datadir/ids.js';
import type { Caller } from '../../lib/caller.js';
import type { Clock } from '../../lib/clock.js';
import type { Logger } from '../../lib/logger.js';
import { PeerCallError, type PeerCalls } from '../../peer/types.js';
import { innerText, wireErrors } from '../../proto/errors.js';
import { EtcdError } from '../../proto/etcd-error.js';
import type { RawNode } from '../../raft/rawnode.js';
import { type ConfChange, ConfChangeType, NO_BYTES, type NodeId } from '../../raftpb/types.js';
import type { Applied } from '../loop/applied.js';
import type { Leadership } from '../loop/leadership.js';
import type { LeaderCalls, Waiting } from './leader-calls.js';
import { checkedPeerUrls, type PeerUrls } from './peer-urls.js';
import type { QuorumGuard } from './quorum-guard.js';

/** How much of the leader's log a learner must have to be a voter. */
const READY_RATIO = 0.9;

export interface ChangesDeps {
  readonly node: Pick<RawNode, 'status'>;
  readonly leadership: Leadership;
  readonly applied: Applied;
  readonly guard: QuorumGuard;
  /** Resolves with the members as they are after it. */
  readonly proposeChange: (change: Omit<ConfChange, 'id'>, caller?: Caller) => Promise<Members>;
  readonly leaderCalls: LeaderCalls;
  readonly calls: Pick<PeerCalls, 'promote'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export type Members = readonly ClusterMember[];

/** What the store of members says, before it is put into the wire's words: to followers, and as the metric's reason. */
export const promotionReasons = {
  memberNotFound: 'membership: ID not found',
  memberNotLearner: `membership: ${innerText(wireErrors.memberNotLearner)}`,
};

export class MembershipChanges {
  /** By reason. */
  readonly promotionsFailed = new Map<string, number>();
  promotions = 0;

  constructor(readonly deps: ChangesDeps) {}

  /** Throws the refusal of URLs that no member could be reached at. */
  checkUrls(urls: readonly string[]): PeerUrls {
    return checkedPeerUrls(urls);
  }

  /** The new member, and all as they are then. */
  async add(
    peerURLs: PeerUrls,
    options: { readonly isLearner: boolean; readonly caller?: Caller },
  ): Promise<{ member: ClusterMember; members: Members }> {
    const id = addedMemberId(peerURLs, Math.floor(this.deps.clock.wallMs() / 1000));
    const member = { id, peerURLs, isLearner: options.isLearner, name: '', clientURLs: [] };
    this.deps.guard.checkAdd(member);
    const type = options.isLearner ? ConfChangeType.ConfChangeAddLearnerNode : ConfChangeType.ConfChangeAddNode;
    const members = await this.#propose(type, id, Buffer.from(memberToJson(member)), options.caller);
    return { member, members };
  }

  remove(id: NodeId, caller?: Caller): Promise<Members> {
    this.deps.guard.checkRemove(id);
    return this.#propose(ConfChangeType.ConfChangeRemoveNode, id, NO_BYTES, caller);
  }

  /**
   * `etcd-diff:` URLs that make no sense are refused; etcd takes them, and its members then end in a panic. That nobody
   * has the id is found as the change is applied, as there.
   */
  async update(id: NodeId, urls: readonly string[], caller?: Caller): Promise<Members> {
    const member = { id, peerURLs: this.#urlsOf(id, urls), isLearner: false, name: '', clientURLs: [] };
    return this.#propose(ConfChangeType.ConfChangeUpdateNode, id, Buffer.from(memberToJson(member)), caller);
  }

  #urlsOf(id: NodeId, urls: readonly string[]): PeerUrls {
    try {
      return checkedPeerUrls(urls);
    } catch (cause) {
      this.deps.guard.checkUpdate(id);
      throw cause;
    }
  }

  /** `token` is shown to the leader, where that is another member. */
  async promote(id: NodeId, token: string | undefined, caller?: Caller & Waiting): Promise<Members> {
    const { calls, leaderCalls } = this.deps;
    return leaderCalls.run(
      {
        here: () => this.promoteHere(id, caller),
        there: async (url, signal) => membersFromJson(await calls.promote(url, id, token, signal)),
        refusalOf: (error) => (error instanceof PeerCallError ? promotionRefusal(error) : undefined),
      },
      caller,
    );
  }

  /** On the leader. */
  async promoteHere(id: NodeId, caller?: Caller): Promise<Members> {
    try {
      await this.#checkInSync(id);
      this.deps.guard.checkPromote(id);
      const context = Buffer.from(`{"id":${id},"peerURLs":null,"isPromote":true}`);
      const members = await this.#propose(ConfChangeType.ConfChangeAddNode, id, context, caller);
      this.promotions++;
      return members;
    } catch (cause) {
      const row = cause instanceof EtcdError ? cause.row : undefined;
      const isOwn = row === 'memberNotFound' || row === 'memberNotLearner';
      const reason = isOwn ? promotionReasons[row] : (cause as Error).message;
      if (row !== 'notLeader') this.promotionsFailed.set(reason, (this.promotionsFailed.get(reason) ?? 0) + 1);
      throw cause;
    }
  }

  /** One that has not started has nothing of the log: it is refused, too (etcd #15096). */
  async #checkInSync(id: NodeId): Promise<void> {
    const { applied, leadership, node } = this.deps;
    if (!leadership.isLeader) throw new EtcdError('notLeader');
    if (!(await applied.untilCommitted())) throw new EtcdError('timeoutWaitAppliedIndex');
    const { progress, id: self } = node.status();
    const own = progress.get(self);
    if (own === undefined) throw new EtcdError('notLeader');
    const learner = progress.get(id);
    if (learner === undefined) throw new EtcdError('memberNotFound');
    if (learner.match < own.match * READY_RATIO) throw new EtcdError('learnerNotReady');
  }

  async #propose(
    type: ConfChangeType,
    nodeId: NodeId,
    context: Uint8Array,
    caller: Caller | undefined,
  ): Promise<Members> {
    const change: Omit<ConfChange, 'id'> = { type, nodeId, context };
    const members = await this.deps.proposeChange(change, caller);
    this.deps.logger.info('applied a configuration change through raft', {
      'local-member-id': this.deps.leadership.localId.toString(16),
      'raft-conf-change': CHANGE_NAMES[type],
      'raft-conf-change-node-id': nodeId.toString(16),
    });
    return members;
  }
}

const CHANGE_NAMES: Readonly<Record<ConfChangeType, string>> = {
  [ConfChangeType.ConfChangeAddNode]: 'ConfChangeAddNode',
  [ConfChangeType.ConfChangeRemoveNode]: 'ConfChangeRemoveNode',
  [ConfChangeType.ConfChangeUpdateNode]: 'ConfChangeUpdateNode',
  [ConfChangeType.ConfChangeAddLearnerNode]: 'ConfChangeAddLearnerNode',
};

/** What of a leader's answers is its last word; everything else may have another outcome a moment later. */
function promotionRefusal({ status, body }: PeerCallError): Error | undefined {
  if (status === 404) return new EtcdError('memberNotFound');
  if (status !== 412) return undefined;
  if (body.includes('in sync with leader')) return new EtcdError('learnerNotReady');
  return body.includes('can only promote a learner') ? new EtcdError('memberNotLearner') : undefined;
}
