/**
 * v2 in clusters: the same keys on every member, of ours and of etcd 3.4 (where REAL_ETCD_34 names real programs);
 * figures of the traffic; copies to v3.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../../src/client/client.js';
import { prepareCluster, startCluster } from '../support/cluster.js';
import { buildPrograms, ourProgram, realEtcd34 } from '../support/member-process.js';
import { outputOf } from '../support/program.js';

beforeAll(() => buildPrograms(), 120_000);

async function put(endpoint: string, key: string, fields: Record<string, string>, method = 'PUT'): Promise<number> {
  const response = await fetch(`http://${endpoint}/v2/keys${key}`, { method, body: new URLSearchParams(fields) });
  await response.text();
  return response.status;
}

async function storeOf(endpoint: string): Promise<{ index: string | null; tree: string }> {
  const response = await fetch(`http://${endpoint}/v2/keys/?recursive=true&sorted=true`);
  // What is left of a TTL depends on when it is asked.
  const tree = (await response.text()).replace(/"ttl":\d+/g, '"ttl":N');
  return { index: response.headers.get('x-etcd-index'), tree };
}

/** Every kind of change, one after the other at this member and that. */
async function work(endpoints: readonly string[]): Promise<void> {
  for (let round = 0; round < 40; round++) {
    const endpoint = endpoints[round % endpoints.length] ?? '';
    const statuses = [
      await put(endpoint, `/w/f${round}`, { value: `<${round}> é` }),
      await put(endpoint, `/w/f${round}`, { value: 'swapped', prevValue: `<${round}> é` }),
      await put(endpoint, '/w/queue', { value: String(round) }, 'POST'),
      await put(endpoint, `/w/t${round}`, { value: 'x', ttl: round % 2 === 0 ? '1' : '1000' }),
      await put(endpoint, `/w/d${round}`, { dir: 'true', ttl: '500' }),
    ];
    expect(statuses).toEqual([201, 200, 201, 201, 201]);
    if (round % 3 === 0) {
      await (await fetch(`http://${endpoint}/v2/keys/w/f${round}`, { method: 'DELETE' })).text();
      await (await fetch(`http://${endpoint}/v2/keys/w/d${round}?recursive=true`, { method: 'DELETE' })).text();
    }
  }
}

async function untilAlike(endpoints: readonly string[]): Promise<void> {
  await expect
    .poll(async () => {
      const stores = await Promise.all(endpoints.map(storeOf));
      const isOver = stores.every(({ tree }) => !/"key":"\/w\/t\d*[02468]"/.test(tree));
      return isOver && stores.every(({ index, tree }) => index === stores[0]?.index && tree === stores[0]?.tree);
    })
    .toBe(true);
}

describe.skipIf(realEtcd34 === undefined)('v2 in a cluster of etcd 3.4 and ours', () => {
  it('leaves the same keys on every member', async () => {
    const real = { real: realEtcd34 ?? '' };
    await using cluster = await startCluster({ members: [real, 'ours', real], flags: ['--enable-v2'] });
    await work(cluster.endpoints);
    await untilAlike(cluster.endpoints);
  }, 120_000);
});

describe('v2 in a cluster of ours', () => {
  it('leaves the same keys on every member, and counts what went between them', async () => {
    await using cluster = await startCluster({ members: 2, flags: ['--enable-v2'] });
    await work(cluster.endpoints);
    await untilAlike(cluster.endpoints);
    const asked = await Promise.all(
      cluster.endpoints.map(async (endpoint) => ({
        self: (await (await fetch(`http://${endpoint}/v2/stats/self`)).json()) as Record<string, number | string>,
        leader: await fetch(`http://${endpoint}/v2/stats/leader`),
      })),
    );
    const leader = asked.find(({ self }) => self.state === 'StateLeader');
    const follower = asked.find(({ self }) => self.state === 'StateFollower');
    expect(leader?.self.sendAppendRequestCnt).toBeGreaterThan(10);
    expect(follower?.self.recvAppendRequestCnt).toBeGreaterThan(10);
    expect(follower?.leader.status).toBe(403);
    const { followers } = ((await leader?.leader.json()) ?? {}) as { followers?: Record<string, unknown> };
    expect(Object.keys(followers ?? {})).toEqual([follower?.self.id]);
    expect(Object.values(followers ?? {})).toMatchObject([{ counts: { success: expect.any(Number) } }]);
  }, 60_000);
});

describe('etcdctl v2 copy', () => {
  const sources = [
    { name: 'us', program: ourProgram('etcd'), isThere: true },
    { name: 'etcd 3.4', program: `${realEtcd34}/etcd`, isThere: realEtcd34 !== undefined },
  ];
  for (const { name, program, isThere } of sources) {
    it.skipIf(!isThere)(
      `takes the keys of v2 of ${name} to v3 of ours, those with a TTL with a lease`,
      async () => {
        await using fromCluster = await prepareCluster({ members: 1 });
        const from = fromCluster.only;
        await using toCluster = await prepareCluster({ members: 1 });
        const to = toCluster.only;
        await using _source = await from.run(program, ['--enable-v2']);
        await using _target = await to.run(ourProgram('etcd'));
        await put(from.endpoint, '/app/name', { value: 'etcd' });
        await put(from.endpoint, '/app/session', { value: 's', ttl: '500' });
        const words = ['v2', 'copy', '--endpoints', to.endpoint, '--from', `http://${from.endpoint}`];
        const dry = await outputOf(ourProgram('etcdctl'), [...words, '--dry-run']);
        expect(dry).toMatch(/would copy .*2/);
        await using client = new Client({ endpoints: [to.endpoint] });
        expect((await client.kv.get('/app', { prefix: true })).kvs).toEqual([]);
        await outputOf(ourProgram('etcdctl'), words);
        const { kvs } = await client.kv.get('/app', { prefix: true });
        expect(kvs.map(({ key, value }) => [Buffer.from(key).toString(), Buffer.from(value).toString()])).toEqual([
          ['/app/name', 'etcd'],
          ['/app/session', 's'],
        ]);
        expect(kvs[0]?.lease).toBe(0n);
        const { TTL } = await client.lease.timeToLive(kvs[1]?.lease ?? 0n);
        expect(TTL).toBeGreaterThan(400);
        expect(TTL).toBeLessThanOrEqual(500);
      },
      60_000,
    );
  }
});
