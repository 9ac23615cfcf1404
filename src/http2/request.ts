/**
 * Plain requests over HTTP/2, for handlers that know nothing of it: health, version, metrics, the JSON gateway, v2.
 * The body arrives as it is read (the client's window is given back chunk by chunk), the answer's as the client takes
 * it.
 */
import { type BodyBound, BodyShare } from '../lib/body-bound.js';
import type { Clock } from '../lib/clock.js';
import {
  BodyTooLargeError,
  type HttpBody,
  type HttpRequest,
  type HttpResponse,
  type HttpService,
  pourBody,
} from '../lib/http.js';
import { ErrorCode } from './frames/error-code.js';
import type { HeaderField, HeaderList, Http2Stream, StreamEnd, StreamListener } from './types.js';

/** Fields of HTTP/1's connections, which handlers may set for it; HTTP/2 forbids them (RFC 9113 section 8.2.2). */
const connectionSpecific: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** A body is to be whole, or its answer to begin, within so long. */
const BODY_MS = 300_000;

export interface PlainFace {
  readonly service: HttpService;
  readonly clock: Clock;
  /** On what is held of bodies. */
  readonly bodies: BodyBound;
  /** What answers say of when they were made. */
  date(): string;
}

/** Answers the request that has begun on `stream`; one that rejects resets it. */
export function serveRequest(stream: Http2Stream, fields: HeaderList, end: boolean, face: PlainFace): void {
  const exchange = new Exchange(stream, end, face);
  stream.listener = exchange;
  void exchange.run(requestOf(stream, fields, exchange));
}

function requestOf(stream: Http2Stream, fields: HeaderList, exchange: Exchange): HttpRequest {
  const pseudo: Record<string, string> = {};
  const headers: Record<string, string> = Object.create(null);
  for (const { name, value } of fields) {
    if (name.startsWith(':')) pseudo[name] = value;
    else
      headers[name] =
        headers[name] === undefined ? value : `${headers[name]}${name === 'cookie' ? '; ' : ', '}${value}`;
  }
  headers.host ??= pseudo[':authority'] ?? '';
  const { address, tlsPeer } = stream.session.peer;
  return {
    method: pseudo[':method'] ?? '',
    target: pseudo[':path'] ?? '',
    protocol: 'HTTP/2.0',
    headers,
    body: exchange,
    peer: { address, tls: tlsPeer, connection: stream.session },
    signal: exchange.signal,
    get isGone() {
      return exchange.signal.aborted;
    },
  };
}

class Exchange implements StreamListener, HttpBody {
  readonly #controller = new AbortController();
  readonly signal = this.#controller.signal;
  /** Bounded by the stream's window; copied, so that small chunks do not hold the socket's buffers. */
  #chunks: Buffer[] = [];
  #gone = false;
  #wake: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;
  readonly #stream: Http2Stream;
  readonly #face: PlainFace;
  readonly #share: BodyShare;
  #ended: boolean;
  #answered = false;
  /** No more of the body is held, even where all of it has come. */
  #refusal: BodyTooLargeError | undefined;
  readonly #stopWaiting: () => void;

  constructor(stream: Http2Stream, ended: boolean, face: PlainFace) {
    this.#stream = stream;
    this.#ended = ended;
    this.#face = face;
    this.#share = new BodyShare(face.bodies);
    this.#stopWaiting = ended ? () => {} : face.clock.after(BODY_MS, () => this.#late());
  }

  async run(request: HttpRequest): Promise<void> {
    try {
      await this.#answer(request, await this.#face.service(request));
    } catch {
      if (!this.#gone) this.#stream.reset(ErrorCode.InternalError);
    }
  }

  async #answer(
    { method, leading }: HttpRequest,
    { status, headers, body, encoding, trailers, broken }: HttpResponse,
  ): Promise<void> {
    this.#answered = true;
    this.#letGo();
    const headersOnly = method === 'HEAD';
    const fields: HeaderField[] = [{ name: ':status', value: String(status) }];
    for (const [name, values] of Object.entries({ ...leading, ...headers })) {
      if (connectionSpecific.has(name.toLowerCase())) continue;
      for (const value of typeof values === 'string' ? [values] : values) {
        fields.push({ name: name.toLowerCase(), value });
      }
    }
    fields.push({ name: 'date', value: this.#face.date() });
    if (typeof body === 'string' || body instanceof Uint8Array) {
      const bytes = typeof body === 'string' ? Buffer.from(body, encoding) : body;
      if (headers['content-length'] === undefined) {
        fields.push({ name: 'content-length', value: String(bytes.length) });
      }
      const bare = headersOnly || bytes.length === 0;
      this.#stream.sendHeaders(fields, bare);
      if (!bare) this.#stream.sendData(bytes, true);
      return;
    }
    this.#stream.sendHeaders(fields, headersOnly);
    if (headersOnly) return;
    const gone = broken === undefined ? this.signal : AbortSignal.any([this.signal, broken]);
    broken?.addEventListener('abort', () => this.#wakeWriter?.(), { once: true });
    const whole = await pourBody(body, {
      write: (chunk) => this.#stream.sendData(chunk, false),
      writable: () =>
        new Promise((resolve) => {
          this.#wakeWriter = resolve;
        }),
      gone,
    });
    if (broken?.aborted === true && !this.#gone) this.#stream.reset(ErrorCode.InternalError);
    if (!whole) return;
    const last = Object.entries(trailers?.() ?? {}).map(([name, value]) => ({ name: name.toLowerCase(), value }));
    if (last.length > 0) this.#stream.sendHeaders(last, true);
    else this.#stream.sendData(Buffer.alloc(0), true);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#stream.consume(chunk.length);
        yield chunk;
      } else if (this.#refusal !== undefined) {
        throw this.#refusal;
      } else if (this.#ended) {
        return;
      } else if (this.#gone) {
        throw new Error('the client has gone away before the end of its request');
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  release(bytes: number): void {
    this.#share.release(bytes);
  }

  headers(): void {}

  data(bytes: Buffer, end: boolean): void {
    this.#ended = end;
    this.#hold(bytes);
    this.#wake?.();
  }

  #hold(bytes: Buffer): void {
    if (this.#refusal === undefined && !this.#answered && !this.#share.take(bytes.length)) {
      this.#refusal = new BodyTooLargeError('too many bytes of requests wait');
      for (const chunk of this.#chunks.splice(0)) this.#stream.consume(chunk.length);
    }
    if (this.#refusal !== undefined) {
      this.#stream.consume(bytes.length);
      return;
    }
    const last = this.#chunks.at(-1);
    // Many small frames become one chunk: a view costs more than a byte.
    if (last !== undefined && last.length + bytes.length <= 4096) {
      this.#chunks[this.#chunks.length - 1] = Buffer.concat([last, bytes]);
    } else if (bytes.length > 0) {
      this.#chunks.push(Buffer.from(bytes));
    }
  }

  /** Nothing of it counts any more. */
  #letGo(): void {
    this.#stopWaiting();
    this.#share.release();
  }

  #late(): void {
    if (!this.#ended) this.#stream.reset(ErrorCode.Cancel);
  }

  trailers(): void {
    this.#ended = true;
    this.#wake?.();
  }

  writable(): void {
    this.#wakeWriter?.();
  }

  closed(end: StreamEnd): void {
    this.#gone = true;
    this.#letGo();
    if (end.t !== 'done') this.#controller.abort(new Error('the client has gone away'));
    this.#wake?.();
    this.#wakeWriter?.();
  }
}
