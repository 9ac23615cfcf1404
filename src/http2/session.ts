/**
 * One HTTP/2 connection (RFC 9113), either role, over any Duplex.
 *
 *     socket ─data─▶ FrameReader ─frame─▶ Receiver ─▶ Stream.listener         (synchronously, while the chunk is
 *                                                                             parsed)
 *     Stream.send… ─▶ Sender: Outbox, or the stream's queue while a window or the socket is full ─flush, once a turn─▶
 *     socket.write
 *
 * Hot path: a unary gRPC call is to cost 5–7 µs in all, so frames are parsed in place and written straight into the
 * outbox, and header lists that come again are copied as bytes.
 * What a peer can make us hold is bounded: unread data by the connection's window, header blocks by
 * `maxHeaderListBytes`, our answers by ceasing to read while it does not read, the rest by `floods.ts`.
 */
import type { Duplex } from 'node:stream';
import type { Clock } from '../lib/clock.js';
import { ErrorCode } from './frames/error-code.js';
import { DEFAULT_WINDOW, FrameType, MIN_MAX_FRAME_BYTES, preface } from './frames/frame.js';
import { FrameReader } from './frames/frame-reader.js';
import { encodeSettings, initialSettings, type Settings } from './frames/settings.js';
import { Inflow } from './inflow.js';
import { Keepalive, type KeepaliveHost, PingPolicy } from './keepalive.js';
import { Pings } from './pings.js';
import { Receiver } from './receiver.js';
import { Sender } from './sender.js';
import { Stream, type StreamOwner } from './stream.js';
import { MAX_STREAM_ID, StreamTable } from './stream-table.js';
import type {
  HeaderList,
  Http2Stream,
  SessionEnd,
  SessionOptions,
  SessionPeer,
  StreamEnd,
  StreamListener,
} from './types.js';

/** After the last word: how long the peer may take to read it and hang up. */
const LINGER_MS = 1000;
/** A graceful end: how long to wait for the answer that marks that all streams under way have arrived. */
const DRAIN_PING_MS = 5000;
/** What grpc-go's server says with it; its clients show it. */
const GRACEFUL_STOP = 'graceful_stop';

export class Session implements StreamOwner, KeepaliveHost {
  readonly role: 'client' | 'server';
  readonly peer: SessionPeer;
  closing = false;
  closed = false;

  readonly #clock: Clock;
  readonly #own: Settings;
  readonly #theirs = initialSettings();
  readonly #connectionWindow: number;
  readonly #inflow: Inflow;
  readonly #sender: Sender;
  readonly #receiver: Receiver;
  readonly #streams: StreamTable;
  readonly #keepalive: Keepalive;

  readonly #pings = new Pings();
  #goAwayReceived: { code: ErrorCode; debug: string } | undefined;
  #socketError: Error | undefined;
  /** The socket's end has come. */
  #ending = false;
  #cancelTimer: (() => void) | undefined;
  readonly #options: SessionOptions;

  constructor(
    readonly socket: Duplex,
    options: SessionOptions,
  ) {
    this.#options = options;
    const limits = options.limits ?? {};
    this.role = options.role;
    this.#streams = new StreamTable(options.role);
    this.peer = options.peer ?? { address: '', tls: false, commonName: undefined };
    this.#clock = options.clock;
    this.#own = {
      headerTableBytes: limits.headerTableBytes ?? 4096,
      maxConcurrentStreams: limits.maxConcurrentStreams ?? 2 ** 32 - 1,
      streamWindowBytes: limits.streamWindowBytes ?? 1024 * 1024,
      maxFrameBytes: limits.maxFrameBytes ?? MIN_MAX_FRAME_BYTES,
      maxHeaderListBytes: limits.maxHeaderListBytes ?? (this.role === 'server' ? 1 : 16) * 1024 * 1024,
    };
    this.#connectionWindow = Math.max(DEFAULT_WINDOW, limits.connectionWindowBytes ?? 16 * 1024 * 1024);
    this.#keepalive = new Keepalive(this.role, options.keepalive ?? {}, this.#clock, this);
    const pingPolicy = this.role === 'server' ? new PingPolicy(options.keepalive ?? {}, this.#clock) : undefined;
    this.#sender = new Sender({
      socket,
      clock: this.#clock,
      host: this,
      theirs: this.#theirs,
      sendQueueBytes: limits.sendQueueBytes ?? 64 * 1024,
      backlog: options.backlog,
      copiesWrites: options.copiesWrites ?? false,
      pingPolicy,
    });
    this.#receiver = new Receiver({
      host: this,
      clock: this.#clock,
      streams: this.#streams,
      sender: this.#sender,
      own: this.#own,
      theirs: this.#theirs,
      connectionWindow: this.#connectionWindow,
      intake: options.intake,
      bodies: options.bodies,
      pingPolicy,
      events: options,
    });
    this.#inflow = new Inflow({
      socket,
      host: this,
      sender: this.#sender,
      reader: new FrameReader(this.#own.maxFrameBytes, this.#receiver),
      intake: options.intake,
    });
  }

  /** Says hello and begins to read. Once. */
  start(): this {
    if (this.role === 'client') this.#sender.frames.outbox.append(preface);
    const settings = encodeSettings(this.#own, this.role);
    this.#sender.frames.frameHeader(settings.length, FrameType.Settings, 0, 0);
    this.#sender.frames.outbox.append(settings);
    const wider = this.#connectionWindow - DEFAULT_WINDOW;
    if (wider > 0) this.#sender.frames.writeWindowUpdate(0, wider);
    this.#sender.scheduleFlush();
    this.socket.on('data', this.#onData);
    this.socket.on('drain', this.#onDrain);
    this.socket.on('end', this.#onEnd);
    this.socket.on('error', this.#onError);
    this.socket.on('close', this.#onEnd);
    this.#keepalive.start();
    return this;
  }

  get openStreams(): number {
    return this.#streams.open.size;
  }

  get unsentBytes(): number {
    return this.#sender.unsentBytes;
  }

  get sentBytes(): number {
    return this.#sender.sentBytes;
  }

  request(fields: HeaderList, end: boolean, listener: StreamListener): Http2Stream | undefined {
    if (this.closing || this.closed || this.#streams.open.size >= this.#theirs.maxConcurrentStreams) return undefined;
    const stream = new Stream(this.#streams.next, this, this.#theirs.streamWindowBytes, this.#own.streamWindowBytes);
    stream.listener = listener;
    this.#streams.next += 2;
    this.#streams.open.set(stream.id, stream);
    this.writeHeaders(stream, fields, end);
    this.#keepalive.streamOpened();
    if (this.#streams.next > MAX_STREAM_ID) {
      this.close();
      this.#options.onGoAway?.(ErrorCode.NoError, 'stream ids are used up');
    }
    return stream;
  }

  ping(): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.closed) {
        reject(new Error('http2: session is closed'));
        return;
      }
      const sentMs = this.#clock.monotonicMs();
      this.#writePing((answered) => {
        if (answered) resolve(this.#clock.monotonicMs() - sentMs);
        else reject(new Error('http2: session ended before the answer'));
      });
    });
  }

  close(): void {
    if (this.closed || this.closing) return;
    this.closing = true;
    if (this.role === 'client') {
      this.#sender.frames.writeGoAway(0, ErrorCode.NoError, '');
      this.#endIfIdle();
      return;
    }
    // 1. Tell the client to open no more streams. 2. What it opened before it read that arrives before its answer to
    //    this ping.
    // 3. From then on the last stream is known. (RFC 9113 section 6.8)
    this.#sender.frames.writeGoAway(MAX_STREAM_ID, ErrorCode.NoError, GRACEFUL_STOP);
    const settle = (): void => {
      if (this.#streams.lastAccepted < Number.POSITIVE_INFINITY || this.closed) return;
      this.#cancelTimer?.();
      this.#cancelTimer = undefined;
      this.#streams.lastAccepted = this.#streams.lastPeer;
      this.#sender.frames.writeGoAway(this.#streams.lastAccepted, ErrorCode.NoError, GRACEFUL_STOP);
      this.#endIfIdle();
    };
    this.#writePing(settle);
    this.#cancelTimer = this.#clock.after(DRAIN_PING_MS, settle);
  }

  destroy(code: ErrorCode = ErrorCode.NoError, message = ''): void {
    if (this.closed) return;
    this.#sender.frames.writeGoAway(this.#streams.lastPeer, code, message);
    this.#finish({ code, message, goAway: this.#goAwayReceived });
  }

  giveUp(reason: string): void {
    this.destroy(ErrorCode.EnhanceYourCalm, reason);
    this.socket.destroy();
  }

  // ── the socket
  // ────────────────────────────────────────────────────────────────────────────────────────────────────────────

  readonly #onData = (chunk: Buffer): void => {
    if (this.closed) return;
    this.#keepalive.heard();
    this.#inflow.take(chunk);
  };

  readonly #onDrain = (): void => {
    const wasStopped = this.#sender.readingStopped;
    this.#sender.drained();
    if (wasStopped) this.#inflow.resume();
    this.#sender.flush();
  };

  readonly #onError = (error: Error): void => {
    this.#socketError ??= error;
    this.#onEnd();
  };

  /** Its streams end with it, which is as much work as frames that reset them: many connections end in turns. */
  readonly #onEnd = (): void => {
    if (this.closed || this.#ending) return;
    this.#ending = true;
    this.#inflow.drop();
    const { intake } = this.#options;
    if (intake === undefined) this.#lost();
    else intake.waitEnded({ goOn: () => this.#lost() });
  };

  #lost(): void {
    if (this.closed) return;
    const streams = this.openStreams;
    const message = this.#socketError === undefined ? 'EOF' : this.#socketError.message;
    this.#finish({ code: ErrorCode.NoError, message, goAway: this.#goAwayReceived });
    for (let count = 0; count < streams; count++) this.#options.intake?.takes();
  }

  // ── the end
  // ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Every stream is lost, the socket gets what is written, then its end; a peer that does not hang up is cut off. */
  #finish(end: SessionEnd): void {
    if (this.closed) return;
    this.closed = true;
    this.closing = true;
    this.#keepalive.stop();
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#receiver.end();
    this.#inflow.drop();
    const lost = [...this.#streams.open.values()];
    for (const stream of lost) this.closeStream(stream, { t: 'lost', reason: end, unprocessed: false });
    this.#pings.end();
    this.#options.onClose?.(end);

    const socket = this.socket;
    if (socket.destroyed) return;
    this.#sender.writeOut();
    // What still comes is read and dropped: closing with unread bytes would reset the connection and take our last
    // words with it.
    socket.off('data', this.#onData);
    socket.off('drain', this.#onDrain);
    socket.resume();
    socket.end();
    const cancel = this.#clock.after(LINGER_MS, () => socket.destroy());
    socket.once('close', cancel);
  }

  #endIfIdle(): void {
    if (!this.closing || this.closed || this.#streams.open.size > 0) return;
    if (this.role === 'server' && this.#streams.lastAccepted === Number.POSITIVE_INFINITY) return;
    this.#finish({ code: ErrorCode.NoError, message: 'closed', goAway: this.#goAwayReceived });
  }

  closeStream(stream: Stream, end: StreamEnd): void {
    if (stream.closed) return;
    stream.closed = true;
    this.#streams.open.delete(stream.id);
    this.#sender.forget(stream);
    if (end.t === 'reset' && end.local) this.#streams.recentlyReset.add(stream.id);
    else this.#streams.recentlyEnded.add(stream.id);
    if (stream.unconsumed > 0) {
      this.#receiver.announce(stream.unconsumed);
      stream.unconsumed = 0;
    }
    stream.listener.closed(end);
    if (this.closing) this.#endIfIdle();
  }

  closeIfDone(stream: Stream): void {
    if (!stream.localEnded || stream.closed) return;
    if (stream.remoteEnded) {
      this.closeStream(stream, { t: 'done' });
    } else if (this.role === 'server') {
      // The answer is complete and the rest of the request of no use: ask the client to stop, without an error (section
      // 8.1).
      this.#sender.frames.writeReset(stream.id, ErrorCode.NoError);
      this.#streams.recentlyReset.add(stream.id);
      this.closeStream(stream, { t: 'done' });
    }
  }

  resetStream(stream: Stream, code: ErrorCode): void {
    this.#sender.frames.writeReset(stream.id, code);
    this.closeStream(stream, { t: 'reset', code, local: true, unprocessed: false });
  }

  writeHeaders(stream: Stream, fields: HeaderList, end: boolean): void {
    this.#sender.writeHeaders(stream, fields, end);
  }

  writeOrQueue(stream: Stream, bytes: Uint8Array, end: boolean, prefix: Uint8Array | undefined): boolean {
    return this.#sender.writeOrQueue(stream, bytes, end, prefix);
  }

  queuePieces(stream: Stream, pieces: readonly Uint8Array[], prefix: Uint8Array): boolean {
    return this.#sender.queuePieces(stream, pieces, prefix);
  }

  #writePing(answer: (answered: boolean) => void): void {
    this.#sender.frames.writePing(this.#pings.add(answer));
  }

  sendKeepalivePing(): void {
    this.#writePing(() => {});
  }

  keepaliveFailed(): void {
    // grpc-go's client words it so; a server just hangs up.
    this.destroy(ErrorCode.NoError, 'keepalive ping failed to receive ACK within timeout');
  }

  pingAnswered(number: number): void {
    this.#pings.answered(number);
  }

  consumed(stream: Stream, count: number): void {
    this.#receiver.consumed(stream, count);
  }

  receivedGoAway(last: number, code: ErrorCode, debug: string): void {
    this.#goAwayReceived = { code, debug };
    if (this.role === 'server') {
      // The client will see no push anyway; its own streams go on.
      this.#options.onGoAway?.(code, debug);
      return;
    }
    this.closing = true;
    const end_: SessionEnd = { code, message: 'received goaway', goAway: this.#goAwayReceived };
    const untouched = [...this.#streams.open.values()].filter((stream) => stream.id > last);
    for (const stream of untouched) this.closeStream(stream, { t: 'lost', reason: end_, unprocessed: true });
    this.#options.onGoAway?.(code, debug);
    this.#endIfIdle();
  }
}
