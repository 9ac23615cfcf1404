/**
 * The leader's clockwork of leases: twice a second, what has expired is revoked through the log (at most so many at a
 * time, so that a mass expiry starves nobody), and long leases are checkpointed. A member that was the leader and does
 * not know yet that it is no more must not revoke anything: so it first makes sure, by a read index, that it still
 * leads (etcd #16822). Nor must one that leads again: leases have been promised more time since. So whatever it still
 * wants revoked is forgotten with its term, also what has been proposed and waits for a leader. `etcd-diff:` there the
 * next leader gets that. Source: etcd's lessor loop and server.go (revokeExpiredLeases, ensureLeadership).
 */

import { LeaseNotFoundError } from '../../lease/errors.js';
import type { Lessor } from '../../lease/lessor.js';
import { AbandonedError, type Caller } from '../../lib/caller.js';
import type { LeaseId } from '../../lib/ids.js';
import type { Logger } from '../../lib/logger.js';
import { appendAll } from '../../lib/long-lists.js';
import type { TraceAlone } from '../../lib/spans.js';
import { EtcdError } from '../../proto/etcd-error.js';
import type { Propose } from '../apply/operation.js';
import type { Leadership } from '../loop/leadership.js';
import type { Reads } from '../reads/reads.js';

const LOOP_MS = 500;
const MAX_CONCURRENT_REVOKES = 16;
/** As many as the lessor hands out at once. While more wait here none are taken: it hands out again what takes long. */
const MAX_QUEUED = 500;

export interface LeaseExpiryDeps {
  readonly lessor: Lessor;
  readonly leadership: Leadership;
  readonly reads: Pick<Reads, 'linearizable'>;
  /** In the name of root. */
  readonly propose: Propose;
  readonly traceAlone?: TraceAlone | undefined;
  readonly logger: Logger;
}

interface Expired {
  readonly ID: LeaseId;
  readonly leader: Caller;
}

export class LeaseExpiry {
  expiredCount = 0;
  #nextMs = 0;
  #queue: Expired[] = [];
  #running = 0;
  #ensuring = false;

  constructor(readonly deps: LeaseExpiryDeps) {}

  tick(nowMs: number): void {
    const { lessor } = this.deps;
    if (nowMs < this.#nextMs) return;
    // Ticks that come a little late do not add up: a mass expiry would take longer by them.
    this.#nextMs = (nowMs - this.#nextMs < LOOP_MS ? this.#nextMs : nowMs) + LOOP_MS;
    if (!lessor.isPrimary) {
      this.#queue = [];
      return;
    }
    this.#checkpoint(nowMs);
    // What is not taken now waits in the lessor.
    if (this.#ensuring || this.#queue.length >= MAX_QUEUED) return;
    const expired = lessor.takeExpired(nowMs);
    if (expired.length > 0) void this.#revokeAsLeader(expired);
  }

  #checkpoint(nowMs: number): void {
    for (const checkpoints of this.deps.lessor.takeCheckpoints(nowMs)) {
      const items = checkpoints.map(({ id, remainingTtlSeconds }) => ({ ID: id, remainingTTL: remainingTtlSeconds }));
      // A lost checkpoint costs nothing.
      const options = { caller: this.deps.leadership.asLeader() };
      this.deps.propose({ kind: 'leaseCheckpoint', request: { checkpoints: items } }, options).catch(() => {});
    }
  }

  /** Never rejects. What is not revoked after all is handed out again by the lessor. */
  async #revokeAsLeader(expired: readonly LeaseId[]): Promise<void> {
    const { leadership, logger, reads } = this.deps;
    const leader = leadership.asLeader();
    this.#ensuring = true;
    try {
      await reads.linearizable();
    } catch (cause) {
      logger.warn("Failed to check current member's leadership", { error: (cause as Error).message });
      return;
    } finally {
      this.#ensuring = false;
    }
    if (leader.aborted) {
      this.#ignored();
      return;
    }
    appendAll(
      this.#queue,
      expired.map((ID) => ({ ID, leader })),
    );
    this.#revoke();
  }

  #revoke(): void {
    while (this.#running < MAX_CONCURRENT_REVOKES) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      if (next.leader.aborted || this.deps.lessor.lookup(next.ID) === undefined) continue;
      this.#running++;
      void this.#propose(next).finally(() => {
        this.#running--;
        this.#revoke();
      });
    }
  }

  async #propose({ ID, leader }: Expired): Promise<void> {
    const { logger, propose } = this.deps;
    const trace = this.deps.traceAlone?.('lease_revoke', { id: ID });
    try {
      await propose({ kind: 'leaseRevoke', request: { ID } }, { caller: leader, trace });
      this.expiredCount++;
    } catch (cause) {
      if (cause instanceof AbandonedError) {
        this.#ignored();
        return;
      }
      // Its owner was quicker.
      if (cause instanceof LeaseNotFoundError || (cause instanceof EtcdError && cause.row === 'leaseNotFound')) return;
      logger.warn('failed to revoke lease', {
        'lease-id': ID.toString(16).padStart(16, '0'),
        error: (cause as Error).message,
      });
    } finally {
      trace?.leave();
    }
  }

  #ignored(): void {
    const { leadership, logger } = this.deps;
    logger.warn("Ignore the lease revoking request because current member isn't a leader", {
      'local-member-id': leadership.localId.toString(16),
    });
  }
}
