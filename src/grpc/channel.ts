/**
 * The client's end of one address. It connects when first needed, and again after a loss with growing waits between
 * attempts.
 *
 *     idle ──call──▶ connecting ──server's SETTINGS──▶ ready ──connection lost──▶ idle
 *                        │ ▲                             (calls not yet sent wait through it all)
 *                     failed └── next call or a waiting one, after the backoff
 *                        ▼
 *                 transient-failure: calls fail at once with the attempt's error, unless they wait for ready
 *
 * As grpc-go's channel with pick_first and one address; so are its texts. Queued calls are bounded by their makers, who
 * each await one.
 */

import type { Duplex } from 'node:stream';
import { Session } from '../http2/session.js';
import type { HeaderList, SessionEnd } from '../http2/types.js';
import type { Method } from '../lib/codec.js';
import { wireErrors } from '../proto/errors.js';
import { type CallChannel, type ClientCall, errorOfLoss } from './client-call.js';
import { Deadlines } from './deadlines.js';
import { StreamClientCall } from './stream-client-call.js';
import {
  type CallOptions,
  type Channel,
  type ChannelOptions,
  type ClientStream,
  Code,
  type ConnectionPeer,
  type DialedConnection,
  GrpcError,
} from './types.js';
import { UnaryClientCall } from './unary-client-call.js';

/** An attempt that takes longer has failed (grpc-go's minConnectTimeout). */
const CONNECT_TIMEOUT_MS = 20_000;
const BACKOFF_FACTOR = 1.6;
/** The jitter of `backoff` moves a wait by at most this part of it. */
const JITTER_PART = 0.2;
const noOptions: CallOptions = {};

export function createChannel(options: ChannelOptions): Channel {
  return new ClientChannel(options);
}

class ClientChannel implements Channel, CallChannel {
  readonly target: string;
  readonly deadlines: Deadlines;
  readonly maxReceiveBytes: number;
  readonly maxSendBytes: number;
  lastError: GrpcError | undefined;
  peer: ConnectionPeer | undefined;

  #current: Channel['state'] = 'idle';
  #session: Session | undefined;
  #attempt: { cancel(error: GrpcError): void } | undefined;
  /** Sessions that the server or we have told to end, with calls still on them. */
  readonly #leaving = new Set<Session>();
  readonly #calls = new Set<ClientCall>();
  /** In order: calls without a stream, because there is no connection or it takes no more. */
  readonly #queue = new Set<ClientCall>();
  readonly #connectWaiters: { resolve: () => void; reject: (error: GrpcError) => void }[] = [];
  #failures = 0;
  #cancelRetry: (() => void) | undefined;
  readonly #lists = new Map<string, HeaderList>();
  readonly #options: ChannelOptions;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.target = options.target;
    this.deadlines = new Deadlines(options.clock, 1);
    this.maxReceiveBytes = options.maxReceiveBytes ?? 4 * 1024 * 1024;
    this.maxSendBytes = options.maxSendBytes ?? 2 ** 31 - 1;
  }

  get state(): Channel['state'] {
    return this.#current;
  }

  unary<I, O>(method: Method<I, O>, request: I, options: CallOptions = noOptions): Promise<O> {
    return new Promise((resolve, reject) => {
      new UnaryClientCall(this, method, request, options, resolve, reject).begin();
    });
  }

  stream<I, O>(method: Method<I, O>, options: CallOptions = noOptions): ClientStream<I, O> {
    const call = new StreamClientCall(this, method, options);
    call.begin();
    return call.handle;
  }

  connect(): Promise<void> {
    if (this.#current === 'ready') return Promise.resolve();
    if (this.#current === 'shutdown') return Promise.reject(closing());
    return new Promise((resolve, reject) => {
      this.#connectWaiters.push({ resolve, reject });
      this.#startAttempt();
    });
  }

  close(): Promise<void> {
    if (this.#current === 'shutdown') return Promise.resolve();
    const error = closing();
    this.#cancelRetry?.();
    this.#current = 'shutdown';
    for (const call of [...this.#calls]) call.abandon(error);
    for (const waiter of this.#connectWaiters.splice(0)) waiter.reject(error);
    this.deadlines.stop();
    this.#attempt?.cancel(error);
    const sessions = [...this.#leaving, ...(this.#session === undefined ? [] : [this.#session])];
    this.#session = undefined;
    for (const session of sessions) session.close();
    return Promise.all(sessions.map((session) => closed(session.socket))).then(() => {});
  }

  // ── CallChannel ──

  monotonicMs(): number {
    return this.#options.clock.monotonicMs();
  }

  requestFields(path: string): HeaderList {
    let fields = this.#lists.get(path);
    if (fields === undefined) {
      fields = Object.freeze([
        { name: ':method', value: 'POST' },
        { name: ':scheme', value: this.#options.scheme ?? 'http' },
        { name: ':path', value: path },
        { name: ':authority', value: this.#options.authority ?? this.target },
        { name: 'content-type', value: 'application/grpc' },
        { name: 'user-agent', value: this.#options.userAgent ?? 'grpc-etcd-ts/1.0' },
        { name: 'te', value: 'trailers' },
        { name: 'grpc-accept-encoding', value: 'gzip' },
      ]);
      this.#lists.set(path, fields);
    }
    return fields;
  }

  place(call: ClientCall): void {
    if (this.#current === 'shutdown') {
      call.abandon(closing());
      return;
    }
    this.#calls.add(call);
    if (
      this.#current === 'ready' &&
      this.#queue.size === 0 &&
      this.#session !== undefined &&
      call.sendOn(this.#session)
    ) {
      return;
    }
    if (this.#current === 'transient-failure' && !call.waitForReady && this.#cancelRetry !== undefined) {
      call.abandon(this.lastError ?? closing());
      return;
    }
    this.#queue.add(call);
    if (this.#current === 'transient-failure' && this.#cancelRetry !== undefined) return; // the timer will
    if (this.#current !== 'ready') this.#startAttempt();
  }

  ended(call: ClientCall): void {
    this.#calls.delete(call);
    this.#queue.delete(call);
    if (this.#queue.size > 0) this.#sendQueued();
  }

  #sendQueued(): void {
    const session = this.#session;
    if (session === undefined || this.#current !== 'ready') return;
    for (const call of this.#queue) {
      this.#queue.delete(call);
      if (call.isDone || call.sendOn(session)) continue;
      // No room (or the session is leaving): back to the head of the queue.
      const rest = [...this.#queue];
      this.#queue.clear();
      for (const each of [call, ...rest]) this.#queue.add(each);
      return;
    }
  }

  // ── connecting ──

  #startAttempt(): void {
    if (this.#attempt !== undefined || this.#current === 'shutdown') return;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    this.#current = 'connecting';
    const abort = new AbortController();
    let over = false;
    const settle = (error: GrpcError | undefined): void => {
      if (over) return;
      over = true;
      cancelTimer();
      this.#attempt = undefined;
      if (error === undefined) return;
      abort.abort(error);
      if (this.#current !== 'shutdown') this.#attemptFailed(error);
    };
    const cancelTimer = this.#options.clock.after(CONNECT_TIMEOUT_MS, () => {
      settle(dialError(wireErrors.contextDeadlineExceeded.message));
    });
    this.#attempt = { cancel: settle };
    this.#options.dial(abort.signal).then(
      (connection) => {
        if (over) connection.socket.destroy();
        else this.#greet(connection, abort.signal, settle);
      },
      (error: unknown) => settle(dialError(error instanceof Error ? error.message : String(error), error)),
    );
  }

  /** The socket is open; the connection counts when the server's SETTINGS have come. */
  #greet(
    { socket, peer }: DialedConnection,
    signal: AbortSignal,
    settle: (error: GrpcError | undefined) => void,
  ): void {
    const { clock, keepalive, limits } = this.#options;
    const session: Session = new Session(socket, {
      role: 'client',
      clock,
      keepalive,
      limits,
      onReady: () => {
        settle(undefined);
        this.peer = peer;
        this.#becomeReady(session);
      },
      onCapacity: () => this.#sendQueued(),
      onGoAway: () => this.#leave(session),
      onClose: (end) => {
        settle(handshakeError(end));
        this.#sessionClosed(session);
      },
    });
    signal.addEventListener('abort', () => session.destroy(), { once: true });
    session.start();
  }

  #becomeReady(session: Session): void {
    this.#session = session;
    this.#failures = 0;
    this.lastError = undefined;
    this.#current = 'ready';
    for (const waiter of this.#connectWaiters.splice(0)) waiter.resolve();
    this.#sendQueued();
  }

  #attemptFailed(error: GrpcError): void {
    this.lastError = error;
    const { baseMs = 1000, maxMs = 120_000, jitter } = this.#options.backoff ?? {};
    const plainMs = Math.min(maxMs, baseMs * BACKOFF_FACTOR ** this.#failures++);
    const waitMs = plainMs * (1 + JITTER_PART * (2 * (jitter?.() ?? 0.5) - 1));
    this.#cancelRetry = this.#options.clock.after(waitMs, () => {
      this.#cancelRetry = undefined;
      if (this.#queue.size > 0) this.#startAttempt();
    });
    this.#current = 'transient-failure';
    for (const waiter of this.#connectWaiters.splice(0)) waiter.reject(error);
    for (const call of [...this.#queue]) if (!call.waitForReady) call.abandon(error);
  }

  /** The server will take no more calls on it; those it has go on. */
  #leave(session: Session): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    this.#leaving.add(session);
    this.#becomeIdle();
  }

  #sessionClosed(session: Session): void {
    this.#leaving.delete(session);
    if (this.#session !== session) return;
    this.#session = undefined;
    this.#becomeIdle();
  }

  #becomeIdle(): void {
    if (this.#current === 'shutdown') return;
    this.#current = 'idle';
    if (this.#queue.size > 0) this.#startAttempt();
  }
}

function dialError(why: string, cause?: unknown): GrpcError {
  // What is no fault of dialing happened with the connection open: in TLS's handshake.
  const phase = /^(dial|context) /.test(why) ? 'Error while dialing' : 'authentication handshake failed';
  const message = `connection error: desc = ${JSON.stringify(`transport: ${phase}: ${why}`)}`;
  return new GrpcError(Code.Unavailable, message, { cause });
}

function handshakeError(end: SessionEnd): GrpcError {
  if (end.goAway !== undefined) return errorOfLoss(end);
  const message = `connection error: desc = ${JSON.stringify(`error reading server preface: ${end.message}`)}`;
  return new GrpcError(Code.Unavailable, message);
}

function closing(): GrpcError {
  return new GrpcError(Code.Canceled, 'grpc: the client connection is closing');
}

function closed(socket: Duplex): Promise<void> {
  if (socket.closed) return Promise.resolve();
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
  });
}
