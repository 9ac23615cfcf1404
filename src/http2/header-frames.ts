/**
 * HEADERS and CONTINUATION: a block of headers becomes a request, an answer or trailers (RFC 9113, sections 6.2, 6.10
 * and 8.1).
 */
import type { BodyBound } from '../lib/body-bound.js';
import type { Clock } from '../lib/clock.js';
import { ContinuedBlock } from './continued-block.js';
import { type FloodGates, streamErrors } from './floods.js';
import type { FrameWriter } from './frame-writer.js';
import { ConnectionError, ErrorCode } from './frames/error-code.js';
import { Flag } from './frames/frame.js';
import type { Settings } from './frames/settings.js';
import { HpackDecoder } from './hpack/decoder.js';
import type { Field } from './hpack/field.js';
import { areTrailers, checkRequest, checkResponse } from './message-check.js';
import { Stream, type StreamOwner } from './stream.js';
import type { StreamTable } from './stream-table.js';
import type { SessionOptions } from './types.js';

interface HeaderHost extends StreamOwner {
  /** A stream's last frame has come. */
  closeIfDone(stream: Stream): void;
}

interface HeaderParts {
  readonly host: HeaderHost;
  /** The peer broke a rule that concerns this stream alone. */
  readonly streamError: (stream: Stream, code: ErrorCode) => void;
  readonly clock: Clock;
  readonly streams: StreamTable;
  readonly frames: FrameWriter;
  readonly floods: FloodGates;
  /** What we take. */
  readonly own: Settings;
  /** What the peer takes. */
  readonly theirs: Settings;
  readonly onStream: SessionOptions['onStream'];
  readonly bodies: BodyBound | undefined;
}

export class HeaderFrames {
  readonly #host: HeaderHost;
  readonly #streamError: HeaderParts['streamError'];
  readonly #clock: Clock;
  readonly #streams: StreamTable;
  readonly #frames: FrameWriter;
  readonly #floods: FloodGates;
  readonly #own: Settings;
  readonly #theirs: Settings;
  readonly #onStream: HeaderParts['onStream'];
  readonly #bodies: BodyBound | undefined;
  readonly #decoder: HpackDecoder;
  /** Whose CONTINUATION frames are still to come. */
  #block: ContinuedBlock | undefined;

  constructor(parts: HeaderParts) {
    this.#host = parts.host;
    this.#streamError = parts.streamError;
    this.#clock = parts.clock;
    this.#streams = parts.streams;
    this.#frames = parts.frames;
    this.#floods = parts.floods;
    this.#own = parts.own;
    this.#theirs = parts.theirs;
    this.#onStream = parts.onStream;
    this.#bodies = parts.bodies;
    this.#decoder = new HpackDecoder(parts.own.headerTableBytes);
  }

  /** The stream whose block of headers goes on, and in no other frame than the next. */
  get continues(): number | undefined {
    return this.#block?.streamId;
  }

  /** The rest of a block will not come. */
  end(): void {
    this.#block?.drop();
    this.#block = undefined;
  }

  onHeaders(flags: number, id: number, bytes: Buffer, payloadStart: number, payloadEnd: number): void {
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
      this.#block = new ContinuedBlock(id, endStream, bytes.subarray(start, end), this.#bodies);
    }
  }

  onContinuation(flags: number, bytes: Buffer, start: number, end: number): void {
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

  #onRequest(id: number, endStream: boolean, fields: readonly Field[], tooLarge: boolean): void {
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
      this.#frames.writeReset(id, refusal);
      this.#streams.recentlyReset.add(id);
      return;
    }
    const stream = new Stream(id, this.#host, this.#theirs.streamWindowBytes, this.#own.streamWindowBytes);
    stream.openedAtMs = this.#clock.monotonicMs();
    stream.expectedBytes = length ?? -1;
    stream.remoteEnded = endStream;
    this.#streams.open.set(id, stream);
    this.#onStream?.(stream, fields, endStream);
  }

  #onResponse(stream: Stream, endStream: boolean, fields: readonly Field[]): void {
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
}
