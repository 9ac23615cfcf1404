/** Calls through a gRPC proxy: which are its own, what is changed on their way, and how their ends meet. */
import { describe, expect, it } from 'vitest';
import { Balancer } from '../../../src/client/balancer.js';
import {
  Code,
  GrpcError,
  type GrpcServer,
  type ServerCall,
  type ServerStream,
  type StreamHandler,
  type UnaryHandler,
} from '../../../src/grpc/types.js';
import { type Method, ProtoDecodeError } from '../../../src/lib/codec.js';
import { Cluster, KV, MemberListResponse, ResponseHeader, Watch } from '../../../src/proto/gen/etcdserverpb.js';
import { forwardedMethods, forwardServices } from '../../../src/proxy/grpc/forward.js';
import { ownMemberList } from '../../../src/proxy/grpc/member-list.js';
import type { Translation } from '../../../src/proxy/grpc/translation.js';
import { Upstream } from '../../../src/proxy/grpc/upstream.js';
import { FakeChannel, FakeStream } from '../../support/fake-channel.js';
import { ManualClock, settle } from '../../support/manual-clock.js';
import { seededRandom } from '../../support/seeded-random.js';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (message: unknown): string => (typeof message === 'string' ? message : String(message));

/** Puts `>` before requests and `<` before answers, and takes `bad` for no message. */
const marked: Translation = {
  request: (message) => {
    if (text(message) === 'bad') throw new ProtoDecodeError('unexpected EOF');
    if (text(message) === 'worse') throw new TypeError('a fault of ours');
    return bytes(`>${text(message)}`);
  },
  response: (message) => bytes(`<${text(message)}`),
};

function proxy({ translations = new Map<string, Translation>(), except = new Set<string>() } = {}) {
  const unary = new Map<string, UnaryHandler<Uint8Array, Uint8Array>>();
  const streams = new Map<string, StreamHandler<Uint8Array, Uint8Array>>();
  const server = {
    unary: ({ path }: Method<unknown, unknown>, handler: UnaryHandler<Uint8Array, Uint8Array>) =>
      unary.set(path, handler),
    stream: ({ path }: Method<unknown, unknown>, handler: StreamHandler<Uint8Array, Uint8Array>) =>
      streams.set(path, handler),
  } as unknown as GrpcServer;
  const clock = new ManualClock();
  const channel = new FakeChannel('a', ({ request }) => bytes(`${text(request)}!`));
  const balancer = new Balancer([channel], { clock, random: seededRandom(1) });
  forwardServices(server, new Upstream(balancer, clock), { translations, except });
  return { unary, streams, channel };
}

const call = (): ServerCall =>
  ({ metadata: new Map(), signal: new AbortController().signal, timeoutMs: undefined }) as unknown as ServerCall;

/** The client's end of a stream; full as long as `isFull`. */
class Caller extends FakeStream {
  readonly metadata = new Map();
  readonly signal = new AbortController().signal;
  readonly timeoutMs = undefined;
  isFull = false;
  #drain: () => void = () => undefined;

  override send(message: unknown): boolean {
    super.send(message);
    return !this.isFull;
  }

  override drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#drain = resolve;
    });
  }

  drain(): void {
    this.isFull = false;
    this.#drain();
  }

  get handed(): ServerStream<Uint8Array, Uint8Array> {
    return this as unknown as ServerStream<Uint8Array, Uint8Array>;
  }
}

/** A watch through the proxy. */
async function watching(translation?: Translation) {
  const translations = new Map(translation === undefined ? [] : [[Watch.watch.path, translation]]);
  const { streams, channel } = proxy({ translations });
  const client = new Caller(Watch.watch.path, {});
  const ended = Promise.resolve(streams.get(Watch.watch.path)?.(client.handed));
  let end: unknown = 'runs';
  ended.then(
    () => {
      end = 'ended';
    },
    (cause) => {
      end = cause;
    },
  );
  await settle();
  const [cluster] = channel.streams;
  if (cluster === undefined) throw new Error('no stream to the cluster');
  return { client, cluster, end: () => end };
}

describe('what a proxy forwards', () => {
  it('is every method of etcd but those it answers itself', () => {
    const all = forwardedMethods();
    expect(all.length).toBeGreaterThan(40);
    const { unary, streams } = proxy({ except: new Set([Cluster.memberList.path, Watch.watch.path]) });
    const own = [...unary.keys(), ...streams.keys()].sort();
    expect(own).toEqual(
      all
        .map(({ path }) => path)
        .filter((path) => path !== Cluster.memberList.path && path !== Watch.watch.path)
        .sort(),
    );
    for (const { path, kind } of all) {
      if (path !== Cluster.memberList.path && path !== Watch.watch.path) expect(unary.has(path)).toBe(kind === 'unary');
    }
  });
});

it('a proxy is the one member of the cluster that its clients see, without an id', () => {
  const { header, members } = MemberListResponse.decode(ownMemberList('here', 'http://proxy:1'));
  expect(header).toEqual(ResponseHeader.create());
  expect(members).toMatchObject([
    { ID: 0n, name: 'here', peerURLs: [], clientURLs: ['http://proxy:1'], isLearner: false },
  ]);
});

describe('a call through a proxy', () => {
  it('passes as it is', async () => {
    const { unary } = proxy();
    expect(text(await unary.get(KV.range.path)?.(bytes('ask'), call()))).toBe('ask!');
  });

  it('is changed both ways where there is a namespace', async () => {
    const { unary } = proxy({ translations: new Map([[KV.range.path, marked]]) });
    expect(text(await unary.get(KV.range.path)?.(bytes('ask'), call()))).toBe('<>ask!');
    expect(text(await unary.get(KV.put.path)?.(bytes('ask'), call()))).toBe('ask!');
  });

  it('that is no message is refused in grpc-go’s words; a fault of ours is not blamed on it', async () => {
    const { unary, channel } = proxy({ translations: new Map([[KV.range.path, marked]]) });
    await expect(unary.get(KV.range.path)?.(bytes('bad'), call())).rejects.toMatchObject({
      code: Code.Internal,
      message: 'grpc: error unmarshalling request: unexpected EOF',
    });
    await expect(unary.get(KV.range.path)?.(bytes('worse'), call())).rejects.toThrow(TypeError);
    expect(channel.calls).toEqual([]);
  });
});

describe('a stream through a proxy', () => {
  it.each([
    ['as it is', undefined, ['ask'], ['told']],
    ['changed', marked, ['>ask'], ['<told']],
  ])('passes both ways %s, and ends with the cluster’s', async (_how, translation, asked, told) => {
    const { client, cluster, end } = await watching(translation);
    client.answer(bytes('ask'));
    cluster.answer(bytes('told'));
    await settle();
    expect([cluster.sent.map(text), client.sent.map(text)]).toEqual([asked, told]);
    // The client has no more to say, the cluster has.
    client.fail(undefined);
    await settle();
    expect([cluster.sent.at(-1), end()]).toEqual(['end', 'runs']);
    cluster.fail(undefined);
    await settle();
    expect(end()).toBe('ended');
  });

  it('ends with what the cluster ends it with', async () => {
    const { client, cluster, end } = await watching();
    const failure = new GrpcError(Code.Unavailable, 'etcdserver: no leader');
    cluster.fail(failure);
    await settle();
    expect(end()).toBe(failure);
    expect(client.sent).toEqual([]);
  });

  it.each([
    ['bad', { code: Code.Internal, message: 'grpc: error unmarshalling request: unexpected EOF' }],
    ['worse', { message: 'a fault of ours' }],
  ])('is over, at the cluster too, with a request that cannot be passed on: %s', async (request, failure) => {
    const { client, cluster, end } = await watching(marked);
    client.answer(bytes(request));
    await settle();
    expect([cluster.isCanceled, cluster.sent]).toEqual([true, []]);
    expect(end()).toMatchObject(failure);
  });

  it('is over at the cluster where its caller has gone', async () => {
    const { client, cluster, end } = await watching();
    const gone = new GrpcError(Code.Canceled, 'context canceled');
    client.fail(gone);
    await settle();
    expect([cluster.isCanceled, end()]).toEqual([true, gone]);
  });

  it('waits for a client that reads slowly', async () => {
    const { client, cluster } = await watching();
    client.isFull = true;
    for (const answer of ['1', '2', '3']) cluster.answer(bytes(answer));
    await settle();
    expect([client.sent.map(text), cluster.unread]).toEqual([['1'], 2]);
    client.drain();
    await settle();
    expect(client.sent.map(text)).toEqual(['1', '2', '3']);
  });

  it('waits for a cluster that reads slowly', async () => {
    const { client, cluster } = await watching();
    let isFull = true;
    let drain = (): void => undefined;
    const send = cluster.send.bind(cluster);
    cluster.send = (message) => send(message) && !isFull;
    cluster.drained = () =>
      new Promise((resolve) => {
        drain = resolve;
      });
    for (const request of ['1', '2', '3']) client.answer(bytes(request));
    await settle();
    expect([cluster.sent.map(text), client.unread]).toEqual([['1'], 2]);
    isFull = false;
    drain();
    await settle();
    expect(cluster.sent.map(text)).toEqual(['1', '2', '3']);
  });
});
