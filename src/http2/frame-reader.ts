/**
 * Cuts what the socket brings into frames. Frames that lie whole in a chunk are handed over in place; only one that is split
 * between chunks is copied, into a buffer of exactly its size, which `maxFrameBytes` bounds.
 */
import { ConnectionError, ErrorCode } from './error-code.js';
import { frameHeaderBytes, readUint31 } from './frame.js';

export interface FrameSink {
  /** The payload is `bytes[start, end)`. Returns false to stop reading (the session is over). */
  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): boolean;
}

export class FrameReader {
  /** The beginning of a frame whose rest has not come: its header (filled to `held`), then, when that is complete, all of it. */
  private partial: Buffer | undefined;
  private held = 0;

  constructor(
    private readonly maxFrameBytes: number,
    private readonly sink: FrameSink,
  ) {}

  /** Throws ConnectionError(FRAME_SIZE_ERROR) for a frame above the limit, before its payload is waited for. */
  push(chunk: Buffer): void {
    let pos = this.partial === undefined ? 0 : this.completePartial(chunk, this.partial);
    if (pos < 0) return;
    while (chunk.length - pos >= frameHeaderBytes) {
      const end = pos + frameHeaderBytes + this.payloadLength(chunk, pos);
      if (end > chunk.length) break;
      if (!this.deliver(chunk, pos, end)) return;
      pos = end;
    }
    if (pos < chunk.length) this.hold(chunk, pos);
  }

  private hold(chunk: Buffer, pos: number): void {
    const rest = chunk.length - pos;
    const size = rest < frameHeaderBytes ? frameHeaderBytes : frameHeaderBytes + this.payloadLength(chunk, pos);
    this.partial = Buffer.allocUnsafe(size);
    chunk.copy(this.partial, 0, pos);
    this.held = rest;
  }

  /** Returns where in `chunk` the next frame begins, or -1 when the chunk is used up or the sink wants no more. */
  private completePartial(chunk: Buffer, begun: Buffer): number {
    let partial = begun;
    let pos = 0;
    if (this.held < frameHeaderBytes) {
      pos = Math.min(frameHeaderBytes - this.held, chunk.length);
      chunk.copy(partial, this.held, 0, pos);
      this.held += pos;
      if (this.held < frameHeaderBytes) return -1;
      const whole = Buffer.allocUnsafe(frameHeaderBytes + this.payloadLength(partial, 0));
      partial.copy(whole, 0, 0, frameHeaderBytes);
      this.partial = partial = whole;
    }
    const take = Math.min(partial.length - this.held, chunk.length - pos);
    chunk.copy(partial, this.held, pos, pos + take);
    this.held += take;
    if (this.held < partial.length) return -1;
    this.partial = undefined;
    this.held = 0;
    return this.deliver(partial, 0, partial.length) ? pos + take : -1;
  }

  private payloadLength(bytes: Buffer, pos: number): number {
    const length = ((bytes[pos] ?? 0) << 16) | ((bytes[pos + 1] ?? 0) << 8) | (bytes[pos + 2] ?? 0);
    if (length > this.maxFrameBytes) {
      throw new ConnectionError(ErrorCode.FrameSizeError, `frame of ${length} bytes, limit ${this.maxFrameBytes}`);
    }
    return length;
  }

  private deliver(bytes: Buffer, pos: number, end: number): boolean {
    const type = bytes[pos + 3] ?? 0;
    const flags = bytes[pos + 4] ?? 0;
    return this.sink.frame(type, flags, readUint31(bytes, pos + 5), bytes, pos + frameHeaderBytes, end);
  }
}
