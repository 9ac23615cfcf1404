/**
 * One HTTP/2 connection (RFC 9113), either role, over any Duplex.
 *
 *     socket ─data─▶ FrameReader ─frame─▶ Session ─▶ Stream.listener          (synchronously, while the chunk is
 *                                                                             parsed)
 *     Stream.send… ─▶ Outbox, or the stream's queue while a window or the socket is full ─flush, once a turn─▶
 *     socket.write
 *
 * Hot path: a unary gRPC call is to cost 5–7 µs in all, so frames are parsed in place and written straight into the
 * outbox, and header lists that come again are copied as bytes.
 * What a peer can make us hold is bounded: unread data by the connection's window, header blocks by
 * `maxHeaderListBytes`, our answers by ceasing to read while it does not read, the rest by `floods.ts`.
 */
import type { Duplex } from 'node:stream';
import type { Clock } from '../lib/clock.js';
import {
  emptyData,
  type Flood,
  FloodGate,
  idleFrames,
  pingFlood,
  rapidReset,
  settingsFlood,
  streamErrors,
} from './floods.js';
import { ConnectionError, ErrorCode, toErrorCode } from './frames/error-code.js';
import {
  DEFAULT_WINDOW,
  Flag,
  FRAME_HEADER_BYTES,
  FrameType,
  MAX_WINDOW,
  MIN_MAX_FRAME_BYTES,
  preface,
  readUint31,
  readUint32,
  writeFrameHeader,
  writeUint32,
} from './frames/frame.js';
import { FrameReader, type FrameSink } from './frames/frame-reader.js';
import { applySettings, encodeSettings, initialSettings, type Settings } from './frames/settings.js';
import { HpackDecoder } from './hpack/decoder.js';
import { HpackEncoder } from './hpack/encoder.js';
import type { Field } from './hpack/field.js';
import type { Intake, Waiting } from './intake.js';
import { Keepalive, type KeepaliveHost, PingPolicy } from './keepalive.js';
import { areTrailers, checkRequest, checkResponse } from './message-check.js';
import { Outbox } from './outbox.js';
import { RecentIds } from './recent-ids.js';
import { Stream, type StreamOwner } from './stream.js';
import type {
  Backlog,
  HeaderList,
  Http2Stream,
  SessionEnd,
  SessionOptions,
  SessionPeer,
  StreamEnd,
  StreamListener,
} from './types.js';

/** DATA is held back in the streams while so much waits in the socket, so that the streams share what goes out next. */
const SOCKET_HIGH_WATER = 256 * 1024;
/** Beyond this the waiting bytes are answers that the peer provokes but does not read: we stop reading too. */
const SOCKET_STOP_READING = 1024 * 1024;
/** A piece of DATA from here on goes into the socket as it is, smaller ones are copied beside their neighbours. */
const ATTACHED_BYTES = 2048;
/** Rounds of `SOCKET_HIGH_WATER` in one turn, for a socket that takes all: then others have their turn. */
const ROUNDS_PER_TURN = 4;
/** After the last word: how long the peer may take to read it and hang up. */
const LINGER_MS = 1000;
/** A graceful end: how long to wait for the answer that marks that all streams under way have arrived. */
const DRAIN_PING_MS = 5000;
/** What grpc-go's server says with it; its clients show it. */
const GRACEFUL_STOP = 'graceful_stop';
const MAX_EMPTY_CONTINUATIONS = 8;
const MAX_CONTINUATIONS = 1100;
const MAX_STREAM_ID = 2 ** 31 - 1;

/** A header block that waits for its CONTINUATION frames. */
interface OpenBlock {
  readonly streamId: number;
  readonly endStream: boolean;
  readonly pieces: Buffer[];
  size: number;
  empties: number;
}

export class Session implements StreamOwner, FrameSink, KeepaliveHost, Waiting {
  readonly role: 'client' | 'server';
  readonly peer: SessionPeer;
  closing = false;
  closed = false;

  readonly #clock: Clock;
  readonly #own: Settings;
  readonly #theirs = initialSettings();
  readonly #connectionWindow: number;
  readonly #sendQueueBytes: number;
  readonly #reader: FrameReader;
  readonly #decoder: HpackDecoder;
  readonly #encoder = new HpackEncoder();
  readonly #outbox = new Outbox();
  readonly #keepalive: Keepalive;
  readonly #pingPolicy: PingPolicy | undefined;
  readonly #schedule: (run: () => void) => void;
  readonly #intake: Intake | undefined;
  readonly #backlog: Backlog | undefined;

  readonly #streams = new Map<number, Stream>();
  /** Streams with queued data that their own window allows; in the order in which they take turns. */
  readonly #sendable = new Set<Stream>();
  readonly #recentlyReset = new RecentIds();
  readonly #recentlyEnded = new RecentIds();
  readonly #gates = new Map<Flood, FloodGate>();

  #prefaceSeen = 0;
  #settingsSeen = false;
  #unackedSettings = 1;
  #block: OpenBlock | undefined;
  #lastPeerStream = 0;
  #nextStream = 1;
  /** Highest stream of the peer that we still take once the last GOAWAY is out. */
  #lastAccepted = MAX_STREAM_ID;
  #sendWindow = DEFAULT_WINDOW;
  #receiveWindow: number;
  #unannounced = 0;

  #flushScheduled = false;
  #socketFull = false;
  #readingStopped = false;
  /** Read and not yet taken: other connections have their turn. */
  #untaken: Buffer | undefined;
  /** Of all streams together. */
  #queuedBytes = 0;
  sentBytes = 0;
  #nextPing = 1;
  readonly #pings = new Map<number, (answered: boolean) => void>();
  #goAwayReceived: { code: ErrorCode; debug: string } | undefined;
  #socketError: Error | undefined;
  #cancelTimer: (() => void) | undefined;

  readonly #flushNow = (): void => this.#flush();
  readonly #options: SessionOptions;

  constructor(
    readonly socket: Duplex,
    options: SessionOptions,
  ) {
    this.#options = options;
    const limits = options.limits ?? {};
    this.role = options.role;
    this.peer = options.peer ?? { address: '', tls: false, commonName: undefined };
    this.#clock = options.clock;
    this.#schedule = options.schedule ?? queueMicrotask;
    this.#intake = options.intake;
    this.#backlog = options.backlog;
    this.#own = {
      headerTableBytes: limits.headerTableBytes ?? 4096,
      maxConcurrentStreams: limits.maxConcurrentStreams ?? 2 ** 32 - 1,
      streamWindowBytes: limits.streamWindowBytes ?? 1024 * 1024,
      maxFrameBytes: limits.maxFrameBytes ?? MIN_MAX_FRAME_BYTES,
      maxHeaderListBytes: limits.maxHeaderListBytes ?? (this.role === 'server' ? 1 : 16) * 1024 * 1024,
    };
    this.#connectionWindow = Math.max(DEFAULT_WINDOW, limits.connectionWindowBytes ?? 16 * 1024 * 1024);
    this.#receiveWindow = this.#connectionWindow;
    this.#sendQueueBytes = limits.sendQueueBytes ?? 64 * 1024;
    this.#reader = new FrameReader(this.#own.maxFrameBytes, this);
    this.#decoder = new HpackDecoder(this.#own.headerTableBytes);
    this.#keepalive = new Keepalive(this.role, options.keepalive ?? {}, this.#clock, this);
    if (this.role === 'server') this.#pingPolicy = new PingPolicy(options.keepalive ?? {}, this.#clock);
  }

  /** Says hello and begins to read. Once. */
  start(): this {
    if (this.role === 'client') this.#outbox.append(preface);
    const settings = encodeSettings(this.#own, this.role);
    this.#frameHeader(settings.length, FrameType.Settings, 0, 0);
    this.#outbox.append(settings);
    if (this.#connectionWindow > DEFAULT_WINDOW) this.#writeWindowUpdate(0, this.#connectionWindow - DEFAULT_WINDOW);
    this.#scheduleFlush();
    this.socket.on('data', this.#onData);
    this.socket.on('drain', this.#onDrain);
    this.socket.on('end', this.#onEnd);
    this.socket.on('error', this.#onError);
    this.socket.on('close', this.#onEnd);
    this.#keepalive.start();
    return this;
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  get unsentBytes(): number {
    return this.#queuedBytes + this.#outbox.size + this.socket.writableLength;
  }

  request(fields: HeaderList, end: boolean, listener: StreamListener): Http2Stream | undefined {
    if (this.closing || this.closed || this.#streams.size >= this.#theirs.maxConcurrentStreams) return undefined;
    const stream = new Stream(this.#nextStream, this, this.#theirs.streamWindowBytes, this.#own.streamWindowBytes);
    stream.listener = listener;
    this.#nextStream += 2;
    this.#streams.set(stream.id, stream);
    this.writeHeaders(stream, fields, end);
    this.#keepalive.streamOpened();
    if (this.#nextStream > MAX_STREAM_ID) {
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
      this.#writeGoAway(0, ErrorCode.NoError, '');
      this.#endIfIdle();
      return;
    }
    // 1. Tell the client to open no more streams. 2. What it opened before it read that arrives before its answer to
    //    this ping.
    // 3. From then on the last stream is known. (RFC 9113 section 6.8)
    this.#writeGoAway(MAX_STREAM_ID, ErrorCode.NoError, GRACEFUL_STOP);
    const settle = (): void => {
      if (this.#lastAccepted !== MAX_STREAM_ID || this.closed) return;
      this.#cancelTimer?.();
      this.#cancelTimer = undefined;
      this.#lastAccepted = this.#lastPeerStream;
      this.#writeGoAway(this.#lastAccepted, ErrorCode.NoError, GRACEFUL_STOP);
      this.#endIfIdle();
    };
    this.#writePing(settle);
    this.#cancelTimer = this.#clock.after(DRAIN_PING_MS, settle);
  }

  destroy(code: ErrorCode = ErrorCode.NoError, message = ''): void {
    if (this.closed) return;
    this.#writeGoAway(this.#lastPeerStream, code, message);
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
    if (this.#untaken !== undefined) this.#untaken = Buffer.concat([this.#untaken, chunk]);
    else if (this.#intake?.isBusy === true) this.#waitForIntake(chunk);
    else this.#take(chunk);
  };

  #take(chunk: Buffer): void {
    try {
      const rest = this.#prefaceSeen < preface.length && this.role === 'server' ? this.#takePreface(chunk) : chunk;
      if (rest.length === 0) return;
      const taken = this.#reader.push(rest);
      if (taken < rest.length && !this.closed) this.#waitForIntake(rest.subarray(taken));
    } catch (error) {
      // Anything else than a ConnectionError is our own fault; it must not take the process, and the peer learns that
      // it was us.
      if (error instanceof ConnectionError) this.destroy(error.code, error.message);
      else this.destroy(ErrorCode.InternalError, `internal error: ${error instanceof Error ? error.message : ''}`);
    }
  }

  #waitForIntake(rest: Buffer): void {
    this.#untaken = rest;
    this.socket.pause();
    this.#intake?.wait(this);
  }

  goOn(): void {
    const rest = this.#untaken;
    if (rest === undefined || this.closed) return;
    this.#untaken = undefined;
    this.#take(rest);
    this.#resumeReading();
  }

  #resumeReading(): void {
    if (!this.#readingStopped && this.#untaken === undefined && !this.closed) this.socket.resume();
  }

  readonly #onDrain = (): void => {
    this.#socketFull = false;
    if (this.#readingStopped) {
      this.#readingStopped = false;
      this.#resumeReading();
    }
    this.#flush();
  };

  readonly #onError = (error: Error): void => {
    this.#socketError ??= error;
    this.#onEnd();
  };

  readonly #onEnd = (): void => {
    if (this.closed) return;
    const message = this.#socketError === undefined ? 'EOF' : this.#socketError.message;
    this.#finish({ code: ErrorCode.NoError, message, goAway: this.#goAwayReceived });
  };

  #takePreface(chunk: Buffer): Buffer {
    const count = Math.min(chunk.length, preface.length - this.#prefaceSeen);
    if (chunk.compare(preface, this.#prefaceSeen, this.#prefaceSeen + count, 0, count) !== 0) {
      throw new ConnectionError(ErrorCode.ProtocolError, 'bad connection preface');
    }
    this.#prefaceSeen += count;
    return chunk.subarray(count);
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.#schedule(this.#flushNow);
  }

  #flush(): void {
    this.#flushScheduled = false;
    for (let round = 0; ; round++) {
      if (this.#sendable.size > 0 && !this.closed) this.#sendQueued();
      this.#writeOut();
      if (this.#sendable.size === 0 || this.#socketFull || this.#sendWindow <= 0 || this.closed) return;
      if (round === ROUNDS_PER_TURN) {
        this.#flushScheduled = true;
        this.#clock.soon(this.#flushNow);
        return;
      }
    }
  }

  #writeOut(): void {
    if (this.#outbox.size === 0 || this.socket.destroyed || this.socket.writableEnded) return;
    const buffers = this.#outbox.take();
    const [only] = buffers;
    let flowing = true;
    if (buffers.length === 1 && only !== undefined) {
      flowing = this.socket.write(only);
    } else {
      this.socket.cork();
      for (const buffer of buffers) flowing = this.socket.write(buffer);
      this.socket.uncork();
    }
    if (flowing) return;
    const waiting = this.socket.writableLength;
    this.#socketFull = waiting >= SOCKET_HIGH_WATER;
    if (waiting >= SOCKET_STOP_READING && !this.#readingStopped) {
      this.#readingStopped = true;
      this.socket.pause();
    }
  }

  /** May DATA go to the outbox now? Empties the outbox into the socket when it has grown. */
  #hasRoom(): boolean {
    if (this.#socketFull) return false;
    if (this.#outbox.size < SOCKET_HIGH_WATER) return true;
    this.#writeOut();
    return !this.#socketFull;
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
    this.#block = undefined;
    this.#untaken = undefined;
    const lost = [...this.#streams.values()];
    for (const stream of lost) this.#closeStream(stream, { t: 'lost', reason: end, unprocessed: false });
    for (const answer of this.#pings.values()) answer(false);
    this.#pings.clear();
    this.#options.onClose?.(end);

    const socket = this.socket;
    if (socket.destroyed) return;
    this.#writeOut();
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
    if (!this.closing || this.closed || this.#streams.size > 0) return;
    if (this.role === 'server' && this.#lastAccepted === MAX_STREAM_ID) return;
    this.#finish({ code: ErrorCode.NoError, message: 'closed', goAway: this.#goAwayReceived });
  }

  #closeStream(stream: Stream, end: StreamEnd): void {
    if (stream.closed) return;
    stream.closed = true;
    this.#streams.delete(stream.id);
    if (stream.queue !== undefined) {
      this.#sendable.delete(stream);
      stream.queue = undefined;
      this.#countQueued(stream, -stream.queuedBytes);
    }
    if (end.t === 'reset' && end.local) this.#recentlyReset.add(stream.id);
    else this.#recentlyEnded.add(stream.id);
    if (stream.unconsumed > 0) {
      this.#announce(stream.unconsumed);
      stream.unconsumed = 0;
    }
    stream.listener.closed(end);
    if (this.closing) this.#endIfIdle();
  }

  #closeIfDone(stream: Stream): void {
    if (!stream.localEnded || stream.closed) return;
    if (stream.remoteEnded) {
      this.#closeStream(stream, { t: 'done' });
    } else if (this.role === 'server') {
      // The answer is complete and the rest of the request of no use: ask the client to stop, without an error (section
      // 8.1).
      this.#writeReset(stream.id, ErrorCode.NoError);
      this.#recentlyReset.add(stream.id);
      this.#closeStream(stream, { t: 'done' });
    }
  }

  resetStream(stream: Stream, code: ErrorCode): void {
    this.#writeReset(stream.id, code);
    this.#closeStream(stream, { t: 'reset', code, local: true, unprocessed: false });
  }

  /** The peer broke a rule that concerns this stream alone. */
  #streamError(stream: Stream, code: ErrorCode): void {
    this.#count(streamErrors);
    this.resetStream(stream, code);
  }

  #count(flood: Flood): void {
    let gate = this.#gates.get(flood);
    if (gate === undefined) {
      gate = new FloodGate(flood, this.#clock);
      this.#gates.set(flood, gate);
    }
    gate.count();
  }

  // ── sending
  // ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

  writeHeaders(stream: Stream, fields: HeaderList, end: boolean): void {
    const block = this.#encoder.encode(fields);
    const most = this.#theirs.maxFrameBytes;
    const endFlag = end ? Flag.EndStream : 0;
    if (block.length <= most) {
      this.#frameHeader(block.length, FrameType.Headers, endFlag | Flag.EndHeaders, stream.id, block.length);
      const { bytes } = this.#outbox;
      let { pos } = this.#outbox;
      if (block.length < 16) for (let i = 0; i < block.length; i++) bytes[pos++] = block[i] ?? 0;
      else {
        bytes.set(block, pos);
        pos += block.length;
      }
      this.#outbox.pos = pos;
    } else {
      for (let at = 0; at < block.length; at += most) {
        const piece = block.subarray(at, at + most);
        const last = at + most >= block.length ? Flag.EndHeaders : 0;
        if (at === 0) this.#frameHeader(piece.length, FrameType.Headers, endFlag | last, stream.id);
        else this.#frameHeader(piece.length, FrameType.Continuation, last, stream.id);
        this.#outbox.append(piece);
      }
    }
    if (this.#pingPolicy !== undefined) this.#pingPolicy.sentSincePing = true;
    this.#scheduleFlush();
    if (end) {
      stream.localEnded = true;
      this.#closeIfDone(stream);
    }
  }

  writeOrQueue(stream: Stream, bytes: Uint8Array, end: boolean, prefix: Uint8Array | undefined): boolean {
    const prefixBytes = prefix === undefined ? 0 : prefix.length;
    const total = prefixBytes + bytes.length;
    if (
      stream.queue === undefined &&
      this.#sendable.size === 0 &&
      total <= this.#theirs.maxFrameBytes &&
      (total === 0 || (total <= stream.sendWindow && total <= this.#sendWindow)) &&
      this.#hasRoom()
    ) {
      this.#frameHeader(total, FrameType.Data, end ? Flag.EndStream : 0, stream.id, total);
      const outbox = this.#outbox;
      if (prefix !== undefined) {
        const into = outbox.bytes;
        for (let i = 0; i < prefixBytes; i++) into[outbox.pos++] = prefix[i] ?? 0;
      }
      outbox.bytes.set(bytes, outbox.pos);
      outbox.pos += bytes.length;
      this.#dataWritten(stream, total, end);
      return true;
    }
    if (total > 0) {
      stream.queue ??= [];
      if (prefixBytes > 0) stream.queue.push(Uint8Array.prototype.slice.call(prefix));
      if (bytes.length > 0) stream.queue.push(bytes);
      this.#queueGrew(stream, total);
    } else if (stream.queue === undefined && end) {
      // Nothing but the end, while the socket is full: nine bytes that no window counts.
      this.#frameHeader(0, FrameType.Data, Flag.EndStream, stream.id);
      this.#dataWritten(stream, 0, true);
      return true;
    }
    stream.endQueued = end;
    return this.#wantsMore(stream);
  }

  queuePieces(stream: Stream, pieces: readonly Uint8Array[], prefix: Uint8Array): boolean {
    stream.queue ??= [];
    stream.queue.push(Uint8Array.prototype.slice.call(prefix));
    let total = prefix.length;
    for (const piece of pieces) {
      if (piece.length === 0) continue;
      stream.queue.push(piece);
      total += piece.length;
    }
    this.#queueGrew(stream, total);
    return this.#wantsMore(stream);
  }

  #queueGrew(stream: Stream, total: number): void {
    this.#countQueued(stream, total);
    if (stream.sendWindow <= 0) return;
    this.#sendable.add(stream);
    this.#scheduleFlush();
  }

  #countQueued(stream: Stream, change: number): void {
    stream.queuedBytes += change;
    this.#queuedBytes += change;
    if (this.#backlog !== undefined) this.#backlog.bytes += change;
  }

  #wantsMore(stream: Stream): boolean {
    if (stream.queuedBytes < this.#sendQueueBytes) return true;
    stream.wantsWritable = true;
    return false;
  }

  /** Writes a frame of each sendable stream in turn, until windows, outbox and socket are full or nothing is queued. */
  #sendQueued(): void {
    for (const stream of this.#sendable) {
      if (this.#sendWindow <= 0 || !this.#hasRoom()) return;
      this.#sendable.delete(stream);
      const { queue } = stream;
      const count = Math.min(stream.queuedBytes, this.#theirs.maxFrameBytes, stream.sendWindow, this.#sendWindow);
      if (queue === undefined || count <= 0) continue;
      const empties = count === stream.queuedBytes;
      const end = empties && stream.endQueued && stream.trailersQueued === undefined;
      this.#frameHeader(count, FrameType.Data, end ? Flag.EndStream : 0, stream.id);
      this.#moveQueued(stream, queue, count);
      if (empties) stream.queue = undefined;
      else if (stream.sendWindow > count) this.#sendable.add(stream);
      this.#dataWritten(stream, count, end);
      if (empties && stream.trailersQueued !== undefined) this.writeHeaders(stream, stream.trailersQueued, true);
      if (stream.wantsWritable && stream.queuedBytes * 2 <= this.#sendQueueBytes && !stream.closed) {
        stream.wantsWritable = false;
        stream.listener.writable();
      }
    }
  }

  #moveQueued(stream: Stream, queue: Uint8Array[], count: number): void {
    const outbox = this.#outbox;
    let used = 0;
    for (let left = count; left > 0; ) {
      const bytes = queue[used];
      if (bytes === undefined) throw new Error(`http2: ${left} of ${count} queued bytes are missing`);
      const from = stream.queueOffset;
      const part = Math.min(left, bytes.length - from);
      const piece = from === 0 && part === bytes.length ? bytes : bytes.subarray(from, from + part);
      if (part >= ATTACHED_BYTES) outbox.attach(piece);
      else outbox.append(piece);
      left -= part;
      if (from + part === bytes.length) {
        used++;
        stream.queueOffset = 0;
      } else {
        stream.queueOffset = from + part;
      }
    }
    queue.splice(0, used);
    this.#countQueued(stream, -count);
  }

  #dataWritten(stream: Stream, count: number, end: boolean): void {
    stream.sendWindow -= count;
    this.#sendWindow -= count;
    this.sentBytes += count;
    if (this.#pingPolicy !== undefined) this.#pingPolicy.sentSincePing = true;
    this.#scheduleFlush();
    if (end) {
      stream.localEnded = true;
      this.#closeIfDone(stream);
    }
  }

  /** Reserves room for the frame's header and `room` bytes of payload, and writes the header. */
  #frameHeader(length: number, type: number, flags: number, streamId: number, room = 0): void {
    const outbox = this.#outbox;
    outbox.reserve(FRAME_HEADER_BYTES + room);
    writeFrameHeader(outbox.bytes, outbox.pos, length, type, flags, streamId);
    outbox.pos += FRAME_HEADER_BYTES;
  }

  #writeReset(streamId: number, code: ErrorCode): void {
    this.#frameHeader(4, FrameType.RstStream, 0, streamId, 4);
    writeUint32(this.#outbox.bytes, this.#outbox.pos, code);
    this.#outbox.pos += 4;
    this.#scheduleFlush();
  }

  #writeWindowUpdate(streamId: number, increment: number): void {
    this.#frameHeader(4, FrameType.WindowUpdate, 0, streamId, 4);
    writeUint32(this.#outbox.bytes, this.#outbox.pos, increment);
    this.#outbox.pos += 4;
    this.#scheduleFlush();
  }

  #writeGoAway(lastStream: number, code: ErrorCode, debug: string): void {
    const text = Buffer.from(debug.slice(0, 512), 'latin1');
    const payload = Buffer.alloc(8 + text.length);
    writeUint32(payload, 0, lastStream);
    writeUint32(payload, 4, code);
    payload.set(text, 8);
    this.#frameHeader(payload.length, FrameType.GoAway, 0, 0);
    this.#outbox.append(payload);
    this.#scheduleFlush();
  }

  #writePing(answer: (answered: boolean) => void): void {
    const number = this.#nextPing++;
    this.#pings.set(number, answer);
    const payload = Buffer.alloc(8);
    writeUint32(payload, 4, number);
    this.#frameHeader(8, FrameType.Ping, 0, 0);
    this.#outbox.append(payload);
    this.#scheduleFlush();
  }

  sendKeepalivePing(): void {
    this.#writePing(() => {});
  }

  keepaliveFailed(): void {
    // grpc-go's client words it so; a server just hangs up.
    this.destroy(ErrorCode.NoError, 'keepalive ping failed to receive ACK within timeout');
  }

  // ── receiving
  // ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

  frame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): boolean {
    if (!this.#settingsSeen && (type !== FrameType.Settings || (flags & Flag.Ack) !== 0)) {
      throw new ConnectionError(ErrorCode.ProtocolError, 'the first frame is not SETTINGS');
    }
    if (this.#block !== undefined && (type !== FrameType.Continuation || id !== this.#block.streamId)) {
      throw new ConnectionError(ErrorCode.ProtocolError, 'a header block is not continued');
    }
    switch (type) {
      case FrameType.Data:
        this.#onDataFrame(flags, id, bytes, start, end);
        break;
      case FrameType.Headers:
        this.#onHeadersFrame(flags, id, bytes, start, end);
        break;
      case FrameType.Priority:
        this.#onPriority(id, end - start);
        break;
      case FrameType.RstStream:
        this.#onReset(id, bytes, start, end);
        break;
      case FrameType.Settings:
        this.#onSettings(flags, id, bytes, start, end);
        break;
      case FrameType.PushPromise:
        throw new ConnectionError(ErrorCode.ProtocolError, 'PUSH_PROMISE');
      case FrameType.Ping:
        this.#onPing(flags, id, bytes, start, end);
        break;
      case FrameType.GoAway:
        this.#onGoAway(id, bytes, start, end);
        break;
      case FrameType.WindowUpdate:
        this.#onWindowUpdate(id, bytes, start, end);
        break;
      case FrameType.Continuation:
        this.#onContinuation(flags, bytes, start, end);
        break;
      default:
        this.#count(idleFrames);
    }
    return !this.closed && (this.#intake === undefined || this.#intake.takes());
  }

  #onDataFrame(flags: number, id: number, bytes: Buffer, payloadStart: number, payloadEnd: number): void {
    const size = payloadEnd - payloadStart;
    if (id === 0) throw new ConnectionError(ErrorCode.ProtocolError, 'DATA on stream 0');
    if (size > this.#receiveWindow) {
      throw new ConnectionError(ErrorCode.FlowControlError, `DATA of ${size} bytes, window ${this.#receiveWindow}`);
    }
    let start = payloadStart;
    let end = payloadEnd;
    if ((flags & Flag.Padded) !== 0) {
      if (size === 0) throw new ConnectionError(ErrorCode.FrameSizeError, 'padded DATA without a pad length');
      const padding = bytes[start++] ?? 0;
      if (padding > end - start) throw new ConnectionError(ErrorCode.ProtocolError, 'padding longer than its frame');
      end -= padding;
    }
    this.#receiveWindow -= size;
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      this.#checkNotIdle(id, 'DATA');
      this.#announce(size);
      if (this.#recentlyReset.has(id)) return;
      this.#count(streamErrors);
      this.#writeReset(id, ErrorCode.StreamClosed);
      return;
    }
    stream.unconsumed += size;
    const count = end - start;
    const ends = (flags & Flag.EndStream) !== 0;
    stream.receivedBytes += count;
    if (stream.remoteEnded) {
      this.#streamError(stream, ErrorCode.StreamClosed);
    } else if (size > stream.receiveWindow) {
      this.#streamError(stream, ErrorCode.FlowControlError);
    } else if (
      (this.role === 'client' && !stream.responded) ||
      (stream.expectedBytes >= 0 && !lengthHolds(stream.expectedBytes, stream.receivedBytes, ends))
    ) {
      this.#streamError(stream, ErrorCode.ProtocolError);
    } else {
      stream.receiveWindow -= size;
      if (size > count) this.consumed(stream, size - count);
      if (ends) stream.remoteEnded = true;
      else if (count === 0) {
        this.#count(emptyData);
        return;
      }
      stream.listener.data(bytes.subarray(start, end), ends);
      if (ends) this.#closeIfDone(stream);
    }
  }

  consumed(stream: Stream, count: number): void {
    if (stream.closed) return; // closing gave everything back
    const given = Math.min(count, stream.unconsumed);
    stream.unconsumed -= given;
    this.#announce(given);
    if (stream.remoteEnded) return;
    stream.unannounced += given;
    if (stream.unannounced * 2 < this.#own.streamWindowBytes) return;
    this.#writeWindowUpdate(stream.id, stream.unannounced);
    stream.receiveWindow += stream.unannounced;
    stream.unannounced = 0;
  }

  #announce(count: number): void {
    this.#unannounced += count;
    if (this.#unannounced * 2 < this.#connectionWindow || this.closed) return;
    this.#writeWindowUpdate(0, this.#unannounced);
    this.#receiveWindow += this.#unannounced;
    this.#unannounced = 0;
  }

  #onHeadersFrame(flags: number, id: number, bytes: Buffer, payloadStart: number, payloadEnd: number): void {
    if (id === 0) throw new ConnectionError(ErrorCode.ProtocolError, 'HEADERS on stream 0');
    let start = payloadStart;
    let end = payloadEnd;
    const fixed = ((flags & Flag.Padded) !== 0 ? 1 : 0) + ((flags & Flag.Priority) !== 0 ? 5 : 0);
    if (fixed > end - start) throw new ConnectionError(ErrorCode.FrameSizeError, 'HEADERS shorter than its fields');
    if ((flags & Flag.Padded) !== 0) {
      const padding = bytes[start] ?? 0;
      if (padding > end - start - fixed) {
        throw new ConnectionError(ErrorCode.ProtocolError, 'padding longer than its frame');
      }
      end -= padding;
    }
    start += fixed;
    const endStream = (flags & Flag.EndStream) !== 0;
    if ((flags & Flag.EndHeaders) !== 0) {
      this.#onHeaderBlock(id, endStream, bytes, start, end);
    } else {
      const first = bytes.subarray(start, end);
      this.#block = { streamId: id, endStream, pieces: [first], size: first.length, empties: 0 };
    }
  }

  #onContinuation(flags: number, bytes: Buffer, start: number, end: number): void {
    const block = this.#block;
    if (block === undefined) throw new ConnectionError(ErrorCode.ProtocolError, 'CONTINUATION without a header block');
    block.size += end - start;
    if (end === start) block.empties++;
    // A block of more bytes than the list may have decoded is no use (CVE-2024-27316: it would otherwise never end).
    if (
      block.size > this.#own.maxHeaderListBytes ||
      block.empties > MAX_EMPTY_CONTINUATIONS ||
      block.pieces.length > MAX_CONTINUATIONS
    ) {
      throw new ConnectionError(ErrorCode.EnhanceYourCalm, 'too many CONTINUATION frames');
    }
    block.pieces.push(bytes.subarray(start, end));
    if ((flags & Flag.EndHeaders) === 0) return;
    this.#block = undefined;
    const whole = Buffer.concat(block.pieces);
    this.#onHeaderBlock(block.streamId, block.endStream, whole, 0, whole.length);
  }

  #onHeaderBlock(id: number, endStream: boolean, bytes: Buffer, start: number, end: number): void {
    const fields = this.#decoder.decode(bytes, start, end, this.#own.maxHeaderListBytes);
    const tooLarge = this.#decoder.listBytes > this.#own.maxHeaderListBytes;
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      if (this.role === 'server') this.#onRequest(id, endStream, fields, tooLarge);
      else this.#checkNotIdle(id, 'HEADERS');
    } else if (stream.remoteEnded) {
      this.#streamError(stream, ErrorCode.StreamClosed);
    } else if (tooLarge) {
      this.#streamError(stream, ErrorCode.FrameSizeError);
    } else if (this.role === 'client' && !stream.responded) {
      this.#onResponse(stream, endStream, fields);
    } else if (
      !endStream ||
      !areTrailers(fields) ||
      (stream.expectedBytes >= 0 && stream.expectedBytes !== stream.receivedBytes)
    ) {
      this.#streamError(stream, ErrorCode.ProtocolError);
    } else {
      stream.remoteEnded = true;
      stream.listener.trailers(fields);
      this.#closeIfDone(stream);
    }
  }

  #onRequest(id: number, endStream: boolean, fields: Field[], tooLarge: boolean): void {
    if (id % 2 === 0) throw new ConnectionError(ErrorCode.ProtocolError, `request on stream ${id}`);
    if (id <= this.#lastPeerStream) {
      if (this.#recentlyReset.has(id)) return;
      if (this.#recentlyEnded.has(id)) {
        throw new ConnectionError(ErrorCode.StreamClosed, `HEADERS on closed stream ${id}`);
      }
      throw new ConnectionError(ErrorCode.ProtocolError, `stream ${id} after ${this.#lastPeerStream}`);
    }
    if (id > this.#lastAccepted) return; // after the last GOAWAY: the client knows, and tries elsewhere
    this.#lastPeerStream = id;
    const length = checkRequest(fields);
    const refusal = tooLarge
      ? ErrorCode.FrameSizeError // as grpc-go answers a header list that is too large
      : length === undefined || (endStream && length > 0)
        ? ErrorCode.ProtocolError
        : this.#streams.size >= this.#own.maxConcurrentStreams
          ? ErrorCode.RefusedStream
          : undefined;
    if (refusal !== undefined) {
      this.#count(streamErrors);
      this.#writeReset(id, refusal);
      this.#recentlyReset.add(id);
      return;
    }
    const stream = new Stream(id, this, this.#theirs.streamWindowBytes, this.#own.streamWindowBytes);
    stream.expectedBytes = length ?? -1;
    stream.remoteEnded = endStream;
    this.#streams.set(id, stream);
    this.#options.onStream?.(stream, fields, endStream);
  }

  #onResponse(stream: Stream, endStream: boolean, fields: Field[]): void {
    const head = checkResponse(fields);
    if (head === undefined || (head.status < 200 && endStream)) {
      this.#streamError(stream, ErrorCode.ProtocolError);
      return;
    }
    if (head.status < 200) return;
    stream.responded = true;
    // A length without a body is right in answers to HEAD and in 304 (RFC 9110 section 8.6).
    if (!endStream) stream.expectedBytes = head.contentLength;
    stream.remoteEnded = endStream;
    stream.listener.headers(fields, endStream);
    if (endStream) this.#closeIfDone(stream);
  }

  #checkNotIdle(id: number, what: string): void {
    const idle =
      this.role === 'server' ? id % 2 === 0 || id > this.#lastPeerStream : id % 2 === 0 || id >= this.#nextStream;
    // After our last GOAWAY the client's newer streams are left unlooked at: their frames are no offence.
    if (idle && (id <= this.#lastAccepted || id % 2 === 0)) {
      throw new ConnectionError(ErrorCode.ProtocolError, `${what} on idle stream ${id}`);
    }
  }

  #onPriority(id: number, size: number): void {
    if (id === 0) throw new ConnectionError(ErrorCode.ProtocolError, 'PRIORITY on stream 0');
    if (size !== 5) {
      const stream = this.#streams.get(id);
      if (stream === undefined) throw new ConnectionError(ErrorCode.FrameSizeError, `PRIORITY of ${size} bytes`);
      this.#streamError(stream, ErrorCode.FrameSizeError);
      return;
    }
    this.#count(idleFrames);
  }

  #onReset(id: number, bytes: Buffer, start: number, end: number): void {
    if (id === 0) throw new ConnectionError(ErrorCode.ProtocolError, 'RST_STREAM on stream 0');
    if (end - start !== 4) throw new ConnectionError(ErrorCode.FrameSizeError, `RST_STREAM of ${end - start} bytes`);
    const stream = this.#streams.get(id);
    if (stream === undefined) this.#checkNotIdle(id, 'RST_STREAM');
    // One that was answered has cost its peer a round trip: clients that take one message of a stream end it so.
    if (this.role === 'server' && stream?.answered !== true) this.#count(rapidReset);
    if (stream === undefined) return;
    const code = toErrorCode(readUint32(bytes, start));
    this.#closeStream(stream, { t: 'reset', code, local: false, unprocessed: code === ErrorCode.RefusedStream });
  }

  #onSettings(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    const size = end - start;
    if (id !== 0) throw new ConnectionError(ErrorCode.ProtocolError, `SETTINGS on stream ${id}`);
    if ((flags & Flag.Ack) !== 0) {
      if (size !== 0) throw new ConnectionError(ErrorCode.FrameSizeError, `SETTINGS acknowledgement of ${size} bytes`);
      if (this.#unackedSettings-- <= 0) {
        throw new ConnectionError(ErrorCode.ProtocolError, 'acknowledgement of SETTINGS that were not sent');
      }
      return;
    }
    if (size % 6 !== 0) throw new ConnectionError(ErrorCode.FrameSizeError, `SETTINGS of ${size} bytes`);
    this.#count(settingsFlood);
    const before = { ...this.#theirs };
    applySettings(this.#theirs, bytes, start, end, this.role === 'client' ? 'server' : 'client');
    if (this.#theirs.headerTableBytes !== before.headerTableBytes) {
      this.#encoder.setPeerCapacity(this.#theirs.headerTableBytes);
    }
    this.#shiftWindows(this.#theirs.streamWindowBytes - before.streamWindowBytes);
    this.#frameHeader(0, FrameType.Settings, Flag.Ack, 0);
    this.#scheduleFlush();
    if (!this.#settingsSeen) {
      this.#settingsSeen = true;
      this.#options.onReady?.();
    }
    if (this.#theirs.maxConcurrentStreams > before.maxConcurrentStreams) this.#options.onCapacity?.();
  }

  /** Section 6.9.2: a new initial window moves the windows of all open streams, below zero if it must. */
  #shiftWindows(by: number): void {
    if (by === 0) return;
    for (const stream of this.#streams.values()) {
      stream.sendWindow += by;
      if (stream.sendWindow > MAX_WINDOW) {
        throw new ConnectionError(ErrorCode.FlowControlError, `window of stream ${stream.id} above 2^31 - 1`);
      }
      if (stream.sendWindow <= 0) this.#sendable.delete(stream);
      else if (stream.queue !== undefined) this.#sendable.add(stream);
    }
  }

  #onPing(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw new ConnectionError(ErrorCode.ProtocolError, `PING on stream ${id}`);
    if (end - start !== 8) throw new ConnectionError(ErrorCode.FrameSizeError, `PING of ${end - start} bytes`);
    if ((flags & Flag.Ack) !== 0) {
      const number = readUint32(bytes, start) === 0 ? readUint32(bytes, start + 4) : 0;
      const answer = this.#pings.get(number);
      this.#pings.delete(number);
      answer?.(true);
      return;
    }
    this.#count(pingFlood);
    this.#frameHeader(8, FrameType.Ping, Flag.Ack, 0);
    this.#outbox.append(bytes.subarray(start, end));
    this.#scheduleFlush();
    if (this.#pingPolicy?.allows(this.#streams.size) === false) {
      throw new ConnectionError(ErrorCode.EnhanceYourCalm, 'too_many_pings');
    }
  }

  #onGoAway(id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw new ConnectionError(ErrorCode.ProtocolError, `GOAWAY on stream ${id}`);
    if (end - start < 8) throw new ConnectionError(ErrorCode.FrameSizeError, `GOAWAY of ${end - start} bytes`);
    const last = readUint31(bytes, start);
    const code = toErrorCode(readUint32(bytes, start + 4));
    const debug = bytes.toString('latin1', start + 8, Math.min(end, start + 8 + 1024));
    this.#goAwayReceived = { code, debug };
    if (this.role === 'server') {
      // The client will see no push anyway; its own streams go on.
      this.#options.onGoAway?.(code, debug);
      return;
    }
    this.closing = true;
    const end_: SessionEnd = { code, message: 'received goaway', goAway: this.#goAwayReceived };
    const untouched = [...this.#streams.values()].filter((stream) => stream.id > last);
    for (const stream of untouched) this.#closeStream(stream, { t: 'lost', reason: end_, unprocessed: true });
    this.#options.onGoAway?.(code, debug);
    this.#endIfIdle();
  }

  #onWindowUpdate(id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw new ConnectionError(ErrorCode.FrameSizeError, `WINDOW_UPDATE of ${end - start} bytes`);
    const increment = readUint31(bytes, start);
    if (id === 0) {
      if (increment === 0) throw new ConnectionError(ErrorCode.ProtocolError, 'WINDOW_UPDATE of 0');
      this.#sendWindow += increment;
      if (this.#sendWindow > MAX_WINDOW) {
        throw new ConnectionError(ErrorCode.FlowControlError, "the connection's window is above 2^31 - 1");
      }
      if (this.#sendable.size > 0) this.#scheduleFlush();
      return;
    }
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      this.#checkNotIdle(id, 'WINDOW_UPDATE');
      return;
    }
    if (increment === 0) {
      this.#streamError(stream, ErrorCode.ProtocolError);
      return;
    }
    stream.sendWindow += increment;
    if (stream.sendWindow > MAX_WINDOW) {
      this.#streamError(stream, ErrorCode.FlowControlError);
    } else if (stream.queue !== undefined && stream.sendWindow > 0) {
      this.#sendable.add(stream);
      this.#scheduleFlush();
    }
  }
}

/** May a message of `expected` bytes have brought `received` so far? */
function lengthHolds(expected: number, received: number, ended: boolean): boolean {
  return ended ? received === expected : received <= expected;
}
