/** A leader that dies: how long nobody can write. */
import { expect, it } from 'vitest';
import { startSimulatedCluster } from '../../../support/simulated-cluster.js';

const ELECTION_TIMEOUT_MS = 1000;
const RETRY_MS = 20;

it.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'the next write is accepted within two election timeouts after a leader is gone, seed %s',
  async (seed) => {
    await using cluster = await startSimulatedCluster({ seed, config: { electionTimeoutMs: ELECTION_TIMEOUT_MS } });
    const leader = await cluster.untilLeader();
    await cluster.run(leader.put('k', 'before'));
    const others = cluster.members.filter((member) => member !== leader);
    cluster.network.isolate(leader.id);
    const goneMs = cluster.clock.monotonicMs();
    let acceptedMs = Number.POSITIVE_INFINITY;
    // As clients that try again and again, on whichever member.
    while (acceptedMs === Number.POSITIVE_INFINITY) {
      for (const member of others) {
        member.put('k', 'after').then(
          () => {
            acceptedMs = Math.min(acceptedMs, cluster.clock.monotonicMs());
          },
          () => {},
        );
      }
      await cluster.pass(RETRY_MS);
    }
    expect(acceptedMs - goneMs).toBeLessThanOrEqual(2 * ELECTION_TIMEOUT_MS);
    for (const member of others) await cluster.until(() => member.get('k') === 'after');
  },
  60_000,
);
