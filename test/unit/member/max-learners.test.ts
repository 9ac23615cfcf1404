/** `--max-learners` below what the cluster has: the member does not start, as etcd's. */
import { expect, it } from 'vitest';
import { diskWith, filesOf } from '../../support/disk-files.js';
import { InProcessMember } from '../../support/in-process-member.js';
import { peerUrlOf, startSimulatedCluster } from '../../support/simulated-cluster.js';

it('a member with more learners around it than it may have refuses to start; with enough room it does', async () => {
  await using cluster = await startSimulatedCluster({ members: 1, config: { maxLearners: 2, snapshotCount: 5 } });
  const leader = await cluster.untilLeader();
  const { changes } = leader.member;
  for (const name of ['m2', 'm3'])
    await cluster.run(changes.add(changes.checkUrls([peerUrlOf(name)]), { isLearner: true }));
  for (let i = 0; i < 12; i++) await cluster.run(leader.put('k', `${i}`));
  await leader.stop();
  const { config } = leader;
  // One for each: what a start that fails leaves open ends with its process.
  const files = filesOf(leader.disk);
  await expect(InProcessMember.prepare(diskWith(files), { ...config, maxLearners: 1 })).rejects.toThrow(
    'membership: too many learner members in cluster',
  );
  const again = await InProcessMember.prepare(diskWith(files), config);
  expect(again.member.cluster.members.filter(({ isLearner }) => isLearner)).toHaveLength(2);
  await again.member.stop();
}, 60_000);
