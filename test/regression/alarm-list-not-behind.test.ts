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

  cluster.network.isolate(behind.id);
  await cluster.run(leader.member.propose({ kind: 'alarm', request: raised }));
  expect(behind.member.maintenance.alarms(AlarmRequest.create())).toEqual([]);
  let listed: AlarmResponse | undefined;
  const listing = Promise.resolve(handlers.alarm(AlarmRequest.create(), call)).then((answer) => {
    listed = answer as AlarmResponse;
  });
  await cluster.pass(1000);
  expect(listed).toBeUndefined();

  cluster.network.healAll();
  await cluster.run(listing);
  expect(listed?.alarms).toEqual([{ memberID: 5n, alarm: AlarmType.NOSPACE }]);
});
