/** Our channel: against @grpc/grpc-js and our own server, through losses, refusals and deadlines. */
import { getEventListeners } from 'node:events';
import * as grpcJs from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { createGrpcServer } from '../../../src/grpc/server.js';
import type { Channel, ClientStream, GrpcError } from '../../../src/grpc/types.js';
import { Session } from '../../../src/http2/session.js';
import { osClock } from '../../../src/lib/os/clock.js';
import { osNetwork } from '../../../src/lib/os/net.js';
import { duplexPair } from '../../support/duplex-pair.js';
import { channelTo, Echo, echoDefinition, echoServer, HOST, serve } from '../../support/echo-service.js';
import { ManualClock } from '../../support/manual-clock.js';
import {
  block,
  END_HEADERS,
  END_STREAM,
  FrameLog,
  frame,
  PREFACE,
  settings,
  T,
  uint32,
} from '../../support/wire-peer.js';

async function grpcJsServer(): Promise<{ port: number } & AsyncDisposable> {
  const server = new grpcJs.Server();
  type Unary = grpcJs.handleUnaryCall<Buffer, Buffer>;
  const Unary: Unary = (call, done) => {
    const [word, code, ...words] = call.request.toString().split(' ');
    const trailers = new grpcJs.Metadata();
    for (const value of call.metadata.get('x-echo-bin')) trailers.add('x-trail-bin', value);
    if (word === 'fail') done({ code: Number(code), details: words.join(' '), metadata: trailers });
    else if (word !== 'wait') done(null, call.request, trailers);
  };
  const Collect: grpcJs.handleClientStreamingCall<Buffer, Buffer> = (call, done) => {
    const parts: string[] = [];
    call.on('data', (part: Buffer) => parts.push(part.toString()));
    call.on('end', () => done(null, Buffer.from(parts.join(','))));
  };
  const Split: grpcJs.handleServerStreamingCall<Buffer, Buffer> = (call) => {
    for (const part of call.request.toString().split(' ')) call.write(Buffer.from(part));
    call.end();
  };
  const Chat: grpcJs.handleBidiStreamingCall<Buffer, Buffer> = (call) => {
    call.sendMetadata(new grpcJs.Metadata());
    call.on('data', (part: Buffer) => call.write(part));
    call.on('end', () => call.end());
  };
  server.addService(echoDefinition, { Unary, Collect, Split, Chat });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${HOST}:0`, grpcJs.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    port,
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  };
}

async function collect(stream: ClientStream<string, string>): Promise<string[]> {
  const parts: string[] = [];
  for await (const part of stream.messages) parts.push(part);
  return parts;
}

const failureOf = (call: Promise<unknown>): Promise<GrpcError> =>
  call.then(
    () => {
      throw new Error('the call succeeded');
    },
    (error: GrpcError) => error,
  );

describe.each([
  ['@grpc/grpc-js', grpcJsServer],
  ['our own server', () => serve(echoServer())],
])('a channel to %s', (name, start) => {
  const first = name === 'our own server' ? ['go '] : [''];

  it('makes unary calls, small, empty and large', async () => {
    await using server = await start();
    await using channel = channelTo(server.port);
    for (const request of ['hello', '', 'x'.repeat(3_000_000)]) {
      expect(await channel.unary(Echo.unary, request)).toBe(request);
    }
    expect(channel.state).toBe('ready');
  });

  it('streams from the server, to it and both ways', async () => {
    await using server = await start();
    await using channel = channelTo(server.port);
    const split = channel.stream(Echo.split);
    split.send(`${first[0]}a b c`);
    split.end();
    expect(await collect(split)).toEqual(['a', 'b', 'c']);

    const gather = channel.stream(Echo.collect);
    for (const part of ['a', 'b', 'c']) gather.send(part);
    gather.end();
    expect(await collect(gather)).toEqual(['a,b,c']);

    const chat = channel.stream(Echo.chat);
    const got = collect(chat);
    for (let i = 0; i < 300; i++) if (!chat.send(`${i}`.padEnd(10_000))) await chat.drained();
    chat.end();
    expect((await got).map((part) => part.trim())).toEqual(Array.from({ length: 300 }, (_, i) => `${i}`));
    expect((await chat.headers).get('content-type')?.[0]).toMatch(/^application\/grpc/);
  });

  it('answers message by message on an open stream', async () => {
    await using server = await start();
    await using channel = channelTo(server.port);
    const chat = channel.stream(Echo.chat);
    const answers = chat.messages[Symbol.asyncIterator]();
    for (const word of ['one', 'two', 'three']) {
      chat.send(word);
      expect(await answers.next()).toEqual({ done: false, value: word });
    }
    chat.end();
    expect(await answers.next()).toEqual({ done: true, value: undefined });
  });

  it('throws the status with its trailers', async () => {
    await using server = await start();
    await using channel = channelTo(server.port);
    const metadata = new Map([['x-echo-bin', ['\0\xff']]]);
    const error = await failureOf(channel.unary(Echo.unary, 'fail 5 100% "schön"', { metadata }));
    expect(error).toMatchObject({ name: 'GrpcError', code: 5, message: '100% "schön"' });
    expect(error.options.trailers?.get('x-trail-bin')).toEqual(['\0\xff']);
  });

  it('gives up at the deadline', async () => {
    await using server = await start();
    await using channel = channelTo(server.port);
    await channel.connect();
    // The server knows the deadline too, and may be the first to say so.
    expect(await failureOf(channel.unary(Echo.unary, 'wait', { timeoutMs: 30 }))).toMatchObject({
      code: 4,
      message: expect.stringMatching(/^(context deadline|Deadline) exceeded$/),
    });
  });

  it('cancels by signal, before and after the call has left', async () => {
    await using server = await start();
    await using channel = channelTo(server.port);
    const gone = AbortSignal.abort();
    expect(await failureOf(channel.unary(Echo.unary, 'x', { signal: gone }))).toMatchObject({
      code: 1,
      message: 'context canceled',
    });
    await channel.connect();
    const controller = new AbortController();
    const failed = failureOf(channel.unary(Echo.unary, 'wait', { signal: controller.signal }));
    controller.abort();
    expect(await failed).toMatchObject({ code: 1, message: 'context canceled' });
    expect(await channel.unary(Echo.unary, 'still there')).toBe('still there');
  });

  it('cancels a stream, whose reader learns it', async () => {
    await using server = await start();
    await using channel = channelTo(server.port);
    const chat = channel.stream(Echo.chat);
    chat.send('x');
    const answers = chat.messages[Symbol.asyncIterator]();
    await answers.next();
    const next = failureOf(answers.next());
    chat.cancel();
    expect(await next).toMatchObject({ code: 1 });
    expect(chat.send('too late')).toBe(true);
  });

  it('fails the calls under way and comes back when the server is gone and there again', async () => {
    const server = await start();
    await using channel = channelTo(server.port, { backoff: { baseMs: 1 } });
    await channel.connect();
    const failed = failureOf(channel.unary(Echo.unary, 'wait'));
    await server[Symbol.asyncDispose]();
    expect(await failed).toMatchObject({ code: 14 });
    expect(await failureOf(channel.unary(Echo.unary, 'x'))).toMatchObject({
      code: 14,
      message:
        `connection error: desc = "transport: Error while dialing: dial tcp ${HOST}:${server.port}: ` +
        `connect: connection refused"`,
    });
    const waiting = channel.unary(Echo.unary, 'back', { waitForReady: true });
    await using _ = await serve(echoServer(), {}, server.port);
    expect(await waiting).toBe('back');
  });
});

describe('a channel', () => {
  it('refuses messages above its limits', async () => {
    await using server = await serve(echoServer());
    await using channel = channelTo(server.port, { maxReceiveBytes: 100, maxSendBytes: 200 });
    expect(await failureOf(channel.unary(Echo.unary, 'x'.repeat(101)))).toMatchObject({
      code: 8,
      message: 'grpc: received message larger than max (101 vs. 100)',
    });
    expect(await failureOf(channel.unary(Echo.unary, 'x'.repeat(201)))).toMatchObject({
      code: 8,
      message: 'trying to send message larger than max (201 vs. 200)',
    });
    const stream = channel.stream(Echo.chat);
    expect(() => stream.send('x'.repeat(201))).toThrowError(/larger than max/);
    stream.cancel();
  });

  it('takes messages of 4 MiB, unless it is told otherwise', async () => {
    await using server = await serve(echoServer({ maxReceiveBytes: 8 * 1024 * 1024 }));
    await using channel = channelTo(server.port);
    const most = 4 * 1024 * 1024;
    expect(await channel.unary(Echo.unary, 'x'.repeat(most))).toHaveLength(most);
    expect((await failureOf(channel.unary(Echo.unary, 'x'.repeat(most + 1)))).message).toBe(
      `grpc: received message larger than max (${most + 1} vs. ${most})`,
    );
  });

  it('leaves no listener at the signal of its caller, however its calls end', async () => {
    await using server = await serve(echoServer());
    await using channel = channelTo(server.port, { maxSendBytes: 100 });
    const { signal } = new AbortController();
    const outcomes = await Promise.all([
      channel.unary(Echo.unary, 'x', { signal }),
      failureOf(channel.unary(Echo.unary, 'fail 5 x', { signal })).then(({ code }) => code),
      failureOf(channel.unary(Echo.unary, 'wait', { signal, timeoutMs: 20 })).then(({ code }) => code),
      failureOf(channel.unary(Echo.unary, 'x'.repeat(101), { signal })).then(({ code }) => code),
      failureOf(channel.unary(Echo.unary, 'x', { signal, metadata: new Map([['\u00e4', ['x']]]) })).then(
        ({ code }) => code,
      ),
    ]);
    expect(outcomes).toEqual(['x', 5, 4, 8, 13]);
    const ended = channel.stream(Echo.chat, { signal });
    ended.end();
    await collect(ended);
    const canceled = channel.stream(Echo.chat, { signal });
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    canceled.cancel();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('refuses metadata that HTTP cannot carry, without harm to other calls', async () => {
    await using server = await serve(echoServer());
    await using channel = channelTo(server.port);
    const other = channel.unary(Echo.unary, 'other');
    const metadata = new Map([['token', ['\u00e4']]]);
    const message = 'header key "token" contains value with non-printable ASCII characters';
    expect(await failureOf(channel.unary(Echo.unary, 'x', { metadata }))).toMatchObject({ code: 13, message });
    const stream = channel.stream(Echo.chat, { metadata });
    expect(await failureOf(collect(stream))).toMatchObject({ code: 13, message });
    expect(await other).toBe('other');
  });

  it('still delivers what came before the error', async () => {
    await using server = await serve(echoServer());
    await using channel = channelTo(server.port);
    const split = channel.stream(Echo.split);
    split.send('fail a b');
    const got: string[] = [];
    const reading = (async () => {
      for await (const part of split.messages) got.push(part);
    })();
    expect(await failureOf(reading)).toMatchObject({ code: 9, message: 'after some' });
    expect(got).toEqual(['a', 'b']);
  });

  it('cancels the call when its reader leaves the loop', async () => {
    await using server = await serve(echoServer());
    await using channel = channelTo(server.port);
    const chat = channel.stream(Echo.chat);
    chat.send('one');
    for await (const part of chat.messages) {
      expect(part).toBe('one');
      break;
    }
    await expect.poll(() => server.server.runningCalls).toBe(0);
  });

  it('stops a server that sends more than is read, and a client whose server does not read', async () => {
    let sent = 0;
    const server = echoServer();
    server.stream({ ...Echo.split, path: '/test.Echo/Flood' }, async (stream) => {
      for (; sent < 10_000 && !stream.signal.aborted; sent++) {
        if (!stream.send('x'.repeat(10_000))) await stream.drained();
      }
    });
    server.stream({ ...Echo.chat, path: '/test.Echo/Deaf' }, (stream) => {
      return new Promise((_resolve, reject) => {
        stream.signal.addEventListener('abort', () => reject(stream.signal.reason));
      });
    });
    await using served = await serve(server);
    await using channel = channelTo(served.port);
    const flood = channel.stream({ ...Echo.split, path: '/test.Echo/Flood' });
    flood.send('go');
    flood.end();
    const answers = flood.messages[Symbol.asyncIterator]();
    await answers.next();
    // One stream window and one queue: nowhere near the 100 MB that it would like to send.
    await expect.poll(() => sent).toBeGreaterThan(50);
    expect(await channel.unary(Echo.unary, 'others go on')).toBe('others go on');
    expect(sent).toBeLessThan(300);
    flood.cancel();

    const deaf = channel.stream({ ...Echo.chat, path: '/test.Echo/Deaf' });
    let accepted = 0;
    while (accepted < 1000 && deaf.send('x'.repeat(10_000))) {
      accepted++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(accepted).toBeLessThan(300);
    const drained = failureOf(deaf.drained());
    deaf.cancel();
    expect(await drained).toMatchObject({ code: 1 });
  });

  it("keeps within the server's limit of streams; what is beyond waits its turn", async () => {
    await using server = await serve(echoServer(), { limits: { maxConcurrentStreams: 3 } });
    await using channel = channelTo(server.port);
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => channel.unary(Echo.unary, `later ${i}`)));
    expect(answers).toEqual(Array.from({ length: 100 }, (_, i) => `${i}`));
  });

  it('sends what waits for a free stream in the order in which it was asked', async () => {
    const seen: string[] = [];
    const grpc = createGrpcServer({ clock: osClock });
    grpc.unary(Echo.unary, (request) => {
      seen.push(request);
      return new Promise((resolve) => setImmediate(() => resolve(request)));
    });
    await using server = await serve(grpc, { limits: { maxConcurrentStreams: 2 } });
    await using channel = channelTo(server.port);
    const asked = Array.from({ length: 40 }, (_, i) => `${i}`);
    await Promise.all(asked.map((each) => channel.unary(Echo.unary, each)));
    expect(seen).toEqual(asked);
  });

  it('says whose deadline it was, where the server is the first to notice', async () => {
    // Timers come at whole milliseconds: the time is over half a one before that.
    const clock = new ManualClock(1_000_000.5);
    const [ours, theirs] = duplexPair();
    const log = new FrameLog(PREFACE.length);
    await using channel = channelTo(0, { clock, dial: async () => ({ socket: theirs }) });
    ours.on('data', (chunk: Buffer) => log.push(chunk));
    ours.write(settings());
    const refused = (id: number): Buffer => {
      const status: [string, string][] = [
        [':status', '200'],
        ['content-type', 'application/grpc'],
        ['grpc-status', '4'],
        ['grpc-message', 'the server says so'],
      ];
      return frame(T.HEADERS, END_HEADERS | END_STREAM, id, block(...status));
    };
    const sent = (id: number): Promise<unknown> =>
      expect.poll(() => log.frames.some((each) => each.type === T.DATA && each.id === id)).toBe(true);
    const without = failureOf(channel.unary(Echo.unary, 'x'));
    await sent(1);
    ours.write(refused(1));
    expect((await without).message).toBe('the server says so');
    const early = failureOf(channel.unary(Echo.unary, 'x', { timeoutMs: 5000 }));
    await sent(3);
    ours.write(refused(3));
    expect((await early).message).toBe('the server says so');

    const canceled = (id: number): Buffer => frame(T.RST_STREAM, 0, id, uint32(8));
    const cut = failureOf(channel.unary(Echo.unary, 'x', { timeoutMs: 10 }));
    await sent(5);
    ours.write(canceled(5));
    expect((await cut).message).toBe('stream terminated by RST_STREAM with error code: CANCEL');
    const late = [7, 9, 11].map(() => failureOf(channel.unary(Echo.unary, 'x', { timeoutMs: 10 })));
    await sent(11);
    await clock.advance(10);
    ours.write(Buffer.concat([refused(7), canceled(9), frame(T.RST_STREAM, 0, 11, uint32(2))]));
    expect((await Promise.all(late)).map(({ message }) => message)).toEqual([
      'context deadline exceeded',
      'context deadline exceeded',
      'stream terminated by RST_STREAM with error code: INTERNAL_ERROR',
    ]);
    ours.destroy();
  });

  it('tells the server how long it still waits, the time it has waited for a connection left out', async () => {
    const clock = new ManualClock();
    const [ours, theirs] = duplexPair();
    const told: (number | undefined)[] = [];
    const server = createGrpcServer({ clock });
    server.unary(Echo.unary, (request, call) => {
      told.push(call.timeoutMs);
      return request;
    });
    new Session(ours, { role: 'server', clock, onStream: (...stream) => server.handle(...stream) }).start();
    let connect = (): void => {};
    const opened = new Promise<void>((resolve) => {
      connect = resolve;
    });
    await using channel = channelTo(0, { clock, dial: () => opened.then(() => ({ socket: theirs })) });
    const calls = [channel.unary(Echo.unary, 'x', { timeoutMs: 5000 }), channel.unary(Echo.unary, 'x')];
    await clock.advance(1000);
    connect();
    await Promise.all(calls);
    expect(told).toEqual([4000, undefined]);
    ours.destroy();
  });

  it('lets calls finish on a connection that is told to end, and makes new ones on another', async () => {
    await using server = await serve(echoServer());
    await using channel = channelTo(server.port);
    const chat = channel.stream(Echo.chat);
    const answers = chat.messages[Symbol.asyncIterator]();
    chat.send('one');
    await answers.next();
    const [old] = server.sessions;
    old?.close();
    await expect.poll(() => channel.state).not.toBe('ready');
    expect(await channel.unary(Echo.unary, 'new')).toBe('new');
    chat.send('two');
    expect(await answers.next()).toEqual({ done: false, value: 'two' });
    expect(server.sessions.size).toBe(2);
    chat.end();
    await answers.next();
    await expect.poll(() => server.sessions.size).toBe(1);
  });

  it('ends everything when it is closed, for good', async () => {
    await using server = await serve(echoServer());
    const channel = channelTo(server.port);
    await channel.connect();
    const failed = failureOf(channel.unary(Echo.unary, 'wait'));
    await channel.close();
    await channel.close();
    expect(await failed).toMatchObject({ code: 1, message: 'grpc: the client connection is closing' });
    expect(await failureOf(channel.unary(Echo.unary, 'x'))).toMatchObject({ code: 1 });
    expect(await failureOf(channel.connect())).toMatchObject({ code: 1 });
    await expect.poll(() => server.sessions.size).toBe(0);
    expect(channel.state).toBe('shutdown');
  });

  it('waits longer between attempts each time, and not at all after a success', async () => {
    const clock = new ManualClock();
    let attempts = 0;
    await using channel = channelTo(1, {
      clock,
      backoff: { baseMs: 1000, maxMs: 3000 },
      dial: async () => {
        attempts++;
        throw new Error('dial tcp 127.0.0.1:1: connect: connection refused');
      },
    });
    const waiting = failureOf(channel.unary(Echo.unary, 'x', { waitForReady: true }));
    const waits: number[] = [];
    for (let seen = 1; seen < 5; seen++) {
      await expect.poll(() => channel.state).toBe('transient-failure');
      let waitedMs = 0;
      while (attempts === seen) {
        await clock.advance(100);
        waitedMs += 100;
      }
      waits.push(waitedMs);
    }
    expect(waits).toEqual([1000, 1600, 2600, 3000]);
    await channel.close();
    await waiting;
  });

  it.each([
    [0, 800],
    [0.5, 1000],
    [1, 1200],
  ])('moves its waits by a fifth at most: with a chance of %d a second becomes %d ms', async (chance, waitMs) => {
    const clock = new ManualClock();
    let attempts = 0;
    await using channel = channelTo(1, {
      clock,
      backoff: { baseMs: 1000, jitter: () => chance },
      dial: async () => {
        attempts++;
        throw new Error('dial tcp 127.0.0.1:1: connect: connection refused');
      },
    });
    const waiting = failureOf(channel.unary(Echo.unary, 'x', { waitForReady: true }));
    await clock.advance(waitMs - 1);
    expect(attempts).toBe(1);
    await clock.advance(1);
    expect(attempts).toBe(2);
    await channel.close();
    await waiting;
  });

  it('gives up an attempt that takes more than twenty seconds, whose connection is not kept', async () => {
    const clock = new ManualClock();
    const [ours, theirs] = duplexPair();
    let connect = (): void => {};
    const opened = new Promise<void>((resolve) => {
      connect = resolve;
    });
    await using channel = channelTo(1, { clock, dial: () => opened.then(() => ({ socket: theirs })) });
    expect(channel.state).toBe('idle');
    const failed = failureOf(channel.connect());
    expect(channel.state).toBe('connecting');
    await clock.advance(19_999);
    expect(channel.state).toBe('connecting');
    await clock.advance(1);
    expect((await failed).message).toBe(
      'connection error: desc = "transport: Error while dialing: context deadline exceeded"',
    );
    expect(channel.state).toBe('transient-failure');
    connect();
    await expect.poll(() => theirs.destroyed).toBe(true);
    expect(channel.state).toBe('transient-failure');
    ours.destroy();
  });

  it('tells a server that still takes its messages that it has heard enough', async () => {
    const [ours, theirs] = duplexPair();
    const log = new FrameLog(PREFACE.length);
    await using channel = channelTo(0, { dial: async () => ({ socket: theirs }) });
    ours.on('data', (chunk: Buffer) => log.push(chunk));
    ours.write(settings());
    const resets = () => log.frames.filter(({ type }) => type === T.RST_STREAM);
    const ends = async (answer: (id: number) => Buffer): Promise<GrpcError> => {
      const stream = channel.stream(Echo.chat);
      stream.send('x');
      const known = log.frames.length;
      await expect.poll(() => log.frames.slice(known).some(({ type }) => type === T.DATA)).toBe(true);
      const before = resets().length;
      ours.write(answer(log.frames.at(-1)?.id ?? 0));
      const error = await failureOf(collect(stream));
      await expect.poll(() => resets().length).toBe(before + 1);
      return error;
    };
    const status: [string, string] = [':status', '200'];
    const grpc: [string, string] = ['content-type', 'application/grpc'];
    // What is complete is not needed, what is not is called off.
    const ended = await ends((id) =>
      Buffer.concat([frame(T.HEADERS, END_HEADERS, id, block(status, grpc)), frame(T.DATA, END_STREAM, id)]),
    );
    expect(ended.message).toBe('server closed the stream without sending trailers');
    await ends((id) => frame(T.HEADERS, END_HEADERS | END_STREAM, id, block(status, ['content-type', 'text/html'])));
    await ends((id) => frame(T.HEADERS, END_HEADERS, id, block(status, ['content-type', 'text/html'])));
    const broken = await ends((id) =>
      Buffer.concat([
        frame(T.HEADERS, END_HEADERS, id, block(status, grpc)),
        frame(T.DATA, 0, id, Buffer.of(7, 0, 0, 0, 0)),
      ]),
    );
    expect(broken.message).toBe('grpc: received unexpected payload format 7');
    expect(resets().map(({ payload }) => payload.readUInt32BE(0))).toEqual([0, 0, 8, 8]);
    ours.destroy();
  });

  it('connects by itself when asked, and says why it could not', async () => {
    await using channel = channelTo(1, {
      dial: (signal) => osNetwork.dial({ t: 'tcp', host: HOST, port: 1 }, { signal }),
    });
    const text =
      `connection error: desc = "transport: Error while dialing: dial tcp ${HOST}:1: connect: ` + `connection refused"`;
    expect(await failureOf(channel.connect())).toMatchObject({ code: 14, message: text });
    expect(channel.lastError?.message).toBe(text);
    expect(channel.state).toBe('transient-failure');
  });
});

describe('what a client makes of', () => {
  const gone = (code: number, debug = ''): Buffer =>
    frame(T.GOAWAY, 0, 0, Buffer.concat([uint32(2 ** 31 - 1), uint32(code), Buffer.from(debug)]));
  const head = (fields: [string, string][], flags = END_HEADERS): Buffer =>
    frame(T.HEADERS, flags, 1, block(...fields));
  const ok: [string, string][] = [
    [':status', '200'],
    ['content-type', 'application/grpc'],
  ];

  /** The server answers the call with `bytes`, and hangs up if it says so. */
  async function outcome(bytes: Buffer[], { hangUp = false } = {}): Promise<{ code: number; message: string }> {
    const [ours, theirs] = duplexPair();
    const log = new FrameLog(PREFACE.length);
    await using channel: Channel & AsyncDisposable = channelTo(0, { dial: async () => ({ socket: theirs }) });
    let answered = false;
    ours.on('data', (chunk: Buffer) => {
      log.push(chunk);
      if (answered || !log.frames.some(({ type }) => type === T.DATA)) return;
      answered = true;
      ours.write(Buffer.concat(bytes));
      if (hangUp) ours.end();
    });
    ours.write(settings());
    const result = await channel.unary(Echo.unary, 'x').then(
      (answer) => ({ code: 0, message: answer }),
      ({ code, message }: GrpcError) => ({ code, message }),
    );
    ours.destroy();
    return result;
  }
  const message = (text: string): Buffer =>
    frame(T.DATA, 0, 1, Buffer.concat([Buffer.from([0]), uint32(text.length), Buffer.from(text)]));
  const trailers = (...fields: [string, string][]): Buffer =>
    frame(T.HEADERS, END_HEADERS | END_STREAM, 1, block(...fields));

  it.each<[string, Buffer[], { hangUp?: boolean }, number, string]>([
    ['an answer', [head(ok), message('y'), trailers(['grpc-status', '0'])], {}, 0, 'y'],
    [
      'no message',
      [head(ok), trailers(['grpc-status', '0'])],
      {},
      13,
      'cardinality violation: received no response message from non-server-streaming RPC',
    ],
    [
      'two messages',
      [head(ok), message('y'), message('z'), trailers(['grpc-status', '0'])],
      {},
      13,
      'cardinality violation: expected <EOF> for non server-streaming RPCs, but received another message',
    ],
    [
      'half a message',
      [head(ok), frame(T.DATA, 0, 1, Buffer.from([0, 0, 0, 0, 9, 1])), trailers(['grpc-status', '0'])],
      {},
      13,
      'unexpected EOF',
    ],
    [
      'a message flagged as nothing known',
      [head(ok), frame(T.DATA, 0, 1, Buffer.from([7, 0, 0, 0, 0]))],
      {},
      13,
      'grpc: received unexpected payload format 7',
    ],
    [
      'compression out of nowhere',
      [head(ok), frame(T.DATA, 0, 1, Buffer.from([1, 0, 0, 0, 0]))],
      {},
      13,
      'grpc: compressed flag set with identity or empty encoding',
    ],
    [
      'what is no gzip',
      [head([...ok, ['grpc-encoding', 'gzip']]), frame(T.DATA, 0, 1, Buffer.from([1, 0, 0, 0, 1, 9]))],
      {},
      13,
      'grpc: failed to decompress the message: unexpected EOF',
    ],
    [
      'a status alone',
      [head([...ok, ['grpc-status', '7'], ['grpc-message', 'no%20way']], END_HEADERS | END_STREAM)],
      {},
      7,
      'no way',
    ],
    ['a status that nobody has named', [head(ok), trailers(['grpc-status', '99'])], {}, 99, ''],
    ['trailers without a status', [head(ok), trailers(['x', 'y'])], {}, 2, ''],
    [
      'a status that is no number',
      [head(ok), trailers(['grpc-status', 'x'])],
      {},
      2,
      'transport: malformed grpc-status: strconv.ParseInt: parsing "x": invalid syntax',
    ],
    [
      'a status out of range',
      [head(ok), trailers(['grpc-status', '4294967296'])],
      {},
      2,
      'transport: malformed grpc-status: strconv.ParseInt: parsing "4294967296": value out of range',
    ],
    ['a negative status', [head(ok), trailers(['grpc-status', '-1'], ['grpc-message', 'm'])], {}, 4_294_967_295, 'm'],
    ['a head alone, without a status', [head(ok, END_HEADERS | END_STREAM)], {}, 2, ''],
    [
      'an end without trailers',
      [head(ok), frame(T.DATA, END_STREAM, 1)],
      {},
      13,
      'server closed the stream without sending trailers',
    ],
    [
      'HTML',
      [
        head([
          [':status', '200'],
          ['content-type', 'text/html'],
        ]),
      ],
      {},
      2,
      'unexpected HTTP status code received from server: 200 (OK); ' +
        'transport: received unexpected content-type "text/html"',
    ],
    [
      '404',
      [
        head(
          [
            [':status', '404'],
            ['content-type', 'text/plain'],
          ],
          END_HEADERS | END_STREAM,
        ),
      ],
      {},
      12,
      'unexpected HTTP status code received from server: 404 (Not Found); transport: received unexpected ' +
        'content-type "text/plain"',
    ],
    [
      '503 without a type',
      [head([[':status', '503']], END_HEADERS | END_STREAM)],
      {},
      14,
      'unexpected HTTP status code received from server: 503 (Service Unavailable); malformed header: missing ' +
        'HTTP content-type',
    ],
    [
      'an encoding that we do not have',
      [head([...ok, ['grpc-encoding', 'snappy']])],
      {},
      13,
      'grpc: Decompressor is not installed for grpc-encoding "snappy"',
    ],
    ...(
      [
        [0, 13, 'NO_ERROR'],
        [1, 13, 'PROTOCOL_ERROR'],
        [3, 8, 'FLOW_CONTROL_ERROR'],
        [8, 1, 'CANCEL'],
        [11, 8, 'ENHANCE_YOUR_CALM'],
        [12, 7, 'INADEQUATE_SECURITY'],
      ] as const
    ).map(([code, grpc, name]): [string, Buffer[], object, number, string] => [
      `a reset with ${name}`,
      [frame(T.RST_STREAM, 0, 1, uint32(code))],
      {},
      grpc,
      `stream terminated by RST_STREAM with error code: ${name}`,
    ]),
    ['the end of the connection', [head(ok)], { hangUp: true }, 14, 'error reading from server: EOF'],
    [
      'a GOAWAY and the end',
      [gone(11, 'too_many_pings')],
      { hangUp: true },
      14,
      'closing transport due to: connection error: desc = "error reading from server: EOF", received prior ' +
        'goaway: code: ENHANCE_YOUR_CALM, debug data: "too_many_pings"',
    ],
    ['a broken rule', [frame(T.DATA, 0, 0, 'x')], {}, 14, 'connection error: desc = "DATA on stream 0"'],
  ])('%s', async (_name, bytes, options, code, text) => {
    expect(await outcome(bytes, options)).toEqual({ code, message: text });
  });

  it('a refused stream: it tries once more', async () => {
    const [ours, theirs] = duplexPair();
    await using channel = channelTo(0, { dial: async () => ({ socket: theirs }) });
    const log = new FrameLog(PREFACE.length);
    let seen = 0;
    ours.on('data', (chunk: Buffer) => {
      log.push(chunk);
      const calls = log.frames.filter(({ type, flags }) => type === T.DATA && flags === END_STREAM);
      for (; seen < calls.length; seen++) ours.write(frame(T.RST_STREAM, 0, calls[seen]?.id ?? 0, uint32(7)));
    });
    ours.write(settings());
    expect(await failureOf(channel.unary(Echo.unary, 'x'))).toMatchObject({
      code: 14,
      message: 'stream terminated by RST_STREAM with error code: REFUSED_STREAM',
    });
    expect(seen).toBe(2);
    ours.destroy();
  });

  it('a port that hangs up at once', async () => {
    const [ours, theirs] = duplexPair();
    await using channel = channelTo(0, { dial: async () => ({ socket: theirs }) });
    ours.resume();
    ours.end();
    expect(await failureOf(channel.connect())).toMatchObject({
      code: 14,
      message: 'connection error: desc = "error reading server preface: EOF"',
    });
  });
});
