/** What ends a call on the server: its handler, its deadline, its client, its connection; and what is left then. */
import { describe, expect, it } from 'vitest';
import { createGrpcServer } from '../../../src/grpc/server.js';
import { Code, GrpcError, type GrpcServerOptions, type ServerCall } from '../../../src/grpc/types.js';
import { HpackEncoder } from '../../../src/http2/hpack/encoder.js';
import type { HeaderList, Http2Stream } from '../../../src/http2/types.js';
import { Echo } from '../../support/echo-service.js';
import { ManualClock, settle } from '../../support/manual-clock.js';
import { block, END_HEADERS, END_STREAM, frame, T, uint32, unaryCall, WirePeer } from '../../support/wire-peer.js';

const PATHS = { unary: Echo.unary.path, chat: Echo.chat.path };

/** A server whose handlers wait until they are told, and a client that speaks HTTP/2 byte by byte. */
function serving(options: Partial<GrpcServerOptions> = {}) {
  const clock = new ManualClock();
  const handled: string[] = [];
  /** Of every call, also one that never counted as started. */
  const ended: string[] = [];
  const calls: ServerCall[] = [];
  const answers: ((answer: string | Error) => void)[] = [];
  const aborted: string[] = [];
  const server = createGrpcServer({
    clock,
    ...options,
    observer: { handled: (path, kind, code) => handled.push(`${path} ${kind} ${code}`) },
    began: ({ path }) => ({ trace: undefined, ended: (code) => ended.push(`${path} ${code}`) }),
  });
  const wait = (call: ServerCall): Promise<string> => {
    calls.push(call);
    call.signal.addEventListener('abort', () => aborted.push((call.signal.reason as GrpcError).message));
    return new Promise((resolve, reject) =>
      answers.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer))),
    );
  };
  server.unary(Echo.unary, (_, call) => wait(call));
  server.stream(Echo.chat, async (stream) => {
    stream.send(await wait(stream));
  });
  const peer = new WirePeer({
    role: 'server',
    keepalive: { minTimeMs: 0 },
    onStream: (stream: Http2Stream, fields: HeaderList, end: boolean) => server.handle(stream, fields, end),
  }).greet();
  const begin = (id: number, more: [string, string][] = [], path = PATHS.unary, size = 1): void => {
    const head = block(
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', path],
      [':authority', 'x'],
      ['content-type', 'application/grpc'],
      ['te', 'trailers'],
      ...more,
    );
    const body = Buffer.concat([Buffer.of(0), uint32(size), Buffer.alloc(size, 'x')]);
    peer.send(frame(T.HEADERS, END_HEADERS, id, head), frame(T.DATA, END_STREAM, id, body));
  };
  return { clock, server, peer, begin, handled, ended, calls, answers, aborted };
}

describe('a call with a deadline', () => {
  it.each([
    ['unary', PATHS.unary],
    ['bidi', PATHS.chat],
  ])('(%s) is ended by the server when it is over, and its handler told', async (kind, path) => {
    const { clock, server, peer, begin, handled, aborted, answers } = serving();
    begin(1, [['grpc-timeout', '50m']], path);
    begin(3, [['grpc-timeout', '1S']], path);
    begin(5, [], path);
    await peer.settle();
    expect(server.runningCalls).toBe(3);
    await clock.advance(49);
    expect([handled, aborted]).toEqual([[], []]);
    await clock.advance(6);
    expect(handled).toEqual([`${path} ${kind} ${Code.DeadlineExceeded}`]);
    expect(aborted).toEqual(['context deadline exceeded']);
    await clock.advance(950);
    expect(handled).toHaveLength(2);
    await clock.advance(3_600_000);
    expect([handled.length, server.runningCalls]).toEqual([2, 1]);
    // What comes too late is not sent, nor counted again.
    for (const answer of answers) answer('late');
    await settle();
    await peer.settle();
    expect(handled).toHaveLength(3);
    expect(handled[2]).toBe(`${path} ${kind} ${Code.Ok}`);
    expect(clock.pending).toBe(0);
    await peer[Symbol.asyncDispose]();
  });

  it('that is answered in time leaves no timer behind', async () => {
    const { clock, peer, begin, answers, handled } = serving();
    for (let id = 1; id < 200; id += 2) begin(id, [['grpc-timeout', '10S']]);
    await peer.settle();
    for (const answer of answers) answer('done');
    await settle();
    expect(new Set(handled)).toEqual(new Set([`${PATHS.unary} unary 0`]));
    await clock.advance(10_100);
    expect([handled.length, clock.pending]).toEqual([100, 0]);
    await peer[Symbol.asyncDispose]();
  });
});

describe('a call', () => {
  it('that its client resets is aborted, and what it held given back', async () => {
    const { server, peer, begin, handled, aborted, calls } = serving({ held: { serverBytes: 10_000 } });
    for (let round = 0; round < 5; round++) {
      const id = 1 + 2 * round;
      begin(id, [], PATHS.unary, 5000);
      await peer.settle();
      expect([server.runningCalls, handled], `round ${round}`).toEqual([
        1,
        Array(round).fill(`${PATHS.unary} unary ${Code.Canceled}`),
      ]);
      peer.send(frame(T.RST_STREAM, 0, id, uint32(8)));
      await peer.settle();
    }
    expect(server.runningCalls).toBe(0);
    expect(handled).toEqual(Array(5).fill(`${PATHS.unary} unary ${Code.Canceled}`));
    expect(aborted).toHaveLength(5);
    expect(calls.every((call) => call.aborted)).toBe(true);
    await peer[Symbol.asyncDispose]();
  });

  it('is refused while the others hold too much, and taken again after them', async () => {
    const { peer, begin, handled, answers, server } = serving({ held: { serverBytes: 10_000 } });
    begin(1, [], PATHS.unary, 5000);
    begin(3, [], PATHS.unary, 5000);
    await peer.settle();
    expect(handled).toEqual([`${PATHS.unary} unary ${Code.ResourceExhausted}`]);
    answers[0]?.('done');
    await settle();
    begin(5, [], PATHS.unary, 5000);
    await peer.settle();
    expect([handled.length, server.runningCalls]).toEqual([2, 1]);
    await peer[Symbol.asyncDispose]();
  });

  it.each([
    ['unary', PATHS.unary],
    ['bidi', PATHS.chat],
  ])('(%s) with a large head holds it while it runs', async (_kind, path) => {
    const { peer, ended, server } = serving({ held: { serverBytes: 210_000 } });
    const open = (id: number, fields: [string, string][]): void =>
      peer.send(
        frame(
          T.HEADERS,
          END_HEADERS,
          id,
          block(
            [':method', 'POST'],
            [':scheme', 'http'],
            [':path', path],
            ['content-type', 'application/grpc'],
            ...fields,
          ),
        ),
      );
    const refusal = `${path} ${Code.ResourceExhausted}`;
    const large = Array.from({ length: 1000 }, (): [string, string] => ['a', 'b']);
    for (const id of [1, 3, 5, 7]) open(id, large);
    await peer.settle();
    expect(ended).toEqual([refusal]);
    for (const id of [1, 3, 5]) peer.send(frame(T.RST_STREAM, 0, id, uint32(8)));
    await peer.settle();
    open(9, [['x', 'y'.repeat(16_000)]]);
    await peer.settle();
    expect(ended.filter((each) => each === refusal)).toHaveLength(1);
    // Without a message as well.
    for (let id = 11; id < 511; id += 2) open(id, []);
    await peer.settle();
    expect(ended.filter((each) => each === refusal).length).toBeGreaterThan(50);
    peer.session.destroy();
    await settle();
    expect(server.runningCalls).toBe(0);
    await peer[Symbol.asyncDispose]();
  });

  it('that was aborted before anybody asked has a signal that says so', async () => {
    const seen: ServerCall[] = [];
    const { peer, server } = serving();
    server.unary({ ...Echo.unary, path: '/test.Echo/Late' }, (_, call) => {
      seen.push(call);
      return new Promise(() => {});
    });
    peer.send(...unaryCall(1, '/test.Echo/Late', Buffer.from('x')));
    await peer.settle();
    expect(seen[0]?.aborted).toBe(false);
    peer.send(frame(T.RST_STREAM, 0, 1, uint32(8)));
    await peer.settle();
    expect([seen[0]?.aborted, seen[0]?.signal.aborted]).toEqual([true, true]);
    expect(seen[0]?.signal.reason).toMatchObject({ code: Code.Canceled, message: 'context canceled' });
    await peer[Symbol.asyncDispose]();
  });

  it('of one request counts from when that is there and can be read', async () => {
    const { peer, begin, handled, ended } = serving({ maxReceiveBytes: 100 });
    begin(1, [], PATHS.unary, 101);
    await peer.settle();
    expect([handled, ended]).toEqual([[], [`${PATHS.unary} ${Code.ResourceExhausted}`]]);
    await peer[Symbol.asyncDispose]();
  });

  it('whose head is all of it has no messages', async () => {
    const { peer, server, handled } = serving();
    let messages = 0;
    server.stream({ ...Echo.chat, path: '/test.Echo/Count' }, async (stream) => {
      for await (const _ of stream.messages) messages++;
      stream.send('none');
    });
    const [head = Buffer.alloc(0)] = unaryCall(1, '/test.Echo/Count', Buffer.alloc(0));
    head[4] = END_HEADERS | END_STREAM;
    peer.send(head);
    await peer.settle();
    await settle();
    expect([messages, handled]).toEqual([0, ['/test.Echo/Count bidi 0']]);
    await peer[Symbol.asyncDispose]();
  });

  it('is aborted with its connection, and with the server', async () => {
    const { peer, begin, handled, aborted, server } = serving();
    begin(1);
    begin(3, [], PATHS.chat);
    await peer.settle();
    server.cancelAll('etcdserver: server stopped');
    await peer.settle();
    expect(handled).toEqual([`${PATHS.unary} unary 14`, `${PATHS.chat} bidi 14`]);
    expect(aborted).toHaveLength(2);
    begin(5);
    await peer.settle();
    peer.session.destroy();
    await settle();
    expect(handled.at(-1)).toBe(`${PATHS.unary} unary ${Code.Canceled}`);
    expect(server.runningCalls).toBe(0);
    await peer[Symbol.asyncDispose]();
  });

  it('leaves no listener behind, however many there were on a connection', async () => {
    const { peer, begin, answers, server } = serving();
    const listeners = (): number =>
      peer.session.socket.eventNames().reduce((sum, name) => sum + peer.session.socket.listenerCount(name), 0);
    const before = listeners();
    for (let round = 0; round < 20; round++) {
      for (let at = 0; at < 10; at++) begin(1 + 2 * (10 * round + at), [['grpc-timeout', '5S']]);
      await peer.settle();
      for (const answer of answers.splice(0)) answer('done');
      await settle();
      await peer.settle();
    }
    expect(listeners()).toBe(before);
    expect([server.runningCalls, peer.session.openStreams]).toEqual([0, 0]);
    await peer[Symbol.asyncDispose]();
  });

  it('that fails without a status is Unknown, with the words of what was thrown, and told', async () => {
    const told: string[] = [];
    const { peer, begin, handled, answers } = serving({ onError: (error, path) => told.push(`${error} ${path}`) });
    begin(1);
    begin(3);
    await peer.settle();
    answers[0]?.(new Error('broken'));
    answers[1]?.(new GrpcError(Code.NotFound, 'not there'));
    await settle();
    await peer.settle();
    expect(handled).toEqual([`${PATHS.unary} unary ${Code.Unknown}`, `${PATHS.unary} unary ${Code.NotFound}`]);
    expect(told).toEqual([`Error: broken ${PATHS.unary}`]);
    await peer[Symbol.asyncDispose]();
  });
});

it('calls with one list of headers have one metadata, and their own methods', async () => {
  const { server, peer, calls, answers, handled } = serving();
  const lists = [PATHS.unary, PATHS.chat].map((path) =>
    [
      [':method', 'POST'],
      [':path', path],
      ['content-type', 'application/grpc'],
      ['token', path],
    ].map(([name = '', value = '']) => ({ name, value })),
  );
  const encoder = new HpackEncoder();
  for (const [at, list] of [...lists, ...lists, ...lists].entries()) {
    const head = encoder.encode([{ name: ':scheme', value: 'http' }, ...list]);
    const body = Buffer.concat([Buffer.of(0), uint32(1), Buffer.from('x')]);
    peer.send(frame(T.HEADERS, END_HEADERS, 2 * at + 1, head), frame(T.DATA, END_STREAM, 2 * at + 1, body));
    await peer.settle();
  }
  expect(calls.map(({ path, metadata }) => [path, metadata.get('token')?.[0]])).toEqual(
    [1, 2, 3].flatMap(() => [PATHS.unary, PATHS.chat].map((path) => [path, path])),
  );
  expect(calls[4]?.metadata).toBe(calls[2]?.metadata);
  expect(calls[5]?.metadata).toBe(calls[3]?.metadata);
  for (const answer of answers) answer('y');
  await settle();
  expect(handled.length).toBe(6);
  expect(server.runningCalls).toBe(0);
  await peer[Symbol.asyncDispose]();
});

it('a method has one handler', () => {
  const { server } = serving();
  expect(() => server.unary(Echo.unary, () => '')).toThrow('grpc: /test.Echo/Unary is registered twice');
});
