/** What requests meet with while there is no leader, or a new one. */
import { describe, expect, it } from 'vitest';
import { startSimulatedCluster } from '../../../support/simulated-cluster.js';

const outcome = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (cause: unknown) => (cause as Error).message,
  );

describe('without a leader', () => {
  it('a put waits for one, and ends at its deadline where none comes', async () => {
    await using cluster = await startSimulatedCluster();
    const leader = await cluster.untilLeader();
    const [one, two] = cluster.members.filter((member) => member !== leader);
    if (one === undefined || two === undefined) throw new Error('three were asked for');
    await leader.stop();
    await two.stop();
    await cluster.until(() => !one.member.leadership.hasLeader);
    const late = outcome(one.put('a', '1'));
    expect(await cluster.run(late)).toBe('context deadline exceeded');
    const waiting = outcome(one.put('a', '2'));
    const read = outcome(one.member.reads.linearizable());
    await two.start();
    expect(await cluster.run(waiting)).toBe('done');
    // The read was asked of nobody; its client tries again.
    expect(await cluster.run(read)).toBe('etcdserver: leader changed');
    await cluster.settle();
    expect(two.get('a')).toBe('2');
  });

  it('a follower cut off from its leader says why a put got no answer', async () => {
    await using cluster = await startSimulatedCluster();
    const leader = await cluster.untilLeader();
    const follower = cluster.members.find((member) => member !== leader) ?? leader;
    cluster.network.cut(follower.id, leader.id);
    // It goes on hearing heartbeats, so it still follows.
    expect(await cluster.run(outcome(follower.put('a', '1')))).toBe(
      'etcdserver: request timed out, possibly due to connection lost',
    );
  });

  it('a leader cut off from all is told that another one came', async () => {
    await using cluster = await startSimulatedCluster();
    const leader = await cluster.untilLeader();
    cluster.network.isolate(leader.id);
    const put = outcome(leader.put('a', '1'));
    const read = outcome(leader.member.reads.linearizable());
    await cluster.pass(4000);
    cluster.network.healAll();
    expect(await cluster.run(read)).toBe('etcdserver: leader changed');
    await cluster.run(put);
    await cluster.settle();
    expect(leader.get('a')).toBeUndefined();
  });
});

describe('#20418: a leader that was cut off while a read was under way', () => {
  it('does not answer later reads with what it confirmed before', async () => {
    await using cluster = await startSimulatedCluster();
    const old = await cluster.untilLeader();
    const [one] = cluster.members.filter((member) => member !== old);
    await cluster.run(old.put('a', 'before'));
    cluster.network.isolate(old.id);
    await cluster.until(() => cluster.members.some((member) => member !== old && member.member.leadership.isLeader));
    await cluster.run(one?.put('a', 'after') ?? Promise.reject(new Error('nobody')));
    const read = old.member.reads.linearizable().then(
      () => old.get('a'),
      (cause: unknown) => (cause as Error).message,
    );
    await cluster.pass(300);
    cluster.network.healAll();
    expect(['after', 'etcdserver: leader changed']).toContain(await cluster.run(read));
  });
});
