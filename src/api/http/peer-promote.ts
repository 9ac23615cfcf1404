/**
 * `POST /members/promote/<decimal id>`: a follower asks the leader to promote a learner. Source: etcd's
 * etcdhttp/peer.go.
 */

import { type ClusterMember, memberToJson } from '../../datadir/cluster-member.js';
import type { MemberId } from '../../lib/ids.js';
import type { Logger } from '../../lib/logger.js';
import { promotionReasons } from '../../member/membership/changes.js';
import { wireErrors } from '../../proto/errors.js';
import { EtcdError } from '../../proto/etcd-error.js';
import { type HttpHandler, onlyPost, textError } from './types.js';

export interface PromotionSource {
  readonly clusterIdHex: string;
  /**
   * Resolves with the members as they are then. Rejects with the `EtcdError` of what is in the way: memberNotFound,
   * memberNotLearner, learnerNotReady, timeout, refusals for want of rights. `token` is what the client told the
   * follower.
   */
  promoteMember(id: MemberId, token: string | undefined, signal: AbortSignal): Promise<readonly ClusterMember[]>;
}

const PREFIX = '/members/promote/';
const MAX_ID = 0xffff_ffff_ffff_ffffn;

/** Followers tell refusals apart by these texts. */
const refusals: Readonly<Record<string, readonly [status: number, text: string]>> = {
  memberNotFound: [404, promotionReasons.memberNotFound],
  memberNotLearner: [412, promotionReasons.memberNotLearner],
  learnerNotReady: [412, wireErrors.learnerNotReady.message],
  timeout: [408, wireErrors.timeout.message],
  timeoutDueToLeaderFail: [408, wireErrors.timeoutDueToLeaderFail.message],
  timeoutDueToConnectionLost: [408, wireErrors.timeoutDueToConnectionLost.message],
};

export function peerPromoteHandler(source: PromotionSource, logger: Logger): HttpHandler {
  return async (request, url) => {
    if (!url.pathname.startsWith(PREFIX)) return undefined;
    const refused = onlyPost(request);
    if (refused !== undefined) return refused;
    const headers = { 'X-Etcd-Cluster-Id': source.clusterIdHex };
    const idText = url.pathname.slice(PREFIX.length);
    const id = /^\d{1,20}$/.test(idText) ? BigInt(idText) : undefined;
    if (id === undefined || id > MAX_ID) return textError(404, `member ${idText} not found in cluster`, headers);
    try {
      const members = await source.promoteMember(id, request.headers.authorization, request.signal);
      return {
        status: 200,
        headers: { 'Content-Type': 'application/json', ...headers },
        body: `[${members.map(memberToJson).join(',')}]\n`,
      };
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      logger.warn('failed to promote a member', { 'member-id': id.toString(16), error: text });
      const [status, told] = (error instanceof EtcdError ? refusals[error.row] : undefined) ?? [500, text];
      return textError(status, told, headers);
    }
  };
}
