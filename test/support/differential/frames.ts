/** Calls as no gRPC client makes them: odd headers, paths, lengths, flags and compressions, over plain HTTP/2. */
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2';
import { gzipSync } from 'node:zlib';
import type { Draw } from './draw.js';
import { type Caller, type Rpc, rawRpcs, spoiled } from './requests.js';
import { messageOf } from './side.js';

export interface FrameRequest {
  readonly rpc: Rpc;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly as: Caller;
}

export interface FrameAnswer {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Of the frame that reset the stream. */
  readonly reset: number;
}

const ANSWER_MS = 5000;

export function drawFrames(draw: Draw, as: Caller): FrameRequest {
  const rpc = draw.one(rawRpcs);
  const message = messageOf(rpc.method, JSON.stringify(rpc.draw(draw)));
  const payload = rpc.method.input.encode(message ?? rpc.method.input.create({}));
  const often = (usual: string, rare: readonly string[]): string => (draw.chance(3) ? draw.one(rare) : usual);
  const { path } = rpc.method;
  const headers: Record<string, string> = {
    ':method': draw.chance(10) ? draw.one(['GET', 'PUT', 'OPTIONS']) : 'POST',
    ':path': path,
    'content-type': often('application/grpc', [
      ...['', 'application/grpc+proto', 'application/grpc+json', 'application/grpc;charset=utf-8', 'application/json'],
      ...['text/plain', 'application/grpcx', 'APPLICATION/GRPC', 'application/grpc-web', 'application/grpc+'],
    ]),
    te: often('trailers', ['']),
    'grpc-timeout': often('', ['5S', '5000m', 'x', '1', '-1S', '123456789S', '99999999H', '5s', 'S', ' 5S']),
    'grpc-encoding': often('', ['identity', 'gzip', 'deflate', 'snappy', 'GZIP']),
    'grpc-accept-encoding': often('', ['gzip', 'identity', 'x']),
    'x-odd-bin': often('', ['YQ==', 'YQ', '!!!', 'YQ==,Yg==']),
    'user-agent': often('', ['curl', 'grpc-go/1.0']),
  };
  if (draw.chance(6)) {
    headers[':path'] = draw.one([
      ...['/etcdserverpb.KV/Nothing', '/nothing.Service/Range', '/etcdserverpb.KV', '/', '//etcdserverpb.KV/Range'],
      ...[`${path}/`, `${path}?x=1`, path.toLowerCase(), path.slice(1), '*', '/etcdserverpb.KV/'],
      ...['/health', '/version', '/metrics', '/v3/kv/range', '/v2/keys'],
    ]);
  }
  for (const [name, value] of Object.entries(headers)) if (value === '') delete headers[name];
  return { rpc, headers, body: drawBody(draw, rpc, payload), as };
}

function drawBody(draw: Draw, rpc: Rpc, payload: Uint8Array): Buffer {
  const framed = (flag: number, bytes: Uint8Array, length = bytes.length): Buffer => {
    const head = Buffer.alloc(5);
    head[0] = flag;
    head.writeUInt32BE(length >>> 0, 1);
    return Buffer.concat([head, bytes]);
  };
  const whole = framed(0, payload);
  return draw.one<() => Buffer>([
    () => whole,
    () => whole,
    () => framed(1, payload),
    () => framed(1, gzipSync(payload)),
    () => framed(1, gzipSync(payload).subarray(0, 12)),
    () => framed(2, payload),
    () => framed(0x80, payload),
    () => framed(0, payload, payload.length + 1),
    () => framed(0, payload, Math.max(0, payload.length - 1)),
    () => framed(0, payload, 0xffffffff),
    () => framed(0, payload, 3_000_000),
    () => framed(0, Buffer.concat([payload, Buffer.from('fa3f0161', 'hex')])),
    () => framed(0, Buffer.concat([payload, Buffer.from('fa3f', 'hex')])),
    () => framed(0, spoiled(draw, rpc, payload)),
    () => Buffer.concat([whole, whole]),
    () => Buffer.concat([whole, Buffer.from('x')]),
    () => whole.subarray(0, draw.below(6)),
    () => Buffer.alloc(0),
  ])();
}

/** A connection of its own for odd calls; a new one where it was ended. */
export class FrameClient implements Disposable {
  #session: ClientHttp2Session | undefined;

  constructor(readonly endpoint: string) {}

  ask({ headers, body }: FrameRequest, token: string | undefined): Promise<FrameAnswer> {
    if (this.#session === undefined || this.#session.closed || this.#session.destroyed) {
      this.#session = connect(`http://${this.endpoint}`);
      this.#session.on('error', () => {});
    }
    const request = this.#session.request({ ...headers, ...(token === undefined ? {} : { token }) });
    return new Promise((resolve) => {
      let head: IncomingHttpHeaders = {};
      let trailers: IncomingHttpHeaders = {};
      const chunks: Buffer[] = [];
      request.setTimeout(ANSWER_MS, () => request.close(constants.NGHTTP2_CANCEL));
      request.on('response', (found) => {
        head = found;
      });
      request.on('trailers', (found) => {
        trailers = found;
      });
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('error', () => {});
      request.on('close', () =>
        resolve({ headers: head, trailers, body: Buffer.concat(chunks), reset: request.rstCode ?? 0 }),
      );
      // Of a request that ends with its headers a real server waits for the message.
      request.end(body);
    });
  }

  [Symbol.dispose](): void {
    this.#session?.destroy();
  }
}
