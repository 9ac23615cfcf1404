/**
 * What a member says of itself through the log, after each start: its name and client URLs. In the form the emulated
 * version writes: a bare v2 request up to 3.5, an InternalRaftRequest from 3.6 on, since 3.4 and 3.7 each end in a
 * panic at the other's.
 */
import { differenceOf } from '../../lib/emulate.js';
import type { Logger } from '../../lib/logger.js';
import type { Leadership } from '../loop/leadership.js';
import type { Cluster } from '../membership/cluster.js';
import { attributesRequest } from '../membership/v2-requests.js';
import { type MemberConfig, requestTimeoutMs } from '../world/types.js';
import type { Proposals } from '../writes/proposals.js';
import type { RequestIds } from '../writes/request-ids.js';

export interface PublisherDeps {
  readonly config: MemberConfig;
  readonly cluster: Cluster;
  readonly logger: Logger;
  readonly ids: RequestIds;
  readonly leadership: Leadership;
  readonly proposals: Proposals;
}

export class Publisher {
  /** Resolves when this member's attributes have been applied. Rejects when it stops before. */
  readonly published: Promise<void>;
  #resolve: () => void = () => {};
  #reject: (cause: unknown) => void = () => {};
  #state: 'waiting' | 'proposing' | 'done' = 'waiting';

  constructor(readonly deps: PublisherDeps) {
    this.published = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.published.catch(() => {});
  }

  stop(reason: Error): void {
    this.#reject(reason);
  }

  tick(_nowMs: number): void {
    if (!this.deps.leadership.hasLeader) return;
    if (this.#state === 'waiting') this.#publish();
  }

  #publish(): void {
    this.#state = 'proposing';
    const { cluster, config, logger } = this.deps;
    const attributes = { name: config.name, clientURLs: config.advertiseClientUrls };
    this.#proposeAttributes(attributes).then(
      () => {
        this.#state = 'done';
        logger.info('published local member to cluster through raft', {
          'local-member-id': cluster.localId.toString(16),
          'local-member-attributes': `{Name:${attributes.name} ClientURLs:[${attributes.clientURLs.join(' ')}]}`,
          'cluster-id': cluster.id.toString(16),
          'publish-timeout': `${requestTimeoutMs(config) / 1000}s`,
        });
        this.#resolve();
      },
      (cause: unknown) => {
        this.#state = 'waiting';
        logger.warn('failed to publish local member to cluster through raft', { error: String(cause) });
      },
    );
  }

  #proposeAttributes(attributes: { name: string; clientURLs: readonly string[] }): Promise<unknown> {
    const { cluster, config } = this.deps;
    if (!differenceOf('membershipInV2Requests', config.emulate)) {
      return this.deps.proposals.propose({
        kind: 'clusterMemberAttrSet',
        request: {
          memberID: cluster.localId,
          memberAttributes: { name: attributes.name, clientUrls: [...attributes.clientURLs] },
        },
      });
    }
    const id = this.deps.ids.next();
    return this.deps.proposals.proposeV2(id, attributesRequest(id, cluster.localId, attributes));
  }
}
