/**
 * One HTTP call as a part may see it, whichever way it came (HTTP/1 or HTTP/2, in clear or over TLS). Adapters:
 * `http1/connection.ts` for HTTP/1, `http2/request.ts` for HTTP/2. Handlers know neither.
 */
import type { Duplex } from 'node:stream';
import { Gathered } from './gathered.js';
import type { Later, Soon } from './soon.js';
import type { TlsPeer } from './tls.js';

/** The connection that a request came by, as far as it bounds what the request may take. */
export interface HttpConnection {
  /** Bytes that are still to be sent. */
  readonly unsentBytes: number;
  /** All that were ever sent. */
  readonly sentBytes: number;
  /** Ends it: its peer makes us hold more than it may. */
  giveUp(reason: string): void;
}

/** Who sent a request. */
export interface HttpPeer {
  /** `127.0.0.1:40312`, `[::1]:40312`, or the path of a unix socket (`@` when it has none). */
  readonly address: string;
  /** Ours, that it is connected to. */
  readonly localAddress?: string | undefined;
  /** What its TLS connection says of it; undefined in clear. */
  readonly tls: TlsPeer | undefined;
  /** None where requests are not served for strangers. */
  readonly connection?: HttpConnection | undefined;
}

export interface HttpBody extends AsyncIterable<Uint8Array> {
  /** All of it, where it has arrived already and nobody has begun to read; a view that others' bytes stand beside. */
  readonly whole?: Uint8Array | undefined;
  /**
   * Whoever reads keeps so many of the bytes it was given no longer: they count no more for the bound on what bodies
   * hold. Otherwise they do until the answer begins.
   */
  release?(bytes: number): void;
}

export interface HttpRequest {
  readonly method: string;
  /** Path with query, as sent. */
  readonly target: string;
  readonly protocol: 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2.0';
  /** By lower-case name, several values joined by `, `; `host` is there whatever the protocol calls it. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Arrives as it is read: what is not read stays in the socket. May be iterated once. */
  readonly body: HttpBody;
  readonly peer: HttpPeer;
  /** Aborted when the caller is gone before the whole response was handed over. */
  readonly signal: AbortSignal;
  /** Whether that has happened: much cheaper than the signal, which is made when it is first asked for. */
  readonly isGone: boolean;
  /**
   * Headers that any answer to it begins with, set by whoever lets it pass. The same object for many requests: what it
   * becomes is made once.
   */
  leading?: HttpHeaders | undefined;
  /**
   * There for an HTTP/1.1 request that asks to go on with another protocol (websocket): hands over the socket, after
   * which nothing that the handler returns is sent. The first bytes after the request's head come before those still to
   * be read.
   */
  readonly upgrade?: (() => { readonly socket: Duplex; readonly head: Uint8Array }) | undefined;
}

export type HttpHeaders = Readonly<Record<string, string | readonly string[]>>;

export interface HttpResponse {
  readonly status: number;
  readonly headers: HttpHeaders;
  /**
   * The headers as lines of HTTP/1, where whoever answers has made them so: checked, and without `Connection` and
   * `Content-Length`.
   */
  readonly lines?: string | undefined;
  /** Of a text: each of its characters is a byte. Else it is sent as UTF-8. */
  readonly encoding?: 'latin1' | undefined;
  /**
   * Text and bytes are sent with their length; an iterable is sent chunk by chunk as the caller takes it, its headers
   * at once. When the caller goes away it is asked for nothing more and `return()` is called; one that is waiting then
   * has the request's `signal` to end by. One that throws breaks the response off, so that the caller sees that it is
   * not whole. A `WrittenBody` is not asked: it writes.
   */
  readonly body: string | Uint8Array | AsyncIterable<Uint8Array> | WrittenBody;
  /** Breaks a streamed body off when it is aborted, even where the caller takes nothing any more. */
  readonly broken?: AbortSignal | undefined;
  /** Trailing fields of a streamed body, asked for at its end. */
  readonly trailers?: (() => Readonly<Record<string, string>>) | undefined;
}

/**
 * A streamed body whose maker writes in the very call that brings it something: raft's streams, where a leader's
 * messages must be on their way before it syncs its own log.
 */
export interface WrittenBody {
  /** Called once, when the headers are out. */
  begin(writer: BodyWriter): void;
  /** After a write that returned false: there is room again. */
  resume(): void;
}

export interface BodyWriter {
  /** False when `resume` should be waited for before more is written. */
  write(chunk: Uint8Array): boolean;
  end(): void;
}

/**
 * Must neither throw nor reject; what goes wrong is a response. One that is known at once had better not wait for a
 * promise.
 */
export type HttpService = (request: HttpRequest) => Soon<HttpResponse> | Later<HttpResponse>;

export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
  readonly code = 'ERR_BODY_TOO_LARGE';
}

/** Everything that comes; refuses with `BodyTooLargeError` above `limitBytes`. */
export async function collectBody(body: HttpBody, limitBytes: number): Promise<Uint8Array> {
  const { whole } = body;
  if (whole !== undefined && whole.length <= limitBytes) return Buffer.from(whole);
  const chunks = new Gathered();
  for await (const chunk of body) {
    if (chunks.size + chunk.length > limitBytes)
      throw new BodyTooLargeError(`request body exceeds ${limitBytes} bytes`);
    chunks.push(chunk);
  }
  return chunks.take();
}

/** Where a streamed body goes. */
export interface BodySink {
  /** False when the caller should be waited for before more is written. */
  write(chunk: Uint8Array): boolean;
  /** Resolves when more may be written, or the caller is gone. */
  writable(): Promise<void>;
  /** Aborted when the caller is gone. */
  readonly gone: AbortSignal;
}

/** Writes all of `body`, at the caller's pace; true when it came to its end, false when the caller went away before. */
export async function pourBody(body: AsyncIterable<Uint8Array> | WrittenBody, sink: BodySink): Promise<boolean> {
  if ('begin' in body) return letWrite(body, sink);
  const chunks = body[Symbol.asyncIterator]();
  let leave: () => void = () => {};
  const onGone = (): void => leave();
  sink.gone.addEventListener('abort', onGone);
  try {
    while (!sink.gone.aborted) {
      // Not a race with one promise for the whole body: that would gather a reaction for each chunk.
      const next = await new Promise<IteratorResult<Uint8Array> | undefined>((resolve, reject) => {
        leave = () => resolve(undefined);
        chunks.next().then(resolve, reject);
      });
      if (next === undefined) return false;
      if (next.done === true) return true;
      if (!sink.write(next.value) && !sink.gone.aborted) await sink.writable();
    }
    return false;
  } finally {
    sink.gone.removeEventListener('abort', onGone);
    if (sink.gone.aborted) void Promise.resolve(chunks.return?.()).catch(() => {});
  }
}

function letWrite(body: WrittenBody, sink: BodySink): Promise<boolean> {
  return new Promise((resolve) => {
    const { gone } = sink;
    const onGone = (): void => resolve(false);
    gone.addEventListener('abort', onGone, { once: true });
    if (gone.aborted) {
      onGone();
      return;
    }
    body.begin({
      write(chunk) {
        if (gone.aborted) return false;
        const free = sink.write(chunk);
        if (!free) {
          void sink.writable().then(() => {
            if (!gone.aborted) body.resume();
          });
        }
        return free;
      },
      end() {
        gone.removeEventListener('abort', onGone);
        resolve(true);
      },
    });
  });
}
