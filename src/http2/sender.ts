/**
 * What a connection sends: frames go into the outbox, or into their stream's queue while a window or the socket is
 * full, and leave in one write a turn. Streams with queued data take turns, a frame each (RFC 9113, sections 5.2 and
 * 6.9).
 */
import type { Duplex } from 'node:stream';
import type { Clock } from '../lib/clock.js';
import { Fifo } from '../lib/fifo.js';
import { FrameWriter } from './frame-writer.js';
import { ConnectionError, ErrorCode } from './frames/error-code.js';
import { DEFAULT_WINDOW, Flag, FrameType, MAX_WINDOW } from './frames/frame.js';
import type { Settings } from './frames/settings.js';
import { HpackEncoder } from './hpack/encoder.js';
import type { PingPolicy } from './keepalive.js';
import type { Outbox } from './outbox.js';
import type { Stream } from './stream.js';
import type { Backlog, HeaderList } from './types.js';

/** DATA is held back in the streams while so much waits in the socket, so that the streams share what goes out next. */
const SOCKET_HIGH_WATER = 256 * 1024;
/** Beyond this the waiting bytes are answers that the peer provokes but does not read: we stop reading too. */
const SOCKET_STOP_READING = 1024 * 1024;
/** So much goes out before the turn has ended, for the peer to read while the rest is made. */
const WRITTEN_AT_ONCE_BYTES = 16 * 1024;
/** A piece of DATA from here on goes into the socket as it is, smaller ones are copied beside their neighbours. */
const ATTACHED_BYTES = 2048;
/** Rounds of `SOCKET_HIGH_WATER` in one turn, for a socket that takes all: then others have their turn. */
const ROUNDS_PER_TURN = 4;

interface SenderHost {
  readonly closed: boolean;
  /** The stream's last frame is out. */
  closeIfDone(stream: Stream): void;
}

interface SenderParts {
  readonly socket: Duplex;
  readonly clock: Clock;
  readonly host: SenderHost;
  /** What the peer takes. */
  readonly theirs: Settings;
  readonly sendQueueBytes: number;
  readonly backlog: Backlog | undefined;
  readonly copiesWrites: boolean;
  readonly pingPolicy: PingPolicy | undefined;
}

export class Sender {
  readonly frames = new FrameWriter(() => this.scheduleFlush());
  sentBytes = 0;
  /** The peer does not read its answers: nor do we read more of what provokes them. */
  readingStopped = false;

  readonly #outbox: Outbox = this.frames.outbox;
  readonly #socket: Duplex;
  readonly #clock: Clock;
  readonly #host: SenderHost;
  readonly #theirs: Settings;
  readonly #sendQueueBytes: number;
  readonly #backlog: Backlog | undefined;
  readonly #copiesWrites: boolean;
  readonly #pingPolicy: PingPolicy | undefined;
  readonly #encoder = new HpackEncoder();
  /** Streams with queued data that their own window allows; in the order in which they take turns. */
  readonly #sendable = new Set<Stream>();
  #sendWindow = DEFAULT_WINDOW;
  #flushScheduled = false;
  #socketFull = false;
  /** Of all streams together. */
  #queuedBytes = 0;

  readonly #flushNow = (): void => this.flush();

  constructor(parts: SenderParts) {
    this.#socket = parts.socket;
    this.#clock = parts.clock;
    this.#host = parts.host;
    this.#theirs = parts.theirs;
    this.#sendQueueBytes = parts.sendQueueBytes;
    this.#backlog = parts.backlog;
    this.#copiesWrites = parts.copiesWrites;
    this.#pingPolicy = parts.pingPolicy;
  }

  get unsentBytes(): number {
    return this.#queuedBytes + this.#outbox.size + this.#socket.writableLength;
  }

  /** The peer's decoder takes a table of so many bytes. */
  setPeerTableBytes(bytes: number): void {
    this.#encoder.setPeerCapacity(bytes);
  }

  /** The socket has sent all that it had. */
  drained(): void {
    this.#socketFull = false;
    this.readingStopped = false;
  }

  /** The peer takes so much more of all streams together. Throws where that is too much. */
  widen(increment: number): void {
    this.#sendWindow += increment;
    if (this.#sendWindow > MAX_WINDOW) {
      throw new ConnectionError(ErrorCode.FlowControlError, "the connection's window is above 2^31 - 1");
    }
    if (this.#sendable.size > 0) this.scheduleFlush();
  }

  /** The stream's own window has changed. */
  windowChanged(stream: Stream): void {
    if (stream.sendWindow <= 0) this.#sendable.delete(stream);
    else if (stream.queue !== undefined) this.#sendable.add(stream);
  }

  /** What the stream still had to say is dropped. */
  forget(stream: Stream): void {
    if (stream.queue === undefined) return;
    this.#sendable.delete(stream);
    stream.queue = undefined;
    this.#countQueued(stream, -stream.queuedBytes);
  }

  scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.#clock.atTurnsEnd(this.#flushNow);
  }

  flush(): void {
    for (let round = 0; ; round++) {
      // What these frames would schedule is the write below.
      this.#flushScheduled = true;
      if (this.#sendable.size > 0 && !this.#host.closed) this.#sendQueued();
      this.#flushScheduled = false;
      this.writeOut();
      if (this.#sendable.size === 0 || this.#socketFull || this.#sendWindow <= 0 || this.#host.closed) return;
      if (round === ROUNDS_PER_TURN) {
        this.#flushScheduled = true;
        this.#clock.soon(this.#flushNow);
        return;
      }
    }
  }

  writeOut(): void {
    if (this.#outbox.size === 0 || this.#socket.destroyed || this.#socket.writableEnded) return;
    const buffers = this.#outbox.take();
    const [only] = buffers;
    let flowing = true;
    if (buffers.length === 1 && only !== undefined) {
      flowing = this.#socket.write(only);
    } else {
      this.#socket.cork();
      for (const buffer of buffers) flowing = this.#socket.write(buffer);
      this.#socket.uncork();
    }
    const waiting = this.#socket.writableLength;
    if (waiting === 0 && this.#copiesWrites) this.#outbox.rewind();
    if (flowing) return;
    this.#socketFull = waiting >= SOCKET_HIGH_WATER;
    if (waiting >= SOCKET_STOP_READING && !this.readingStopped) {
      this.readingStopped = true;
      this.#socket.pause();
    }
  }

  /** May DATA go to the outbox now? Empties the outbox into the socket when it has grown. */
  #hasRoom(): boolean {
    if (this.#socketFull) return false;
    if (this.#outbox.size < SOCKET_HIGH_WATER) return true;
    this.writeOut();
    return !this.#socketFull;
  }

  writeHeaders(stream: Stream, fields: HeaderList, end: boolean): void {
    const block = this.#encoder.encode(fields);
    const most = this.#theirs.maxFrameBytes;
    const endFlag = end ? Flag.EndStream : 0;
    if (block.length <= most) {
      this.frames.frameHeader(block.length, FrameType.Headers, endFlag | Flag.EndHeaders, stream.id, block.length);
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
        if (at === 0) this.frames.frameHeader(piece.length, FrameType.Headers, endFlag | last, stream.id);
        else this.frames.frameHeader(piece.length, FrameType.Continuation, last, stream.id);
        this.#outbox.append(piece);
      }
    }
    if (this.#pingPolicy !== undefined) this.#pingPolicy.sentSincePing = true;
    this.scheduleFlush();
    if (end) {
      stream.localEnded = true;
      this.#host.closeIfDone(stream);
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
      this.frames.frameHeader(total, FrameType.Data, end ? Flag.EndStream : 0, stream.id, total);
      const outbox = this.#outbox;
      if (prefix !== undefined) {
        const into = outbox.bytes;
        for (let i = 0; i < prefixBytes; i++) into[outbox.pos++] = prefix[i] ?? 0;
      }
      outbox.bytes.set(bytes, outbox.pos);
      outbox.pos += bytes.length;
      this.#dataWritten(stream, total, end);
      if (outbox.size >= WRITTEN_AT_ONCE_BYTES) this.writeOut();
      return true;
    }
    if (total > 0) {
      stream.queue ??= new Fifo();
      if (prefixBytes > 0) stream.queue.push(Uint8Array.prototype.slice.call(prefix));
      if (bytes.length > 0) stream.queue.push(bytes);
      this.#queueGrew(stream, total);
    } else if (stream.queue === undefined && end) {
      // Nothing but the end, while the socket is full: nine bytes that no window counts.
      this.frames.frameHeader(0, FrameType.Data, Flag.EndStream, stream.id);
      this.#dataWritten(stream, 0, true);
      return true;
    }
    stream.endQueued = end;
    return this.#wantsMore(stream);
  }

  queuePieces(stream: Stream, pieces: readonly Uint8Array[], prefix: Uint8Array): boolean {
    stream.queue ??= new Fifo();
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
    this.scheduleFlush();
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

  /** Writes a frame of each sendable stream in turn, until a round, windows or socket are full or nothing is queued. */
  #sendQueued(): void {
    const untilBytes = this.sentBytes + SOCKET_HIGH_WATER;
    for (const stream of this.#sendable) {
      if (this.sentBytes >= untilBytes || this.#sendWindow <= 0 || !this.#hasRoom()) return;
      this.#sendable.delete(stream);
      const { queue } = stream;
      const count = Math.min(stream.queuedBytes, this.#theirs.maxFrameBytes, stream.sendWindow, this.#sendWindow);
      if (queue === undefined || count <= 0) continue;
      const empties = count === stream.queuedBytes;
      const end = empties && stream.endQueued && stream.trailersQueued === undefined;
      this.frames.frameHeader(count, FrameType.Data, end ? Flag.EndStream : 0, stream.id);
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

  #moveQueued(stream: Stream, queue: Fifo<Uint8Array>, count: number): void {
    const outbox = this.#outbox;
    for (let left = count; left > 0; ) {
      const bytes = queue.first;
      if (bytes === undefined) throw new Error(`http2: ${left} of ${count} queued bytes are missing`);
      const from = stream.queueOffset;
      const part = Math.min(left, bytes.length - from);
      const piece = from === 0 && part === bytes.length ? bytes : bytes.subarray(from, from + part);
      if (part >= ATTACHED_BYTES) outbox.attach(piece);
      else outbox.append(piece);
      left -= part;
      if (from + part === bytes.length) {
        queue.shift();
        stream.queueOffset = 0;
      } else {
        stream.queueOffset = from + part;
      }
    }
    this.#countQueued(stream, -count);
  }

  #dataWritten(stream: Stream, count: number, end: boolean): void {
    stream.sendWindow -= count;
    this.#sendWindow -= count;
    this.sentBytes += count;
    if (this.#pingPolicy !== undefined) this.#pingPolicy.sentSincePing = true;
    this.scheduleFlush();
    if (end) {
      stream.localEnded = true;
      this.#host.closeIfDone(stream);
    }
  }
}
