/** Bugs of etcd's that take a cluster, about leases. */
import { describe, expect, it } from 'vitest';
import { AuthUserAddRequest, PutRequest } from '../../src/proto/gen/etcdserverpb.js';
import { type SimulatedCluster, type SimulatedMember, startSimulatedCluster } from '../support/simulated-cluster.js';

const grant = (member: SimulatedMember, ID: bigint, TTL: number): Promise<unknown> =>
  member.member.propose({ kind: 'leaseGrant', request: { ID, TTL } });

async function moveLeader(cluster: SimulatedCluster): Promise<SimulatedMember> {
  const leader = await cluster.untilLeader();
  const target = cluster.members.find((member) => member !== leader) ?? leader;
  await cluster.run(leader.member.leaderTransfer.move(target.id));
  return cluster.untilLeader();
}

describe('#14253, #13508, #9888: a lease', () => {
  it('lives no longer than its TTL and a little for changes of the leader, where checkpoints are on', async () => {
    await using cluster = await startSimulatedCluster({
      config: { leaseCheckpoint: true, leaseCheckpointPersist: true },
    });
    await cluster.run(grant(await cluster.untilLeader(), 7n, 700));
    const beganMs = cluster.clock.monotonicMs();
    // Checkpoints come each five minutes.
    for (let i = 0; i < 2; i++) {
      await cluster.pass(305_000);
      await moveLeader(cluster);
    }
    await cluster.until(() => cluster.members.every(({ member }) => member.lessor.lookup(7n) === undefined), 200_000);
    const livedSeconds = (cluster.clock.monotonicMs() - beganMs) / 1000;
    expect(livedSeconds).toBeGreaterThanOrEqual(700);
    expect(livedSeconds).toBeLessThan(730);
  }, 240_000);
});

describe('#14239: a lease with a negative id', () => {
  it('is the same on all members, and ends on all', async () => {
    await using cluster = await startSimulatedCluster({ config: { snapshotCount: 5, snapshotCatchupEntries: 2 } });
    const leader = await cluster.untilLeader();
    await cluster.run(grant(leader, -1n, 4));
    await cluster.run(
      leader.member.propose({
        kind: 'put',
        request: {
          key: Buffer.from('a'),
          value: Buffer.from('1'),
          lease: -1n,
          prevKv: false,
          ignoreLease: false,
          ignoreValue: false,
        },
      }),
    );
    await cluster.settle();
    for (const { member } of cluster.members) {
      expect(member.leases.list()).toEqual([-1n]);
      expect([...member.lessor.keysOf(-1n)]).toEqual(['a']);
    }
    await cluster.until(() => cluster.members.every(({ member }) => member.leases.list().length === 0));
    await cluster.settle();
    const hashes = [];
    for (const { opened } of cluster.members) hashes.push(await opened.hashKv(0));
    expect(new Set(hashes.map(({ hash }) => hash)).size).toBe(1);
    for (const member of cluster.members) expect(member.get('a')).toBeUndefined();
  }, 60_000);
});

describe('#13932: a renewal that comes with the grant', () => {
  it('succeeds or finds no lease, and harms neither', async () => {
    await using cluster = await startSimulatedCluster();
    const leader = await cluster.untilLeader();
    const [a, b, c] = cluster.members;
    for (let id = 1n; id <= 10n; id++) {
      const renewals = [a, b, c].map((member) => member?.member.leases.renew(id));
      const [, ...answers] = await cluster.run(Promise.all([grant(leader, id, 5), ...renewals]));
      for (const answer of answers) expect([0, 5]).toContain(answer);
      expect(await cluster.run(leader.member.leases.renew(id))).toBe(5);
    }
  }, 60_000);
});

describe('#17704: what a lease still lives', () => {
  it('is told while leadership moves', async () => {
    await using cluster = await startSimulatedCluster();
    await cluster.run(grant(await cluster.untilLeader(), 7n, 60));
    await cluster.settle();
    for (let round = 0; round < 6; round++) {
      const asked = cluster.members.map(({ member }) => member.leases.timeToLive(7n, { keys: false }));
      const moved = moveLeader(cluster);
      const answers = await cluster.run(Promise.all(asked));
      await moved;
      for (const { TTL, grantedTTL } of answers) {
        expect(grantedTTL).toBe(60);
        expect(TTL).toBeGreaterThan(40);
        expect(TTL).toBeLessThanOrEqual(61);
      }
    }
  }, 60_000);
});

describe('the end of a lease while authentication is on (3.2 to 3.3, fixed in 3.4.9)', () => {
  it('is the same on all members, whoever may write what hung on it', async () => {
    await using cluster = await startSimulatedCluster();
    const leader = await cluster.untilLeader();
    const asks: readonly Parameters<typeof leader.member.propose>[0][] = [
      { kind: 'leaseGrant', request: { ID: 5n, TTL: 2 } },
      { kind: 'authUserAdd', request: AuthUserAddRequest.create({ name: 'root', password: 'p' }) },
      { kind: 'authRoleAdd', request: { name: 'root' } },
      { kind: 'authUserGrantRole', request: { user: 'root', role: 'root' } },
      { kind: 'put', request: PutRequest.create({ key: Buffer.from('a'), value: Buffer.from('1'), lease: 5n }) },
      { kind: 'authEnable', request: {} },
    ];
    for (const ask of asks) await cluster.run(leader.member.propose(ask));
    // One that restarts goes through the same entries, and so does one that learns it by a snapshot.
    const follower = cluster.members.find((member) => member !== leader) ?? leader;
    await follower.stop();
    await cluster.until(() => leader.member.lessor.lookup(5n) === undefined, 20_000);
    const { ready } = await follower.start();
    await cluster.run(ready);
    await cluster.settle();
    const hashes = [];
    for (const { opened } of cluster.members) hashes.push(await opened.hashKv(0));
    expect(new Set(hashes.map(({ hash, revision }) => `${hash} at ${revision}`)).size).toBe(1);
    for (const member of cluster.members) {
      expect(member.get('a')).toBeUndefined();
      expect(member.member.leases.list()).toEqual([]);
    }
  }, 60_000);
});
