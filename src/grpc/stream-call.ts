/**
 * One streaming call on the server, of any of the three kinds: messages in as an async iterable, messages out by
 * `send`.
 */

import type { Http2Stream } from '../http2/types.js';
import type { Method } from '../lib/codec.js';
import type { Intake } from '../lib/intake.js';
import { Inbox, type InboxOwner } from './inbox.js';
import { MessageReader } from './message-reader.js';
import { type CallHead, type CallHost, RunningCall } from './server-call.js';
import { Code, GrpcError, type ServerStream, type StreamHandler } from './types.js';

/** What a stream takes up while nothing waits in it. */
const CALL_BYTES = 2048;

export class StreamCall<I, O> extends RunningCall implements ServerStream<I, O>, InboxOwner<I> {
  readonly messages: Inbox<I>;
  #drains: { resolve: () => void; reject: (error: GrpcError) => void }[] | undefined;
  #full = false;
  #failure: GrpcError | undefined;
  readonly #method: Method<I, O>;
  readonly #handler: StreamHandler<I, O>;

  constructor(host: CallHost, stream: Http2Stream, head: CallHead, method: Method<I, O>, handler: StreamHandler<I, O>) {
    super(host, stream, head, method.kind);
    this.#method = method;
    this.#handler = handler;
    this.messages = new Inbox(new MessageReader(host.maxReceiveBytes, head.encoding), this);
  }

  start(requestEnded: boolean): void {
    this.started();
    this.keepRunning();
    if (!this.holds(CALL_BYTES + this.head.extraBytes)) return;
    if (requestEnded) this.messages.end();
    // Through a resolved promise, so that a handler that throws before its first await fails the call, not the session.
    Promise.resolve(this)
      .then(this.#handler)
      .then(
        () => this.succeed(),
        (error: unknown) => this.failWith(error),
      );
  }

  send(message: O | Uint8Array): boolean {
    // A handler that goes on after its caller has left learns it here, instead of working for nobody to its end.
    if (this.#failure !== undefined) throw this.#failure;
    if (this.ended) return true;
    const flowing = this.sendMessage(message instanceof Uint8Array ? message : this.#method.output.encode(message));
    if (!flowing) this.#full = true;
    return flowing;
  }

  drained(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (!this.#full || this.ended) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#drains ??= [];
      this.#drains.push({ resolve, reject });
    });
  }

  // ── StreamListener ──

  data(bytes: Buffer, end: boolean): void {
    if (this.ended) {
      this.stream.consume(bytes.length);
      return;
    }
    this.messages.push(bytes);
    if (end) this.messages.end();
  }

  trailers(): void {
    this.messages.end();
  }

  writable(): void {
    this.#full = false;
    for (const { resolve } of this.#drains?.splice(0) ?? []) resolve();
  }

  protected override onAbort(error: GrpcError): void {
    this.#failure = error;
    super.onAbort(error);
    this.messages.fail(error);
    for (const { reject } of this.#drains?.splice(0) ?? []) reject(error);
  }

  protected override gone(): void {
    for (const { resolve } of this.#drains?.splice(0) ?? []) resolve();
  }

  // ── InboxOwner ──

  get intake(): Intake {
    return this.host.intake;
  }

  get truncated(): GrpcError {
    return new GrpcError(Code.Internal, 'unexpected EOF');
  }

  decode(message: Buffer): I {
    const request = this.decoded(this.#method, message);
    this.received();
    return request;
  }

  consume(bytes: number): void {
    this.stream.consume(bytes);
  }

  prepay(bytes: number): void {
    if (this.holds(bytes)) this.stream.consume(bytes);
  }

  repaid(bytes: number): void {
    this.release(bytes);
  }

  broken(): void {
    // The handler learns it from its iterator and ends the call with that error, or with its own.
  }

  abandoned(): void {
    // A handler may stop reading and still answer; the client's window then stays shut, as it should.
  }
}
