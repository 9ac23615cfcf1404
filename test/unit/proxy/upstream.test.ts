import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Balancer } from '../../../src/client/balancer.js';
import { Code, GrpcError } from '../../../src/grpc/types.js';
import {
  KV,
  type Member,
  MemberListResponse,
  RangeRequest,
  RangeResponse,
  Watch,
} from '../../../src/proto/gen/etcdserverpb.js';
import { EndpointSync } from '../../../src/proxy/grpc/endpoint-sync.js';
import { type PassedCall, Upstream } from '../../../src/proxy/grpc/upstream.js';
import { FakeChannel, type SeenCall } from '../../support/fake-channel.js';
import { ManualClock, settle } from '../../support/manual-clock.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { seededRandom } from '../../support/seeded-random.js';

const clock = () => new ManualClock();
const edges = (of: ManualClock) => ({ clock: of, random: seededRandom(1) });
const call = (more: Partial<PassedCall> = {}): PassedCall => ({
  metadata: new Map(),
  signal: new AbortController().signal,
  timeoutMs: undefined,
  ...more,
});
const answering = (target: string) => new FakeChannel(target, () => RangeResponse.create());

describe('the cluster behind a proxy', () => {
  it('is asked with what the caller sent, without what belongs to the connection', async () => {
    const channel = answering('a');
    const time = clock();
    const upstream = new Upstream(new Balancer([channel], edges(time)), time);
    const metadata = new Map([
      [':authority', ['proxy']],
      ['content-type', ['application/grpc']],
      ['user-agent', ['x']],
      ['grpc-previous-rpc-attempts', ['1']],
      ['token', ['t']],
      ['hasleader', ['true']],
    ]);
    await upstream.unary(KV.range, RangeRequest.create(), call({ metadata, timeoutMs: 700 }));
    expect(channel.calls.map((seen) => [Object.fromEntries(seen.metadata ?? []), seen.timeoutMs])).toEqual([
      [{ token: ['t'], hasleader: ['true'] }, 700],
    ]);
  });

  it('is waited for some seconds, and then is unavailable for the reason of the last attempt', async () => {
    const channel = answering('a');
    channel.isReachable = false;
    const time = clock();
    const upstream = new Upstream(new Balancer([channel], edges(time)), time);
    const failed = upstream.unary(KV.range, RangeRequest.create(), call()).catch((error: unknown) => error);
    await settle();
    await time.advance(3000);
    expect(await failed).toMatchObject({
      code: Code.Unavailable,
      message: 'connection error: desc = "cannot reach a"',
    });
  });

  it('is waited for no longer than the caller waits', async () => {
    const channel = answering('a');
    channel.isReachable = false;
    const time = clock();
    const upstream = new Upstream(new Balancer([channel], edges(time)), time);
    const caller = new AbortController();
    const failed = upstream
      .unary(KV.range, RangeRequest.create(), call({ signal: caller.signal }))
      .catch((error: unknown) => error);
    const gone = new GrpcError(Code.Canceled, 'context canceled');
    caller.abort(gone);
    expect(await failed).toBe(gone);
  });

  it('is not waited for by a caller who has gone already', async () => {
    const channel = answering('a');
    channel.isReachable = false;
    const time = clock();
    const upstream = new Upstream(new Balancer([channel], edges(time)), time);
    const gone = new GrpcError(Code.Canceled, 'context canceled');
    const signal = AbortSignal.abort(gone);
    await expect(upstream.unary(KV.range, RangeRequest.create(), call({ signal }))).rejects.toBe(gone);
    await expect(upstream.stream(Watch.watch, call({ signal }), async () => {})).rejects.toBe(gone);
  });

  it('leaves no listener at the signal of a caller who has waited for it', async () => {
    const channel = answering('a');
    const time = clock();
    const upstream = new Upstream(new Balancer([channel], edges(time)), time);
    const { signal } = new AbortController();
    await upstream.unary(KV.range, RangeRequest.create(), call({ signal }));
    channel.isReachable = false;
    channel.state = 'idle';
    const failed = upstream.unary(KV.range, RangeRequest.create(), call({ signal })).catch(() => 'failed');
    await settle();
    expect(getEventListeners(signal, 'abort')).not.toEqual([]);
    await time.advance(3000);
    expect(await failed).toBe('failed');
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('may have streams under way when it changes, which end where they are', async () => {
    const old = answering('old');
    const time = clock();
    const upstream = new Upstream(new Balancer([old], edges(time)), time);
    let end = (): void => {};
    const running = upstream.stream(Watch.watch, call(), () => new Promise((resolve) => (end = resolve)));
    await settle();
    upstream.replace(new Balancer([answering('fresh')], edges(time)));
    await settle();
    expect([old.state, old.streams[0]?.isCanceled]).toEqual(['ready', false]);
    end();
    await running;
    expect(old.streams[0]?.isCanceled).toBe(true);
    await settle();
    expect(old.state).toBe('shutdown');
  });

  it('may change while calls are under way: they end where they are', async () => {
    let answer: (value: RangeResponse) => void = () => {};
    const old = new FakeChannel('old', () => new Promise((resolve) => (answer = resolve)));
    const fresh = answering('fresh');
    const time = clock();
    const upstream = new Upstream(new Balancer([old], edges(time)), time);
    const running = upstream.unary(KV.range, RangeRequest.create(), call());
    await settle();
    upstream.replace(new Balancer([fresh], edges(time)));
    await upstream.unary(KV.range, RangeRequest.create(), call());
    expect([old.state, old.calls.length, fresh.calls.length]).toEqual(['ready', 1, 1]);
    answer(RangeResponse.create({ count: 5 }));
    expect((await running).count).toBe(5);
    await settle();
    expect([old.state, fresh.state]).toEqual(['shutdown', 'ready']);
  });
});

describe('the endpoints of a proxy', () => {
  const member = (name: string, url: string, isLearner = false): Member => ({
    ID: 1n,
    name,
    peerURLs: [],
    clientURLs: [url],
    isLearner,
  });

  function synced(list: () => Member[]) {
    const time = clock();
    const logger = new RecordingLogger();
    const connected: (readonly string[])[] = [];
    const asked: SeenCall[] = [];
    const answer = (seen: SeenCall): MemberListResponse => {
      asked.push(seen);
      return MemberListResponse.create({ members: list() });
    };
    const balancer = (): Balancer => new Balancer([new FakeChannel('m', answer)], edges(time));
    const upstream = new Upstream(balancer(), time);
    const connect = (endpoints: readonly string[]): Balancer => {
      connected.push(endpoints);
      return balancer();
    };
    const sync = new EndpointSync(['http://a'], { upstream, connect, clock: time, logger, intervalMs: 1000 });
    sync.start();
    const tick = async (): Promise<void> => {
      await time.advance(1000);
      await settle();
    };
    return { sync, logger, connected, tick, time, asked };
  }

  it('become those of the members that have started, without learners', async () => {
    let members = [member('a', 'http://a')];
    const { sync, connected, tick } = synced(() => members);
    await tick();
    expect(connected).toEqual([]);
    members = [member('c', 'http://c'), member('a', 'http://a'), member('', 'http://d'), member('l', 'http://e', true)];
    await tick();
    await tick();
    expect([connected, sync.endpoints]).toEqual([[['http://a', 'http://c']], ['http://a', 'http://c']]);
    sync.stop();
  });

  it('stay when nobody tells of any', async () => {
    let fails = true;
    const { sync, logger, connected, tick, time, asked } = synced(() => {
      if (fails) throw new GrpcError(Code.Unavailable, 'etcdserver: no leader');
      return [];
    });
    await tick();
    fails = false;
    await tick();
    expect([connected, sync.endpoints]).toEqual([[], ['http://a']]);
    expect(logger.records).toEqual([
      { level: 'warn', message: 'Auto sync endpoints failed.', fields: { error: 'etcdserver: no leader' } },
    ]);
    sync.stop();
    expect(time.pending).toBe(0);
    expect(asked.map(({ timeoutMs }) => timeoutMs)).toEqual([5000, 5000]);
  });
});
