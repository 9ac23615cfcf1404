/**
 * Members of one kind added to a running member of the other, by log and by the leader's snapshot, with users, leases
 * and an alarm set before: the newcomer knows all of them, serves, leads, and hands the leadership back.
 *
 * Runs where REAL_ETCD (3.5) or REAL_ETCD_34 names a folder with a real etcd's programs.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { prepareCluster } from '../support/cluster.js';
import { expectFurnished, furnish, LEASE, READER, ROOT } from '../support/furnished.js';
import { buildPrograms } from '../support/member-process.js';
import { CHANGEABLE, Checks, eventually, realVersions } from '../support/mixed-cluster.js';

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
    await using checks = new Checks(cluster, etcdctl, ROOT);
    const first = cluster.only;
    await first.start();
    await furnish(open.client(first), first);

    const second = await cluster.joining(joiner === 'ours' ? scene.ourProcess : scene.real);
    await checks.ctl(first, ['member', 'add', second.name, `--peer-urls=${second.peerUrl}`]);
    await second.start();
    if (way === 'snapshot') expect(second.process.output).toMatch(/applied snapshot|applied incoming snapshot/);
    await checks.expectAgreement();

    await using reading = new Checks(cluster, etcdctl, READER);
    for (const place of [second, first]) await expectFurnished(checks, reading, place);
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
