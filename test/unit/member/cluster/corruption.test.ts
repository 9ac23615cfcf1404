import { describe, expect, it } from 'vitest';
import { CompactionRequest } from '../../../../src/proto/gen/etcdserverpb.js';
import { KeyValue } from '../../../../src/proto/gen/mvccpb.js';
import {
  type SimulatedCluster,
  type SimulatedMember,
  startSimulatedCluster,
} from '../../../support/simulated-cluster.js';

/** Changes one record of `key` behind the member's back: its index goes on as if nothing had happened. */
function corrupt(member: SimulatedMember): void {
  const { backend } = member.member;
  const changed: (readonly [Uint8Array, Uint8Array])[] = [];
  backend.range('key', new Uint8Array(0), undefined, 1, (key, value) => {
    const record = KeyValue.decode(Uint8Array.from(value));
    changed.push([Uint8Array.from(key), KeyValue.encode({ ...record, value: Buffer.from('not what was written') })]);
  });
  for (const [key, value] of changed) backend.put('key', key, value);
  expect(changed).toHaveLength(1);
}

const alarmed = (member: SimulatedMember): bigint[] =>
  member.member.maintenance.namedAlarms().map(({ memberId }) => memberId);

async function withData(cluster: SimulatedCluster) {
  const leader = await cluster.untilLeader();
  for (const key of ['a', 'b', 'c']) await cluster.run(leader.put(key, 'value'));
  await cluster.settle();
  const follower = cluster.members.find((member) => member !== leader) ?? leader;
  return { leader, follower };
}

describe('data that differs', () => {
  it('is found by the periodic check, and in 3.5 nobody is accused', async () => {
    await using cluster = await startSimulatedCluster({ config: { corruptCheckIntervalMs: 5000 } });
    const { leader, follower } = await withData(cluster);
    await cluster.pass(11_000);
    expect(alarmed(leader)).toEqual([]);
    corrupt(follower);
    await cluster.until(() => alarmed(leader).length > 0);
    expect(alarmed(leader)).toEqual([0n]);
    await expect(cluster.run(leader.put('d', 'value'))).rejects.toThrow('etcdserver: corrupt cluster');
  });

  it('is found by the periodic check, and its member accused, in 3.6', async () => {
    await using cluster = await startSimulatedCluster({ config: { corruptCheckIntervalMs: 5000, emulate: '3.6' } });
    const { leader, follower } = await withData(cluster);
    corrupt(follower);
    await cluster.until(() => alarmed(leader).length > 0);
    expect(alarmed(leader)).toEqual([follower.id]);
  });

  it.each(['3.5', '3.6'] as const)('is found by the hashes of compactions in %s', async (emulate) => {
    await using cluster = await startSimulatedCluster({ config: { compactHashCheckIntervalMs: 5000, emulate } });
    const { leader, follower } = await withData(cluster);
    corrupt(follower);
    const compact = (revision: number) =>
      leader.member.propose({ kind: 'compaction', request: CompactionRequest.create({ revision }) });
    await cluster.run(leader.put('a', 'newer'));
    await cluster.run(compact(3));
    await cluster.until(() => alarmed(leader).length > 0);
    expect(alarmed(leader)).toEqual([emulate === '3.5' ? 0n : follower.id]);
    // In the words that the others' checks look for, etcd's too.
    const { peerAnswers } = leader.member;
    await expect(peerAnswers.hashKv(1)).rejects.toThrow('etcdserver: mvcc: required revision has been compacted');
    await expect(peerAnswers.hashKv(99)).rejects.toThrow('etcdserver: mvcc: required revision is a future revision');
  });

  it('does not start beside others with the initial check', async () => {
    await using cluster = await startSimulatedCluster({ config: { initialCorruptCheck: true } });
    const { follower } = await withData(cluster);
    corrupt(follower);
    await follower.stop();
    const { ready } = await follower.start();
    await expect(cluster.run(ready)).rejects.toThrow('found data inconsistency with peers');
  });
});
