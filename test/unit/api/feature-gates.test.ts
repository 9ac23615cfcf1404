/** Features that a member turns on do what they say; those that it has not are refused. */
import { describe, expect, it } from 'vitest';
import { RpcCounts, registerServices } from '../../../src/api/v3/register.js';
import { Code } from '../../../src/grpc/types.js';
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from '../../../src/proto/gen/grpc-health.js';
import { startCluster } from '../../support/cluster.js';
import { memberOptions } from '../../support/member-options.js';

type Handler = (request: unknown, call: unknown) => unknown;

describe('--experimental-stop-grpc-service-on-defrag', () => {
  it.each([
    [true, ServingStatus.NOT_SERVING],
    [false, ServingStatus.SERVING],
  ])('%s: a member that defragments says %s', async (stopsOnDefrag, status) => {
    await using cluster = await startCluster({ members: 1 });
    const served = cluster.only;
    const { member } = served.running;
    let check: Handler | undefined;
    const server = { unary: () => {}, stream: () => {} };
    const local = {
      add: (method: unknown, handler: unknown) => {
        if (method === Health.check) check = handler as Handler;
      },
    };
    const options = { commonNames: false, backlog: { bytes: 0 }, stopsOnDefrag };
    registerServices({ server: server as never, local }, member, new RpcCounts(), options);
    const ask = async () => ((await check?.({ service: '' }, { metadata: { get: () => undefined } })) ?? {}) as object;
    member.maintenance.defragsRunning++;
    expect(await ask()).toEqual({ status });
    member.maintenance.defragsRunning--;
    expect(await ask()).toEqual({ status: ServingStatus.SERVING });
  });
});

it('gRPC’s health service knows the server as a whole, and tells watchers of a change', async () => {
  await using cluster = await startCluster({ members: 1, flags: ['--experimental-stop-grpc-service-on-defrag'] });
  const { running } = cluster.only;
  const channel = cluster.only.connect();
  const serving = { status: ServingStatus.SERVING };
  expect(await channel.unary(Health.check, { service: '' })).toEqual(serving);
  await expect(channel.unary(Health.check, { service: 'etcdserverpb.KV' })).rejects.toMatchObject({
    code: Code.NotFound,
    message: 'unknown service',
  });
  expect(await channel.unary(Health.list, {})).toEqual({ statuses: [{ key: '', value: serving }] });
  const watched = async (service: string, ...between: (() => void)[]): Promise<ServingStatus[]> => {
    const stream = channel.stream(Health.watch);
    stream.send({ service });
    stream.end();
    const all: ServingStatus[] = [];
    for await (const { status } of stream.messages) {
      all.push(status);
      const next = between.shift();
      if (next === undefined) break;
      next();
    }
    stream.cancel();
    return all;
  };
  const { maintenance } = running.member;
  const begin = () => void maintenance.defragsRunning++;
  const end = () => void maintenance.defragsRunning--;
  const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = ServingStatus;
  expect(await watched('', begin, end)).toEqual([SERVING, NOT_SERVING, SERVING]);
  expect(await watched('nothing')).toEqual([SERVICE_UNKNOWN]);
});

describe('feature gates', () => {
  it('are on as they are told to', () => {
    const read = (gates: string) => memberOptions([`--emulate-version=3.6`, `--feature-gates=${gates}`]);
    expect(read('SetMemberLocalAddr=true').features.SetMemberLocalAddr).toBe(true);
    expect(read('SetMemberLocalAddr=false').features.SetMemberLocalAddr).toBe(false);
    expect(read('PriorityRequest=true').prioritizesRevokes).toBe(true);
    expect(read('StopGRPCServiceOnDefrag=true').features.StopGRPCServiceOnDefrag).toBe(true);
  });
});
