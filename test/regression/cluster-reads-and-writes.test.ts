/** Bugs of etcd's that take a cluster, about what is read and written. */
import { describe, expect, it } from 'vitest';
import { RangeRequest, type RequestOp, TxnRequest } from '../../src/proto/gen/etcdserverpb.js';
import { type Message, MessageType } from '../../src/raftpb/types.js';
import { RaftGroup } from '../support/raft-group.js';
import { type SimulatedCluster, type SimulatedMember, startSimulatedCluster } from '../support/simulated-cluster.js';

async function hashes(cluster: SimulatedCluster, revision: number): Promise<unknown[]> {
  const found = [];
  for (const { opened } of cluster.members) found.push(await opened.hashKv(revision));
  return found;
}

function others(cluster: SimulatedCluster, member: SimulatedMember): [SimulatedMember, SimulatedMember] {
  const [a, b] = cluster.members.filter((other) => other !== member);
  if (a === undefined || b === undefined) throw new Error('three were asked for');
  return [a, b];
}

describe('#13766: a member that stops and starts over and over under load', () => {
  it('has the same hashes at the same revisions as the others', async () => {
    await using cluster = await startSimulatedCluster({ config: { snapshotCount: 15, backendBatchLimit: 7 } });
    const leader = await cluster.untilLeader();
    const [victim] = others(cluster, leader);
    let made = 0;
    for (let round = 0; round < 8; round++) {
      const puts = Array.from({ length: 12 }, () => leader.put(`k${made % 5}`, `${made++}`));
      if (round % 2 === 0) await victim.stop();
      await cluster.run(Promise.all(puts));
      if (round % 2 === 1) continue;
      const { ready } = await victim.start();
      await cluster.run(ready);
    }
    await cluster.settle();
    const { currentRevision } = leader.member;
    expect(currentRevision).toBe(1 + made);
    for (const revision of [0, currentRevision, currentRevision - 20, currentRevision - 50]) {
      const [first, ...rest] = await hashes(cluster, revision);
      for (const other of rest) expect(other).toEqual(first);
    }
  }, 60_000);
});

describe('#18667, #21432: a transaction that reads a compacted revision', () => {
  it('does the same on all members, whichever of them it was sent to', async () => {
    await using cluster = await startSimulatedCluster();
    const leader = await cluster.untilLeader();
    for (let i = 0; i < 10; i++) await cluster.run(leader.put('k', `${i}`));
    await cluster.run(leader.member.propose({ kind: 'compaction', request: { revision: 8, physical: false } }));
    await cluster.settle();
    const key = Buffer.from('k');
    for (const { member, name } of cluster.members) {
      const put = {
        key: Buffer.from(name),
        value: key,
        lease: 0n,
        prevKv: false,
        ignoreLease: false,
        ignoreValue: false,
      };
      const ops = (revision: number): RequestOp[] => [
        { request: { case: 'requestRange', value: RangeRequest.create({ key, revision }) } },
        { request: { case: 'requestPut', value: put } },
      ];
      const txn = (revision: number) =>
        member.propose({ kind: 'txn', request: TxnRequest.create({ success: ops(revision) }) });
      await expect(cluster.run(txn(3))).rejects.toThrow('required revision has been compacted');
      await expect(cluster.run(txn(99))).rejects.toThrow('required revision is a future revision');
      await cluster.run(txn(9));
      await cluster.settle();
      const [first, ...rest] = await hashes(cluster, 0);
      for (const other of rest) expect(other).toEqual(first);
    }
    expect(leader.member.currentRevision).toBe(14);
  });
});

describe('#14258, #14269: a read just after an election', () => {
  it('ends, with what was written before, on whatever member it is asked', async () => {
    await using cluster = await startSimulatedCluster();
    let leader = await cluster.untilLeader();
    for (let round = 0; round < 6; round++) {
      await cluster.run(leader.put('a', `${round}`));
      const [target] = others(cluster, leader);
      const isNew = cluster.until(() => target.member.leadership.isLeader);
      leader.member.leaderTransfer.move(target.id).catch(() => {});
      await isNew;
      // Its term's first entry is not applied yet on all of them.
      const reads = cluster.members.map(async (member) => {
        await member.member.reads.linearizable().catch(() => member.member.reads.linearizable());
        return member.get('a');
      });
      expect(await cluster.run(Promise.all(reads))).toEqual([`${round}`, `${round}`, `${round}`]);
      leader = await cluster.untilLeader();
    }
  }, 60_000);

  it('is answered by the core once an entry of the new term is committed, not before, and surely then', () => {
    const group = new RaftGroup(3);
    group.elect(1n);
    // The old leader has committed it, and its client was told; the others have the entry, but not that word.
    const before = group.raw(1n).committed;
    group.drop = ({ from, commit }) => from === 1n && commit > before;
    group.propose(1n, 'acknowledged');
    expect(group.data(1n)).toEqual(['acknowledged']);
    expect(group.data(2n)).toEqual([]);
    // The new leader gets heartbeats through, and no entries yet.
    const isOld = ({ from, to }: Message): boolean => from === 1n || to === 1n;
    group.drop = (message) => isOld(message) || message.type === MessageType.MsgApp;
    group.elect(2n);
    group.tick(1, [2n]);
    for (const id of [2n, 3n]) group.raw(id).readIndex(Buffer.from(`at ${id}`));
    group.tick(2, [2n]);
    expect(group.member(2n).reads).toEqual([]);
    expect(group.member(3n).reads).toEqual([]);
    group.drop = isOld;
    group.tick(2, [2n]);
    for (const id of [2n, 3n]) {
      expect(group.data(id)).toEqual(['acknowledged']);
      const context = Buffer.from(`at ${id}`);
      expect(group.member(id).reads).toEqual([{ index: group.raw(2n).committed, requestContext: context }]);
    }
  });
});

describe('#21375: reads while leadership moves on and on', () => {
  it('are never older than what was written before they began', async () => {
    await using cluster = await startSimulatedCluster();
    let leader = await cluster.untilLeader();
    let written = -1;
    let answered = 0;
    const stale: string[] = [];
    for (let round = 0; round < 12; round++) {
      await cluster.run(leader.put('a', `${round}`));
      written = round;
      const [target] = others(cluster, leader);
      leader.member.leaderTransfer.move(target.id).catch(() => {});
      const reads = cluster.members.map(async (member) => {
        for (let tries = 0; tries < 3; tries++) {
          const begun = written;
          const isAnswered = await member.member.reads.linearizable().then(
            () => true,
            () => false,
          );
          if (!isAnswered) continue;
          answered++;
          const found = Number(member.get('a'));
          if (found < begun) stale.push(`${member.name} has ${found} after ${begun}`);
        }
      });
      await cluster.run(Promise.all(reads));
      await cluster.until(() => target.member.leadership.isLeader);
      leader = await cluster.untilLeader();
    }
    expect(stale).toEqual([]);
    expect(answered).toBeGreaterThan(10);
  }, 60_000);
});
