/**
 * `--force-new-cluster` on what is left of a larger cluster: exactly one voter remains, and nobody comes back (issues
 * 20071, 20339, 20896, 20967, 12288).
 */
import { describe, expect, it } from 'vitest';
import { checkedPeerUrls } from '../../../../src/member/membership/peer-urls.js';
import { PutRequest } from '../../../../src/proto/gen/etcdserverpb.js';
import { InProcessMember } from '../../../support/in-process-member.js';
import { RecordingLogger } from '../../../support/recording-logger.js';
import { startSimulatedCluster } from '../../../support/simulated-cluster.js';

/** Alone, under its old id, with everything it had. */
async function expectAlone(opened: InProcessMember, id: bigint, keys: number): Promise<void> {
  const { member } = opened;
  expect(member.id).toBe(id);
  expect(member.cluster.members).toMatchObject([{ id, isLearner: false }]);
  // One voter in raft's configuration too, or nobody would agree to this.
  await opened.run(member.propose({ kind: 'put', request: PutRequest.create({ key: Buffer.from('k0') }) }));
  await opened.run(member.backend.commit());
  const stored = Buffer.from(member.backend.get('meta', Buffer.from('confState')) ?? []).toString();
  expect(stored).toBe(`{"voters":[${id}],"auto_leave":false}`);
  expect(opened.all().length).toBe(keys);
}

describe.each(['with a raft snapshot', 'with the log alone'])('going on alone %s', (base) => {
  const config = {
    snapshotCount: base === 'with a raft snapshot' ? 8 : 100_000,
    snapshotCatchupEntries: 3,
    walSegmentBytes: 16_000,
    // Or a change without a quorum would not even be proposed.
    strictReconfigCheck: false,
  };

  it('leaves one voter of three and a learner, wherever it is tried', { timeout: 60_000 }, async () => {
    const cluster = await startSimulatedCluster({ config });
    const leader = await cluster.untilLeader();
    await cluster.pass(6000);
    await cluster.run(leader.member.changes.add(checkedPeerUrls(['http://m4:2380']), { isLearner: true }));
    for (let i = 0; i < 20; i++) await cluster.run(leader.put(`k${i}`, `v${i}`));
    await cluster.settle();
    // A change that is proposed and never agreed on.
    cluster.network.isolate(leader.id);
    leader.member.changes.add(checkedPeerUrls(['http://m5:2380']), { isLearner: false }).catch(() => {});
    await cluster.pass(100);
    const proposer = leader.id;
    const places = cluster.members.map(({ disk, config: own, id }) => ({ disk, own, id }));
    for (const member of cluster.members) await member.stop();
    for (const { disk, own, id } of places) {
      const logger = new RecordingLogger();
      const forced = await InProcessMember.open(disk, { ...own, forceNewCluster: true }, { logger });
      await expectAlone(forced, id, 20);
      const said = logger.records.map(({ message }) => message);
      expect(said).toContain('forcing restart member');
      expect(said).not.toContain('restarting local member');
      // The change that only its proposer has.
      const discarded = logger.records.find(({ message }) => message === 'discarding uncommitted WAL entries')?.fields;
      if (id === proposer) expect(discarded).toMatchObject({ 'number-of-discarded-entries': 1 });
      else expect(discarded).toBeUndefined();
      await forced.stop();
      const again = await InProcessMember.open(disk, own);
      await expectAlone(again, id, 20);
      const others = places.filter((other) => other.id !== id);
      for (const other of others) expect(again.member.cluster.isRemoved(other.id)).toBe(true);
      expect(again.member.cluster.state.removed.length).toBe(3);
      await again.stop();
    }
  });
});
