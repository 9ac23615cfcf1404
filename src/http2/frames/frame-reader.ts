/**
 * Cuts what the socket brings into frames. Frames that lie whole in a chunk are handed over in place; only one that is
 * split between chunks is copied, into a buffer of exactly its size, which `maxFrameBytes` bounds.
 */
import { ConnectionError, ErrorCode } from './error-code.js';
import { FRAME_HEADER_BYTES, readUint31 } from './frame.js';

export interface FrameSink {
  /**
   * The payload is `bytes[start, end)`. Returns false to stop reading: the session is over, or takes no more for now.
   */
  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): boolean;
}

export class FrameReader {
  /**
   * The beginning of a frame whose rest has not come: its header (filled to `held`), then, when that is complete, all
   * of it.
   */
  #partial: Buffer | undefined;
  #held = 0;
  #stopped = false;
  readonly #maxFrameBytes: number;
  readonly #sink: FrameSink;

  constructor(maxFrameBytes: number, sink: FrameSink) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#sink = sink;
  }

  /**
   * How many bytes were taken: all, unless the sink wanted no more; the rest is then to be pushed later. Throws
   * ConnectionError(FRAME_SIZE_ERROR) for a frame above the limit, before its payload is waited for.
   */
  push(chunk: Buffer): number {
    this.#stopped = false;
    let pos = this.#partial === undefined ? 0 : this.#completePartial(chunk, this.#partial);
    while (!this.#stopped && chunk.length - pos >= FRAME_HEADER_BYTES) {
      const end = pos + FRAME_HEADER_BYTES + this.#payloadLength(chunk, pos);
      if (end > chunk.length) break;
      this.#deliver(chunk, pos, end);
      pos = end;
    }
    if (this.#stopped || pos === chunk.length) return pos;
    this.#hold(chunk, pos);
    return chunk.length;
  }

  #hold(chunk: Buffer, pos: number): void {
    const rest = chunk.length - pos;
    const size = rest < FRAME_HEADER_BYTES ? FRAME_HEADER_BYTES : FRAME_HEADER_BYTES + this.#payloadLength(chunk, pos);
    this.#partial = Buffer.allocUnsafe(size);
    chunk.copy(this.#partial, 0, pos);
    this.#held = rest;
  }

  /** Returns where in `chunk` the next frame begins; its length when there is none. */
  #completePartial(chunk: Buffer, begun: Buffer): number {
    let partial = begun;
    let pos = 0;
    if (this.#held < FRAME_HEADER_BYTES) {
      pos = Math.min(FRAME_HEADER_BYTES - this.#held, chunk.length);
      chunk.copy(partial, this.#held, 0, pos);
      this.#held += pos;
      if (this.#held < FRAME_HEADER_BYTES) return pos;
      const whole = Buffer.allocUnsafe(FRAME_HEADER_BYTES + this.#payloadLength(partial, 0));
      partial.copy(whole, 0, 0, FRAME_HEADER_BYTES);
      this.#partial = partial = whole;
    }
    const take = Math.min(partial.length - this.#held, chunk.length - pos);
    chunk.copy(partial, this.#held, pos, pos + take);
    this.#held += take;
    if (this.#held < partial.length) return chunk.length;
    this.#partial = undefined;
    this.#held = 0;
    this.#deliver(partial, 0, partial.length);
    return pos + take;
  }

  #payloadLength(bytes: Buffer, pos: number): number {
    const length = ((bytes[pos] ?? 0) << 16) | ((bytes[pos + 1] ?? 0) << 8) | (bytes[pos + 2] ?? 0);
    if (length > this.#maxFrameBytes) {
      throw new ConnectionError(ErrorCode.FrameSizeError, `frame of ${length} bytes, limit ${this.#maxFrameBytes}`);
    }
    return length;
  }

  #deliver(bytes: Buffer, pos: number, end: number): void {
    const type = bytes[pos + 3] ?? 0;
    const flags = bytes[pos + 4] ?? 0;
    this.#stopped = !this.#sink.frame(type, flags, readUint31(bytes, pos + 5), bytes, pos + FRAME_HEADER_BYTES, end);
  }
}
