/**
 * Members whose words are lost on the way to others, behind proxies that take and drop them: connections stay, and what
 * others say still comes. Real ones, ours, and both.
 *
 * Runs where REAL_ETCD (3.5) or REAL_ETCD_34 names a folder with a real etcd's programs.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { type ClusterPlace, prepareCluster } from '../support/cluster.js';
import { LossyProxy, startBehind } from '../support/lossy-proxy.js';
import { buildPrograms } from '../support/member-process.js';
import { Checks, eventually, QUICK, realVersions } from '../support/mixed-cluster.js';

beforeAll(buildPrograms, 120_000);

/** Longer than a stream of 3.4 stays silent. */
const LASTS_MS = 6000;
/** More than the 512 messages that a leader sends without an answer. */
const PUTS = 650;

describe.each(realVersions)('as members of $version', (scene) => {
  const { version, isThere, etcdctl } = scene;
  const members = {
    'real ones': [scene.real, scene.real, scene.real],
    'a real follower of ours': [scene.ourProcess, scene.real, scene.ourProcess],
    'our follower of a real one': [scene.real, scene.ourProcess, scene.real],
  } as const;

  test.runIf(isThere).each(Object.keys(members) as (keyof typeof members)[])(
    'whoever is not heard lags behind, or is heard another way, and a leader gives way: %s',
    { timeout: 120_000 },
    async (kind) => {
      await using cluster = await prepareCluster({
        members: members[kind],
        peerScheme: 'https',
        // As 3.4 it catches up by the log, which is therefore kept.
        flags: [...QUICK, '--peer-auto-tls', ...(version === '3.4' ? [] : ['--snapshot-count=100'])],
      });
      await using beforeLeader = await LossyProxy.before(cluster.at(0).peerPort);
      await using beforeFollower = await LossyProxy.before(cluster.at(1).peerPort);
      await using beforeThird = await LossyProxy.before(cluster.at(2).peerPort);
      await startBehind([beforeLeader, beforeFollower, beforeThird], cluster.places);
      await using checks = new Checks(cluster, etcdctl);
      const revisionOf = async (place: ClusterPlace): Promise<number> =>
        (await checks.client(place).maintenance.status(place.endpoint)).header?.revision ?? 0;
      const expectAgreement = (): Promise<void> =>
        eventually(async () => {
          const hashes = cluster.places.map((place) => checks.client(place).maintenance.hashKV(place.endpoint, 0));
          expect(new Set((await Promise.all(hashes)).map(({ hash }) => hash)).size).toBe(1);
        });

      const [leader, follower] = [cluster.at(0), cluster.at(1)];
      await checks.makeLeader(leader);
      const { kv } = checks.client(leader);
      await kv.put('k', 'before');

      beforeFollower.loses = true;
      const begunMs = performance.now();
      for (let i = 0; i < PUTS || performance.now() - begunMs < LASTS_MS; i++) await kv.put(`k${i % 10}`, `v${i}`);
      if (version === '3.4') {
        // Its streams have ended, and it answers by requests of its own.
        await eventually(async () => expect(await revisionOf(follower)).toBe(await revisionOf(leader)));
        expect(leader.process.output).toContain('i/o timeout');
      } else {
        expect((await revisionOf(leader)) - (await revisionOf(follower))).toBeGreaterThan(100);
        expect(leader.process.output).not.toContain('lost TCP streaming connection');
      }
      beforeFollower.loses = false;
      await expectAgreement();
      if (version !== '3.4') expect(follower.process.output).toContain('receiving database snapshot');

      await checks.makeLeader(leader);
      beforeLeader.loses = true;
      await eventually(async () => {
        await checks.client(follower).kv.put('k', 'while the leader is not heard', { timeoutMs: 3000 });
      });
      expect((await checks.client(follower).maintenance.status(follower.endpoint)).leader).not.toBe(
        await checks.idOf(leader),
      );
      beforeLeader.loses = false;
      await expectAgreement();
    },
  );
});
