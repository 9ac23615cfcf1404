/** A follower that lags behind the log gets the leader's snapshot, while everything that can run on it does. */
import { describe, expect, it } from 'vitest';
import type { WatchStreamHandle } from '../../../../src/mvcc/watch/types.js';
import { AlarmRequest_AlarmAction, AlarmType } from '../../../../src/proto/gen/etcdserverpb.js';
import { Event } from '../../../../src/proto/gen/mvccpb.js';
import { RecordingLogger } from '../../../support/recording-logger.js';
import {
  type SimulatedCluster,
  type SimulatedClusterOptions,
  type SimulatedMember,
  startSimulatedCluster,
} from '../../../support/simulated-cluster.js';

const snapDir = (member: SimulatedMember): string => `/${member.name}/member/snap`;
const files = (member: SimulatedMember): string[] => member.disk.list(snapDir(member));

async function start(more: SimulatedClusterOptions = {}) {
  const loggers = new Map<string, RecordingLogger>();
  const cluster = await startSimulatedCluster({
    ...more,
    config: { snapshotCount: 10, snapshotCatchupEntries: 3, walSegmentBytes: 16_000, ...more.config },
    loggerOf: (name) => {
      const logger = loggers.get(name) ?? new RecordingLogger();
      loggers.set(name, logger);
      return logger;
    },
  });
  const leader = await cluster.untilLeader();
  const lagging = cluster.members.find((member) => member !== leader);
  if (lagging === undefined) throw new Error('three were asked for');
  const installs = (member: SimulatedMember): number =>
    loggers.get(member.name)?.records.filter(({ message }) => message === 'applied snapshot').length ?? 0;
  return { cluster, leader, lagging, installs, loggers };
}

async function write(cluster: SimulatedCluster, member: SimulatedMember, from: number, count: number): Promise<void> {
  for (let i = from; i < from + count; i++) await cluster.run(member.put(`k${i % 7}`, `v${i}`));
}

/** All have the same at the same revision. */
async function expectEqual(cluster: SimulatedCluster): Promise<void> {
  await cluster.settle();
  const revisions = cluster.running.map(({ member }) => member.currentRevision);
  expect(new Set(revisions).size).toBe(1);
  const hashes = [];
  for (const { member } of cluster.running)
    hashes.push(await cluster.run(member.maintenance.hashKv(revisions[0] ?? 0)));
  expect(new Set(hashes.map(({ hash, compactRevision }) => `${hash} ${compactRevision}`)).size).toBe(1);
}

/** Revisions of the events that came, in the order in which they came. */
function taken(stream: WatchStreamHandle): number[] {
  const revisions: number[] = [];
  for (let message = stream.take(); message !== undefined; message = stream.take())
    for (const event of message.events) revisions.push(Event.decode(event).kv?.modRevision ?? 0);
  return revisions;
}

const watchFrom = (startRevision: number) => ({
  key: Buffer.from([0]),
  rangeEnd: Buffer.from([0]),
  startRevision,
  watchId: 0n,
});

describe('a follower that lags', () => {
  it('installs a snapshot, goes on from the log, and leaves no file behind', async () => {
    const { cluster, leader, lagging, installs } = await start();
    await using _ = cluster;
    await write(cluster, leader, 0, 5);
    await cluster.settle();
    cluster.network.isolate(lagging.id);
    await write(cluster, leader, 5, 60);
    cluster.network.healAll();
    await write(cluster, await cluster.untilLeader(), 65, 3);
    await expectEqual(cluster);
    expect(installs(lagging)).toBeGreaterThan(0);
    expect(files(lagging).filter((name) => /tmp|snap\.db/.test(name))).toEqual([]);
    expect(lagging.get('k4')).toBe(leader.get('k4'));
    await write(cluster, await cluster.untilLeader(), 68, 30);
    await expectEqual(cluster);
  });

  it(
    'shows its watchers each event once and in order, future ones nothing early (issues 15271, ' + '20221, 9281)',
    async () => {
      const { cluster, leader, lagging, installs } = await start();
      await using _ = cluster;
      await write(cluster, leader, 0, 10);
      await cluster.settle();
      const open = () => lagging.member.hub.openStream({ onReady: () => {}, maxResponseBytes: 1 << 20 });
      const [synced, past, future, farFuture] = [open(), open(), open(), open()];
      const current = lagging.member.currentRevision;
      synced.watch(watchFrom(0));
      past.watch(watchFrom(3));
      future.watch(watchFrom(current + 30));
      farFuture.watch(watchFrom(current + 500));
      const early = taken(past);
      cluster.network.isolate(lagging.id);
      await write(cluster, leader, 10, 60);
      expect(lagging.member.currentRevision).toBe(current);
      cluster.network.healAll();
      const collected = { synced: [] as number[], past: early, future: [] as number[], farFuture: [] as number[] };
      const collect = (): void => {
        collected.synced.push(...taken(synced));
        collected.past.push(...taken(past));
        collected.future.push(...taken(future));
        collected.farFuture.push(...taken(farFuture));
      };
      await cluster.settle();
      await write(cluster, await cluster.untilLeader(), 70, 5);
      await cluster.settle();
      await cluster.until(() => {
        collect();
        return collected.synced.at(-1) === lagging.member.currentRevision;
      });
      await cluster.pass(500);
      collect();
      expect(installs(lagging)).toBeGreaterThan(0);
      const last = lagging.member.currentRevision;
      const range = (from: number) => Array.from({ length: last - from + 1 }, (_unused, i) => from + i);
      expect(collected.synced).toEqual(range(current + 1));
      expect(collected.past).toEqual(range(3));
      expect(collected.future).toEqual(range(current + 30));
      expect(collected.farFuture).toEqual([]);
    },
  );

  it('is defragmented, hashed and copied meanwhile (issue 20271)', async () => {
    for (let round = 0; round < 4; round++) {
      const { cluster, leader, lagging, installs } = await start({ seed: round + 1 });
      await using _ = cluster;
      await write(cluster, leader, 0, 30);
      cluster.network.isolate(lagging.id);
      await write(cluster, leader, 30, 50);
      cluster.network.healAll();
      const running: Promise<unknown>[] = [];
      await cluster.until(() => {
        running.push(lagging.member.backend.defrag(), lagging.member.backend.commit());
        running.push(lagging.member.maintenance.hash());
        running.push(
          lagging.member.backend.snapshot().then(async (snapshot) => {
            for await (const chunk of snapshot.chunks()) expect(chunk.length).toBeGreaterThan(0);
          }),
        );
        lagging.range({ key: Buffer.from([0]), rangeEnd: Buffer.from([0]) });
        return installs(lagging) > 0;
      });
      await cluster.run(Promise.all(running));
      await expectEqual(cluster);
      expect(files(lagging).filter((name) => /tmp|snap\.db/.test(name))).toEqual([]);
    }
  });

  it('that starts again right after it applies nothing twice (issue 13933)', async () => {
    const { cluster, leader, lagging, installs } = await start();
    await using _ = cluster;
    await write(cluster, leader, 0, 5);
    cluster.network.isolate(lagging.id);
    await write(cluster, leader, 5, 60);
    cluster.network.healAll();
    await cluster.until(() => installs(lagging) > 0);
    await lagging.stop();
    const { ready } = await lagging.start();
    await cluster.run(ready);
    await write(cluster, await cluster.untilLeader(), 65, 5);
    await expectEqual(cluster);
    await lagging.stop();
    const again = await lagging.start();
    await cluster.run(again.ready);
    await expectEqual(cluster);
  });

  it('takes several snapshots that come close together (issue 18055)', async () => {
    const { cluster, lagging, installs } = await start();
    await using _ = cluster;
    for (let round = 0; round < 3; round++) {
      cluster.network.isolate(lagging.id);
      const leader = await cluster.untilLeader();
      await write(cluster, leader, round * 30, 30);
      cluster.network.healAll();
      const before = installs(lagging);
      await cluster.until(() => installs(lagging) > before);
      // Who starts again has no more of its log than comes after its last snapshot, and holds nothing for anybody.
      await leader.stop();
      const { ready } = await leader.start();
      await cluster.run(ready);
    }
    await expectEqual(cluster);
    expect(installs(lagging)).toBeGreaterThan(2);
  });

  it('keeps the database of a snapshot that waits to be installed when the next ones come, purged or not', async () => {
    const { cluster, leader, lagging, installs, loggers } = await start({ config: { maxSnapshots: 1 } });
    await using _ = cluster;
    const taken = (): number =>
      loggers.get(lagging.name)?.records.filter(({ message }) => message === 'saved database snapshot to disk')
        .length ?? 0;
    await write(cluster, leader, 0, 5);
    const { backend } = lagging.member;
    const replace = backend.replace.bind(backend);
    let goOn = (): void => {};
    const slowDisk = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    backend.replace = async (path, replaced) => {
      await slowDisk;
      await replace(path, replaced);
    };
    cluster.network.isolate(lagging.id);
    await write(cluster, leader, 5, 60);
    cluster.network.healAll();
    await cluster.until(() => taken() >= 1);
    // A leader that leads anew has kept nothing for one that has yet to answer.
    await leader.stop();
    const { ready } = await leader.start();
    await cluster.run(ready);
    await write(cluster, await cluster.untilLeader(), 65, 60);
    await cluster.until(() => taken() >= 2);
    await cluster.pass(31_000);
    goOn();
    await cluster.until(() => installs(lagging) >= 2);
    await expectEqual(cluster);
    expect(files(lagging).filter((name) => /tmp|snap\.db/.test(name))).toEqual([]);
  });

  it('knows users, alarms, leases and members as the leader does (issue 14571)', async () => {
    const { cluster, leader, lagging, installs } = await start();
    await using _ = cluster;
    await write(cluster, leader, 0, 5);
    cluster.network.isolate(lagging.id);
    const { member } = leader;
    const name = 'root';
    const run = (work: Promise<unknown>) => cluster.run(work);
    await run(member.propose({ kind: 'leaseGrant', request: { ID: 77n, TTL: 1000 } }));
    const put = { key: Buffer.from('leased'), value: Buffer.from('v'), lease: 77n };
    const rest = { prevKv: false, ignoreLease: false, ignoreValue: false };
    await run(member.propose({ kind: 'put', request: { ...put, ...rest } }));
    const alarm = { action: AlarmRequest_AlarmAction.ACTIVATE, memberID: 5n, alarm: AlarmType.NOSPACE };
    await run(member.propose({ kind: 'authRoleAdd', request: { name } }));
    const user = { name, password: '', options: { noPassword: true }, hashedPassword: '' };
    await run(member.propose({ kind: 'authUserAdd', request: user }));
    await run(member.propose({ kind: 'authUserGrantRole', request: { user: name, role: name } }));
    await write(cluster, leader, 5, 60);
    await run(member.propose({ kind: 'authEnable', request: {} }));
    await run(member.propose({ kind: 'alarm', request: alarm }));
    await run(member.propose({ kind: 'downgradeInfoSet', request: { enabled: true, ver: '3.4.0' } }));
    cluster.network.healAll();
    await cluster.until(() => installs(lagging) > 0);
    await cluster.settle();
    expect(lagging.member.auth.isEnabled).toBe(true);
    expect(lagging.member.auth.revision).toBe(member.auth.revision);
    expect(lagging.member.lessor.lookup(77n)).toMatchObject({ ttlSeconds: 1000 });
    expect([...lagging.member.lessor.keysOf(77n)]).toEqual(['leased']);
    expect(lagging.member.maintenance.namedAlarms()).toMatchObject([{ name: 'NOSPACE' }]);
    expect(lagging.member.cluster.state).toEqual(member.cluster.state);
    expect(lagging.member.cluster.downgrade).toEqual({ enabled: true, targetVersion: '3.4.0' });
  });

  it('leaves nothing of a database whose transfer breaks off (issue 14246)', async () => {
    const { cluster, leader, lagging, installs } = await start();
    await using _ = cluster;
    await write(cluster, leader, 0, 5);
    cluster.network.isolate(lagging.id);
    await write(cluster, leader, 5, 60);
    let broken = 0;
    const { backend } = leader.member;
    const snapshot = backend.snapshot.bind(backend);
    backend.snapshot = async () => {
      const whole = await snapshot();
      if (broken >= 3) return whole;
      broken++;
      return {
        ...whole,
        async *chunks() {
          for await (const chunk of whole.chunks()) {
            yield chunk;
            throw new Error('connection reset');
          }
        },
      };
    };
    cluster.network.healAll();
    await cluster.until(() => broken >= 1);
    await cluster.until(() => installs(lagging) > 0 || !leader.member.leadership.isLeader);
    await expectEqual(cluster);
    expect(files(lagging).filter((name) => /tmp|snap\.db/.test(name))).toEqual([]);
  });
});
