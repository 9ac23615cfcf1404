/** The members of the cluster. */
import type { MemberId } from '../lib/ids.js';
import {
  Cluster,
  type MemberAddResponse,
  type MemberListResponse,
  type MemberPromoteResponse,
  type MemberRemoveResponse,
  type MemberUpdateResponse,
} from '../proto/gen/etcdserverpb.js';
import type { Caller } from './caller.js';
import type { CallLimits } from './options.js';
import { checkPeerUrls } from './peer-urls.js';
import { limitsOf } from './retry.js';

export class ClusterClient {
  readonly #caller: Caller;
  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Linearizable unless told otherwise. */
  list(options: { linearizable?: boolean } & CallLimits = {}): Promise<MemberListResponse> {
    return this.#caller.unary(
      Cluster.memberList,
      { linearizable: options.linearizable ?? true },
      limitsOf(options, 'repeatable'),
    );
  }

  /** The member is to be started with what the answer tells. A learner does not vote until it is promoted. */
  async add(
    peerURLs: readonly string[],
    options: { isLearner?: boolean } & CallLimits = {},
  ): Promise<MemberAddResponse> {
    checkPeerUrls(peerURLs);
    return this.#caller.unary(
      Cluster.memberAdd,
      { peerURLs: [...peerURLs], isLearner: options.isLearner ?? false },
      options,
    );
  }

  remove(member: MemberId, options: CallLimits = {}): Promise<MemberRemoveResponse> {
    return this.#caller.unary(Cluster.memberRemove, { ID: member }, options);
  }

  async update(member: MemberId, peerURLs: readonly string[], options: CallLimits = {}): Promise<MemberUpdateResponse> {
    checkPeerUrls(peerURLs);
    return this.#caller.unary(Cluster.memberUpdate, { ID: member, peerURLs: [...peerURLs] }, options);
  }

  promote(member: MemberId, options: CallLimits = {}): Promise<MemberPromoteResponse> {
    return this.#caller.unary(Cluster.memberPromote, { ID: member }, options);
  }
}
