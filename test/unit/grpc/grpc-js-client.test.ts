/** @grpc/grpc-js as the client of our server: every kind of call, metadata, deadlines, limits, compression. */
import * as grpcJs from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { echoDefinition, echoServer, grpcJsClient, type Served, serve } from '../../support/echo-service.js';

interface Result {
  text: string;
  headers: grpcJs.Metadata | undefined;
  status: grpcJs.StatusObject | undefined;
}

function unary(
  client: grpcJs.Client,
  request: string | Buffer,
  { metadata = new grpcJs.Metadata(), options = {} }: { metadata?: grpcJs.Metadata; options?: grpcJs.CallOptions } = {},
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const { path, requestSerialize, responseDeserialize } = echoDefinition.Unary;
    let headers: grpcJs.Metadata | undefined;
    let text: string | undefined;
    let status: grpcJs.StatusObject | undefined;
    const settle = (): void => {
      if (text !== undefined && status !== undefined) resolve({ text, headers, status });
    };
    const call = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      Buffer.from(request),
      metadata,
      options,
      (error, answer) => {
        if (error !== null) reject(error);
        text = answer?.toString() ?? '';
        settle();
      },
    );
    call.on('metadata', (each) => {
      headers = each;
    });
    call.on('status', (each) => {
      status = each;
      settle();
    });
  });
}

async function both(
  options: Parameters<typeof echoServer>[0] = {},
): Promise<{ served: Served; client: grpcJs.Client } & AsyncDisposable> {
  const served = await serve(echoServer(options));
  const client = grpcJsClient(served.port);
  return {
    served,
    client,
    async [Symbol.asyncDispose]() {
      client.close();
      await served[Symbol.asyncDispose]();
    },
  };
}

function chat(client: grpcJs.Client): grpcJs.ClientDuplexStream<Buffer, Buffer> {
  const { path, requestSerialize, responseDeserialize } = echoDefinition.Chat;
  return client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new grpcJs.Metadata(), {});
}

async function collect(stream: AsyncIterable<Buffer>): Promise<string[]> {
  const parts: string[] = [];
  for await (const part of stream) parts.push(part.toString());
  return parts;
}

describe('grpc-js calls our server', () => {
  it.each([
    ['at once', 'hello', 'hello'],
    ['in a later turn', 'later hello', 'hello'],
    ['with an empty message', '', ''],
    ['with a message of 3 MB', 'x'.repeat(3_000_000), 'x'.repeat(3_000_000)],
  ])('unary, answered %s', async (_name, request, answer) => {
    await using pair = await both();
    expect((await unary(pair.client, request)).text).toBe(answer);
  });

  it('server-streaming, client-streaming and both', async () => {
    await using pair = await both();
    const { Split, Collect } = echoDefinition;
    const split = pair.client.makeServerStreamRequest(
      Split.path,
      Split.requestSerialize,
      Split.responseDeserialize,
      Buffer.from('go a b c'),
    );
    expect(await collect(split)).toEqual(['a', 'b', 'c']);

    const collected = await new Promise<string>((resolve, reject) => {
      const call = pair.client.makeClientStreamRequest(
        Collect.path,
        Collect.requestSerialize,
        Collect.responseDeserialize,
        (error, answer) => (error === null ? resolve(answer?.toString() ?? '') : reject(error)),
      );
      for (const part of ['a', 'b', 'c']) call.write(Buffer.from(part));
      call.end();
    });
    expect(collected).toBe('a,b,c');

    const stream = chat(pair.client);
    for (let i = 0; i < 200; i++) stream.write(Buffer.from(`${i}`.padEnd(10_000)));
    stream.end();
    expect((await collect(stream)).map((part) => part.trim())).toEqual(Array.from({ length: 200 }, (_, i) => `${i}`));
  });

  it('with metadata, plain and binary, back as header and trailer', async () => {
    await using pair = await both();
    const metadata = new grpcJs.Metadata();
    metadata.add('x-echo', 'one');
    metadata.add('x-echo', 'two');
    metadata.add('x-echo-bin', Buffer.from([0, 255, 1]));
    const { headers, status } = await unary(pair.client, 'x', { metadata });
    expect(headers?.get('x-echo')).toEqual(['one, two']);
    expect(headers?.get('x-echo-bin')).toEqual([Buffer.from([0, 255, 1])]);
    expect(status?.metadata.get('x-trail-bin')).toEqual([Buffer.from([0, 255, 1])]);
  });

  it.each([
    [
      'fail 11 etcdserver: mvcc: required revision has been compacted',
      11,
      'etcdserver: mvcc: required revision has been compacted',
    ],
    ['fail 5 100% "schön" \n', 5, '100% "schön" \n'],
    ['throw oops', 2, 'oops'],
    ['undecodable', 13, 'grpc: error unmarshalling request: proto: cannot parse invalid wire-format data'],
  ])('and learns the status of %j', async (request, code, details) => {
    await using pair = await both();
    await expect(unary(pair.client, request)).rejects.toMatchObject({ code, details });
  });

  it('and gets status details', async () => {
    await using pair = await both();
    const error = await unary(pair.client, 'fail 9 x').catch((each: grpcJs.ServiceError) => each);
    expect(error).toMatchObject({ code: 9 });
    expect((error as grpcJs.ServiceError).metadata.get('grpc-status-details-bin')).toEqual([Buffer.from('details')]);
  });

  it.each([
    ['/test.Echo/Nope', 'unknown method Nope for service test.Echo'],
    ['/test.Other/Nope', 'unknown service test.Other'],
    ['/nothing', 'malformed method name: "/nothing"'],
  ])('%s, which there is not', async (path, details) => {
    await using pair = await both();
    const call = new Promise((resolve, reject) => {
      pair.client.makeUnaryRequest(
        path,
        (x: Buffer) => x,
        (x: Buffer) => x,
        Buffer.from(''),
        (error, answer) => (error === null ? resolve(answer) : reject(error)),
      );
    });
    await expect(call).rejects.toMatchObject({ code: 12, details });
  });

  it('with a deadline, of which the handler is told', async () => {
    await using pair = await both();
    await expect(unary(pair.client, 'wait', { options: { deadline: Date.now() + 30 } })).rejects.toMatchObject({
      code: 4,
    });
    await expect.poll(() => pair.served.server.runningCalls).toBe(0);
    expect((await unary(pair.client, 'peer', { options: { deadline: Date.now() + 60_000 } })).text).toBe(
      '127.0.0.1 false true',
    );
  });

  it('and cancels, of which the handler is told', async () => {
    await using pair = await both();
    const { path, requestSerialize, responseDeserialize } = echoDefinition.Unary;
    const failed = new Promise<grpcJs.ServiceError | null>((resolve) => {
      const call = pair.client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        Buffer.from('wait'),
        (error) => resolve(error),
      );
      void expect
        .poll(() => pair.served.server.runningCalls)
        .toBe(1)
        .then(() => call.cancel());
    });
    expect(await failed).toMatchObject({ code: 1 });
    await expect.poll(() => pair.served.server.runningCalls).toBe(0);
  });

  it('with a message above the limit', async () => {
    await using pair = await both({ maxReceiveBytes: 1000 });
    await expect(unary(pair.client, 'x'.repeat(1001))).rejects.toMatchObject({
      code: 8,
      details: 'grpc: received message larger than max (1001 vs. 1000)',
    });
    await expect(unary(pair.client, 'x'.repeat(1_000_000))).rejects.toMatchObject({ code: 8 });
    expect((await unary(pair.client, 'x'.repeat(1000))).text.length).toBe(1000);
  });

  it('and asks for more than may be sent', async () => {
    await using pair = await both({ maxSendBytes: 10 });
    await expect(unary(pair.client, 'x'.repeat(11))).rejects.toMatchObject({
      code: 8,
      details: 'trying to send message larger than max (11 vs. 10)',
    });
  });

  it('compressed by gzip, and is answered so', async () => {
    await using served = await serve(echoServer());
    using client = grpcJsClient(served.port, {
      'grpc.default_compression_algorithm': grpcJs.compressionAlgorithms.gzip,
    });
    const { text, headers } = await unary(client, 'abc'.repeat(10_000));
    expect(text).toBe('abc'.repeat(10_000));
    expect(headers?.get('grpc-encoding')).toEqual([]); // consumed by the library, which has unpacked the answer
  });

  it('cannot unfold a small message into a large one', async () => {
    await using served = await serve(echoServer({ maxReceiveBytes: 10_000 }));
    using client = grpcJsClient(served.port, {
      'grpc.default_compression_algorithm': grpcJs.compressionAlgorithms.gzip,
    });
    await expect(unary(client, Buffer.alloc(1_000_000))).rejects.toMatchObject({
      code: 8,
      details: 'grpc: received message after decompression larger than max 10000',
    });
  });

  it('with a compression that we do not have', async () => {
    await using served = await serve(echoServer());
    using client = grpcJsClient(served.port, {
      'grpc.default_compression_algorithm': grpcJs.compressionAlgorithms.deflate,
    });
    await expect(unary(client, 'x')).rejects.toMatchObject({
      code: 12,
      details: 'grpc: Decompressor is not installed for grpc-encoding "deflate"',
    });
  });

  it('and gets what was sent before an error', async () => {
    await using pair = await both();
    const stream = chat(pair.client);
    const got: string[] = [];
    const failed = new Promise((resolve) => stream.on('error', resolve));
    stream.on('data', (part: Buffer) => got.push(part.toString()));
    stream.write(Buffer.from('one'));
    stream.write(Buffer.from('fail 10 stop here'));
    expect(await failed).toMatchObject({ code: 10, details: 'stop here' });
    expect(got).toEqual(['one']);
  });

  it('while the server ends all calls', async () => {
    await using pair = await both();
    const waiting = unary(pair.client, 'wait');
    waiting.catch(() => {});
    const stream = chat(pair.client);
    const ended = new Promise((resolve) => stream.on('error', resolve));
    stream.write(Buffer.from('x'));
    await expect.poll(() => pair.served.server.runningCalls).toBe(2);
    pair.served.server.cancelAll('etcdserver: server stopped');
    await expect(waiting).rejects.toMatchObject({ code: 14, details: 'etcdserver: server stopped' });
    expect(await ended).toMatchObject({ code: 14 });
    expect(pair.served.server.runningCalls).toBe(0);
  });

  it('is metered', async () => {
    const seen: string[] = [];
    await using pair = await both({
      observer: {
        started: (path, kind) => seen.push(`started ${path} ${kind}`),
        arrived: (bytes) => seen.push(`arrived ${bytes}`),
        received: (path) => seen.push(`received ${path}`),
        sent: (_path, bytes) => seen.push(`sent ${bytes}`),
        handled: (_path, _kind, code) => seen.push(`handled ${code}`),
      },
    });
    await unary(pair.client, 'hello');
    await unary(pair.client, 'fail 5 x').catch(() => {});
    expect(seen).toEqual([
      'arrived 5',
      'started /test.Echo/Unary unary',
      'received /test.Echo/Unary',
      'sent 5',
      'handled 0',
      'arrived 8',
      'started /test.Echo/Unary unary',
      'received /test.Echo/Unary',
      'handled 5',
    ]);
  });

  it('a thousand times at once', async () => {
    await using pair = await both();
    const answers = await Promise.all(
      Array.from({ length: 1000 }, (_, i) => unary(pair.client, i % 2 === 0 ? `${i}` : `later ${i}`)),
    );
    expect(answers.map(({ text }) => text)).toEqual(Array.from({ length: 1000 }, (_, i) => `${i}`));
  });
});
