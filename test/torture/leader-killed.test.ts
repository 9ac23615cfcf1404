/**
 * Members that are processes: the leader is killed, and the next write is accepted within two election timeouts and
 * what a busy machine adds. `test/unit/member/cluster/failover.test.ts` holds members to it by a clock of their own.
 */
import { beforeAll, expect, it } from 'vitest';
import { Client } from '../../src/client/index.js';
import { startCluster } from '../support/cluster.js';
import { buildPrograms } from '../support/member-process.js';

const ELECTION_TIMEOUT_MS = 1000;
/** Processes share the machine with other tests. */
const BUSY_MS = 3000;

beforeAll(buildPrograms, 120_000);

it('the next write is accepted soon after the leader was killed, wherever it is asked for', async () => {
  await using cluster = await startCluster({
    members: 3,
    runner: 'ours',
    flags: [`--election-timeout=${ELECTION_TIMEOUT_MS}`],
  });
  for (let round = 0; round < 3; round++) {
    const clients = new Map(cluster.places.map((place) => [place, new Client({ endpoints: [place.endpoint] })]));
    try {
      const statuses = await Promise.all(
        [...clients].map(async ([place, client]) => ({ place, ...(await client.maintenance.status(place.endpoint)) })),
      );
      const leader = statuses.find((status) => status.header?.memberId === status.leader)?.place;
      if (leader === undefined) throw new Error('nobody leads');
      await clients.get(leader)?.kv.put('before', `${round}`);
      await leader.stop('SIGKILL');
      const killedMs = performance.now();
      const others = cluster.places.filter((place) => place !== leader);
      const write = async (client: Client | undefined): Promise<void> => {
        const isOver = (): boolean => performance.now() > killedMs + 60_000;
        while (!isOver()) {
          const written = client?.kv.put('after', `${round}`, { timeoutMs: 500 });
          if (await written?.then(() => true).catch(() => false)) return;
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      };
      await Promise.race(others.map((place) => write(clients.get(place))));
      expect(performance.now() - killedMs).toBeLessThan(2 * ELECTION_TIMEOUT_MS + BUSY_MS);
      for (const place of others) await write(clients.get(place));
      await leader.start();
      const { kvs = [] } = (await clients.get(leader)?.kv.get('before')) ?? {};
      expect(kvs.map(({ value }) => Buffer.from(value).toString())).toEqual([`${round}`]);
    } finally {
      await Promise.all([...clients.values()].map((client) => client.close()));
    }
  }
}, 120_000);
