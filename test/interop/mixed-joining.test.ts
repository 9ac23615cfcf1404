/**
 * Members of one kind added to a running member of the other, by log and by the leader's snapshot, with users, leases
 * and an alarm set before: the newcomer knows all of them, serves, leads, and hands the leadership back.
 *
 * Runs where REAL_ETCD (3.5) or REAL_ETCD_34 names a folder with a real etcd's programs.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Client } from '../../src/client/index.js';
import { Permission_Type as PermType } from '../../src/proto/gen/authpb.js';
import { type ClusterPlace, prepareCluster } from '../support/cluster.js';
import { buildPrograms } from '../support/member-process.js';
import { CHANGEABLE, Checks, eventually, realVersions } from '../support/mixed-cluster.js';

const LEASE = 0x7000n;
const root = { username: 'root', password: 'pass' };
const reader = { username: 'reader', password: 'word' };

/** Users with rights, a lease with a key, an alarm; authentication is on after it. */
async function furnish({ auth, kv, lease }: Client, place: ClusterPlace): Promise<void> {
  for (let i = 0; i < 40; i++) await kv.put(`k${i % 7}`, `v${i}`);
  await lease.grant(1000, { id: LEASE });
  await kv.put('leased', 'v', { lease: LEASE });
  for (const name of ['root', 'reader']) await auth.roleAdd(name);
  await auth.roleGrantPermission('reader', { key: 'k', rangeEnd: 'l', type: PermType.READ });
  for (const { username, password } of [root, reader]) {
    await auth.userAdd(username, password);
    await auth.userGrantRole(username, username);
  }
  const alarm = JSON.stringify({ action: 'ACTIVATE', memberID: '77', alarm: 'NOSPACE' });
  const answer = await fetch(`${place.clientUrl}/v3/maintenance/alarm`, { method: 'POST', body: alarm });
  expect(answer.status).toBe(200);
  await auth.enable();
}

const cases = realVersions.flatMap((version) =>
  (['ours', 'real'] as const).flatMap((joiner) =>
    (['log', 'snapshot'] as const).map((way) => ({ joiner, way, ...version })),
  ),
);

beforeAll(buildPrograms, 120_000);

describe.each(cases)('a member of kind $joiner joining by $way, with $version', (scene) => {
  const { joiner, way, isThere, etcdctl } = scene;
  test.runIf(isThere)('knows all, serves and leads', { timeout: 90_000 }, async () => {
    await using cluster = await prepareCluster({
      members: [joiner === 'ours' ? scene.real : scene.ours],
      flags: way === 'snapshot' ? [...CHANGEABLE, '--snapshot-count=10'] : CHANGEABLE,
    });
    await using open = new Checks(cluster, etcdctl);
    await using checks = new Checks(cluster, etcdctl, root);
    const first = cluster.only;
    await first.start();
    await furnish(open.client(first), first);

    const second = await cluster.joining(joiner === 'ours' ? scene.ourProcess : scene.real);
    await checks.ctl(first, ['member', 'add', second.name, `--peer-urls=${second.peerUrl}`]);
    await second.start();
    if (way === 'snapshot') expect(second.process.output).toMatch(/applied snapshot|applied incoming snapshot/);
    await checks.expectAgreement();

    await using reading = new Checks(cluster, etcdctl, reader);
    for (const place of [second, first]) {
      const { kv, lease, maintenance } = checks.client(place);
      expect((await reading.client(place).kv.get('k1')).kvs.length).toBe(1);
      await expect(kv.put('k1', 'too much')).rejects.toThrow('database space exceeded');
      expect((await maintenance.alarms()).alarms).toMatchObject([{ memberID: 77n }]);
      const { grantedTTL, keys } = await lease.timeToLive(LEASE, { keys: true });
      expect({ grantedTTL, keys: keys.map(String) }).toEqual({
        grantedTTL: 1000,
        keys: ['leased'].map((key) => String(Buffer.from(key))),
      });
    }
    await checks.ctl(second, ['alarm', 'disarm']);
    for (const [i, place] of [second, first].entries()) {
      await expect(reading.client(place).kv.put('k1', 'no')).rejects.toThrow('permission denied');
      await checks.makeLeader(place, i === 0 ? 'stock' : 'ours');
      await checks.expectServing();
      await checks.expectAgreement();
    }
    // The lease ends by word of a leader who heard of it from another.
    await checks.client(second).lease.revoke(LEASE);
    await eventually(async () => {
      expect((await checks.client(first).kv.get('leased')).kvs).toEqual([]);
    });
  });
});
