/** A call with one message each way. */
import type { HeaderList, Http2Stream } from '../http2/types.js';
import type { Method } from '../lib/codec.js';
import { asGrpcError, type CallChannel, ClientCall, decodeAnswer, tooLarge } from './client-call.js';
import type { Encoding } from './compression.js';
import { MessageReader, messagePrefix } from './message-reader.js';
import { type CallOptions, Code, GrpcError } from './types.js';

export class UnaryClientCall<I, O> extends ClientCall {
  readonly #reader: MessageReader;
  readonly #message: Uint8Array;
  #answer: { readonly value: O } | undefined;
  readonly #method: Method<I, O>;
  readonly #resolve: (value: O) => void;
  readonly #reject: (error: GrpcError) => void;

  constructor(
    channel: CallChannel,
    method: Method<I, O>,
    request: I,
    options: CallOptions,
    resolve: (value: O) => void,
    reject: (error: GrpcError) => void,
  ) {
    super(channel, method.path, options);
    this.#method = method;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#reader = new MessageReader(channel.maxReceiveBytes, 'identity');
    this.#message = method.input.encode(request);
  }

  override begin(): void {
    const error = tooLarge(this.#message, this.channel);
    if (error === undefined) super.begin();
    else this.finish(error);
  }

  protected get repeatable(): boolean {
    return true;
  }

  protected sendBody(stream: Http2Stream): void {
    stream.sendData(this.#message, true, messagePrefix(this.#message.length, false));
  }

  protected responded(_fields: HeaderList, encoding: Encoding): void {
    this.#reader.encoding = encoding;
  }

  protected received(bytes: Buffer): void {
    this.stream?.consume(bytes.length);
    try {
      this.#reader.push(bytes);
      for (let message = this.#reader.next(); message !== undefined; message = this.#reader.next()) {
        if (this.#answer !== undefined) {
          throw new GrpcError(
            Code.Internal,
            'cardinality violation: expected <EOF> for non server-streaming RPCs, but received another message',
          );
        }
        this.#answer = { value: decodeAnswer(this.#method, message) };
      }
      this.#reader.keep();
    } catch (error) {
      this.abandon(asGrpcError(error));
    }
  }

  writable(): void {}

  protected settled(error: GrpcError | undefined): void {
    if (error !== undefined) {
      this.#reject(error);
    } else if (this.#answer !== undefined && this.#reader.size === 0) {
      this.#resolve(this.#answer.value);
    } else {
      const none = 'cardinality violation: received no response message from non-server-streaming RPC';
      this.#reject(new GrpcError(Code.Internal, this.#reader.size > 0 ? 'unexpected EOF' : none));
    }
  }
}
