/**
 * Leases as clients ask for them. Renewal and time to live are no entries but the leader's business: other members ask
 * it. A lessor keeps time only while its member leads; it begins to with the first entry of its term that is applied
 * (`EntryApplier`), and ends as soon as another leader, or none, is known. Source: etcd's v3_server.go (LeaseRenew,
 * LeaseTimeToLive).
 */

import { NotPrimaryError } from '../../lease/errors.js';
import type { Lessor } from '../../lease/lessor.js';
import { AbandonedError, type Caller, checkWanted } from '../../lib/caller.js';
import type { Clock } from '../../lib/clock.js';
import type { Failpoints } from '../../lib/failpoints/failpoints.js';
import type { LeaseId } from '../../lib/ids.js';
import { inTurns } from '../../lib/in-steps.js';
import { PeerCallError, type PeerCalls } from '../../peer/types.js';
import { EtcdError } from '../../proto/etcd-error.js';
import type { LeaseTimeToLiveResponse } from '../../proto/gen/etcdserverpb.js';
import { LeaseInternalRequest, LeaseInternalResponse } from '../../proto/gen/leasepb.js';
import type { Propose } from '../apply/operation.js';
import type { Applied } from '../loop/applied.js';
import type { Leadership } from '../loop/leadership.js';
import type { LeaderCalls, Waiting } from '../membership/leader-calls.js';
import type { Reads } from '../reads/reads.js';
import type { RequestIds } from '../writes/request-ids.js';

/** Ids that a server chooses are positive. */
const ID_MASK = 0x7fff_ffff_ffff_ffffn;
/** Keys of a lease, or leases, whose list is made next to nothing: about half a millisecond of work. */
const FEW = 1000;

export interface LeasesDeps {
  readonly lessor: Lessor;
  readonly clock: Clock;
  readonly ids: RequestIds;
  readonly leadership: Leadership;
  /** Whether the loop has ticked lately, so that a leader would know if it led no more. */
  readonly isTicking: () => boolean;
  readonly reads: Pick<Reads, 'linearizable'>;
  readonly applied: Applied;
  readonly leaderCalls: LeaderCalls;
  readonly calls: Pick<PeerCalls, 'renewLease' | 'leaseTimeToLive'>;
  readonly propose: Propose;
  /** A lease that is there is renewed before all that is committed is applied. */
  readonly renewsAtOnce: boolean;
  readonly failpoints?: Failpoints | undefined;
}

export type TimeToLive = Omit<LeaseTimeToLiveResponse, 'header'>;

export class Leases {
  /** Renewals since the start. */
  renewed = 0;

  constructor(readonly deps: LeasesDeps) {
    deps.leadership.onChange(() => {
      if (!deps.leadership.isLeader) deps.lessor.demote();
    });
    deps.leadership.onFirstCommit(() => deps.lessor.promote(deps.clock.monotonicMs()));
  }

  nextId(): LeaseId {
    return this.deps.ids.next() & ID_MASK;
  }

  /**
   * TTL in seconds that the lease has now; 0 = there is no such lease. The caller's signal is only asked for where
   * there is something to wait for: making one costs more than a renewal.
   */
  renew(id: LeaseId, caller?: Waiting): Promise<number> {
    const { calls, isTicking, leaderCalls } = this.deps;
    return leaderCalls.run(
      {
        here: () =>
          isTicking() ? this.renewHere(id, caller) : this.#ensureLeading(caller).then(() => this.renewHere(id, caller)),
        there: (url, signal) => calls.renewLease(url, id, signal),
        refusalOf: () => undefined,
      },
      caller,
    );
  }

  /**
   * A leader that was held up may have been succeeded: what it renewed would run out all the same. The client shall ask
   * another member.
   */
  async #ensureLeading(caller: Waiting | undefined): Promise<void> {
    const { leadership, reads } = this.deps;
    try {
      await reads.linearizable(caller?.signal);
    } catch (cause) {
      if (cause instanceof AbandonedError) throw cause;
      throw new NotPrimaryError();
    }
    if (!leadership.isLeader) throw new NotPrimaryError();
  }

  /**
   * On the leader; else rejects with the EtcdError notLeader. What was proposed before may grant or revoke the lease:
   * only what is applied counts, unless `renewsAtOnce`.
   */
  async renewHere(id: LeaseId, caller?: Waiting): Promise<number> {
    const { applied, clock, failpoints, lessor, propose, renewsAtOnce } = this.deps;
    const isThere = renewsAtOnce && lessor.isPrimary && lessor.lookup(id) !== undefined;
    if (!isThere && !(await applied.untilCommitted())) throw new EtcdError('timeoutWaitAppliedIndex');
    // Before it is looked at, since it may be revoked meanwhile.
    if (lessor.lookup(id) !== undefined) await failpoints?.wait('beforeCheckpointInLeaseRenew');
    if (!lessor.isPrimary) throw new EtcdError('notLeader');
    if (lessor.lookup(id) === undefined) return 0;
    const renewal = lessor.renew(id, clock.monotonicMs());
    switch (renewal.t) {
      case 'renewed':
        this.renewed++;
        return renewal.ttlSeconds;
      case 'expired': {
        const why = await this.#gone(id, caller?.signal);
        if (why === 'demoted') throw new EtcdError('notLeader');
        return 0;
      }
      case 'checkpoint-first':
        await propose(
          { kind: 'leaseCheckpoint', request: { checkpoints: [{ ID: id, remainingTTL: 0 }] } },
          { caller: caller?.signal },
        );
        return this.renewHere(id, caller);
    }
  }

  #gone(id: LeaseId, signal: AbortSignal | undefined): Promise<'revoked' | 'demoted'> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        forget();
        reject(new AbandonedError('the caller is gone'));
      };
      const forget = this.deps.lessor.onGone(id, (why) => {
        signal?.removeEventListener('abort', leave);
        resolve(why);
      });
      if (signal?.aborted === true) leave();
      else signal?.addEventListener('abort', leave, { once: true });
    });
  }

  /** TTL -1 for a lease that does not exist. */
  timeToLive(id: LeaseId, options: { keys: boolean }, caller?: Caller & Waiting): Promise<TimeToLive> {
    const { calls, leaderCalls } = this.deps;
    return leaderCalls
      .run(
        {
          here: async () =>
            this.#answer(id, await this.timeToLiveHere(id, options, 'beforeLookupWhenLeaseTimeToLive', caller)),
          there: async (url, signal) => {
            const request = LeaseInternalRequest.encode({ LeaseTimeToLiveRequest: { ID: id, keys: options.keys } });
            const answer = LeaseInternalResponse.decode(await calls.leaseTimeToLive(url, request, signal));
            if (answer.LeaseTimeToLiveResponse === undefined) throw new Error('no time to live in the answer');
            const { TTL, grantedTTL, keys } = answer.LeaseTimeToLiveResponse;
            return { ID: id, TTL, grantedTTL, keys };
          },
          refusalOf: (error) =>
            error instanceof PeerCallError && error.status === 404 ? new LeaseGoneError() : undefined,
        },
        caller,
      )
      .catch((cause: unknown) => {
        if (cause instanceof LeaseGoneError) return this.#answer(id, undefined);
        throw cause;
      });
  }

  /** On the leader; else rejects with the EtcdError notLeader. undefined for a lease that does not exist. */
  async timeToLiveHere(
    id: LeaseId,
    options: { keys: boolean },
    failpoint: 'beforeLookupWhenLeaseTimeToLive' | 'beforeLookupWhenForwardLeaseTimeToLive',
    caller?: Caller,
  ): Promise<{ ttlSeconds: number; grantedTtlSeconds: number; keys: Uint8Array[] } | undefined> {
    const { applied, clock, lessor } = this.deps;
    if (!(await applied.untilCommitted())) throw new EtcdError('timeoutWaitAppliedIndex');
    await this.deps.failpoints?.wait(failpoint);
    if (!lessor.isPrimary) throw new EtcdError('notLeader');
    const lease = lessor.remaining(id, clock.monotonicMs());
    if (lease === undefined) return undefined;
    return {
      ttlSeconds: lease.remainingSeconds,
      grantedTtlSeconds: lease.grantedTtlSeconds,
      keys: options.keys ? await inTurns(bytesOf(lease.keys, caller), clock) : [],
    };
  }

  /** Whether this member would make a long list of the lease's keys. */
  hasManyKeys(id: LeaseId): boolean {
    return this.deps.leadership.isLeader && this.deps.lessor.keyCountOf(id) > FEW;
  }

  get hasMany(): boolean {
    return this.deps.lessor.size > FEW;
  }

  list(): LeaseId[] {
    return this.deps.lessor.list().map(({ id }) => id);
  }

  #answer(id: LeaseId, lease: Awaited<ReturnType<Leases['timeToLiveHere']>>): TimeToLive {
    if (lease === undefined) return { ID: id, TTL: -1, grantedTTL: 0, keys: [] };
    return { ID: id, TTL: lease.ttlSeconds, grantedTTL: lease.grantedTtlSeconds, keys: lease.keys };
  }
}

function* bytesOf(keys: readonly string[], caller: Caller | undefined): Generator<undefined, Uint8Array[]> {
  const all: Uint8Array[] = [];
  for (const key of keys) {
    all.push(Buffer.from(key, 'latin1'));
    if (all.length % FEW !== 0) continue;
    yield;
    checkWanted(caller);
  }
  return all;
}

class LeaseGoneError extends Error {
  override readonly name = 'LeaseGoneError';
}

export { NotPrimaryError };
