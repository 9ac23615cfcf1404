import { getEventListeners } from 'node:events';
import { beforeEach, describe, expect, it } from 'vitest';
import { Client } from '../../../src/client/client.js';
import { EtcdError } from '../../../src/client/errors.js';
import type { ClientOptions } from '../../../src/client/options.js';
import { Code, GrpcError } from '../../../src/grpc/types.js';
import type { LogFields, Logger } from '../../../src/lib/logger.js';
import { silentLogger } from '../../../src/lib/logger.js';
import { PutResponse, RangeResponse } from '../../../src/proto/gen/etcdserverpb.js';
import { type Answer, FakeChannel } from '../../support/fake-channel.js';
import { ManualClock, settle } from '../../support/manual-clock.js';
import { seededRandom } from '../../support/seeded-random.js';

let clock: ManualClock;
let channels: FakeChannel[];
const unavailable = () => new GrpcError(Code.Unavailable, 'error reading from server: EOF');

function makeClient(answers: Record<string, Answer>, options: Partial<ClientOptions> = {}): Client {
  return new Client(
    { endpoints: Object.keys(answers), ...options },
    {
      clock,
      random: seededRandom(7),
      connect: (endpoint) => {
        const channel = new FakeChannel(endpoint.text, answers[endpoint.text] ?? (() => RangeResponse.create()));
        channels.push(channel);
        return channel;
      },
    },
  );
}

/** Resolves with what a call came to, an error included. */
const outcome = <T>(call: Promise<T>): Promise<T | Error> => call.catch((error: Error) => error);

beforeEach(() => {
  clock = new ManualClock();
  channels = [];
});

describe('a client of several endpoints', () => {
  it('takes them in turn', async () => {
    const client = makeClient({ a: () => RangeResponse.create(), b: () => RangeResponse.create() });
    for (let i = 0; i < 6; i++) await client.kv.get('k');
    await settle();
    for (let i = 0; i < 6; i++) await client.kv.get('k');
    const [a, b] = channels.map(({ calls }) => calls.length);
    expect((a ?? 0) + (b ?? 0)).toBe(12);
    expect(Math.min(a ?? 0, b ?? 0)).toBeGreaterThanOrEqual(5);
  });

  it('passes over those that cannot be reached, for writes too', async () => {
    const client = makeClient({ dead: () => RangeResponse.create(), live: () => PutResponse.create() });
    channels.forEach((channel) => {
      channel.isReachable = channel.target === 'live';
    });
    await expect(client.kv.put('k', 'v')).resolves.toMatchObject({ prevKv: undefined });
    expect(channels.map(({ calls }) => calls.length)).toEqual([0, 1]);
  });

  it('reads again elsewhere when a member went away underway', async () => {
    const client = makeClient({
      a: () => {
        throw unavailable();
      },
      b: () => RangeResponse.create({ count: 1 }),
    });
    for (const channel of channels) await channel.connect();
    await expect(client.kv.get('k')).resolves.toMatchObject({ count: 1 });
  });

  it('does not write again, since the lost answer does not tell whether it was done', async () => {
    const client = makeClient({
      a: () => {
        throw unavailable();
      },
      b: () => PutResponse.create(),
    });
    for (const channel of channels) await channel.connect();
    const failed = await outcome(client.kv.put('k', 'v'));
    expect(failed).toBeInstanceOf(EtcdError);
    expect(failed).toMatchObject({
      code: Code.Unavailable,
      message: 'rpc error: code = Unavailable desc = error reading from server: EOF',
    });
    expect(channels.map(({ calls }) => calls.length)).toEqual([1, 0]);
  });

  it('gives up after a hundred attempts', async () => {
    const client = makeClient({
      a: () => {
        throw unavailable();
      },
    });
    const call = outcome(client.kv.get('k'));
    await clock.advance(60_000);
    await expect(call).resolves.toMatchObject({ code: Code.Unavailable });
    expect(channels[0]?.calls.length).toBe(100);
  });
});

describe('a call', () => {
  it('waits for a server as long as its deadline allows, and says so in clientv3’s words', async () => {
    const warnings: LogFields[] = [];
    const logger: Logger = { ...silentLogger, warn: (_, fields) => warnings.push(fields ?? {}) };
    const client = makeClient({ '127.0.0.1:1': () => RangeResponse.create() }, { logger });
    for (const channel of channels) channel.isReachable = false;
    const call = outcome(client.kv.get('k', { timeoutMs: 5000 }));
    await clock.advance(4999);
    await clock.advance(1);
    await expect(call).resolves.toMatchObject({ code: Code.DeadlineExceeded, message: 'context deadline exceeded' });
    expect(channels[0]?.calls.length).toBe(0);
    expect(warnings).toEqual([
      {
        target: expect.stringMatching(/^etcd-endpoints:\/\/0x[0-9a-f]{10}\/127\.0\.0\.1:1$/),
        peer: 'Peer{Addr: <nil>, LocalAddr: <nil>, AuthInfo: <nil>}',
        method: '/etcdserverpb.KV/Range',
        attempt: 0,
        error:
          'rpc error: code = DeadlineExceeded desc = latest balancer error: ' +
          'connection error: desc = "cannot reach 127.0.0.1:1"',
      },
    ]);
  });

  it.each([
    [false, 'insecure'],
    [true, 'tls'],
  ])('that failed is told with both ends of its connection (TLS: %s)', async (isSecure, authInfo) => {
    const peers: unknown[] = [];
    const logger: Logger = { ...silentLogger, warn: (_, fields) => peers.push(fields?.peer) };
    const client = makeClient(
      {
        a: () => {
          throw new GrpcError(Code.InvalidArgument, 'etcdserver: key is not provided');
        },
      },
      { logger },
    );
    for (const channel of channels)
      channel.peer = { remoteAddress: '10.0.0.1:1', localAddress: '10.0.0.2:3', isSecure };
    await outcome(client.kv.get('k'));
    expect(peers).toEqual([`Peer{Addr: '10.0.0.1:1', LocalAddr: '10.0.0.2:3', AuthInfo: '${authInfo}'}`]);
  });

  it('goes out once a server can be reached', async () => {
    const client = makeClient({ a: () => PutResponse.create() });
    const [channel] = channels;
    if (channel !== undefined) channel.isReachable = false;
    const call = client.kv.put('k', 'v');
    await clock.advance(500);
    if (channel !== undefined) channel.isReachable = true;
    await clock.advance(2000);
    await expect(call).resolves.toBeDefined();
  });

  it('fails at once when it has no time at all', async () => {
    const client = makeClient({ a: () => RangeResponse.create() });
    for (const timeoutMs of [0, -1000]) {
      expect(await outcome(client.kv.get('k', { timeoutMs }))).toMatchObject({ message: 'context deadline exceeded' });
    }
    expect(channels[0]?.connects).toBe(0);
  });

  it('hands the rest of its time to each attempt', async () => {
    let attempts = 0;
    const client = makeClient({
      a: () => {
        if (attempts++ === 0) throw unavailable();
        return RangeResponse.create();
      },
    });
    const call = client.kv.get('k', { timeoutMs: 5000 });
    await clock.advance(100);
    await call;
    const [first, second] = channels[0]?.calls.map(({ timeoutMs }) => timeoutMs ?? 0) ?? [];
    expect(first).toBe(5000);
    expect(second).toBeLessThan(4980);
    expect(second).toBeGreaterThan(4960);
  });

  it('ends when its caller cancels it', async () => {
    const client = makeClient({ a: () => RangeResponse.create() });
    for (const channel of channels) channel.isReachable = false;
    const stop = new AbortController();
    const call = outcome(client.kv.get('k', { signal: stop.signal }));
    await clock.advance(10);
    stop.abort();
    await expect(call).resolves.toMatchObject({ code: Code.Canceled, message: 'context canceled' });
  });

  it('leaves no listener at the signal of its caller, however it ends and as often as it is made again', async () => {
    const { signal } = new AbortController();
    let isDown = true;
    const client = makeClient({
      a: () => {
        if (isDown) throw unavailable();
        return RangeResponse.create();
      },
    });
    const listeners = (): number => getEventListeners(signal, 'abort').length;
    const late = outcome(client.kv.get('k', { signal, timeoutMs: 200 }));
    await clock.advance(100);
    expect(listeners()).toBe(1);
    await clock.advance(100);
    expect([await late, listeners()]).toEqual([expect.any(EtcdError), 0]);
    const again = client.kv.get('k', { signal });
    await clock.advance(100);
    isDown = false;
    await clock.advance(100);
    expect([await again, listeners()]).toEqual([expect.anything(), 0]);
    for (const channel of channels) {
      channel.isReachable = false;
      channel.state = 'idle';
    }
    const unreachable = outcome(client.kv.put('k', 'v', { signal, timeoutMs: 1000 }));
    await clock.advance(1000);
    expect([await unreachable, listeners()]).toEqual([expect.any(EtcdError), 0]);
    const opening = outcome(client.maintenance.snapshot({ signal }).next());
    await clock.advance(10);
    await client.close();
    expect([await opening, listeners()]).toEqual([expect.any(EtcdError), 0]);
  });

  it('is not begun for a caller that has gone', async () => {
    const client = makeClient({ a: () => RangeResponse.create() });
    const signal = AbortSignal.abort();
    const calls = [client.kv.get('k', { signal }), client.maintenance.snapshot({ signal }).next()];
    for (const call of calls)
      expect(await outcome<unknown>(call)).toMatchObject({ code: Code.Canceled, message: 'context canceled' });
    expect(channels[0]?.calls).toEqual([]);
    expect(channels[0]?.streams).toEqual([]);
  });

  it('is not made again by a caller that has gone, or whose time is up', async () => {
    const client = makeClient({
      a: () => {
        throw unavailable();
      },
    });
    const stop = new AbortController();
    const canceled = outcome(client.kv.get('k', { signal: stop.signal }));
    await clock.advance(30);
    stop.abort();
    expect(await canceled).toMatchObject({ code: Code.Canceled, message: 'context canceled' });
    const attempts = channels[0]?.calls.length ?? 0;
    const late = outcome(client.kv.get('k', { timeoutMs: 60 }));
    await clock.advance(60);
    expect(await late).toMatchObject({ code: Code.DeadlineExceeded, message: 'context deadline exceeded' });
    expect((channels[0]?.calls.length ?? 0) - attempts).toBeLessThan(5);
    expect(clock.pending).toBe(0);
  });

  it('that fails in a way of its own is no riddle either', async () => {
    const client = makeClient({
      a: () => {
        throw new TypeError('out of range');
      },
    });
    const failed = await outcome(client.kv.get('k'));
    expect(failed).toBeInstanceOf(EtcdError);
    expect(failed).toMatchObject({ message: expect.stringContaining('out of range') });
    expect(channels[0]?.calls.length).toBe(1);
  });

  it('fails when the client is closed', async () => {
    const logged: string[] = [];
    const logger: Logger = { ...silentLogger, warn: (message) => void logged.push(message) };
    const client = makeClient({ a: () => RangeResponse.create() }, { logger });
    for (const channel of channels) channel.isReachable = false;
    const call = outcome(client.kv.get('k', { timeoutMs: 1000 }));
    await clock.advance(10);
    await client.close();
    // Whoever closes it is told by the call alone.
    expect(logged).toEqual([]);
    await expect(call).resolves.toMatchObject({
      code: Code.Canceled,
      message: 'rpc error: code = Canceled desc = grpc: the client connection is closing',
    });
    expect(clock.pending).toBe(0);
  });

  it('says which version of the API it speaks', async () => {
    const client = makeClient({ a: () => RangeResponse.create() });
    await client.kv.get('k');
    expect(channels[0]?.calls[0]?.metadata).toEqual(new Map([['client-api-version', ['3.5']]]));
  });
});

describe('a client with a user', () => {
  const tokens = (...list: string[]): Answer => {
    return ({ path, metadata }) => {
      if (path.endsWith('/Authenticate')) return { header: undefined, token: list.shift() ?? 'none' };
      const [token] = metadata?.get('token') ?? [];
      if (token !== 'good') throw new GrpcError(Code.Unauthenticated, 'etcdserver: invalid auth token');
      return RangeResponse.create({ count: 3 });
    };
  };

  it('sends the token that it logged in for', async () => {
    const client = makeClient({ a: tokens('good') }, { username: 'u', password: 'p' });
    await client.logIn();
    await expect(client.kv.get('k')).resolves.toMatchObject({ count: 3 });
    expect(channels[0]?.calls.map(({ path }) => path)).toEqual([
      '/etcdserverpb.Auth/Authenticate',
      '/etcdserverpb.KV/Range',
    ]);
  });

  it('logs in again when the server no longer knows the token', async () => {
    const client = makeClient({ a: tokens('stale', 'good') }, { username: 'u', password: 'p' });
    await client.logIn();
    await expect(client.kv.put('k', 'v')).resolves.toMatchObject({ count: 3 });
  });

  it('goes on without a token when the server has no authentication', async () => {
    const answer: Answer = ({ path, metadata }) => {
      if (path.endsWith('/Authenticate'))
        throw new GrpcError(Code.FailedPrecondition, 'etcdserver: authentication is not enabled');
      expect(metadata?.has('token')).toBe(false);
      return RangeResponse.create();
    };
    const client = makeClient({ a: answer }, { username: 'u', password: 'p' });
    await client.logIn();
    await expect(client.kv.get('k')).resolves.toBeDefined();
  });

  it('fails when name or password are wrong', async () => {
    const answer: Answer = () => {
      throw new GrpcError(Code.InvalidArgument, 'etcdserver: authentication failed, invalid user ID or password');
    };
    const client = makeClient({ a: answer }, { username: 'u', password: 'p' });
    expect(await outcome(client.logIn())).toMatchObject({
      message: 'etcdserver: authentication failed, invalid user ID or password',
    });
  });

  it('gets a new token for every stream', async () => {
    const client = makeClient({ a: tokens('first', 'second') }, { username: 'u', password: 'p' });
    for (const watch of [1, 2]) {
      client.watches.watch('k', { requireLeader: watch === 2 });
      await clock.advance(200);
    }
    const [channel] = channels;
    expect(channel?.calls.map(({ path }) => path)).toEqual(Array(2).fill('/etcdserverpb.Auth/Authenticate'));
    expect(channel?.streams.map(({ options }) => options.metadata?.get('token'))).toEqual([['first'], ['second']]);
    await client.close();
  });

  it('goes on with the token that it has while a stream gets another', async () => {
    let answerLogin: (token: string) => void = () => {};
    const second = new Promise<string>((resolve) => {
      answerLogin = resolve;
    });
    const seen: (readonly string[] | undefined)[] = [];
    const list: (string | Promise<string>)[] = ['first', second];
    const answer: Answer = async ({ path, metadata }) => {
      if (path.endsWith('/Authenticate')) return { header: undefined, token: await list.shift() };
      seen.push(metadata?.get('token'));
      return RangeResponse.create();
    };
    const client = makeClient({ a: answer }, { username: 'u', password: 'p' });
    await client.logIn();
    client.watch('k');
    await settle();
    await client.kv.get('k');
    answerLogin('second');
    await settle();
    await client.kv.get('k');
    expect(seen).toEqual([['first'], ['second']]);
    await client.close();
  });

  it('cannot open a stream where it may not log in, and says why', async () => {
    const answer: Answer = () => {
      throw new GrpcError(Code.InvalidArgument, 'etcdserver: authentication failed, invalid user ID or password');
    };
    const client = makeClient({ a: answer }, { username: 'u', password: 'wrong' });
    const message = 'etcdserver: authentication failed, invalid user ID or password';
    const snapshot = await outcome(client.maintenance.snapshot().next());
    expect(snapshot).toBeInstanceOf(EtcdError);
    expect(snapshot).toMatchObject({ message });
    const hash = await outcome(client.maintenance.hash('b'));
    expect(hash).toBeInstanceOf(EtcdError);
    expect(hash).toMatchObject({
      code: Code.InvalidArgument,
      message: `failed to getToken from endpoint b with maintenance client: ${message}`,
    });
    expect(channels.map(({ state }) => state)).toEqual(['ready', 'shutdown']);
  });

  it('may bring a token of its own', async () => {
    const client = makeClient({ a: tokens() }, { token: 'good' });
    await client.logIn();
    await expect(client.kv.get('k')).resolves.toMatchObject({ count: 3 });
  });

  it('is refused at once with one that nobody knows', async () => {
    const client = makeClient({ a: tokens() }, { token: 'bad' });
    await expect(client.kv.get('k')).rejects.toThrow('etcdserver: invalid auth token');
    expect(channels[0]?.calls).toHaveLength(1);
  });
});

describe('a client without endpoints', () => {
  it('is refused', () => {
    expect(() => makeClient({})).toThrow('etcdclient: no available endpoints');
  });
});

describe('a client that looks for its endpoints by itself', () => {
  const sync = (answer: Answer, lines: string[]) =>
    makeClient(
      { a: answer },
      { autoSyncIntervalMs: 1000, logger: { ...silentLogger, info: (message) => lines.push(message) } },
    );

  it('goes on after a failure, which it logs', async () => {
    const lines: string[] = [];
    let isUp = false;
    const client = sync(() => {
      if (!isUp) throw new GrpcError(Code.PermissionDenied, 'etcdserver: permission denied');
      return { members: [{ name: 'n', isLearner: false, clientURLs: ['b'] }] };
    }, lines);
    await clock.advance(1000);
    expect(lines).toEqual(['Auto sync endpoints failed.']);
    isUp = true;
    await clock.advance(1000);
    expect(client.endpoints).toEqual(['b']);
    await client.close();
    expect(clock.pending).toBe(0);
  });

  it('takes its end for no failure', async () => {
    const lines: string[] = [];
    {
      await using _client = sync(() => new Promise(() => {}), lines);
      for (const channel of channels) channel.isReachable = false;
      await clock.advance(1000);
    }
    await clock.advance(10_000);
    expect(lines).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});

it.each([
  ['https://a', undefined, {}],
  ['https://a', { ca: 'x' }, { ca: 'x' }],
  ['http://a', { ca: 'x' }, undefined],
  ['a', { ca: 'x' }, { ca: 'x' }],
  ['a', undefined, undefined],
] as const)('an endpoint %s with TLS options %j is connected to with %j', (endpoint, given, tls) => {
  const seen: unknown[] = [];
  const options = { endpoints: [endpoint], tls: given as never, maxSendBytes: 0, maxReceiveBytes: 5 };
  new Client(options, {
    clock,
    random: seededRandom(7),
    connect: (to, connectOptions) => {
      seen.push(connectOptions);
      return new FakeChannel(to.text, () => undefined);
    },
  });
  expect(seen).toEqual([{ tls, keepAlive: undefined, maxSendBytes: 2 * 1024 * 1024, maxReceiveBytes: 5 }]);
});
