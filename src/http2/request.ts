/**
 * Plain requests over HTTP/2, for handlers that know nothing of it: health, version, metrics, the JSON gateway, v2.
 * The body arrives as it is read (the client's window is given back chunk by chunk), the answer's as the client takes it.
 */
import { ErrorCode } from './error-code.js';
import type { HeaderField, HeaderList, Http2Stream, SessionPeer, StreamEnd, StreamListener } from './types.js';

export interface NeutralRequest {
  readonly method: string;
  /** With the query: `/v2/keys/a?wait=true`. */
  readonly path: string;
  readonly authority: string;
  /** By lower-case name, several values joined by `, `; without pseudo-headers, with `host` from `:authority`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
  readonly peer: SessionPeer;
  /** Aborted when the client has gone away. */
  readonly signal: AbortSignal;
}

export interface NeutralResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array> | undefined;
}

/** Fields of HTTP/1's connections, which handlers may set for it; HTTP/2 forbids them (RFC 9113 section 8.2.2). */
const connectionSpecific: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

export type NeutralHandler = (request: NeutralRequest) => Promise<NeutralResponse>;

/** Answers the request that has begun on `stream`; a handler that throws is a 500. */
export function serveRequest(stream: Http2Stream, fields: HeaderList, end: boolean, handler: NeutralHandler): void {
  const exchange = new Exchange(stream, end);
  stream.listener = exchange;
  void exchange.run(requestOf(stream, fields, exchange), handler);
}

function requestOf(stream: Http2Stream, fields: HeaderList, exchange: Exchange): NeutralRequest {
  const pseudo: Record<string, string> = {};
  const headers: Record<string, string> = Object.create(null);
  for (const { name, value } of fields) {
    if (name.startsWith(':')) pseudo[name] = value;
    else
      headers[name] =
        headers[name] === undefined ? value : `${headers[name]}${name === 'cookie' ? '; ' : ', '}${value}`;
  }
  const authority = pseudo[':authority'] ?? headers.host ?? '';
  headers.host ??= authority;
  return {
    method: pseudo[':method'] ?? '',
    path: pseudo[':path'] ?? '',
    authority,
    headers,
    body: exchange,
    peer: stream.session.peer,
    signal: exchange.signal,
  };
}

class Exchange implements StreamListener, AsyncIterable<Uint8Array> {
  private readonly controller = new AbortController();
  readonly signal = this.controller.signal;
  /** Bounded by the stream's window; copied, so that small chunks do not hold the socket's buffers. */
  private chunks: Buffer[] = [];
  private gone = false;
  private wake: (() => void) | undefined;
  private wakeWriter: (() => void) | undefined;

  constructor(
    private readonly stream: Http2Stream,
    private ended: boolean,
  ) {}

  async run(request: NeutralRequest, handler: NeutralHandler): Promise<void> {
    try {
      await this.answer(await handler(request), request.method === 'HEAD');
    } catch {
      if (!this.gone) this.stream.reset(ErrorCode.InternalError);
    }
  }

  private async answer({ status, headers = {}, body = '' }: NeutralResponse, headersOnly: boolean): Promise<void> {
    const fields: HeaderField[] = [{ name: ':status', value: String(status) }];
    for (const [name, values] of Object.entries(headers)) {
      if (connectionSpecific.has(name.toLowerCase())) continue;
      for (const value of typeof values === 'string' ? [values] : values) {
        fields.push({ name: name.toLowerCase(), value });
      }
    }
    if (typeof body === 'string' || body instanceof Uint8Array) {
      const bytes = typeof body === 'string' ? Buffer.from(body) : body;
      if (headers['content-length'] === undefined) {
        fields.push({ name: 'content-length', value: String(bytes.length) });
      }
      const bare = headersOnly || bytes.length === 0;
      this.stream.sendHeaders(fields, bare);
      if (!bare) this.stream.sendData(bytes, true);
      return;
    }
    this.stream.sendHeaders(fields, headersOnly);
    if (headersOnly) return;
    for await (const chunk of body) {
      if (this.gone) return;
      if (!this.stream.sendData(chunk, false)) {
        await new Promise<void>((resolve) => {
          this.wakeWriter = resolve;
        });
      }
    }
    this.stream.sendData(Buffer.alloc(0), true);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, undefined> {
    for (;;) {
      const chunk = this.chunks.shift();
      if (chunk !== undefined) {
        this.stream.consume(chunk.length);
        yield chunk;
      } else if (this.ended) {
        return;
      } else if (this.gone) {
        throw new Error('the client has gone away before the end of its request');
      } else {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    }
  }

  headers(): void {}

  data(bytes: Buffer, end: boolean): void {
    const last = this.chunks.at(-1);
    // Many small frames become one chunk: a view costs more than a byte.
    if (last !== undefined && last.length + bytes.length <= 4096) {
      this.chunks[this.chunks.length - 1] = Buffer.concat([last, bytes]);
    } else if (bytes.length > 0) {
      this.chunks.push(Buffer.from(bytes));
    }
    this.ended = end;
    this.wake?.();
  }

  trailers(): void {
    this.ended = true;
    this.wake?.();
  }

  writable(): void {
    this.wakeWriter?.();
  }

  closed(end: StreamEnd): void {
    this.gone = true;
    if (end.t !== 'done') this.controller.abort(new Error('the client has gone away'));
    this.wake?.();
    this.wakeWriter?.();
  }
}
