/** Grants leases, hangs keys on them, keeps some alive, revokes some and forgets others. */
import { AuthError } from '../../../src/auth/errors.js';
import { LeaseNotFoundError } from '../../../src/lease/errors.js';
import type { Random } from '../../../src/lib/random.js';
import { only } from '../../support/linearizability/request.js';
import { between, chance, pick } from '../raft/draws.js';
import { must } from '../raft/violation.js';
import { Caller } from './accounts.js';
import type { SimCluster } from './cluster.js';
import { ask } from './kv-client.js';

interface Owned {
  readonly id: bigint;
  readonly ttlSeconds: number;
  /** Until then it is kept alive. */
  readonly untilMs: number;
}

export async function leaseClient(cluster: SimCluster, name: string, random: Random, firstId: bigint): Promise<void> {
  const caller = new Caller('worker');
  const { history, leases, world } = cluster;
  let owned: Owned[] = [];
  let made = 0;
  for (;;) {
    await world.sleep(50 + random.below(400));
    await cluster.work();
    const life = cluster.someServing(random);
    if (life === undefined) continue;
    owned = owned.filter(({ untilMs }) => untilMs > world.monotonicMs());
    const beganMs = world.monotonicMs();
    const lease = pick(random, owned);
    try {
      if (lease === undefined || (owned.length < 4 && chance(random, 200))) {
        const id = firstId + BigInt(++made);
        const ttlSeconds = between(random, { low: 2, high: 8 });
        leases.asked(id, ttlSeconds);
        await cluster.call(life, async (member) =>
          member.propose(
            { kind: 'leaseGrant', request: { ID: id, TTL: ttlSeconds } },
            { identity: await caller.at(member) },
          ),
        );
        cluster.checked(() => leases.promised(id, beganMs));
        owned.push({ id, ttlSeconds, untilMs: beganMs + between(random, { low: 0, high: 25_000 }) });
      } else if (chance(random, 60)) {
        leases.revokeAsked(lease.id);
        owned = owned.filter((other) => other !== lease);
        await cluster.call(life, async (member) =>
          member.propose({ kind: 'leaseRevoke', request: { ID: lease.id } }, { identity: await caller.at(member) }),
        );
      } else if (chance(random, 400)) {
        const put = only({ t: 'put', key: `l${random.below(4)}`, value: `${name}.${++made}`, lease: lease.id });
        const operation = history.begin(name, put);
        try {
          const answer = await cluster.call(life, (member) => ask(member, put, caller));
          cluster.checked(() => history.answered(operation, answer));
        } catch (cause) {
          if (!(cause instanceof LeaseNotFoundError || cause instanceof AuthError)) history.unknown(operation);
        }
      } else {
        const before = cluster.soleLeader;
        const ttl = await cluster.call(life, (member) => member.leases.renew(lease.id));
        if (ttl === 0) owned = owned.filter((other) => other !== lease);
        else {
          cluster.checked(() =>
            must(ttl === lease.ttlSeconds, 'a renewal answers the TTL', () => `${ttl}, not ${lease.ttlSeconds}`),
          );
          if (before !== undefined && before === cluster.soleLeader)
            cluster.checked(() => leases.promised(lease.id, beganMs));
        }
      }
    } catch {
      // Whoever was asked is gone, or nobody leads: tried again with something else.
    }
  }
}
