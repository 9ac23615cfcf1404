/**
 * What a connection receives: frames change windows and settings, and become a stream's headers, data, trailers and end
 * (RFC 9113, sections 5 and 6). What breaks a rule ends its stream or, thrown as a ConnectionError, the connection.
 */
import type { BodyBound } from '../lib/body-bound.js';
import type { Clock } from '../lib/clock.js';
import type { Intake } from '../lib/intake.js';
import { ControlFrames, type ControlHost } from './control-frames.js';
import { emptyData, FloodGates, idleFrames, lateResets, RAPID_RESET_MS, rapidReset, streamErrors } from './floods.js';
import { ConnectionError, ErrorCode, toErrorCode } from './frames/error-code.js';
import { Flag, FrameType, MAX_WINDOW, readUint31, readUint32 } from './frames/frame.js';
import type { FrameSink } from './frames/frame-reader.js';
import type { Settings } from './frames/settings.js';
import { HeaderFrames } from './header-frames.js';
import type { PingPolicy } from './keepalive.js';
import type { Sender } from './sender.js';
import type { Stream, StreamOwner } from './stream.js';
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
  readonly bodies: BodyBound | undefined;
  readonly pingPolicy: PingPolicy | undefined;
  readonly events: Pick<SessionOptions, 'onStream' | 'onReady' | 'onCapacity'>;
}

export class Receiver implements FrameSink {
  readonly #host: ReceiverHost;
  readonly #clock: Clock;
  readonly #streams: StreamTable;
  readonly #sender: Sender;
  readonly #own: Settings;
  readonly #connectionWindow: number;
  readonly #intake: Intake | undefined;
  readonly #floods: FloodGates;
  readonly #control: ControlFrames;
  readonly #headers: HeaderFrames;

  #settingsSeen = false;
  #receiveWindow: number;
  #unannounced = 0;

  constructor(parts: ReceiverParts) {
    this.#host = parts.host;
    this.#clock = parts.clock;
    this.#streams = parts.streams;
    this.#sender = parts.sender;
    this.#own = parts.own;
    this.#connectionWindow = parts.connectionWindow;
    this.#intake = parts.intake;
    this.#floods = new FloodGates(parts.clock);
    this.#control = new ControlFrames(parts, this.#floods);
    this.#headers = new HeaderFrames({
      ...parts,
      frames: parts.sender.frames,
      floods: this.#floods,
      streamError: (stream, code) => this.#streamError(stream, code),
      onStream: parts.events.onStream,
    });
    this.#receiveWindow = parts.connectionWindow;
  }

  /** The rest of a header block will not come. */
  end(): void {
    this.#headers.end();
  }

  frame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): boolean {
    if (!this.#settingsSeen && (type !== FrameType.Settings || (flags & Flag.Ack) !== 0)) {
      throw new ConnectionError(ErrorCode.ProtocolError, 'the first frame is not SETTINGS');
    }
    const { continues } = this.#headers;
    if (continues !== undefined && (type !== FrameType.Continuation || id !== continues)) {
      throw new ConnectionError(ErrorCode.ProtocolError, 'a header block is not continued');
    }
    switch (type) {
      case FrameType.Data:
        this.#onDataFrame(flags, id, bytes, start, end);
        break;
      case FrameType.Headers:
        this.#headers.onHeaders(flags, id, bytes, start, end);
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
        this.#headers.onContinuation(flags, bytes, start, end);
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
      this.#sender.frames.writeReset(id, ErrorCode.StreamClosed);
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
    this.#sender.frames.writeWindowUpdate(stream.id, stream.unannounced);
    stream.receiveWindow += stream.unannounced;
    stream.unannounced = 0;
  }

  /** So many bytes of DATA are no longer held: the connection's window opens again. */
  announce(count: number): void {
    this.#unannounced += count;
    if (this.#unannounced * 2 < this.#connectionWindow || this.#host.closed) return;
    this.#sender.frames.writeWindowUpdate(0, this.#unannounced);
    this.#receiveWindow += this.#unannounced;
    this.#unannounced = 0;
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
    if (stream === undefined) {
      this.#streams.checkNotIdle(id, 'RST_STREAM');
      if (this.#streams.role === 'server') this.#floods.count(lateResets);
      return;
    }
    if (this.#streams.role === 'server' && this.#isRapid(stream)) this.#floods.count(rapidReset);
    const code = toErrorCode(readUint32(bytes, start));
    this.#host.closeStream(stream, { t: 'reset', code, local: false, unprocessed: code === ErrorCode.RefusedStream });
  }

  /** One that was answered has cost its peer a round trip: clients that take one message of a stream end it so. */
  #isRapid(stream: Stream): boolean {
    return !stream.answered && this.#clock.monotonicMs() - stream.openedAtMs < RAPID_RESET_MS;
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
