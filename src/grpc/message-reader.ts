/**
 * Cuts a stream's bytes into messages: `compressed 8 | length 32 | message`. Bytes that nobody has asked for yet are
 * kept in one buffer of our own, not as views: a message of one byte a frame must not cost a hundred, nor hold a
 * socket's whole buffer.
 */
import { readUint32 } from '../http2/frames/frame.js';
import { decompress, type Encoding } from './compression.js';
import { Code, GrpcError } from './types.js';

export const PREFIX_BYTES = 5;
const empty = Buffer.alloc(0);

export class MessageReader {
  #held: Buffer = empty;
  #start = 0;
  #end = 0;
  /** True while `held` is somebody else's (the socket's) and must be copied before it is kept. */
  #borrowed = false;
  readonly #maxBytes: number;

  constructor(
    maxBytes: number,
    /** A client learns it only from the response's headers. */
    public encoding: Encoding,
  ) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that came and are not yet part of a message taken. */
  get size(): number {
    return this.#end - this.#start;
  }

  /** Length that the first message held says it has; undefined while its prefix is not there. */
  get announced(): number | undefined {
    return this.size < PREFIX_BYTES ? undefined : readUint32(this.#held, this.#start + 1);
  }

  /** `bytes` are borrowed until `keep`, or copied when others wait before them. */
  push(bytes: Buffer): void {
    if (this.size === 0) {
      this.#held = bytes;
      this.#start = 0;
      this.#end = bytes.length;
      this.#borrowed = true;
      return;
    }
    this.keep(bytes.length);
    bytes.copy(this.#held, this.#end);
    this.#end += bytes.length;
  }

  /** Copies what is borrowed; to be called when the caller's turn ends with bytes left. Makes room for `more`. */
  keep(more = 0): void {
    const size = this.size;
    if (size === 0) {
      this.#held = empty;
      this.#start = this.#end = 0;
      return;
    }
    if (!this.#borrowed && this.#end + more <= this.#held.length) return;
    const grown = Buffer.allocUnsafe(Math.max(64, size + more, more > 0 ? size * 2 : 0));
    this.#held.copy(grown, 0, this.#start, this.#end);
    this.#held = grown;
    this.#start = 0;
    this.#end = size;
    this.#borrowed = false;
  }

  /**
   * The next whole message (a view; what came before it is gone), or undefined when more is needed. Throws GrpcError.
   */
  next(): Buffer | undefined {
    if (this.size < PREFIX_BYTES) return undefined;
    const flag = this.#held[this.#start] ?? 0;
    const length = readUint32(this.#held, this.#start + 1);
    if (flag > 1) throw new GrpcError(Code.Internal, `grpc: received unexpected payload format ${flag}`);
    if (length > this.#maxBytes) {
      throw new GrpcError(
        Code.ResourceExhausted,
        `grpc: received message larger than max (${length} vs. ${this.#maxBytes})`,
      );
    }
    const messageStart = this.#start + PREFIX_BYTES;
    if (this.#end - messageStart < length) return undefined;
    this.#start = messageStart + length;
    const message = this.#held.subarray(messageStart, this.#start);
    if (!this.#borrowed && this.size === 0) this.#held = empty; // the message owns it now
    if (flag === 0) return message;
    if (this.encoding === 'identity') {
      throw new GrpcError(Code.Internal, 'grpc: compressed flag set with identity or empty encoding');
    }
    return decompress(message, this.#maxBytes);
  }
}

const prefix = new Uint8Array(PREFIX_BYTES);

/** The five bytes before a message; one buffer for all, to be used before the next call. */
export function messagePrefix(length: number, compressed: boolean): Uint8Array {
  prefix[0] = compressed ? 1 : 0;
  prefix[1] = length >>> 24;
  prefix[2] = length >>> 16;
  prefix[3] = length >>> 8;
  prefix[4] = length;
  return prefix;
}
