/**
 * Streams over a websocket, for pages in browsers: each frame from the client, text or binary, is a piece of the
 * request's body, each line of the answer a text frame. A token comes in a header, or as the second of two subprotocols
 * (`Bearer, TOKEN`), the only thing that a page can send along. As github.com/tmc/grpc-websocket-proxy, which etcd
 * embeds.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { goStatusText } from '../../lib/go/http-status.js';
import { type HttpRequest, type HttpResponse, pourBody } from '../../lib/http.js';
import { textError } from '../http/types.js';

export interface WebSocketOptions {
  readonly maxMessageBytes: number;
  readonly allowsOrigin: (origin: string, host: string | undefined) => boolean;
  readonly serve: (request: HttpRequest) => Promise<HttpResponse>;
}

/** How much of an answer may wait for a client that does not read. */
const HIGH_BYTES = 64 * 1024;
/** Frames that wait for the call to take them: beyond them the client's socket is not read. */
const MAX_FRAMES = 64;

/** Takes the request's connection; what is returned is sent only when it was refused before. */
export async function serveWebSocket(request: HttpRequest, options: WebSocketOptions): Promise<HttpResponse> {
  const { headers } = request;
  if (headers.origin !== undefined && !options.allowsOrigin(headers.origin, headers.host)) return refused(403);
  const status = refusalOf(request);
  if (status !== undefined) return refused(status);
  const taken = await upgraded(request, options.maxMessageBytes);
  if (taken !== undefined) void converse(taken, request, options);
  return { status: 101, headers: {}, body: '' };
}

/** What is wrong with it is not told. */
function refusalOf({ method, headers }: HttpRequest): 400 | 405 | undefined {
  if (method !== 'GET') return 405;
  const isRight =
    headers['sec-websocket-version'] === '13' && /^[A-Za-z0-9+/]{22}==$/.test(headers['sec-websocket-key'] ?? '');
  return isRight ? undefined : 400;
}

function refused(status: number): HttpResponse {
  return textError(status, goStatusText(status), { 'Sec-Websocket-Version': '13' });
}

interface Taken {
  readonly socket: WebSocket;
  /** What it is spoken over. */
  readonly connection: Duplex;
}

async function upgraded(request: HttpRequest, maxMessageBytes: number): Promise<Taken | undefined> {
  const { WebSocketServer } = await import('ws');
  const taken = request.upgrade?.();
  if (taken === undefined) return undefined;
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    // Its second part is the token, which is not said aloud.
    handleProtocols: (protocols) => (protocols.has('Bearer') ? 'Bearer' : false),
  });
  return new Promise((resolve) => {
    taken.socket.once('close', () => resolve(undefined));
    // All that ws reads of a request.
    const message = { method: 'GET', headers: request.headers } as unknown as IncomingMessage;
    server.handleUpgrade(message, taken.socket, Buffer.from(taken.head), (socket) =>
      resolve({ socket, connection: taken.socket }),
    );
  });
}

async function converse({ socket, connection }: Taken, request: HttpRequest, options: WebSocketOptions): Promise<void> {
  const gone = new AbortController();
  const frames = new FrameQueue(socket);
  socket.on('message', (data: Buffer) => frames.push(data));
  socket.on('error', () => {});
  socket.on('close', () => {
    frames.end();
    gone.abort(new Error('the client has gone away'));
  });
  try {
    const response = await options.serve({
      method: 'POST',
      target: request.target,
      protocol: request.protocol,
      headers: forwarded(request.headers),
      body: frames,
      peer: request.peer,
      signal: gone.signal,
      get isGone() {
        return gone.signal.aborted;
      },
    });
    await sendLines(socket, response.body, gone.signal);
    // Without a closing frame, as etcd's proxy hangs up; whoever still has to read is given time.
    if (connection.writableLength > 0) socket.close(1000);
    else connection.end(() => socket.terminate());
  } catch {
    socket.terminate();
  }
}

/**
 * What the stream's request takes over from the one that opened the websocket.
 * `etcd-diff:` a cookie named `token` is not taken for one: a browser sends it along for whatever page asks.
 */
function forwarded(headers: HttpRequest['headers']): Record<string, string | undefined> {
  const { origin, referer, host, 'sec-websocket-protocol': protocol = '' } = headers;
  const token = /^Bearer\s*,\s*(\S+)\s*$/.exec(protocol)?.[1];
  const authorization = token === undefined ? headers.authorization : `Bearer ${token}`;
  const kept: Record<string, string | undefined> = { host, origin, referer, authorization };
  for (const name in headers) if (name.startsWith('grpc-metadata-')) kept[name] = headers[name];
  return kept;
}

async function sendLines(socket: WebSocket, body: HttpResponse['body'], gone: AbortSignal): Promise<void> {
  if (typeof body === 'string' || body instanceof Uint8Array) {
    const text = typeof body === 'string' ? body : Buffer.from(body).toString('utf8');
    for (const line of text.split('\n')) if (line !== '') socket.send(line);
    return;
  }
  let sent = Promise.resolve();
  await pourBody(body, {
    write(chunk) {
      // Each chunk is one line.
      sent = new Promise((resolve) => {
        socket.send(chunk.subarray(0, -1), { binary: false }, () => resolve());
      });
      return socket.bufferedAmount <= HIGH_BYTES;
    },
    writable: () => sent,
    gone,
  });
}

/** The client's frames as a body, each followed by a line's end. */
class FrameQueue implements AsyncIterable<Uint8Array> {
  readonly #frames: Uint8Array[] = [];
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(readonly socket: Pick<WebSocket, 'pause' | 'resume' | 'isPaused'>) {}

  push(data: Buffer): void {
    this.#frames.push(data);
    if (this.#frames.length >= MAX_FRAMES) this.socket.pause();
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, undefined> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) {
        if (this.socket.isPaused && this.#frames.length < MAX_FRAMES / 2) this.socket.resume();
        yield frame;
        yield LINE_END;
      } else if (this.#ended) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

const LINE_END = Buffer.from('\n');
