/**
 * The leader's clockwork of leases: twice a second, what has expired is revoked through the log (at most so many at a time, so that a mass expiry starves
 * nobody), and long leases are checkpointed. Source: etcd's lessor loop and server.go.
 */

import type { Lessor } from '../../lease/lessor.js';
import { appendAll } from '../../lib/long-lists.js';
import type { Propose } from '../apply/operation.js';

const LOOP_MS = 500;
const MAX_CONCURRENT_REVOKES = 16;

export interface LeaseExpiryDeps {
  readonly lessor: Lessor;
  readonly propose: Propose;
}

export class LeaseExpiry {
  #nextMs = 0;
  #queue: bigint[] = [];
  #running = 0;
  expiredCount = 0;

  constructor(readonly deps: LeaseExpiryDeps) {}

  tick(nowMs: number): void {
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + LOOP_MS;
    if (!this.deps.lessor.isPrimary) {
      this.#queue = [];
      return;
    }
    appendAll(this.#queue, this.deps.lessor.takeExpired(nowMs));
    this.#revoke();
    for (const checkpoints of this.deps.lessor.takeCheckpoints(nowMs)) {
      const items = checkpoints.map(({ id, remainingTtlSeconds }) => ({ ID: id, remainingTTL: remainingTtlSeconds }));
      this.#ignore(this.deps.propose({ kind: 'leaseCheckpoint', request: { checkpoints: items } }));
    }
  }

  #revoke(): void {
    while (this.#running < MAX_CONCURRENT_REVOKES) {
      const ID = this.#queue.shift();
      if (ID === undefined) return;
      if (this.deps.lessor.lookup(ID) === undefined) continue;
      this.#running++;
      this.expiredCount++;
      this.#ignore(
        this.deps.propose({ kind: 'leaseRevoke', request: { ID } }).finally(() => {
          this.#running--;
          this.#revoke();
        }),
      );
    }
  }

  /** A revocation that fails (no leader, stopping) is handed out again by the lessor; a lost checkpoint costs nothing. */
  #ignore(proposal: Promise<unknown>): void {
    proposal.catch(() => {});
  }
}
