/**
 * A member that had not yet applied an alarm listed none, after another member had told of it; and one without a quorum
 * listed what it knew. etcd puts the listing through the log, so that it does neither.
 */
import { expect, test } from 'vitest';
import { Guard } from '../../src/api/v3/guard.js';
import { maintenanceHandlers } from '../../src/api/v3/maintenance.js';
import type { ServerCall } from '../../src/grpc/types.js';
import {
  AlarmRequest_AlarmAction as AlarmAction,
  AlarmRequest,
  type AlarmResponse,
  AlarmType,
} from '../../src/proto/gen/etcdserverpb.js';
import { startSimulatedCluster } from '../support/simulated-cluster.js';

const raised = AlarmRequest.create({ action: AlarmAction.ACTIVATE, memberID: 5n, alarm: AlarmType.NOSPACE });

test('a member that is behind does not list alarms before it knows all that were answered', async () => {
  await using cluster = await startSimulatedCluster();
  const leader = await cluster.untilLeader();
  const behind = cluster.members.find((each) => each !== leader);
  if (behind === undefined) throw new Error('three were asked for');
  const call = { signal: new AbortController().signal } as unknown as ServerCall;
  const handlers = maintenanceHandlers(behind.member, new Guard(behind.member, { commonNames: false }));
  const list = async (): Promise<AlarmResponse> => (await handlers.alarm(AlarmRequest.create(), call)) as AlarmResponse;

  cluster.network.isolate(behind.id);
  await cluster.run(leader.member.propose({ kind: 'alarm', request: raised }));
  expect(behind.member.maintenance.namedAlarms()).toEqual([]);
  await expect(cluster.run(list())).rejects.toMatchObject({ row: 'timeout' });

  cluster.network.healAll();
  await cluster.until(() => behind.member.leadership.hasLeader);
  expect((await cluster.run(list())).alarms).toEqual([{ memberID: 5n, alarm: AlarmType.NOSPACE }]);
});
