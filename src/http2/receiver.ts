/**
 * What a connection receives: frames change windows and settings, and become a stream's headers, data, trailers and end
 * (RFC 9113, sections 5 and 6). What breaks a rule ends its stream or, thrown as a ConnectionError, the connection.
 */
import type { Clock } from '../lib/clock.js';
import { ContinuedBlock } from './continued-block.js';
import { ControlFrames, type ControlHost } from './control-frames.js';
import { emptyData, FloodGates, idleFrames, rapidReset, streamErrors } from './floods.js';
import { ConnectionError, ErrorCode, toErrorCode } from './frames/error-code.js';
import { Flag, FrameType, MAX_WINDOW, readUint31, readUint32 } from './frames/frame.js';
import type { FrameSink } from './frames/frame-reader.js';
import type { Settings } from './frames/settings.js';
import { HpackDecoder } from './hpack/decoder.js';
import type { Field } from './hpack/field.js';
import type { Intake } from './intake.js';
import type { PingPolicy } from './keepalive.js';
import { areTrailers, checkRequest, checkResponse } from './message-check.js';
import type { Sender } from './sender.js';
import { Stream, type StreamOwner } from './stream.js';
import type { StreamTable } from './stream-table.js';
import type { SessionOptions, StreamEnd } from './types.js';

interface ReceiverHost extends StreamOwner, ControlHost {
  readonly closed: boolean;
  closeStream(stream: Stream, end: StreamEnd): void;
  closeIfDone(stream: Stream): void;
}

interface ReceiverParts {
  readonly host: ReceiverHost;
  readonly clock: Clock;
  readonly streams: StreamTable;
  readonly sender: Sender;
  /** What we take. */
  readonly own: Settings;
  /** What the peer takes: changed here when it says so. */
  readonly theirs: Settings;
  readonly connectionWindow: number;
  readonly intake: Intake | undefined;
  readonly pingPolicy: PingPolicy | undefined;
  readonly events: Pick<SessionOptions, 'onStream' | 'onReady' | 'onCapacity'>;
}

export class Receiver implements FrameSink {
  readonly #host: ReceiverHost;
  readonly #streams: StreamTable;
  readonly #sender: Sender;
  readonly #own: Settings;
  readonly #theirs: Settings;
  readonly #connectionWindow: number;
  readonly #intake: Intake | undefined;
  readonly #events: ReceiverParts['events'];
  readonly #decoder: HpackDecoder;
  readonly #floods: FloodGates;
  readonly #control: ControlFrames;

  #settingsSeen = false;
  /** Whose CONTINUATION frames are still to come. */
  #block: ContinuedBlock | undefined;
  #receiveWindow: number;
  #unannounced = 0;

  constructor(parts: ReceiverParts) {
    this.#host = parts.host;
    this.#streams = parts.streams;
    this.#sender = parts.sender;
    this.#own = parts.own;
    this.#theirs = parts.theirs;
    this.#connectionWindow = parts.connectionWindow;
    this.#intake = parts.intake;
    this.#events = parts.events;
    this.#decoder = new HpackDecoder(parts.own.headerTableBytes);
    this.#floods = new FloodGates(parts.clock);
    this.#control = new ControlFrames(parts, this.#floods);
    this.#receiveWindow = parts.connectionWindow;
  }

  /** The rest of a header block will not come. */
  end(): void {
    this.#block = undefined;
  }

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
        this.#control.onSettings(flags, id, bytes, start, end);
        this.#settingsSeen = true;
        break;
      case FrameType.PushPromise:
        throw new ConnectionError(ErrorCode.ProtocolError, 'PUSH_PROMISE');
      case FrameType.Ping:
        this.#control.onPing(flags, id, bytes, start, end);
        break;
      case FrameType.GoAway:
        this.#control.onGoAway(id, bytes, start, end);
        break;
      case FrameType.WindowUpdate:
        this.#onWindowUpdate(id, bytes, start, end);
        break;
      case FrameType.Continuation:
        this.#onContinuation(flags, bytes, start, end);
        break;
      default:
        this.#floods.count(idleFrames);
    }
    return !this.#host.closed && (this.#intake === undefined || this.#intake.takes());
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
    const stream = this.#streams.open.get(id);
    if (stream === undefined) {
      this.#streams.checkNotIdle(id, 'DATA');
      this.announce(size);
      if (this.#streams.recentlyReset.has(id)) return;
      this.#floods.count(streamErrors);
      this.#sender.writeReset(id, ErrorCode.StreamClosed);
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
      (this.#streams.role === 'client' && !stream.responded) ||
      (stream.expectedBytes >= 0 && !lengthHolds(stream.expectedBytes, stream.receivedBytes, ends))
    ) {
      this.#streamError(stream, ErrorCode.ProtocolError);
    } else {
      stream.receiveWindow -= size;
      if (size > count) this.consumed(stream, size - count);
      if (ends) stream.remoteEnded = true;
      else if (count === 0) {
        this.#floods.count(emptyData);
        return;
      }
      stream.listener.data(bytes.subarray(start, end), ends);
      if (ends) this.#host.closeIfDone(stream);
    }
  }

  consumed(stream: Stream, count: number): void {
    if (stream.closed) return; // closing gave everything back
    const given = Math.min(count, stream.unconsumed);
    stream.unconsumed -= given;
    this.announce(given);
    if (stream.remoteEnded) return;
    stream.unannounced += given;
    if (stream.unannounced * 2 < this.#own.streamWindowBytes) return;
    this.#sender.writeWindowUpdate(stream.id, stream.unannounced);
    stream.receiveWindow += stream.unannounced;
    stream.unannounced = 0;
  }

  /** So many bytes of DATA are no longer held: the connection's window opens again. */
  announce(count: number): void {
    this.#unannounced += count;
    if (this.#unannounced * 2 < this.#connectionWindow || this.#host.closed) return;
    this.#sender.writeWindowUpdate(0, this.#unannounced);
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
      this.#block = new ContinuedBlock(id, endStream, bytes.subarray(start, end));
    }
  }

  #onContinuation(flags: number, bytes: Buffer, start: number, end: number): void {
    const block = this.#block;
    if (block === undefined) throw new ConnectionError(ErrorCode.ProtocolError, 'CONTINUATION without a header block');
    block.add(bytes.subarray(start, end), this.#own.maxHeaderListBytes);
    if ((flags & Flag.EndHeaders) === 0) return;
    this.#block = undefined;
    const whole = block.whole();
    this.#onHeaderBlock(block.streamId, block.endStream, whole, 0, whole.length);
  }

  #onHeaderBlock(id: number, endStream: boolean, bytes: Buffer, start: number, end: number): void {
    const fields = this.#decoder.decode(bytes, start, end, this.#own.maxHeaderListBytes);
    const tooLarge = this.#decoder.listBytes > this.#own.maxHeaderListBytes;
    const stream = this.#streams.open.get(id);
    if (stream === undefined) {
      if (this.#streams.role === 'server') this.#onRequest(id, endStream, fields, tooLarge);
      else this.#streams.checkNotIdle(id, 'HEADERS');
    } else if (stream.remoteEnded) {
      this.#streamError(stream, ErrorCode.StreamClosed);
    } else if (tooLarge) {
      this.#streamError(stream, ErrorCode.FrameSizeError);
    } else if (this.#streams.role === 'client' && !stream.responded) {
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
      this.#host.closeIfDone(stream);
    }
  }

  #onRequest(id: number, endStream: boolean, fields: Field[], tooLarge: boolean): void {
    if (id % 2 === 0) throw new ConnectionError(ErrorCode.ProtocolError, `request on stream ${id}`);
    if (id <= this.#streams.lastPeer) {
      if (this.#streams.recentlyReset.has(id)) return;
      if (this.#streams.recentlyEnded.has(id)) {
        throw new ConnectionError(ErrorCode.StreamClosed, `HEADERS on closed stream ${id}`);
      }
      throw new ConnectionError(ErrorCode.ProtocolError, `stream ${id} after ${this.#streams.lastPeer}`);
    }
    if (id > this.#streams.lastAccepted) return; // after the last GOAWAY: the client knows, and tries elsewhere
    this.#streams.lastPeer = id;
    const length = checkRequest(fields);
    const refusal = tooLarge
      ? ErrorCode.FrameSizeError // as grpc-go answers a header list that is too large
      : length === undefined || (endStream && length > 0)
        ? ErrorCode.ProtocolError
        : this.#streams.open.size >= this.#own.maxConcurrentStreams
          ? ErrorCode.RefusedStream
          : undefined;
    if (refusal !== undefined) {
      this.#floods.count(streamErrors);
      this.#sender.writeReset(id, refusal);
      this.#streams.recentlyReset.add(id);
      return;
    }
    const stream = new Stream(id, this.#host, this.#theirs.streamWindowBytes, this.#own.streamWindowBytes);
    stream.expectedBytes = length ?? -1;
    stream.remoteEnded = endStream;
    this.#streams.open.set(id, stream);
    this.#events.onStream?.(stream, fields, endStream);
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
    if (endStream) this.#host.closeIfDone(stream);
  }

  #onPriority(id: number, size: number): void {
    if (id === 0) throw new ConnectionError(ErrorCode.ProtocolError, 'PRIORITY on stream 0');
    if (size !== 5) {
      const stream = this.#streams.open.get(id);
      if (stream === undefined) throw new ConnectionError(ErrorCode.FrameSizeError, `PRIORITY of ${size} bytes`);
      this.#streamError(stream, ErrorCode.FrameSizeError);
      return;
    }
    this.#floods.count(idleFrames);
  }

  #onReset(id: number, bytes: Buffer, start: number, end: number): void {
    if (id === 0) throw new ConnectionError(ErrorCode.ProtocolError, 'RST_STREAM on stream 0');
    if (end - start !== 4) throw new ConnectionError(ErrorCode.FrameSizeError, `RST_STREAM of ${end - start} bytes`);
    const stream = this.#streams.open.get(id);
    if (stream === undefined) this.#streams.checkNotIdle(id, 'RST_STREAM');
    // One that was answered has cost its peer a round trip: clients that take one message of a stream end it so.
    if (this.#streams.role === 'server' && stream?.answered !== true) this.#floods.count(rapidReset);
    if (stream === undefined) return;
    const code = toErrorCode(readUint32(bytes, start));
    this.#host.closeStream(stream, { t: 'reset', code, local: false, unprocessed: code === ErrorCode.RefusedStream });
  }

  #onWindowUpdate(id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw new ConnectionError(ErrorCode.FrameSizeError, `WINDOW_UPDATE of ${end - start} bytes`);
    const increment = readUint31(bytes, start);
    if (id === 0) {
      if (increment === 0) throw new ConnectionError(ErrorCode.ProtocolError, 'WINDOW_UPDATE of 0');
      this.#sender.widen(increment);
      return;
    }
    const stream = this.#streams.open.get(id);
    if (stream === undefined) {
      this.#streams.checkNotIdle(id, 'WINDOW_UPDATE');
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
      this.#sender.windowChanged(stream);
      this.#sender.scheduleFlush();
    }
  }

  /** The peer broke a rule that concerns this stream alone. */
  #streamError(stream: Stream, code: ErrorCode): void {
    this.#floods.count(streamErrors);
    this.#host.resetStream(stream, code);
  }
}

/** May a message of `expected` bytes have brought `received` so far? */
function lengthHolds(expected: number, received: number, ended: boolean): boolean {
  return ended ? received === expected : received <= expected;
}
