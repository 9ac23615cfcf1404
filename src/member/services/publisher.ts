/**
 * What a member says of itself through the log, after each start: its name and client URLs. In the form the emulated
 * version writes: a bare v2 request up to 3.5, an InternalRaftRequest from 3.6 on, since 3.4 and 3.7 each end in a
 * panic at the other's.
 */
import { differenceOf } from '../../lib/emulate.js';
import { formatMs } from '../../lib/go/duration.js';
import type { LogFields, Logger } from '../../lib/logger.js';
import { wireErrors } from '../../proto/errors.js';
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
  /** Without a leader. */
  #waitsSinceMs: number | undefined;

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

  tick(nowMs: number): void {
    if (this.#state !== 'waiting') return;
    if (this.deps.leadership.hasLeader) {
      this.#publish();
      return;
    }
    // etcd's proposal would have waited for a leader, and be late by now.
    this.#waitsSinceMs ??= nowMs;
    if (nowMs - this.#waitsSinceMs < requestTimeoutMs(this.deps.config)) return;
    this.#waitsSinceMs = nowMs;
    this.#failed(wireErrors.timeout.message);
  }

  #publish(): void {
    this.#state = 'proposing';
    const { cluster, logger } = this.deps;
    this.#proposeAttributes().then(
      () => {
        this.#state = 'done';
        const { 'publish-timeout': publishTimeout, ...fields } = this.#fields();
        logger.info('published local member to cluster through raft', {
          ...fields,
          'cluster-id': cluster.id.toString(16),
          'publish-timeout': publishTimeout,
        });
        this.#resolve();
      },
      (cause: unknown) => {
        this.#state = 'waiting';
        this.#failed(cause instanceof Error ? cause.message : String(cause));
      },
    );
  }

  #failed(error: string): void {
    this.deps.logger.warn('failed to publish local member to cluster through raft', { ...this.#fields(), error });
  }

  #fields(): LogFields {
    const { cluster, config } = this.deps;
    const { name, clientURLs } = this.#attributes;
    const id = cluster.localId.toString(16);
    return {
      'local-member-id': id,
      'local-member-attributes': `{Name:${name} ClientURLs:[${clientURLs.join(' ')}]}`,
      ...(differenceOf('membershipInV2Requests', config.emulate) && { 'request-path': `/0/members/${id}/attributes` }),
      'publish-timeout': formatMs(requestTimeoutMs(config)),
    };
  }

  get #attributes(): { readonly name: string; readonly clientURLs: readonly string[] } {
    const { name, advertiseClientUrls } = this.deps.config;
    return { name, clientURLs: advertiseClientUrls };
  }

  #proposeAttributes(): Promise<unknown> {
    const { cluster, config } = this.deps;
    const attributes = this.#attributes;
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
