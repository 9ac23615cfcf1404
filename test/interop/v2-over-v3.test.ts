/**
 * The v2 API over v3 keys beside etcd 3.4's (`--experimental-enable-v2v3`): the same random requests to both, whose
 * answers must be the same, and in the end the same v3 keys below the prefix. Runs where REAL_ETCD_34 names a folder
 * with real programs; V2_REQUESTS and V2_SEED as for the store of v2's own.
 */
import { describe, expect, it } from 'vitest';
import { type ClusterPlace, startCluster } from '../support/cluster.js';
import { buildPrograms, realEtcd34 } from '../support/member-process.js';
import { seededRandom } from '../support/seeded-random.js';
import { V2Http } from '../support/v2-http.js';
import { comparable, type Pick, randomCall } from '../support/v2-random.js';

const REQUESTS = Number(process.env.V2_REQUESTS ?? 300);
const SEED = Number(process.env.V2_SEED ?? 1);
const FLAGS = ['--enable-v2', '--experimental-enable-v2v3', '/pfx'];

describe.skipIf(realEtcd34 === undefined)('v2 over v3 beside etcd 3.4', () => {
  it(`answers ${REQUESTS} random requests alike, and writes the same keys`, async () => {
    buildPrograms();
    const flags = [...FLAGS, '--emulate-version=3.4'];
    await using ourCluster = await startCluster({ members: 1, runner: 'ours', flags });
    await using realCluster = await startCluster({ members: 1, runner: { real: realEtcd34 ?? '' }, flags: FLAGS });
    using ours = new V2Http(ourCluster.only.endpoint);
    using theirs = new V2Http(realCluster.only.endpoint);
    const random = seededRandom(SEED);
    const pick: Pick = (list) => list[random.below(list.length)] as (typeof list)[number];
    const knownIndexes: string[] = ['1'];
    for (let count = 0; count < REQUESTS; count++) {
      const call = randomCall(pick, knownIndexes);
      // 3.4 makes no in-order keys here, but the key that is named; and it lists `/ab/x` below `/a`.
      if (call.method === 'POST' || call.target.includes('ab')) continue;
      const [mine, other] = await Promise.all([ours.call(call), theirs.call(call)]);
      const told = `request ${count} of seed ${SEED}: ${JSON.stringify(call)}`;
      expect(withoutGone(comparable(mine)), told).toEqual(withoutGone(comparable(other)));
      const index = mine.headers['x-etcd-index'];
      if (index !== undefined) knownIndexes.push(index);
      if (knownIndexes.length > 30) knownIndexes.shift();
    }
    const [kept, other] = await Promise.all([keysOf(ourCluster.only), keysOf(realCluster.only)]);
    expect(kept.length).toBeGreaterThan(10);
    expect(kept).toEqual(other);
  }, 120_000);
});

/** Of a directory that was deleted 3.4 shows only what it was. */
const withoutGone = (answer: ReturnType<typeof comparable>) => ({
  ...answer,
  body: answer.body.replace(/^(\{"action":"delete",)"node":\{[^{}]*"dir":true[^{}]*\},/, '$1'),
});

/** All v3 keys below the prefix, with their values and revisions. */
async function keysOf(place: ClusterPlace): Promise<string[]> {
  await using client = place.client();
  const { kvs } = await client.kv.get('/pfx', { prefix: true });
  return kvs.map(
    ({ key, value, modRevision, createRevision }) =>
      `${Buffer.from(key)} = ${Buffer.from(value).toString('base64')} ${createRevision} ${modRevision}`,
  );
}
