import { describe, expect, it } from 'vitest';
import type { MemberConfig } from '../../../../src/member/world/types.js';
import { peerUrlOf, type SimulatedCluster, startSimulatedCluster } from '../../../support/simulated-cluster.js';

const HEALTH_MS = 6000;

/** What `work` is refused with. */
async function refusal(cluster: SimulatedCluster, work: () => Promise<unknown>): Promise<string> {
  try {
    await cluster.run(work());
    return 'done';
  } catch (cause) {
    return (cause as Error).message;
  }
}

const joining = (cluster: SimulatedCluster, ...names: string[]): Partial<MemberConfig> => ({
  initialClusterState: 'existing',
  initialCluster: new Map(
    [...cluster.running.map(({ name }) => name), ...names].map((name) => [name, [peerUrlOf(name)]]),
  ),
});

describe('a cluster that changes', () => {
  it('takes in a learner, which serves once it has caught up and is promoted through a follower', async () => {
    await using cluster = await startSimulatedCluster();
    const leader = await cluster.untilLeader();
    await cluster.run(leader.put('a', '1'));
    await cluster.pass(HEALTH_MS);
    const follower = cluster.members.find((member) => member !== leader) ?? leader;
    const { changes } = follower.member;
    const added = await cluster.run(changes.add(changes.checkUrls([peerUrlOf('m4')]), { isLearner: true }));
    expect(added.member).toMatchObject({ isLearner: true, name: '', peerURLs: ['http://m4:2380'] });
    // Not started: it has nothing of the log (etcd #15096).
    expect(await refusal(cluster, () => changes.promote(added.member.id, undefined))).toBe(
      'etcdserver: can only promote a learner member which is in sync with leader',
    );
    const learner = cluster.place('m4', joining(cluster, 'm4'));
    const { ready } = await learner.start();
    await cluster.run(ready);
    expect(learner.id).toBe(added.member.id);
    await cluster.until(() => learner.get('a') === '1');
    expect(learner.member.isLearner).toBe(true);
    expect(await refusal(cluster, () => changes.add(changes.checkUrls(['http://m5:2380']), { isLearner: true }))).toBe(
      'etcdserver: too many learner members in cluster',
    );
    const members = await cluster.run(changes.promote(learner.id, undefined));
    expect(members.find(({ id }) => id === learner.id)).toMatchObject({ isLearner: false, name: 'm4' });
    await cluster.settle();
    expect(learner.member.isLearner).toBe(false);
    expect(await refusal(cluster, () => changes.promote(learner.id, undefined))).toBe(
      'etcdserver: can only promote a learner member',
    );
  });

  it('#21694: keeps a learner a learner when its URLs are updated', async () => {
    await using cluster = await startSimulatedCluster();
    const leader = await cluster.untilLeader();
    await cluster.pass(HEALTH_MS);
    const { changes } = leader.member;
    const { member } = await cluster.run(changes.add(changes.checkUrls(['http://m4:1']), { isLearner: true }));
    await cluster.run(changes.update(member.id, ['http://m4:2']));
    expect(leader.member.cluster.get(member.id)).toMatchObject({ isLearner: true, peerURLs: ['http://m4:2'] });
  });

  it('refuses what would be no member, or cost the quorum', async () => {
    await using cluster = await startSimulatedCluster();
    const leader = await cluster.untilLeader();
    const { changes } = leader.member;
    const add = (url: string) => () => changes.add(changes.checkUrls([url]), { isLearner: false });
    // A connection counts as healthy after five seconds only.
    expect(await refusal(cluster, async () => add('http://m9:2380')())).toBe('etcdserver: unhealthy cluster');
    await cluster.pass(HEALTH_MS);
    for (const url of ['nonsense', 'ftp://m9:1', 'http://m9', 'http://m9:1/path', ''])
      expect(await refusal(cluster, async () => add(url)())).toBe('etcdserver: given member URLs are invalid');
    expect(await refusal(cluster, add(peerUrlOf('m1')))).toBe('etcdserver: Peer URLs already exists');
    expect(await refusal(cluster, async () => changes.remove(77n))).toBe('etcdserver: member not found');
    expect(await refusal(cluster, async () => changes.update(77n, ['http://m9:1']))).toBe(
      'etcdserver: member not found',
    );
    expect(await refusal(cluster, async () => changes.update(77n, ['nonsense']))).toBe('etcdserver: member not found');
    expect(await refusal(cluster, async () => changes.promote(77n, undefined))).toBe('etcdserver: member not found');
    // Four voters of which three have started still have their quorum; five do not get one more that has not.
    expect(await refusal(cluster, add('http://m4:2380'))).toBe('done');
    expect(await refusal(cluster, async () => add('http://m5:2380')())).toBe('done');
    expect(await refusal(cluster, async () => add('http://m6:2380')())).toBe(
      'etcdserver: re-configuration failed due to not enough started members',
    );
  });

  it('#21667: takes in a member while one of three is down, but removes none of the others', async () => {
    await using cluster = await startSimulatedCluster();
    const leader = await cluster.untilLeader();
    const [down, up] = cluster.members.filter((member) => member !== leader);
    if (down === undefined || up === undefined) throw new Error('three were asked for');
    const downId = down.id;
    await cluster.pass(HEALTH_MS);
    await down.stop();
    const { changes } = leader.member;
    expect(await refusal(cluster, async () => changes.remove(up.id))).toBe('etcdserver: unhealthy cluster');
    expect(await refusal(cluster, () => changes.add(changes.checkUrls(['http://m4:1']), { isLearner: true }))).toBe(
      'etcdserver: unhealthy cluster',
    );
    // One that is down is no part of the quorum.
    expect(await refusal(cluster, async () => changes.remove(downId))).toBe('done');
    expect(leader.member.cluster.members.map(({ id }) => id)).not.toContain(downId);
  });

  it('loses its leader by removal, elects another, and the removed one stops', async () => {
    await using cluster = await startSimulatedCluster();
    const old = await cluster.untilLeader();
    const oldId = old.id;
    await cluster.run(old.put('a', '1'));
    await cluster.pass(HEALTH_MS);
    await cluster.run(old.member.changes.remove(oldId));
    await cluster.until(() => old.opened.isRemoved);
    const others = cluster.members.filter((member) => member !== old);
    await cluster.until(() => others.some(({ member }) => member.leadership.isLeader));
    const [one] = others;
    await cluster.run(one?.put('b', '2') ?? Promise.reject(new Error('nobody is left')));
    expect(one?.member.cluster.members.map(({ id }) => id)).not.toContain(oldId);
    // With its data it does not come back.
    await old.stop();
    await old.start();
    await cluster.until(() => old.opened.isRemoved);
    expect(one?.member.cluster.members).toHaveLength(2);
  });

  it('hands leadership over when asked to, and before its leader stops', async () => {
    await using cluster = await startSimulatedCluster();
    const first = await cluster.untilLeader();
    const target = cluster.members.find((member) => member !== first) ?? first;
    expect(await refusal(cluster, () => first.member.leaderTransfer.move(77n))).toBe(
      'etcdserver: bad leader transferee',
    );
    expect(await refusal(cluster, () => target.member.leaderTransfer.move(first.id))).toBe('etcdserver: not leader');
    await cluster.run(first.member.leaderTransfer.move(target.id));
    expect(target.member.leadership.isLeader).toBe(true);
    await cluster.run(target.member.leaderTransfer.handOver());
    expect(target.member.leadership.isLeader).toBe(false);
    expect((await cluster.untilLeader()).name).not.toBe(target.name);
  });
});
