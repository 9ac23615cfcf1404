/** `/health` and `/proxy/health` of a gRPC proxy: which answers count as well, and how long any may take. */
import { describe, expect, it } from 'vitest';
import { Code, GrpcError } from '../../../src/grpc/types.js';
import type { HttpRequest, HttpResponse } from '../../../src/lib/http.js';
import { type WireError, wireErrors } from '../../../src/proto/errors.js';
import { WatchResponse } from '../../../src/proto/gen/etcdserverpb.js';
import { proxyHealth } from '../../../src/proxy/grpc/health.js';
import type { Answer, FakeChannel, SeenCall } from '../../support/fake-channel.js';
import { fakeClient } from '../../support/fake-client.js';
import { ManualClock } from '../../support/manual-clock.js';

const fine: Answer = () => ({ kvs: [] });
const failing =
  ({ code, message }: WireError): Answer =>
  () => {
    throw new GrpcError(code as Code, message);
  };

/** A proxy whose cluster, and who itself, answer reads so. */
function proxy({ cluster = fine, self = fine, hasAddress = true } = {}) {
  const clock = new ManualClock();
  const seen: SeenCall[] = [];
  const channels: FakeChannel[] = [];
  const asked = (answer: Answer) =>
    fakeClient((channel) => {
      channels.push(channel);
      channel.answer = (call) => {
        seen.push(call);
        return answer(call);
      };
    });
  const toCluster = asked(cluster);
  const toSelf = hasAddress ? asked(self) : undefined;
  const handler = proxyHealth({
    clock,
    cluster: toCluster.client,
    self: toSelf?.client,
    key: Buffer.from('ns/a'),
  });
  return {
    get: async (path: string, method = 'GET'): Promise<HttpResponse | undefined> =>
      handler({ method } as HttpRequest, new URL(path, 'http://a')),
    pass: async (ms: number): Promise<void> => {
      await toCluster.clock.advance(ms);
      await toSelf?.clock.advance(ms);
      await clock.advance(ms);
    },
    keys: () => seen.map(({ request }) => Buffer.from((request as { key: Uint8Array }).key).toString()),
    watches: () => channels.flatMap(({ streams }) => streams),
    clock,
    seen,
  };
}

const well = {
  status: 200,
  headers: { 'Content-Type': 'text/plain; charset=utf-8' },
  body: '{"health":"true","reason":""}',
};
const unwell = (reason: string) => ({
  status: 503,
  headers: { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
  body: `{"health":"false","reason":"${reason}"}\n`,
});

describe('the health of the cluster behind a proxy', () => {
  it('is whether it answers a read of the proxy’s key, a refusal too', async () => {
    const answering = proxy();
    expect(await answering.get('/health')).toEqual(well);
    expect(answering.keys()).toEqual(['ns/a']);
    expect(await proxy({ cluster: failing(wireErrors.permissionDenied) }).get('/health')).toEqual(well);
  });

  it('is bad where it fails, and says how', async () => {
    const failed = proxy({ cluster: failing(wireErrors.corrupt) });
    expect(await failed.get('/health')).toEqual(unwell(`GET ERROR:${wireErrors.corrupt.message}`));
  });

  it('is asked for within a second', async () => {
    const { get, seen } = proxy();
    await get('/health');
    expect(seen.map(({ timeoutMs }) => timeoutMs)).toEqual([1000]);
  });

  it('is told to a GET alone; other paths are for others', async () => {
    const { get, keys } = proxy();
    for (const path of ['/health', '/proxy/health']) {
      expect(await get(path, 'POST')).toEqual({
        status: 405,
        headers: { ...unwell('').headers, Allow: 'GET' },
        body: 'Method Not Allowed\n',
      });
    }
    expect(await get('/healthz')).toBeUndefined();
    expect(keys()).toEqual([]);
  });
});

describe('the health of a proxy', () => {
  it('needs an address of its own', async () => {
    expect(await proxy({ hasAddress: false }).get('/proxy/health')).toEqual(unwell('no connection to proxy'));
  });

  it('is bad where reads through it fail, and no watch is tried then', async () => {
    const { get, keys, watches } = proxy({ self: failing(wireErrors.corrupt) });
    expect(await get('/proxy/health')).toEqual(unwell(`GET ERROR:${wireErrors.corrupt.message}`));
    expect([keys(), watches()]).toEqual([['a'], []]);
  });

  it.each([
    ['made', WatchResponse.create({ created: true, watchId: 0n })],
    ['refused', new GrpcError(Code.PermissionDenied, wireErrors.permissionDenied.message)],
  ])('is good where a watch is answered: %s', async (_what, answer) => {
    const { get, pass, watches, clock } = proxy();
    const health = get('/proxy/health');
    await pass(1);
    const [stream] = watches();
    if (answer instanceof GrpcError) stream?.fail(answer);
    else stream?.answer(answer);
    expect(await health).toEqual(well);
    await pass(1);
    // Nothing of it stays.
    expect(clock.pending).toBe(0);
    if (!(answer instanceof GrpcError))
      expect(stream?.sent.at(-1)).toMatchObject({ requestUnion: { case: 'cancelRequest' } });
  });

  it('is bad where no watch is answered for three seconds', async () => {
    const { get, pass } = proxy();
    let answer: HttpResponse | undefined;
    const health = get('/proxy/health').then((given) => {
      answer = given;
    });
    await pass(2999);
    expect(answer).toBeUndefined();
    await pass(1);
    await health;
    expect(answer).toEqual(unwell('WATCH TIMEOUT'));
  });
});
