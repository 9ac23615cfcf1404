/**
 * What a connection sends: answers, whole ones as one write and streamed ones piece by piece. What waits to be sent is
 * counted, with that of all other connections.
 */
import type { Duplex } from 'node:stream';
import type { HttpResponse, WrittenBody } from '../lib/http.js';
import { pourBody } from '../lib/http.js';
import type { Exchange } from './exchange.js';
import { allowsBody, type ResponseFields, responseFields, trailerFields } from './response-head.js';
import type { ServerContext } from './types.js';

/** How a streamed answer ended: all of it is out, the connection ends with it, or it was cut short. */
export type StreamEnd = 'whole' | 'last' | 'cut';

/** Copying more than this costs more than it saves. */
const MAX_COPIED_BYTES = 16 * 1024;
const LF = 0x0a;
const CR = 0x0d;
const CRLF = '\r\n';

export class ResponseWriter {
  #countedBytes = 0;
  #isClosed = false;
  /** Its writes are done later than they are made. */
  #isDeferred = false;
  #onWritable: (() => void) | undefined;

  constructor(
    readonly socket: Duplex & { readonly bytesWritten?: number },
    readonly context: ServerContext,
  ) {}

  get unsentBytes(): number {
    return this.socket.writableLength;
  }

  get sentBytes(): number {
    return (this.socket.bytesWritten ?? 0) - this.socket.writableLength;
  }

  writeText(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Once, at `drained`. */
  whenWritable(run: () => void): void {
    this.#onWritable = run;
  }

  drained(): void {
    const run = this.#onWritable;
    this.#onWritable = undefined;
    run?.();
  }

  /** The socket is closed: nothing waits to be sent. */
  closed(): void {
    this.#isClosed = true;
    this.#count();
  }

  #fields({ protocol, leading }: Exchange, response: HttpResponse): ResponseFields {
    return responseFields(this.context.firstLines.of(protocol, response.status, leading), response);
  }

  /** True when the connection ends with it. */
  sendWhole(exchange: Exchange, response: HttpResponse, body: string | Uint8Array): boolean {
    const { status, encoding } = response;
    const { text, closes, hasLength } = this.#fields(exchange, response);
    const length = typeof body === 'string' && encoding === undefined ? Buffer.byteLength(body) : body.length;
    const isLast = closes || this.#isLast(exchange) || !exchange.isComplete;
    const date = this.context.dateLine.at(this.context.clock.wallMs());
    const canHaveBody = allowsBody(exchange.method, status);
    const isLengthSaid = !hasLength && (canHaveBody || exchange.method === 'HEAD');
    const lengthLine = isLengthSaid ? `Content-Length: ${length}\r\n` : '';
    const head = `${text}${date}${lengthLine}${connectionLine(exchange, isLast, closes)}\r\n`;
    if (!canHaveBody || length === 0) {
      this.#writeLast(head);
    } else if (typeof body === 'string' && length === body.length) {
      // A byte for each character.
      this.#writeLast(head + body);
    } else if (length <= MAX_COPIED_BYTES) {
      const bytes = Buffer.allocUnsafe(head.length + length);
      bytes.write(head, 0, 'latin1');
      if (typeof body === 'string') bytes.write(body, head.length, 'utf8');
      else bytes.set(body, head.length);
      this.#writeLast(bytes);
    } else {
      this.socket.write(head, 'latin1');
      this.#writeLast(typeof body === 'string' ? Buffer.from(body) : body);
    }
    return isLast;
  }

  /**
   * The end of an answer, text as a byte for each character. The system mostly takes all of it at once; where it does
   * not (or never says so in the call, as under TLS), what waits is counted again when it has. A callback for each
   * answer would be a turn of Node's queue.
   */
  #writeLast(data: string | Uint8Array): void {
    const { socket } = this;
    if (this.#isDeferred) {
      socket.write(data, 'latin1', this.#count);
    } else {
      socket.write(data, 'latin1');
      if (socket.writableLength > 0) {
        this.#isDeferred = true;
        socket.write('', 'latin1', this.#count);
      }
    }
    this.#count();
  }

  /** Resolves when all of it is out; rejects when what makes it fails. */
  async sendStream(
    exchange: Exchange,
    response: HttpResponse,
    body: AsyncIterable<Uint8Array> | WrittenBody,
  ): Promise<StreamEnd> {
    const { socket } = this;
    const { status, trailers, broken } = response;
    const { text, closes, hasLength } = this.#fields(exchange, response);
    const canHaveBody = allowsBody(exchange.method, status);
    const isChunked = canHaveBody && exchange.protocol === 'HTTP/1.1' && !hasLength;
    const isLast = closes || this.#isLast(exchange) || !(isChunked || hasLength || !canHaveBody);
    const date = this.context.dateLine.at(this.context.clock.wallMs());
    const framing = isChunked ? 'Transfer-Encoding: chunked\r\n' : '';
    socket.write(`${text}${date}${connectionLine(exchange, isLast, closes)}${framing}\r\n`, 'latin1');
    if (!canHaveBody) {
      if (!('begin' in body)) closeBody(body, () => socket.destroy());
      return isLast ? 'last' : 'whole';
    }
    const breakOff = (): void => {
      socket.destroy();
    };
    if (broken?.aborted === true) breakOff();
    else broken?.addEventListener('abort', breakOff, { once: true });
    const isWhole = await pourBody(body, {
      write: (chunk) => this.#writePiece(chunk, isChunked),
      writable: () =>
        new Promise((resolve) => {
          if (this.#isClosed) resolve();
          else this.whenWritable(resolve);
        }),
      gone: exchange.signal,
    });
    broken?.removeEventListener('abort', breakOff);
    // Without the last chunk it does not look whole.
    if (!isWhole) return 'cut';
    if (isChunked) socket.write(trailerFields(trailers?.() ?? {}), 'latin1');
    return isLast ? 'last' : 'whole';
  }

  /** One piece for the system, which has it when this returns: a leader's messages do not wait for its own sync. */
  #writePiece(chunk: Uint8Array, isChunked: boolean): boolean {
    const { socket } = this;
    if (chunk.length === 0) return true;
    let isFree: boolean;
    if (!isChunked) {
      isFree = socket.write(chunk, this.#count);
    } else if (chunk.length > MAX_COPIED_BYTES) {
      socket.write(chunk.length.toString(16) + CRLF, 'latin1');
      socket.write(chunk);
      isFree = socket.write(CRLF, 'latin1', this.#count);
    } else {
      const size = chunk.length.toString(16) + CRLF;
      const end = size.length + chunk.length;
      const piece = Buffer.allocUnsafe(end + 2);
      piece.write(size, 0, 'latin1');
      piece.set(chunk, size.length);
      piece[end] = CR;
      piece[end + 1] = LF;
      isFree = socket.write(piece, this.#count);
    }
    this.#count();
    return isFree;
  }

  #isLast(exchange: Exchange): boolean {
    return !exchange.keepsAlive || exchange.upgrade !== undefined || this.context.isClosing;
  }

  readonly #count = (): void => {
    const waiting = this.#isClosed ? 0 : this.socket.writableLength;
    this.context.backlog.bytes += waiting - this.#countedBytes;
    this.#countedBytes = waiting;
  };
}

/** A body that nobody is sent. */
function closeBody(body: AsyncIterable<Uint8Array>, failed: () => void): void {
  void Promise.resolve(body[Symbol.asyncIterator]().return?.()).catch(failed);
}

/** Said where it is not what the protocol's version has anyway. */
function connectionLine({ protocol }: Exchange, isLast: boolean, isSaid: boolean): string {
  if (isSaid || isLast === (protocol === 'HTTP/1.0')) return '';
  return isLast ? 'Connection: close\r\n' : 'Connection: keep-alive\r\n';
}
