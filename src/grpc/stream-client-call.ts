/** A call with a stream of messages in at least one direction. Messages sent before there is a connection wait here. */

import type { HeaderList, Http2Stream } from '../http2/types.js';
import type { Method } from '../lib/codec.js';
import { type CallChannel, ClientCall, decodeAnswer, tooLarge } from './client-call.js';
import type { Encoding } from './compression.js';
import { contextCanceled } from './context-errors.js';
import { Inbox, type InboxOwner } from './inbox.js';
import { MessageReader, messagePrefix } from './message-reader.js';
import { metadataOf } from './metadata.js';
import { type CallOptions, type ClientStream, Code, GrpcError, type Metadata } from './types.js';

/** Bytes that wait for the connection before `send` answers false. */
const MOST_WAITING_BYTES = 64 * 1024;

export class StreamClientCall<I, O> extends ClientCall implements InboxOwner<O> {
  /** What the caller holds. */
  readonly handle: ClientStream<I, O>;
  readonly #reader: MessageReader;
  readonly #inbox: Inbox<O>;
  readonly #response = new Promised<Metadata>();
  /** Sent, but there is no stream yet. */
  #unsent: Uint8Array[] = [];
  #unsentBytes = 0;
  /** The caller has half-closed. */
  #ending = false;
  /** Something has left on a stream, so that another stream would not carry the same. */
  #started = false;
  #full = false;
  #drains: Promised<void>[] = [];
  #failure: GrpcError | undefined;
  /** A client takes all that the servers it has chosen send. */
  readonly intake = undefined;
  readonly #method: Method<I, O>;

  constructor(channel: CallChannel, method: Method<I, O>, options: CallOptions) {
    super(channel, method.path, options);
    this.#method = method;
    this.#reader = new MessageReader(channel.maxReceiveBytes, 'identity');
    this.#inbox = new Inbox<O>(this.#reader, this);
    const call = this;
    this.handle = {
      send: (message) => this.#send(message),
      drained: () => this.#drained(),
      end: () => this.#endRequest(),
      messages: this.#inbox,
      get headers() {
        return call.#response.promise;
      },
      cancel: () => this.abandon(contextCanceled()),
    };
  }

  #send(message: I): boolean {
    if (this.done || this.#ending) return true;
    const bytes = this.#method.input.encode(message);
    const error = tooLarge(bytes, this.channel);
    if (error !== undefined) throw error;
    if (this.stream === undefined) {
      this.#unsent.push(bytes);
      this.#unsentBytes += bytes.length;
      this.#full = this.#unsentBytes >= MOST_WAITING_BYTES;
    } else {
      this.#started = true;
      this.#full = !this.stream.sendData(bytes, false, messagePrefix(bytes.length, false));
    }
    return !this.#full;
  }

  #drained(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (!this.#full || this.done) return Promise.resolve();
    const drain = new Promised<void>();
    this.#drains.push(drain);
    return drain.promise;
  }

  #endRequest(): void {
    if (this.done || this.#ending) return;
    this.#ending = true;
    this.stream?.sendData(nothing, true);
  }

  // ── ClientCall ──

  protected get repeatable(): boolean {
    return !this.#started;
  }

  protected sendBody(stream: Http2Stream): void {
    let flowing = true;
    for (const [index, bytes] of this.#unsent.entries()) {
      const last = this.#ending && index === this.#unsent.length - 1;
      flowing = stream.sendData(bytes, last, messagePrefix(bytes.length, false));
      this.#started = true;
    }
    if (this.#ending && this.#unsent.length === 0) stream.sendData(nothing, true);
    this.#unsent = [];
    this.#unsentBytes = 0;
    if (flowing) this.writable();
  }

  protected responded(fields: HeaderList, encoding: Encoding): void {
    this.#reader.encoding = encoding;
    this.#response.resolve(metadataOf(fields));
  }

  protected received(bytes: Buffer): void {
    this.#inbox.push(bytes);
  }

  writable(): void {
    this.#full = false;
    for (const drain of this.#drains.splice(0)) drain.resolve();
  }

  protected settled(error: GrpcError | undefined, by: 'server' | 'us'): void {
    this.#failure = error;
    this.#unsent = [];
    if (error === undefined) {
      this.#response.resolve(new Map()); // an empty stream may come without headers of its own
      this.#inbox.end();
      this.writable();
      return;
    }
    this.#response.reject(error);
    // What the server sent before its error is still good; after a cancellation nobody wants it.
    if (by === 'server') this.#inbox.end(error);
    else this.#inbox.fail(error);
    for (const drain of this.#drains.splice(0)) drain.reject(error);
  }

  // ── InboxOwner ──

  get truncated(): GrpcError {
    return new GrpcError(Code.Internal, 'unexpected EOF');
  }

  decode(message: Buffer): O {
    return decodeAnswer(this.#method, message);
  }

  consume(bytes: number): void {
    this.stream?.consume(bytes);
  }

  prepay(bytes: number): void {
    this.stream?.consume(bytes);
  }

  repaid(): void {}

  broken(error: GrpcError): void {
    this.abandon(error);
  }

  abandoned(): void {
    if (!this.done) this.abandon(contextCanceled());
  }
}

const nothing = new Uint8Array(0);

/** A promise with its ends in hand; that nobody looks at it is no unhandled rejection. */
class Promised<T> {
  readonly promise: Promise<T>;
  resolve: (value: T) => void = () => {};
  reject: (error: GrpcError) => void = () => {};

  constructor() {
    this.promise = new Promise<T>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.promise.catch(() => {});
  }
}
