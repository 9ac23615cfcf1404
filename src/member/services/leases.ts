/** Leases as clients ask for them: renewal and time to live, which are the leader's business and no entries. */
import type { Lessor } from '../../lease/lessor.js';
import type { Clock } from '../../lib/clock.js';
import type { LeaseTimeToLiveResponse } from '../../proto/gen/etcdserverpb.js';
import type { Propose } from '../apply/operation.js';
import type { Leadership } from '../loop/leadership.js';
import type { RequestIds } from '../writes/request-ids.js';

/** Ids that a server chooses are positive. */
const ID_MASK = 0x7fff_ffff_ffff_ffffn;

export interface LeasesDeps {
  readonly lessor: Lessor;
  readonly clock: Clock;
  readonly ids: RequestIds;
  readonly leadership: Leadership;
  readonly propose: Propose;
}

export class Leases {
  /** Renewals since the start. */
  renewed = 0;

  constructor(readonly deps: LeasesDeps) {
    deps.leadership.onChange(({ before }) => {
      if (before === deps.leadership.localId) deps.lessor.demote();
    });
  }

  nextId(): bigint {
    return this.deps.ids.next() & ID_MASK;
  }

  /** TTL in seconds that the lease has now; 0 = there is no such lease. */
  async renew(id: bigint): Promise<number> {
    const { clock, lessor, propose } = this.deps;
    if (lessor.lookup(id) === undefined) return 0;
    // What was proposed before this renewal may revoke the lease: only what is applied counts.
    const renewal = lessor.renew(id, clock.monotonicMs());
    switch (renewal.t) {
      case 'renewed':
        this.renewed++;
        return renewal.ttlSeconds;
      case 'expired':
        await new Promise<void>((resolve) => {
          lessor.onGone(id, () => resolve());
        });
        return 0;
      case 'checkpoint-first':
        await propose({
          kind: 'leaseCheckpoint',
          request: { checkpoints: [{ ID: id, remainingTTL: 0 }] },
        });
        return this.renew(id);
    }
  }

  async timeToLive(id: bigint, options: { keys: boolean }): Promise<Omit<LeaseTimeToLiveResponse, 'header'>> {
    const lease = this.deps.lessor.remaining(id, this.deps.clock.monotonicMs());
    if (lease === undefined) return { ID: id, TTL: -1, grantedTTL: 0, keys: [] };
    return {
      ID: id,
      TTL: lease.remainingSeconds,
      grantedTTL: lease.grantedTtlSeconds,
      keys: options.keys ? lease.keys.map((key) => Buffer.from(key, 'latin1')) : [],
    };
  }

  list(): bigint[] {
    return this.deps.lessor.list().map(({ id }) => id);
  }
}
