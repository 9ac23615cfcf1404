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
import type { HttpConnection, HttpPeer, HttpResponse } from '../lib/http.js';
import { latin1Text } from '../lib/latin1.js';
import type { NetworkSocket } from '../lib/network.js';
import { Exchange, type ExchangeHost } from './exchange.js';
import { HeadSearch } from './head-search.js';
import { HeldBytes } from './held-bytes.js';
import { RefusedRequest, refusals } from './refusals.js';
import { HeadReader } from './request-head.js';
import { ResponseWriter } from './response-writer.js';
import type { ServerContext } from './types.js';

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

export class Connection implements ExchangeHost, HttpConnection {
  readonly peer: HttpPeer;
  readonly #socket: Duplex;
  readonly #writer: ResponseWriter;
  readonly #endsWithClient: boolean;
  readonly #held = new HeldBytes();
  readonly #heads = new HeadReader();
  readonly #search = new HeadSearch();
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
  /** Of what is held, in the bound on all bodies. */
  #countedHeld = 0;
  /** What has just come is being served. */
  #isReading = false;
  /** Served in this turn of the event loop. */
  #inTurn = 0;
  #awaitsTurn = false;
  /** How much its client had taken when it last took something, and when that was. */
  #taken = { bytes: -1, atMs: 0 };
  #stopLingering: (() => void) | undefined;

  constructor(
    { socket, remoteAddress, localAddress, tls }: NetworkSocket,
    readonly context: ServerContext,
    readonly onClosed: (connection: Connection) => void,
  ) {
    this.#socket = socket;
    this.#writer = new ResponseWriter(socket, context);
    this.#endsWithClient = !socket.allowHalfOpen;
    socket.allowHalfOpen = true;
    this.peer = { address: remoteAddress, localAddress, tls, connection: this };
    this.#idleSinceMs = context.clock.monotonicMs();
    socket.on('data', this.#onData);
    socket.on('drain', this.#onDrain);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onClose);
    socket.on('error', ignore);
    socket.resume();
  }

  get unsentBytes(): number {
    return this.#writer.unsentBytes;
  }

  get sentBytes(): number {
    return this.#writer.sentBytes;
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
      if (exchange.isOverdue(nowMs)) this.destroy();
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
    this.#writer.writeText(text);
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
    if (this.#isReady && this.#held.length === 0 && this.context.intake.takes()) {
      this.#idleSinceMs = this.context.clock.monotonicMs();
      this.#inTurn = 0;
      this.#isReading = true;
      this.#take(bytes, { isHeld: false });
      this.#isReading = false;
      return;
    }
    const exchange = this.#exchange;
    const used = exchange === undefined || exchange.isComplete ? 0 : this.#feed(exchange, bytes);
    if (used < bytes.length) this.#hold(bytes.subarray(used));
    if (this.#isReady) this.#takeWhenTurn();
    else if (this.#held.length > WAITING_BYTES) this.destroy();
  };

  #hold(bytes: Buffer): void {
    this.#held.append(bytes);
    this.#countHeld();
    const { bodies } = this.context;
    if (this.#held.length > FREE_WAITING_BYTES && bodies.bytes > bodies.mostBytes) this.destroy();
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
    this.#take(this.#held.peek(), { isHeld: true });
  }

  /** Serves the request that `bytes` begin with, if its head is whole. What it does not use of them is held first. */
  #take(came: Buffer, { isHeld }: { readonly isHeld: boolean }): void {
    const blank = this.#search.blank(came);
    if (blank > 0 && isHeld) this.#consume(blank);
    const bytes = blank > 0 ? came.subarray(blank) : came;
    if (blank > 0 && bytes.length === 0) {
      this.#goOn();
      return;
    }
    try {
      const end = this.#search.end(bytes);
      if (end === undefined) {
        if (!isHeld) this.#hold(bytes);
        if (this.#hasEnded) throw new RefusedRequest(refusals.malformed);
        this.#search.checkPart(bytes);
        return;
      }
      const head = this.#heads.read(latin1Text(bytes, 0, end));
      this.#search.found(head);
      const bodyEnd = typeof head.bodyBytes === 'number' ? end + head.bodyBytes : Number.POSITIVE_INFINITY;
      const arrived = bodyEnd > end && bodyEnd <= bytes.length ? bytes.subarray(end, bodyEnd) : undefined;
      const exchange = new Exchange(head, this, this.#idleSinceMs, arrived);
      this.#exchange = exchange;
      const used = exchange.isComplete
        ? Math.min(bodyEnd, bytes.length)
        : end + this.#feed(exchange, bytes.subarray(end));
      if (isHeld) this.#consume(used);
      else if (used < bytes.length) this.#hold(bytes.subarray(used));
      if (this.#hasEnded) exchange.leave();
      this.#serve(exchange);
    } catch (cause) {
      if (!(cause instanceof RefusedRequest)) throw cause;
      this.#refuse(this.#search.isSpokenTo(bytes, this.peer) ? this.#answerOf(cause) : '');
    }
  }

  #answerOf({ answer, isDated }: RefusedRequest): string {
    const { dateLine, clock } = this.context;
    return isDated ? answer.replace('\r\n', `\r\n${dateLine.at(clock.wallMs())}`) : answer;
  }

  #serve(exchange: Exchange): void {
    try {
      const response = this.context.service(exchange);
      if ('then' in response)
        response.then(
          (later) => this.#answer(exchange, later),
          () => this.destroy(),
        );
      else this.#answer(exchange, response);
    } catch {
      this.destroy();
    }
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
    this.#writer.closed();
    this.#countHeld();
    this.#stopLingering?.();
    this.#isStalled = false;
    this.#exchange?.leave();
    if (this.#exchange !== undefined) this.#writer.drained();
    this.onClosed(this);
  };

  // ── answering ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #answer(exchange: Exchange, response: HttpResponse): void {
    if (exchange.isUpgraded || this.#isClosed) return;
    try {
      exchange.answer();
      const { body } = response;
      if (typeof body === 'string' || body instanceof Uint8Array) {
        this.#done(exchange, this.#writer.sendWhole(exchange, response, body));
        return;
      }
      this.#writer
        .sendStream(exchange, response, body)
        .then((end) => {
          if (end !== 'cut') this.#done(exchange, end === 'last');
          else if (!this.#isClosed) this.#end({ isAllRead: true });
        })
        .catch(() => this.destroy());
    } catch {
      this.destroy();
    }
  }

  #done(exchange: Exchange, isLast: boolean): void {
    this.#exchange = undefined;
    if (isLast || !exchange.isComplete) {
      exchange.incoming?.drop();
      this.#end({ isAllRead: exchange.isComplete });
    } else if (this.#socket.writableNeedDrain) {
      this.#isStalled = true;
      this.#writer.whenWritable(() => this.#goOn());
    } else {
      this.#goOn();
    }
  }

  #goOn(): void {
    this.#isStalled = false;
    if (!this.#isReading) this.#idleSinceMs = this.context.clock.monotonicMs();
    if (this.#held.length === 0) {
      if (this.#hasEnded) this.#end({ isAllRead: true });
      else if (this.#socket.isPaused()) this.#socket.resume();
    } else if (++this.#inTurn < MAX_IN_TURN) {
      this.#takeWhenTurn();
    } else {
      this.#awaitTurn();
    }
  }

  #takeWhenTurn(): void {
    if (this.context.intake.takes()) this.#takeHeld();
    else this.#awaitTurn();
  }

  #awaitTurn(): void {
    this.#inTurn = 0;
    this.#awaitsTurn = true;
    this.context.intake.wait(this);
  }

  /** Its turn has come. */
  goOn(): void {
    this.#awaitsTurn = false;
    if (!this.#isEnding && !this.#isClosed) this.#takeWhenTurn();
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

  readonly #onDrain = (): void => this.#writer.drained();
}

/** A connection that breaks closes; nobody need be told why. */
function ignore(): void {}
