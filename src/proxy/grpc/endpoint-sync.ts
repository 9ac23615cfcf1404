/**
 * Keeps a proxy's endpoints those that the cluster's members announce: asks for the member list at an interval, and
 * when it has changed lets new calls go to the new addresses. As clientv3's `Sync`: members that have started, without
 * learners.
 */
import type { Balancer } from '../../client/balancer.js';
import type { Clock } from '../../lib/clock.js';
import type { Logger } from '../../lib/logger.js';
import { Cluster } from '../../proto/gen/etcdserverpb.js';
import type { Upstream } from './upstream.js';

/** As clientv3: an answer that takes longer is given up. */
const ANSWER_WITHIN_MS = 5000;

export interface EndpointSyncDeps {
  readonly upstream: Upstream;
  readonly connect: (endpoints: readonly string[]) => Balancer;
  readonly clock: Clock;
  readonly logger: Logger;
  /** 0 = never. */
  readonly intervalMs: number;
}

export class EndpointSync {
  readonly #deps: EndpointSyncDeps;
  readonly #stopping = new AbortController();
  #endpoints: readonly string[];
  #cancelTimer: (() => void) | undefined;
  #isAsking = false;

  constructor(endpoints: readonly string[], deps: EndpointSyncDeps) {
    this.#endpoints = endpoints;
    this.#deps = deps;
  }

  get endpoints(): readonly string[] {
    return this.#endpoints;
  }

  start(): void {
    const { clock, intervalMs } = this.#deps;
    if (intervalMs > 0) this.#cancelTimer = clock.every(intervalMs, () => void this.#sync());
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#stopping.abort();
  }

  /** Never rejects; one at a time. */
  async #sync(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const { upstream, connect, logger } = this.#deps;
    try {
      const call = { metadata: new Map(), signal: this.#stopping.signal, timeoutMs: ANSWER_WITHIN_MS };
      const { members } = await upstream.unary(Cluster.memberList, { linearizable: true }, call);
      const started = members.filter(({ name, isLearner }) => name !== '' && !isLearner);
      const found = [...new Set(started.flatMap(({ clientURLs }) => clientURLs))].sort();
      if (found.length === 0 || this.#stopping.signal.aborted || isSame(found, this.#endpoints)) return;
      this.#endpoints = found;
      upstream.replace(connect(found));
      logger.info('endpoints of the cluster have changed', { endpoints: found });
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      logger.warn('Auto sync endpoints failed.', { error: error instanceof Error ? error.message : String(error) });
    } finally {
      this.#isAsking = false;
    }
  }
}

const isSame = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((endpoint, at) => endpoint === b[at]);
