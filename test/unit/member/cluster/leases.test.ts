import { describe, expect, it } from 'vitest';
import type { LeaseGrantResponse } from '../../../../src/proto/gen/etcdserverpb.js';
import { type SimulatedMember, startSimulatedCluster } from '../../../support/simulated-cluster.js';

const grant = (member: SimulatedMember, ID: bigint, TTL: number): Promise<LeaseGrantResponse> =>
  member.member.propose({ kind: 'leaseGrant', request: { ID, TTL } });

describe('a lease', () => {
  it('is renewed and asked for through any member, and ends once', async () => {
    await using cluster = await startSimulatedCluster();
    const leader = await cluster.untilLeader();
    await cluster.run(grant(leader, 7n, 10));
    await cluster.settle();
    for (const member of cluster.members) {
      await cluster.pass(3000);
      expect(await cluster.run(member.member.leases.renew(7n))).toBe(10);
      expect(await cluster.run(member.member.leases.timeToLive(7n, { keys: true }))).toMatchObject({
        ID: 7n,
        TTL: expect.toSatisfy((ttl: number) => ttl === 9 || ttl === 10),
        grantedTTL: 10,
      });
      expect(await cluster.run(member.member.leases.renew(8n))).toBe(0);
      expect((await cluster.run(member.member.leases.timeToLive(8n, { keys: false }))).TTL).toBe(-1);
    }
    await cluster.until(() => cluster.members.every(({ member }) => member.leases.list().length === 0));
    expect(cluster.members.reduce((sum, { member }) => sum + member.figures().leasesExpired, 0)).toBe(1);
  });

  it('#16822: is not revoked by a leader that has been deposed without knowing', async () => {
    await using cluster = await startSimulatedCluster();
    const old = await cluster.untilLeader();
    await cluster.run(grant(old, 7n, 3));
    await cluster.settle();
    cluster.network.isolate(old.id);
    const others = cluster.members.filter((member) => member !== old);
    await cluster.until(() => others.some(({ member }) => member.leadership.isLeader));
    // Kept alive at the new leader, beyond what the old one counts.
    for (let i = 0; i < 6; i++) {
      await cluster.pass(1000);
      expect(await cluster.run(others[0]?.member.leases.renew(7n) ?? Promise.resolve(0))).toBe(3);
    }
    cluster.network.healAll();
    await cluster.settle();
    for (const { member } of cluster.members) expect(member.leases.list()).toEqual([7n]);
  });

  it('#16822: is not revoked by what its leader wanted before it led again', async () => {
    await using cluster = await startSimulatedCluster();
    const leader = await cluster.untilLeader();
    await cluster.run(grant(leader, 7n, 3));
    await cluster.pass(2500);
    // It expires while its leader waits for a word from the others, behind a read that waits for the same.
    for (const { id } of cluster.members) cluster.network.isolate(id);
    const read = leader.member.reads.linearizable().catch((cause: Error) => cause.message);
    await cluster.until(() => !leader.member.leadership.isLeader);
    await cluster.pass(1000);
    cluster.network.healAll();
    leader.member.leadership.campaign();
    await cluster.until(() => leader.member.leadership.isEstablished);
    expect(await read).toBe('etcdserver: leader changed');
    expect(await cluster.run(leader.member.leases.renew(7n))).toBe(3);
    await cluster.pass(2500);
    expect(leader.member.leases.list()).toEqual([7n]);
    await cluster.until(() => leader.member.leases.list().length === 0);
  });

  it('#13508: lives no longer for changes of the leader where checkpoints are on', async () => {
    await using cluster = await startSimulatedCluster({
      config: { leaseCheckpoint: true, leaseCheckpointPersist: true },
    });
    let leader = await cluster.untilLeader();
    await cluster.run(grant(leader, 7n, 1000));
    await cluster.pass(320_000);
    const target = cluster.members.find((member) => member !== leader) ?? leader;
    await cluster.run(leader.member.leaderTransfer.move(target.id));
    leader = await cluster.untilLeader();
    const { TTL } = await cluster.run(leader.member.leases.timeToLive(7n, { keys: false }));
    expect(TTL).toBeLessThan(720);
    expect(TTL).toBeGreaterThan(600);
  }, 120_000);
});
