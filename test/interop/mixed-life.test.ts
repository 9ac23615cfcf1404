/**
 * What happens in the life of a cluster of real members and ours: one lags behind and is sent a snapshot, the leader is
 * told to end or is killed, learners come and are promoted, addresses change, members are removed, leaders among them.
 *
 * Runs where REAL_ETCD (3.5) or REAL_ETCD_34 names a folder with a real etcd's programs.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { DowngradeRequest_DowngradeAction as Action } from '../../src/proto/gen/etcdserverpb.js';
import { startCluster } from '../support/cluster.js';
import { freePort } from '../support/free-port.js';
import { expectFurnished, furnish, READER, ROOT } from '../support/furnished.js';
import { buildPrograms } from '../support/member-process.js';
import { CHANGEABLE, Checks, eventually, QUICK, realVersions } from '../support/mixed-cluster.js';

beforeAll(buildPrograms, 120_000);

describe.each(realVersions)('beside members of $version', (scene) => {
  const { version, isThere, etcdctl } = scene;

  test.runIf(isThere).each(['ours', 'real'] as const)(
    'whoever lags behind a leader of kind %s catches up',
    { timeout: 90_000 },
    async (kind) => {
      const members =
        kind === 'ours' ? [scene.ours, scene.ours, scene.real] : [scene.real, scene.real, scene.ourProcess];
      await using cluster = await startCluster({ members, flags: [...QUICK, '--snapshot-count=20'] });
      await using open = new Checks(cluster, etcdctl);
      const [leader, lagging] = [cluster.at(0), cluster.at(2)];
      await open.makeLeader(leader);
      const { kv } = open.client(leader);
      await kv.put('before', 'v');
      lagging.process.pause();
      for (let i = 0; i < 120; i++) await kv.put(`k${i % 10}`, `v${i}`);
      const compacted = (await kv.put('last', 'v')).header?.revision ?? 0;
      await kv.compact(compacted - 1, { physical: true });
      await furnish(open.client(leader), leader);
      lagging.process.resume();
      await using checks = new Checks(cluster, etcdctl, ROOT);
      await checks.expectAgreement();
      await using reading = new Checks(cluster, etcdctl, READER);
      await expectFurnished(checks, reading, lagging);
      await checks.client(lagging).maintenance.disarm();
      await checks.leader();
      expect((await checks.client(lagging).kv.get('last')).kvs.length).toBe(1);
      await checks.expectServing();
      await checks.expectAgreement();
    },
  );

  test.runIf(isThere)(
    'leadership is handed over by one of ours that is told to end, and won by one when the leader dies',
    { timeout: 90_000 },
    async () => {
      await using cluster = await startCluster({ members: [scene.ourProcess, scene.ours, scene.real], flags: QUICK });
      await using checks = new Checks(cluster, etcdctl);
      const [first, , third] = [cluster.at(0), cluster.at(1), cluster.at(2)];
      await checks.makeLeader(first);
      const { process } = first;
      await first.stop('SIGTERM');
      expect(process.child.signalCode).toBe('SIGTERM');
      expect(process.output).toContain('leadership transfer finished');
      await checks.client(third).kv.put('after', 'the end');
      await first.start();
      for (const [i, place] of [first, third].entries()) {
        await checks.makeLeader(place);
        await place.stop('SIGKILL');
        const survivor = checks.running[0] ?? first;
        await eventually(async () => {
          await checks.client(survivor).kv.put(`after/${i}`, 'v', { timeoutMs: 3000 });
        });
        await place.start();
        await checks.expectAgreement();
      }
    },
  );

  test.runIf(isThere)(
    'learners are added and promoted, addresses change, leaders are removed',
    { timeout: 120_000 },
    async () => {
      await using cluster = await startCluster({ members: [scene.ours, scene.real], flags: CHANGEABLE });
      await using checks = new Checks(cluster, etcdctl);
      const [ours, real] = [cluster.at(0), cluster.at(1)];
      for (const [asked, kind] of [
        [real, scene.ourProcess],
        [ours, scene.real],
      ] as const) {
        const learner = await cluster.joining(kind);
        await checks.add(learner, ['--learner']);
        await learner.start();
        const id = (await checks.idOf(learner)).toString(16);
        expect(await checks.ctl(asked, ['member', 'list'])).toMatch(new RegExp(`${id}, started, .*, true`));
        await expect(checks.client(learner).kv.put('k', 'v')).rejects.toThrow('rpc not supported for learner');
        await eventually(async () => {
          // One whose answer came too late was promoted all the same.
          if (/, false$/.test((await checks.ctl(asked, ['member', 'list'])).match(`${id}, .*`)?.[0] ?? '')) return;
          expect(await checks.ctl(asked, ['member', 'promote', id])).toContain(`Member ${id} promoted in cluster`);
        });
        await checks.expectAgreement();
      }
      const [third, fourth] = [cluster.at(2), cluster.at(3)];
      await checks.expectServing();

      // The new address is not listened at: only the list is looked at, at each, and the old one comes back.
      const id = (await checks.idOf(third)).toString(16);
      for (const [asked, url] of [
        [real, `http://127.0.0.1:${await freePort()}`],
        [ours, third.peerUrl],
      ] as const) {
        await checks.ctl(asked, ['member', 'update', id, `--peer-urls=${url}`]);
        await eventually(async () => {
          for (const place of [ours, real, fourth]) expect(await checks.ctl(place, ['member', 'list'])).toContain(url);
        });
      }
      await checks.expectAgreement();

      await checks.makeLeader(third);
      const removed = third.process;
      await checks.ctl(real, ['member', 'remove', id]);
      expect(await removed.ended()).toBe(0);
      expect(removed.output).toContain('the member has been permanently removed from the cluster');
      expect(removed.output).toContain('data-dir used by this member must be removed');
      await third.stop();
      await expect(third.start()).rejects.toThrow(/permanently removed from the cluster[\s\S]*"msg":"listener failed"/);
      await cluster.drop(third);
      await checks.expectAgreement();
      await checks.makeLeader(fourth);
      await checks.remove(fourth);
      await checks.expectAgreement();
      await checks.expectServing();
    },
  );

  test.runIf(isThere && version === '3.5')('a downgrade is answered alike by both', { timeout: 60_000 }, async () => {
    await using cluster = await startCluster({ members: [scene.ours, scene.real] });
    await using checks = new Checks(cluster, etcdctl);
    const answers: string[][] = [];
    await eventually(async () => {
      for (const { clientUrl } of cluster.places)
        expect(await (await fetch(`${clientUrl}/version`)).text()).toContain('"etcdcluster":"3.5.0"');
    });
    for (const place of cluster.places) {
      const { maintenance } = checks.client(place);
      const said: string[] = [];
      for (const [action, target] of [
        [Action.VALIDATE, '3.4.0'],
        [Action.VALIDATE, '3.4'],
        [Action.VALIDATE, '3.3.0'],
        [Action.VALIDATE, '3.5.0'],
        [Action.VALIDATE, 'x'],
        [Action.CANCEL, ''],
        [Action.ENABLE, '3.6.0'],
        [Action.ENABLE, '3.4.0'],
        [Action.VALIDATE, '3.4.0'],
        [Action.ENABLE, '3.4.0'],
        [Action.CANCEL, ''],
        [Action.CANCEL, ''],
      ] as const) {
        const answer = await maintenance.downgrade(action, target).then(
          (response) => response.version,
          (cause: Error) => cause.message,
        );
        said.push(`${action} ${target}: ${answer}`);
      }
      answers.push(said);
    }
    // 3.5.30 carries out what it is told to, and then says that it timed out.
    expect(answers[0]).toEqual(answers[1]?.map((said) => said.replace('etcdserver: request timed out', '3.5.0')));
    await checks.expectAgreement();
    await checks.expectServing();
  });
});
