/**
 * One HTTP/1 connection of a server: requests are served one after another, each answered before the next one is looked
 * at.
 *
 *   socket ─▶ head ─▶ service ─▶ response ─▶ socket        one exchange at a time
 *               └──▶ body (what nobody reads waits in the socket)
 *
 * What a client sends behind the request that is served is held, up to a bound that ends the connection.
 */
import type { Duplex } from 'node:stream';
import type { HttpConnection, HttpPeer, HttpResponse, WrittenBody } from '../lib/http.js';
import { pourBody } from '../lib/http.js';
import type { NetworkSocket } from '../lib/network.js';
import { Exchange, type ExchangeHost } from './exchange.js';
import { HeldBytes } from './held-bytes.js';
import { RefusedRequest, refusals } from './refusals.js';
import { readRequestHead, readRequestLine } from './request-head.js';
import { responseFields } from './response-head.js';
import type { ServerContext } from './types.js';

/** As Go's, with the same allowance for what is read ahead. */
const MAX_HEAD_BYTES = 1024 * 1024 + 4096;
/** Behind the request that is served. */
const WAITING_BYTES = 8 * 1024 * 1024;
/**
 * A connection that is closed with bytes unread is reset, and the answer lost with it: as Go does, the caller is given
 * time to read it.
 */
const ANSWER_READ_MS = 500;
/** Copying more than this costs more than it saves. */
const MAX_COPIED_BYTES = 16 * 1024;
/** As etcd's cmux looks for HTTP/1, in as much of the first line: whatever the words are. */
const http1Line = /^[^ \n]* [^ \n]* HTTP\/1\.\d+\r?\n/;
const MAX_FIRST_LINE_BYTES = 4096;
const LF = 0x0a;
const CR = 0x0d;
const CRLF = '\r\n';
const LAST_CHUNK = '0\r\n';

export class Connection implements ExchangeHost, HttpConnection {
  readonly peer: HttpPeer;
  readonly #socket: Duplex & { readonly bytesWritten?: number };
  readonly #held = new HeldBytes();
  /** Where a head's end is looked for next. */
  #searched = 0;
  #isLineRead = false;
  #isFirst = true;
  #exchange: Exchange | undefined;
  /** Since when nothing has been asked. */
  #idleSinceMs: number;
  /** Its client does not take what it has asked for: no other request is looked at. */
  #isStalled = false;
  /** The answer is the last; what still comes is dropped. */
  #isEnding = false;
  #isClosed = false;
  #countedBytes = 0;
  #onWritable: (() => void) | undefined;
  #stopLingering: (() => void) | undefined;

  constructor(
    { socket, remoteAddress, tls }: NetworkSocket,
    readonly context: ServerContext,
    readonly onClosed: (connection: Connection) => void,
  ) {
    this.#socket = socket;
    this.peer = { address: remoteAddress, tls, connection: this };
    this.#idleSinceMs = context.clock.monotonicMs();
    socket.on('data', this.#onData);
    socket.on('drain', this.#onDrain);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onClose);
    socket.on('error', ignore);
    socket.resume();
  }

  get isIdle(): boolean {
    return this.#exchange === undefined;
  }

  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  get sentBytes(): number {
    return (this.#socket.bytesWritten ?? 0) - this.#socket.writableLength;
  }

  giveUp(): void {
    this.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Ends what takes longer than it may. */
  look(nowMs: number): void {
    const { limits } = this.context;
    const exchange = this.#exchange;
    if (this.#isEnding) return;
    if (exchange === undefined) {
      const sinceMs = nowMs - this.#idleSinceMs;
      if (this.#held.length > 0 && sinceMs > limits.headersTimeoutMs) this.#refuse(refusals.tooSlow);
      else if (this.#held.length === 0 && sinceMs > limits.keepAliveMs) this.destroy();
    } else if (!exchange.isComplete && !exchange.isAnswered && nowMs - exchange.beganMs > limits.bodyMs) {
      this.destroy();
    }
  }

  readMore(): void {
    this.#socket.resume();
  }

  writeText(text: string): void {
    this.#socket.write(text, 'latin1');
  }

  release(): { readonly socket: Duplex; readonly head: Uint8Array } {
    const socket = this.#socket;
    socket.off('data', this.#onData);
    socket.off('drain', this.#onDrain);
    socket.off('end', this.#onEnd);
    // It flows again for whoever listens next.
    socket.pause();
    (socket as { readableFlowing: boolean | null }).readableFlowing = null;
    return { socket, head: this.#held.peek() };
  }

  // ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────

  readonly #onData = (bytes: Buffer): void => {
    if (this.#isEnding) return;
    if (this.#isReady && this.#held.length === 0) {
      this.#idleSinceMs = this.context.clock.monotonicMs();
      this.#take(bytes, (used) => {
        if (used < bytes.length) this.#held.append(bytes.subarray(used));
      });
      return;
    }
    const exchange = this.#exchange;
    const used = exchange === undefined || exchange.isComplete ? 0 : this.#feed(exchange, bytes);
    if (used < bytes.length) this.#held.append(bytes.subarray(used));
    if (this.#isReady) this.#takeHeld();
    else if (this.#held.length > WAITING_BYTES) this.destroy();
  };

  /** A head may begin. */
  get #isReady(): boolean {
    return this.#exchange === undefined && !this.#isStalled;
  }

  #feed({ incoming }: Exchange, bytes: Buffer): number {
    const used = incoming?.feed(bytes) ?? 0;
    if (incoming?.isFull === true && !incoming.isComplete) this.#socket.pause();
    return used;
  }

  #takeHeld(): void {
    this.#take(this.#held.peek(), (used) => this.#held.consume(used));
  }

  /** Serves the request that `bytes` begin with, if its head is whole. `keepRest` hears what was used first. */
  #take(bytes: Buffer, keepRest: (used: number) => void): void {
    try {
      const end = headEnd(bytes, this.#searched);
      if (end === undefined) {
        keepRest(0);
        this.#takePart(bytes);
        return;
      }
      if (end > MAX_HEAD_BYTES) throw new RefusedRequest(refusals.headTooLarge);
      const head = readRequestHead(bytes.toString('latin1', 0, end));
      this.#searched = 0;
      this.#isLineRead = false;
      this.#isFirst = false;
      const exchange = new Exchange(head, this, this.#idleSinceMs);
      this.#exchange = exchange;
      keepRest(end + (exchange.isComplete ? 0 : this.#feed(exchange, bytes.subarray(end))));
      this.context.service(exchange).then(
        (response) => this.#answer(exchange, response),
        () => this.destroy(),
      );
    } catch (cause) {
      if (!(cause instanceof RefusedRequest)) throw cause;
      this.#refuse(this.#isSpokenTo(bytes) ? cause.answer : '');
    }
  }

  /** What cannot become a request is refused before the rest has come. */
  #takePart(bytes: Buffer): void {
    this.#searched = Math.max(0, bytes.length - 3);
    if (bytes.length > MAX_HEAD_BYTES) throw new RefusedRequest(refusals.headTooLarge);
    if (this.#isLineRead) return;
    const lineEnd = bytes.indexOf(LF);
    if (lineEnd < 0) {
      // The first byte of a TLS connection, say.
      if ((bytes[0] ?? 0) <= 0x20 || (bytes[0] ?? 0) >= 0x7f) throw new RefusedRequest(refusals.malformed);
      return;
    }
    readRequestLine(bytes.toString('latin1', 0, bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd));
    this.#isLineRead = true;
  }

  /** etcd's cmux finds nobody to hand a connection to whose first line is no HTTP/1. */
  #isSpokenTo(bytes: Buffer): boolean {
    if (!this.#isFirst || this.peer.tls !== undefined) return true;
    return http1Line.test(bytes.toString('latin1', 0, MAX_FIRST_LINE_BYTES)) || bytes.length > MAX_HEAD_BYTES;
  }

  readonly #onEnd = (): void => {
    if (this.#exchange === undefined || this.#isEnding) this.#socket.end();
    else this.destroy();
  };

  readonly #onClose = (): void => {
    this.#isClosed = true;
    this.#count();
    this.#stopLingering?.();
    this.#isStalled = false;
    this.#exchange?.leave();
    if (this.#exchange !== undefined) this.#onWritable?.();
    this.onClosed(this);
  };

  // ── answering ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #answer(exchange: Exchange, response: HttpResponse): void {
    if (exchange.isUpgraded || this.#isClosed) return;
    try {
      exchange.answer();
      const { body } = response;
      if (typeof body === 'string' || body instanceof Uint8Array) this.#sendWhole(exchange, response, body);
      else void this.#sendStream(exchange, response, body).catch(() => this.destroy());
    } catch {
      this.destroy();
    }
  }

  #sendWhole(exchange: Exchange, { status, headers }: HttpResponse, body: string | Uint8Array): void {
    const { text, closes } = responseFields(status, headers);
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    const isLast = closes || this.#isLast(exchange) || !exchange.isComplete;
    const date = this.context.dateLine.at(this.context.clock.wallMs());
    const head = `${text}Content-Length: ${length}\r\n${date}${connectionLine(exchange, isLast, closes)}\r\n`;
    if (exchange.method === 'HEAD' || length === 0) {
      this.#socket.write(head, 'latin1', this.#count);
    } else if (typeof body === 'string' && length === body.length) {
      // ASCII alone.
      this.#socket.write(head + body, 'latin1', this.#count);
    } else if (length <= MAX_COPIED_BYTES) {
      const bytes = Buffer.allocUnsafe(head.length + length);
      bytes.write(head, 0, 'latin1');
      if (typeof body === 'string') bytes.write(body, head.length, 'utf8');
      else bytes.set(body, head.length);
      this.#socket.write(bytes, this.#count);
    } else {
      this.#socket.write(head, 'latin1');
      this.#socket.write(body, this.#count);
    }
    this.#count();
    this.#done(exchange, isLast);
  }

  async #sendStream(
    exchange: Exchange,
    { status, headers, trailers, broken }: HttpResponse,
    body: AsyncIterable<Uint8Array> | WrittenBody,
  ): Promise<void> {
    const socket = this.#socket;
    const { text, closes, hasLength } = responseFields(status, headers);
    const isChunked = exchange.protocol === 'HTTP/1.1' && !hasLength;
    const isLast = closes || this.#isLast(exchange) || !(isChunked || hasLength);
    const date = this.context.dateLine.at(this.context.clock.wallMs());
    const framing = isChunked ? 'Transfer-Encoding: chunked\r\n' : '';
    socket.write(`${text}${date}${connectionLine(exchange, isLast, closes)}${framing}\r\n`, 'latin1');
    if (exchange.method === 'HEAD') {
      this.#done(exchange, isLast);
      return;
    }
    const breakOff = (): void => {
      if (this.#exchange === exchange) this.destroy();
    };
    if (broken?.aborted === true) breakOff();
    else broken?.addEventListener('abort', breakOff, { once: true });
    const whole = await pourBody(body, {
      write: (chunk) => this.#writePiece(chunk, isChunked),
      writable: () =>
        new Promise((resolve) => {
          if (this.#isClosed) resolve();
          else this.#onWritable = resolve;
        }),
      gone: exchange.signal,
    });
    broken?.removeEventListener('abort', breakOff);
    if (!whole) return;
    if (isChunked) {
      const last = Object.entries(trailers?.() ?? {}).map(([name, value]) => `${name}: ${value}${CRLF}`);
      socket.write(`${LAST_CHUNK}${last.join('')}${CRLF}`, 'latin1');
    }
    this.#done(exchange, isLast);
  }

  /** One piece for the system, which has it when this returns: a leader's messages do not wait for its own sync. */
  #writePiece(chunk: Uint8Array, isChunked: boolean): boolean {
    const socket = this.#socket;
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

  #done(exchange: Exchange, isLast: boolean): void {
    this.#exchange = undefined;
    if (isLast || !exchange.isComplete) {
      exchange.incoming?.drop();
      this.#end({ isAllRead: exchange.isComplete });
    } else if (this.#socket.writableNeedDrain) {
      this.#isStalled = true;
      this.#onWritable = () => this.#goOn();
    } else {
      this.#goOn();
    }
  }

  #goOn(): void {
    this.#isStalled = false;
    this.#idleSinceMs = this.context.clock.monotonicMs();
    if (this.#held.length > 0) this.#takeHeld();
    else if (this.#socket.isPaused()) this.#socket.resume();
  }

  #refuse(answer: string): void {
    if (answer !== '') this.writeText(answer);
    this.#end({ isAllRead: false });
  }

  /** No more is answered; whoever is still sending is given time to read what was. */
  #end({ isAllRead }: { readonly isAllRead: boolean }): void {
    this.#isEnding = true;
    this.#held.consume(this.#held.length);
    const socket = this.#socket;
    if (socket.isPaused()) socket.resume();
    socket.end(() => {
      if (isAllRead || this.#isClosed) this.destroy();
      else this.#stopLingering = this.context.clock.after(ANSWER_READ_MS, () => this.destroy());
    });
  }

  readonly #onDrain = (): void => {
    const resolve = this.#onWritable;
    this.#onWritable = undefined;
    resolve?.();
  };

  /** What waits to be sent counts with that of all others. */
  readonly #count = (): void => {
    const waiting = this.#isClosed ? 0 : this.#socket.writableLength;
    this.context.backlog.bytes += waiting - this.#countedBytes;
    this.#countedBytes = waiting;
  };
}

function connectionLine({ protocol }: Exchange, isLast: boolean, isSaid: boolean): string {
  if (isSaid) return '';
  if (isLast) return 'Connection: close\r\n';
  // That it stays open need not be said in HTTP/1.1.
  return protocol === 'HTTP/1.0' ? 'Connection: keep-alive\r\n' : '';
}

/** Behind the empty line that ends a head; undefined when it has not come. Lines before `from` were looked at. */
function headEnd(bytes: Buffer, from: number): number | undefined {
  for (let at = bytes.indexOf(LF, from); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at + 1] === LF) return at + 2;
    if (bytes[at + 1] === CR && bytes[at + 2] === LF) return at + 3;
    if (at > MAX_HEAD_BYTES) return undefined;
  }
  return undefined;
}

/** A connection that breaks closes; nobody need be told why. */
function ignore(): void {}
