/**
 * Real members and ours that begin a cluster together: whoever leads, each serves all there is, and all agree. Beside a
 * 3.4 the cluster stays one of 3.4, and is told nothing that a 3.4 could not apply: it would end in a panic.
 *
 * Runs where REAL_ETCD (3.5) or REAL_ETCD_34 names a folder with a real etcd's programs.
 */
import { describe, expect, test } from 'vitest';
import { type Runner, startCluster } from '../support/cluster.js';
import { Checks, eventually, QUICK, realVersions } from '../support/mixed-cluster.js';

const [v35, v34] = realVersions;
if (v35 === undefined || v34 === undefined) throw new Error('two versions of etcd to mix with');

const mixes: readonly (readonly [string, boolean, string, readonly Runner[]])[] = [
  ...realVersions.flatMap(({ version, isThere, ours, real, etcdctl }) => [
    [`two real ${version} and one of ours`, isThere, etcdctl, [real, ours, real]] as const,
    [`one real ${version} and two of ours`, isThere, etcdctl, [ours, real, ours]] as const,
  ]),
  ['a 3.4, a 3.5 and one of ours', v34.isThere && v35.isThere, v34.etcdctl, [v34.real, v35.real, v35.ours]],
];

describe.each(mixes)('a cluster of %s', (name, isThere, etcdctl, runners) => {
  test.runIf(isThere)('serves all there is through each member, whoever leads', { timeout: 90_000 }, async () => {
    await using cluster = await startCluster({ members: runners, flags: QUICK });
    await using checks = new Checks(cluster, etcdctl);
    const [first] = cluster.places;
    if (first === undefined) throw new Error('no member');
    for (const [i, place] of cluster.places.entries()) {
      await checks.makeLeader(place, i === 0 ? 'stock' : 'ours');
      await checks.expectServing();
      await checks.expectAgreement();
    }
    // Named first.
    const oldest = /\d\.\d/.exec(name)?.[0];
    await eventually(async () => {
      for (const { clientUrl } of cluster.places) {
        const answer = (await (await fetch(`${clientUrl}/version`)).json()) as { etcdcluster: string };
        expect(answer.etcdcluster).toBe(`${oldest}.0`);
      }
    });

    // Users and their passwords, made at one and shown to the others.
    const { auth } = checks.client(cluster.at(runners.length - 1));
    await auth.userAdd('root', 'pass');
    await auth.userAdd('other', 'old');
    await auth.userChangePassword('other', 'new');
    await auth
      .userGrantRole('root', 'root')
      .catch(() => auth.roleAdd('root').then(() => auth.userGrantRole('root', 'root')));
    await auth.enable();
    for (const place of cluster.places) {
      await using rooted = new Checks(cluster, etcdctl, { username: 'root', password: 'pass' });
      await rooted.client(place).kv.put('owned', place.name);
      await rooted.client(place).auth.authenticate('other', 'new');
      await expect(rooted.client(place).auth.authenticate('other', 'old')).rejects.toThrow('authentication failed');
    }
    await using rooted = new Checks(cluster, etcdctl, { username: 'root', password: 'pass' });
    // 3.4 has neither the call nor the entry that it would be.
    if (name.startsWith('a 3.4'))
      expect(await rooted.client(cluster.at(2)).auth.status()).toMatchObject({ enabled: true });
    await rooted.expectAgreement();
    await expect(checks.client(first).kv.put('owned', 'by nobody')).rejects.toThrow('user name is empty');
  });
});
