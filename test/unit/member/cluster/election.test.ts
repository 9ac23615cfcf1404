import { describe, expect, it, vi } from 'vitest';
import { PutRequest } from '../../../../src/proto/gen/etcdserverpb.js';
import { MessageType } from '../../../../src/raftpb/types.js';
import { InProcessMember, memberConfig } from '../../../support/in-process-member.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { MemoryDisk } from '../../../support/memory-disk.js';
import { startSimulatedCluster } from '../../../support/simulated-cluster.js';

describe('three members', () => {
  it('elect a leader and apply what any of them proposes', async () => {
    await using cluster = await startSimulatedCluster();
    const leader = await cluster.untilLeader();
    expect(cluster.members.every(({ member }) => member.leadership.lead === leader.id)).toBe(true);
    for (const [i, member] of cluster.members.entries()) await cluster.run(member.put(`k${i}`, member.name));
    await cluster.settle();
    for (const member of cluster.members)
      expect([member.get('k0'), member.get('k1'), member.get('k2')]).toEqual(['m1', 'm2', 'm3']);
    expect(new Set(cluster.members.map(({ member }) => member.currentRevision)).size).toBe(1);
  });

  it('go on when the leader is cut off, and take it back', async () => {
    await using cluster = await startSimulatedCluster();
    const old = await cluster.untilLeader();
    cluster.network.isolate(old.id);
    const others = cluster.members.filter((member) => member !== old);
    await cluster.until(() => others.some(({ member }) => member.leadership.isLeader));
    const [first, second] = others;
    if (first === undefined || second === undefined) throw new Error('three were asked for');
    await cluster.run(first.put('a', 'new'));
    await cluster.run(second.put('b', 'new'));
    await cluster.until(() => !old.member.leadership.hasLeader);
    expect(old.get('a')).toBeUndefined();
    cluster.network.healAll();
    await cluster.settle();
    expect([old.get('a'), old.get('b')]).toEqual(['new', 'new']);
  });

  it('tick with the heartbeats of their leader, which wake them anyway', async () => {
    await using cluster = await startSimulatedCluster();
    const leader = await cluster.untilLeader();
    await cluster.settle();
    await cluster.clock.advance(1000);
    const follower = cluster.members.find((member) => member !== leader);
    if (follower === undefined) throw new Error('three were asked for');
    const { node } = follower.member.parts;
    const ticked: number[] = [];
    const heard: number[] = [];
    const { step, tick } = node;
    vi.spyOn(node, 'tick').mockImplementation(() => {
      ticked.push(cluster.clock.monotonicMs());
      tick.call(node);
    });
    vi.spyOn(node, 'step').mockImplementation((message) => {
      if (message.type === MessageType.MsgHeartbeat) heard.push(cluster.clock.monotonicMs());
      step.call(node, message);
    });
    await cluster.clock.advance(2000);
    expect(ticked.length).toBeGreaterThanOrEqual(19);
    expect(ticked.length).toBeLessThanOrEqual(21);
    expect(ticked.filter((ms) => !heard.includes(ms))).toEqual([]);
  });
});

it('a lone member leads though writing its vote takes longer than a tick', async () => {
  const clock = new ManualClock();
  const failpoints = {
    hit: () => undefined,
    wait: async () => undefined,
    holdUp: (name: string) =>
      name === 'raftBeforeSave' ? new Promise<void>((resolve) => void clock.after(200, resolve)) : undefined,
  };
  await using lone = await InProcessMember.open(new MemoryDisk(), memberConfig('/m1'), { clock, failpoints });
  await lone.run(
    lone.member.propose({
      kind: 'put',
      request: PutRequest.create({ key: Buffer.from('a'), value: Buffer.from('1') }),
    }),
  );
  expect(lone.member.leadership.isLeader).toBe(true);
});
