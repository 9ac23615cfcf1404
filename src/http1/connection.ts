/**
 * One HTTP/1 connection of a server: requests are served one after another, each answered before the next one is looked
 * at.
 *
 *   socket ─▶ head ─▶ service ─▶ response ─▶ socket        one exchange at a time
 *               └──▶ body (what nobody reads waits in the socket)
 *
 * What a client sends behind the request that is served is held, up to a bound that ends the connection. A client that
 * sends no more may still read: its requests are answered, as ones whose caller has left.
 */
import type { Duplex } from 'node:stream';
import type { HttpConnection, HttpPeer, HttpResponse, WrittenBody } from '../lib/http.js';
import { pourBody } from '../lib/http.js';
import { latin1Text } from '../lib/latin1.js';
import type { NetworkSocket } from '../lib/network.js';
import { Exchange, type ExchangeHost } from './exchange.js';
import { HeldBytes } from './held-bytes.js';
import { RefusedRequest, refusals } from './refusals.js';
import { HeadReader, readRequestLine } from './request-head.js';
import { allowsBody, type ResponseFields, responseFields, trailerFields } from './response-head.js';
import type { ServerContext } from './types.js';

/** As Go's, with the same allowance for what is read ahead. */
const MAX_HEAD_BYTES = 1024 * 1024 + 4096;
/** Behind the request that is served. */
const WAITING_BYTES = 8 * 1024 * 1024;
/** This much of each is held however much others hold. */
const FREE_WAITING_BYTES = 64 * 1024;
/** Requests that came at once are served in one turn of the event loop up to so many: others get their turn as well. */
const MAX_IN_TURN = 32;
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

export class Connection implements ExchangeHost, HttpConnection {
  readonly peer: HttpPeer;
  readonly #socket: Duplex & { readonly bytesWritten?: number };
  readonly #endsWithClient: boolean;
  readonly #held = new HeldBytes();
  readonly #heads = new HeadReader();
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
  /** Its client sends no more. */
  #hasEnded = false;
  #isClosed = false;
  #countedBytes = 0;
  /** Of what is held, in the bound on all bodies. */
  #countedHeld = 0;
  /** Served in this turn of the event loop. */
  #inTurn = 0;
  #awaitsTurn = false;
  /** How much its client had taken when it last took something, and when that was. */
  #taken = { bytes: -1, atMs: 0 };
  #onWritable: (() => void) | undefined;
  #stopLingering: (() => void) | undefined;

  constructor(
    { socket, remoteAddress, tls }: NetworkSocket,
    readonly context: ServerContext,
    readonly onClosed: (connection: Connection) => void,
  ) {
    this.#socket = socket;
    this.#endsWithClient = !socket.allowHalfOpen;
    socket.allowHalfOpen = true;
    this.peer = { address: remoteAddress, tls, connection: this };
    this.#idleSinceMs = context.clock.monotonicMs();
    socket.on('data', this.#onData);
    socket.on('drain', this.#onDrain);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onClose);
    socket.on('error', ignore);
    socket.resume();
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

  /** Now, or with the answer that is under way. */
  close(): void {
    if (this.#exchange !== undefined || this.#isEnding) return;
    if (this.unsentBytes > 0) this.#end({ isAllRead: true });
    else this.destroy();
  }

  /** Ends what takes longer than it may. */
  look(nowMs: number): void {
    const { limits } = this.context;
    const exchange = this.#exchange;
    if (exchange?.isUpgraded === true) return;
    if (exchange === undefined && this.unsentBytes > 0) {
      this.#lookAtReader(nowMs);
    } else if (this.#isEnding) {
      return;
    } else if (exchange === undefined) {
      const sinceMs = nowMs - this.#idleSinceMs;
      if (this.#held.length > 0 && sinceMs > limits.headersTimeoutMs) this.#refuse(refusals.tooSlow);
      else if (this.#held.length === 0 && sinceMs > limits.keepAliveMs) this.destroy();
    } else if (this.#hasEnded || !(exchange.isComplete || exchange.isAnswered)) {
      if (nowMs - exchange.beganMs > limits.bodyMs) this.destroy();
    }
  }

  /** An answer may take its time, longer than a client may think about its next request. */
  #lookAtReader(nowMs: number): void {
    const bytes = this.sentBytes;
    if (bytes !== this.#taken.bytes) this.#taken = { bytes, atMs: nowMs };
    else if (nowMs - this.#taken.atMs > this.context.limits.bodyMs) this.destroy();
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
    socket.allowHalfOpen = !this.#endsWithClient;
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
      this.#inTurn = 0;
      this.#take(bytes, (used) => {
        if (used < bytes.length) this.#hold(bytes.subarray(used));
      });
      return;
    }
    const exchange = this.#exchange;
    const used = exchange === undefined || exchange.isComplete ? 0 : this.#feed(exchange, bytes);
    if (used < bytes.length) this.#hold(bytes.subarray(used));
    if (this.#isReady) this.#takeHeld();
    else if (this.#held.length > WAITING_BYTES) this.destroy();
  };

  #hold(bytes: Buffer): void {
    this.#held.append(bytes);
    this.#countHeld();
    const { bodies, limits } = this.context;
    if (this.#held.length > FREE_WAITING_BYTES && bodies.bytes > limits.bodiesBytes) this.destroy();
  }

  #consume(count: number): void {
    this.#held.consume(count);
    this.#countHeld();
  }

  #countHeld(): void {
    const held = this.#isClosed ? 0 : this.#held.length;
    this.context.bodies.bytes += held - this.#countedHeld;
    this.#countedHeld = held;
  }

  /** A head may begin. */
  get #isReady(): boolean {
    return this.#exchange === undefined && !this.#isStalled && !this.#awaitsTurn;
  }

  #feed({ incoming }: Exchange, bytes: Buffer): number {
    const used = incoming?.feed(bytes) ?? 0;
    if (incoming?.isFull === true && !incoming.isComplete) this.#socket.pause();
    return used;
  }

  #takeHeld(): void {
    this.#take(this.#held.peek(), (used) => this.#consume(used));
  }

  /** Serves the request that `bytes` begin with, if its head is whole. `keepRest` hears what was used first. */
  #take(bytes: Buffer, keepRest: (used: number) => void): void {
    try {
      const end = headEnd(bytes, this.#searched);
      if (end === undefined) {
        keepRest(0);
        if (this.#hasEnded) throw new RefusedRequest(refusals.malformed);
        this.#takePart(bytes);
        return;
      }
      if (end > MAX_HEAD_BYTES) throw new RefusedRequest(refusals.headTooLarge);
      const head = this.#heads.read(latin1Text(bytes, 0, end));
      this.#searched = 0;
      this.#isLineRead = false;
      this.#isFirst = false;
      const exchange = new Exchange(head, this, this.#idleSinceMs);
      this.#exchange = exchange;
      keepRest(end + (exchange.isComplete ? 0 : this.#feed(exchange, bytes.subarray(end))));
      if (this.#hasEnded) exchange.leave();
      this.#serve(exchange);
    } catch (cause) {
      if (!(cause instanceof RefusedRequest)) throw cause;
      this.#refuse(this.#isSpokenTo(bytes) ? cause.answer : '');
    }
  }

  #serve(exchange: Exchange): void {
    try {
      const response = this.context.service(exchange);
      if (response instanceof Promise)
        response.then(
          (later) => this.#answer(exchange, later),
          () => this.destroy(),
        );
      else this.#answer(exchange, response);
    } catch {
      this.destroy();
    }
  }

  /** What cannot become a request is refused before the rest has come. */
  #takePart(bytes: Buffer): void {
    const from = this.#searched;
    this.#searched = Math.max(0, bytes.length - 3);
    if (bytes.length > MAX_HEAD_BYTES) throw new RefusedRequest(refusals.headTooLarge);
    if (this.#isLineRead) return;
    const lineEnd = bytes.indexOf(LF, from);
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
    this.#hasEnded = true;
    if (this.#isEnding) return;
    if (this.#exchange !== undefined) {
      this.#exchange.leave();
      this.#onDrain();
    } else if (this.#isReady) {
      this.#goOn();
    }
  };

  readonly #onClose = (): void => {
    this.#isClosed = true;
    this.#count();
    this.#countHeld();
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

  #fields({ protocol }: Exchange, response: HttpResponse): ResponseFields {
    return responseFields(protocol, response, this.context.leadingLines.of(response.leading));
  }

  #sendWhole(exchange: Exchange, response: HttpResponse, body: string | Uint8Array): void {
    const { status } = response;
    const { text, closes, hasLength } = this.#fields(exchange, response);
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    const isLast = closes || this.#isLast(exchange) || !exchange.isComplete;
    const date = this.context.dateLine.at(this.context.clock.wallMs());
    const canHaveBody = allowsBody(exchange.method, status);
    const isLengthSaid = !hasLength && (canHaveBody || exchange.method === 'HEAD');
    const lengthLine = isLengthSaid ? `Content-Length: ${length}\r\n` : '';
    const head = `${text}${date}${lengthLine}${connectionLine(exchange, isLast, closes)}\r\n`;
    if (!canHaveBody || length === 0) {
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
    response: HttpResponse,
    body: AsyncIterable<Uint8Array> | WrittenBody,
  ): Promise<void> {
    const socket = this.#socket;
    const { status, trailers, broken } = response;
    const { text, closes, hasLength } = this.#fields(exchange, response);
    const canHaveBody = allowsBody(exchange.method, status);
    const isChunked = canHaveBody && exchange.protocol === 'HTTP/1.1' && !hasLength;
    const isLast = closes || this.#isLast(exchange) || !(isChunked || hasLength || !canHaveBody);
    const date = this.context.dateLine.at(this.context.clock.wallMs());
    const framing = isChunked ? 'Transfer-Encoding: chunked\r\n' : '';
    socket.write(`${text}${date}${connectionLine(exchange, isLast, closes)}${framing}\r\n`, 'latin1');
    if (!canHaveBody) {
      this.#done(exchange, isLast);
      if (!('begin' in body)) await body[Symbol.asyncIterator]().return?.();
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
    if (!whole) {
      // Without the last chunk it does not look whole.
      if (!this.#isClosed) this.#end({ isAllRead: true });
      return;
    }
    if (isChunked) socket.write(trailerFields(trailers?.() ?? {}), 'latin1');
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
    if (this.#held.length === 0) {
      if (this.#hasEnded) this.#end({ isAllRead: true });
      else if (this.#socket.isPaused()) this.#socket.resume();
    } else if (++this.#inTurn < MAX_IN_TURN) {
      this.#takeHeld();
    } else {
      this.#inTurn = 0;
      this.#awaitsTurn = true;
      this.context.clock.soon(() => {
        this.#awaitsTurn = false;
        if (!this.#isEnding && !this.#isClosed) this.#takeHeld();
      });
    }
  }

  #refuse(answer: string): void {
    if (answer !== '') this.writeText(answer);
    this.#end({ isAllRead: false });
  }

  /** No more is answered; whoever is still sending is given time to read what was. */
  #end({ isAllRead }: { readonly isAllRead: boolean }): void {
    this.#isEnding = true;
    this.#consume(this.#held.length);
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

/** Said where it is not what the protocol's version has anyway. */
function connectionLine({ protocol }: Exchange, isLast: boolean, isSaid: boolean): string {
  if (isSaid || isLast === (protocol === 'HTTP/1.0')) return '';
  return isLast ? 'Connection: close\r\n' : 'Connection: keep-alive\r\n';
}

/** Behind the empty line that ends a head; undefined when it has not come. Lines before `from` were looked at. */
function headEnd(bytes: Buffer, from: number): number | undefined {
  // Looked at one by one: a head is short, and a call for each of its lines costs more.
  for (let at = from; at < bytes.length; at++) {
    if (bytes[at] !== LF) continue;
    if (bytes[at + 1] === LF) return at + 2;
    if (bytes[at + 1] === CR && bytes[at + 2] === LF) return at + 3;
    if (at > MAX_HEAD_BYTES) return undefined;
  }
  return undefined;
}

/** A connection that breaks closes; nobody need be told why. */
function ignore(): void {}
