/** A service of all four kinds over raw bytes, our server and channel for it, and the same for @grpc/grpc-js. */
import * as grpcJs from '@grpc/grpc-js';
import { createChannel } from '../../src/grpc/channel.js';
import { createGrpcServer } from '../../src/grpc/server.js';
import {
  type Channel,
  type ChannelOptions,
  type Code,
  GrpcError,
  type GrpcServer,
  type GrpcServerOptions,
} from '../../src/grpc/types.js';
import { openPort, type PortOptions } from '../../src/http2/port.js';
import type { Http2Session } from '../../src/http2/types.js';
import { type Codec, type Method, type MethodKind, ProtoDecodeError } from '../../src/lib/codec.js';
import { osClock } from '../../src/lib/os/clock.js';
import { osNetwork } from '../../src/lib/os/net.js';

export const HOST = '127.0.0.1';

/** Text as UTF-8; "undecodable" cannot be decoded. */
const text: Codec<string> = {
  typeName: 'test.Text',
  create: (init) => String(init ?? ''),
  encode: (message) => Buffer.from(message),
  decode: (bytes) => {
    const value = Buffer.from(bytes).toString();
    if (value === 'undecodable') throw new ProtoDecodeError('proto: cannot parse invalid wire-format data');
    return value;
  },
};

const method = (name: string, kind: MethodKind): Method<string, string> => ({
  path: `/test.Echo/${name}`,
  kind,
  input: text,
  output: text,
});
export const Echo = {
  unary: method('Unary', 'unary'),
  collect: method('Collect', 'client-streaming'),
  split: method('Split', 'server-streaming'),
  chat: method('Chat', 'bidi'),
};

/**
 * `fail N message` ends with that status, `throw message` with a plain error, `wait` hangs until aborted; `later x`
 * answers x in another turn; everything else comes back. Metadata `x-echo` and `x-echo-bin` return as header and
 * trailer.
 */
export function echoServer(options: Partial<GrpcServerOptions> = {}): GrpcServer {
  const server = createGrpcServer({ clock: osClock, ...options });
  server.unary(Echo.unary, (request, call) => {
    for (const name of ['x-echo', 'x-echo-bin']) {
      for (const value of call.metadata.get(name) ?? []) {
        call.setHeader(name, value);
        call.setTrailer(name.replace('echo', 'trail'), value);
      }
    }
    const [word, ...rest] = request.split(' ');
    if (word === 'fail') throw failure(rest);
    if (word === 'throw') throw new Error(rest.join(' '));
    if (word === 'later') return new Promise((resolve) => setImmediate(() => resolve(rest.join(' '))));
    if (word === 'peer')
      return `${call.peer.address.replace(/:\d+$/, '')} ${call.peer.tls} ${call.timeoutMs !== undefined}`;
    if (word === 'wait') {
      return new Promise((_resolve, reject) => {
        call.signal.addEventListener('abort', () => reject(call.signal.reason));
      });
    }
    return request;
  });
  server.stream(Echo.collect, async (stream) => {
    const parts: string[] = [];
    for await (const part of stream.messages) parts.push(part);
    stream.send(parts.join(','));
  });
  server.stream(Echo.split, async (stream) => {
    for await (const request of stream.messages) {
      const [word, ...rest] = request.split(' ');
      for (const part of rest) if (!stream.send(part)) await stream.drained();
      if (word === 'fail') throw failure(['9', 'after', 'some']);
    }
  });
  server.stream(Echo.chat, async (stream) => {
    for await (const message of stream.messages) {
      if (message.startsWith('fail ')) throw failure(message.split(' ').slice(1));
      if (!stream.send(message)) await stream.drained();
    }
  });
  return server;
}

function failure([code = '2', ...words]: string[]): GrpcError {
  return new GrpcError(Number(code) as Code, words.join(' '), { details: Buffer.from('details') });
}

export interface Served extends AsyncDisposable {
  readonly port: number;
  readonly server: GrpcServer;
  readonly sessions: ReadonlySet<Http2Session>;
  /** Graceful. */
  close(): void;
  destroy(): void;
}

export async function serve(
  server: GrpcServer,
  session: Partial<PortOptions['session']> = {},
  port = 0,
): Promise<Served> {
  const open = openPort({
    clock: osClock,
    session: { onStream: (stream, fields, end) => server.handle(stream, fields, end), ...session },
  });
  const listener = await osNetwork.listen({ t: 'tcp', host: HOST, port }, open.accept);
  const { address } = listener;
  return {
    port: address.t === 'tcp' ? address.port : 0,
    server,
    sessions: open.sessions,
    close: () => open.close(),
    destroy: () => open.destroy(),
    async [Symbol.asyncDispose]() {
      open.destroy();
      await listener.close();
    },
  };
}

export function channelTo(port: number, options: Partial<ChannelOptions> = {}): Channel & AsyncDisposable {
  const channel = createChannel({
    target: `${HOST}:${port}`,
    clock: osClock,
    dial: (signal) => osNetwork.dial({ t: 'tcp', host: HOST, port }, { signal }),
    ...options,
  });
  return Object.assign(channel, { [Symbol.asyncDispose]: () => channel.close() });
}

const identity = (message: Buffer): Buffer => message;
const definition = (kind: keyof typeof Echo): grpcJs.MethodDefinition<Buffer, Buffer> => ({
  path: Echo[kind].path,
  requestStream: kind === 'collect' || kind === 'chat',
  responseStream: kind === 'split' || kind === 'chat',
  requestSerialize: identity,
  requestDeserialize: identity,
  responseSerialize: identity,
  responseDeserialize: identity,
});
export const echoDefinition = {
  Unary: definition('unary'),
  Collect: definition('collect'),
  Split: definition('split'),
  Chat: definition('chat'),
};

export function grpcJsClient(port: number, options: grpcJs.ChannelOptions = {}): grpcJs.Client & Disposable {
  const client = new grpcJs.Client(`${HOST}:${port}`, grpcJs.credentials.createInsecure(), options);
  return Object.assign(client, { [Symbol.dispose]: () => client.close() });
}
