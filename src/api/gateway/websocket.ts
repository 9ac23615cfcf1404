/**
 * Streams over a websocket, for pages in browsers: each frame from the client, text or binary, is a piece of the
 * request's body, each line of the answer a text frame. A token comes in a header, or as the second of two subprotocols
 * (`Bearer, TOKEN`), the only thing that a page can send along. As github.com/tmc/grpc-websocket-proxy, which etcd
 * embeds.
 */
import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../lib/clock.js';
import { goStatusText } from '../../lib/go/http-status.js';
import { type HttpRequest, type HttpResponse, pourBody } from '../../lib/http.js';
import { textError } from '../http/types.js';
import { FrameReader, textFrame } from './websocket-frames.js';

export interface WebSocketOptions {
  readonly clock: Pick<Clock, 'after'>;
  readonly maxMessageBytes: number;
  readonly allowsOrigin: (origin: string, host: string | undefined) => boolean;
  readonly serve: (request: HttpRequest) => Promise<HttpResponse>;
}

/** How long a client may take to read what is left when its call has ended. */
const LINGER_MS = 30_000;
/** What a client's key is hashed with (RFC 6455, section 1.3). */
const KEY_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** Frames that wait for the call to take them, and their bytes: beyond them the client's socket is not read, … */
const MAX_FRAMES = 64;
const MAX_FRAME_BYTES = 1024 * 1024;
/** … nor while so much waits for a client that asks by pings and does not read the answers. */
const MAX_UNREAD_BYTES = 64 * 1024;

/** Takes the request's connection; what is returned is sent only when it was refused before. */
export async function serveWebSocket(request: HttpRequest, options: WebSocketOptions): Promise<HttpResponse> {
  const { headers } = request;
  if (headers.origin !== undefined && !options.allowsOrigin(headers.origin, headers.host)) return refused(403);
  const status = refusalOf(request);
  if (status !== undefined) return refused(status);
  const taken = request.upgrade?.();
  if (taken !== undefined) {
    taken.socket.write(acceptance(headers));
    void converse(taken, request, options);
  }
  return { status: 101, headers: {}, body: '' };
}

/** Whether a header is a list that has the word, in any case. */
export const isListed = (list = '', word: string): boolean =>
  list.split(',').some((each) => each.trim().toLowerCase() === word);

/** What is wrong with it is not told. */
function refusalOf({ method, headers }: HttpRequest): 400 | 405 | undefined {
  if (method !== 'GET') return 405;
  const isRight =
    isListed(headers['sec-websocket-version'], '13') &&
    /^[A-Za-z0-9+/]{22}==$/.test(headers['sec-websocket-key'] ?? '');
  return isRight ? undefined : 400;
}

function refused(status: number): HttpResponse {
  return textError(status, goStatusText(status), { 'Sec-Websocket-Version': '13' });
}

/** The second part of the protocol is the token, which is not said aloud. */
function acceptance(headers: HttpRequest['headers']): string {
  const { 'sec-websocket-key': key = '', 'sec-websocket-protocol': protocol = '' } = headers;
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${createHash('sha1').update(`${key}${KEY_SUFFIX}`).digest('base64')}`,
    ...(protocol.startsWith('Bearer') ? ['Sec-WebSocket-Protocol: Bearer'] : []),
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

interface Taken {
  readonly socket: Duplex;
  /** What came behind the request. */
  readonly head: Uint8Array;
}

async function converse({ socket, head }: Taken, request: HttpRequest, options: WebSocketOptions): Promise<void> {
  const gone = new AbortController();
  const frames = new FrameQueue(socket);
  const end = (): void => {
    frames.end();
    gone.abort(new Error('the client has gone away'));
  };
  /** Whoever still has to read is given time. */
  const hangUp = (frame: Buffer | undefined): void => {
    const stop = options.clock.after(LINGER_MS, () => socket.destroy());
    socket.once('close', stop);
    if (frame !== undefined) socket.write(frame);
    socket.end(() => socket.destroy());
  };
  const reader = new FrameReader(options.maxMessageBytes, {
    message: (data) => frames.push(data),
    reply: (frame) => {
      socket.write(frame);
      frames.replied();
    },
    over: (frame) => {
      end();
      hangUp(frame);
    },
  });
  socket.on('error', () => {});
  socket.on('close', end);
  socket.on('end', () => {
    end();
    socket.destroy();
  });
  socket.on('data', (chunk: Buffer) => reader.push(chunk));
  if (head.length > 0) reader.push(Buffer.from(head));
  socket.resume();
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
    // Without a closing frame, as etcd's proxy hangs up.
    if (!gone.signal.aborted) hangUp(undefined);
  } catch {
    socket.destroy();
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

async function sendLines(socket: Duplex, body: HttpResponse['body'], gone: AbortSignal): Promise<void> {
  if (typeof body === 'string' || body instanceof Uint8Array) {
    const text = typeof body === 'string' ? body : Buffer.from(body).toString('utf8');
    for (const line of text.split('\n')) if (line !== '') socket.write(textFrame(Buffer.from(line)));
    return;
  }
  await pourBody(body, {
    // Each chunk is one line.
    write: (chunk) => socket.write(textFrame(chunk.subarray(0, -1))),
    writable: () => drained(socket, gone),
    gone,
  });
}

function drained(socket: Duplex, gone: AbortSignal): Promise<void> {
  if (!socket.writableNeedDrain || gone.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const over = (): void => {
      socket.off('drain', over);
      gone.removeEventListener('abort', over);
      resolve();
    };
    socket.on('drain', over);
    gone.addEventListener('abort', over);
  });
}

/** The client's frames as a body, each followed by a line's end. */
class FrameQueue implements AsyncIterable<Uint8Array> {
  readonly #frames: Uint8Array[] = [];
  #frameBytes = 0;
  #isFull = false;
  #isUnread = false;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(readonly socket: Pick<Duplex, 'pause' | 'resume' | 'writableLength' | 'once'>) {}

  push(data: Buffer): void {
    this.#frames.push(data);
    this.#frameBytes += data.length;
    if (this.#frames.length >= MAX_FRAMES || this.#frameBytes >= MAX_FRAME_BYTES) {
      this.#isFull = true;
      this.socket.pause();
    }
    this.#wake?.();
  }

  /** Something was sent without being asked for by the call. */
  replied(): void {
    if (this.#isUnread || this.socket.writableLength < MAX_UNREAD_BYTES) return;
    this.#isUnread = true;
    this.socket.pause();
    this.socket.once('drain', () => {
      this.#isUnread = false;
      this.#goOn();
    });
  }

  #goOn(): void {
    if (!this.#isFull && !this.#isUnread) this.socket.resume();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, undefined> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) {
        this.#frameBytes -= frame.length;
        if (this.#isFull && this.#frames.length < MAX_FRAMES / 2 && this.#frameBytes < MAX_FRAME_BYTES / 2) {
          this.#isFull = false;
          this.#goOn();
        }
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
