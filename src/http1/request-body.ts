/**
 * The body of a request as it arrives. What is not read stays in the socket: beyond a little, the connection is asked
 * to wait.
 */

import { ChunkError, ChunkedDecoder } from '../lib/chunked-coding.js';
import { BodyTooLargeError, type HttpBody } from '../lib/http.js';

/** Held of a body that nobody reads for the moment. */
const HIGH_BYTES = 256 * 1024;

export interface BodyHooks {
  /** Somebody reads it: for the first time, or there is room again. */
  onWanted(): void;
  /** Counts bytes that have come; false when there are too many. */
  take(bytes: number): boolean;
  /** So many of them are held no more. */
  release(bytes: number): void;
}

export class RequestBody implements HttpBody {
  receivedBytes = 0;
  #chunks: Buffer[] = [];
  #heldBytes = 0;
  readonly #decoder: ChunkedDecoder | undefined;
  /** Of a length that is known. */
  #left: number;
  #failure: Error | undefined;
  /** No more of it is held, even where all of it has come. */
  #refusal: BodyTooLargeError | undefined;
  #wake: (() => void) | undefined;
  #begun = false;

  constructor(
    framing: number | 'chunked',
    readonly hooks: BodyHooks,
  ) {
    this.#left = framing === 'chunked' ? 0 : framing;
    this.#decoder = framing === 'chunked' ? new ChunkedDecoder() : undefined;
  }

  /** Whether all of it has arrived. */
  get isComplete(): boolean {
    return this.#decoder === undefined ? this.#left === 0 : this.#decoder.isAtEnd;
  }

  get isFull(): boolean {
    return this.#heldBytes > HIGH_BYTES;
  }

  get whole(): Uint8Array | undefined {
    if (this.#refusal !== undefined) return undefined;
    return this.isComplete && !this.#begun && this.#chunks.length <= 1 ? (this.#chunks[0] ?? NOTHING) : undefined;
  }

  /** Returns how much of `bytes` was part of the body. */
  feed(bytes: Buffer): number {
    if (this.#failure !== undefined) return bytes.length;
    let used = bytes.length;
    try {
      if (this.#decoder === undefined) {
        used = Math.min(bytes.length, this.#left);
        this.#left -= used;
        this.#hold(used === bytes.length ? bytes : bytes.subarray(0, used));
      } else {
        used = this.#decoder.decode(bytes, (data) => this.#hold(data));
      }
    } catch (cause) {
      if (!(cause instanceof ChunkError)) throw cause;
      this.#failure = cause;
    }
    this.#wake?.();
    return used;
  }

  /** The connection is gone: what reads sees an end that is none. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#wake?.();
  }

  /** Nobody reads it any more: what comes is dropped. */
  drop(): void {
    this.#chunks = [];
    this.#heldBytes = 0;
    this.#failure ??= new Error('the request has been answered');
  }

  release(bytes: number): void {
    this.hooks.release(bytes);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, undefined> {
    this.#begun = true;
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        const wasFull = this.isFull;
        this.#heldBytes -= chunk.length;
        if (wasFull && !this.isFull) this.hooks.onWanted();
        yield chunk;
      } else if (this.#refusal !== undefined) {
        throw this.#refusal;
      } else if (this.isComplete) {
        return;
      } else if (this.#failure !== undefined) {
        throw this.#failure;
      } else {
        this.hooks.onWanted();
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  #hold(data: Buffer): void {
    this.receivedBytes += data.length;
    if (data.length === 0 || this.#refusal !== undefined) return;
    if (!this.hooks.take(data.length)) {
      this.#refusal = new BodyTooLargeError('too many bytes of requests wait');
      this.#chunks = [];
      this.#heldBytes = 0;
      return;
    }
    this.#heldBytes += data.length;
    const last = this.#chunks.at(-1);
    // Many small chunks become one: a view costs more than a byte.
    if (last !== undefined && last.length + data.length <= SMALL_BYTES) {
      this.#chunks[this.#chunks.length - 1] = Buffer.concat([last, data]);
    } else {
      this.#chunks.push(data);
    }
  }
}

/** A body that came with its head: nothing of it is to be waited for. */
export class ArrivedBody implements HttpBody {
  #whole: Uint8Array | undefined;

  constructor(
    whole: Uint8Array,
    readonly hooks: Pick<BodyHooks, 'release'>,
  ) {
    this.#whole = whole;
  }

  get whole(): Uint8Array | undefined {
    return this.#whole;
  }

  release(bytes: number): void {
    this.hooks.release(bytes);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, undefined> {
    const whole = this.#whole;
    this.#whole = undefined;
    if (whole !== undefined) yield whole;
  }
}

const NOTHING = Buffer.alloc(0);
const SMALL_BYTES = 4096;

/** Of requests that have none. */
export const emptyBody: HttpBody = {
  whole: NOTHING,
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, undefined> {},
};
