/**
 * One unary call on the server: gather the request, call the handler, answer: in the same turn when the handler answers
 * at once. Whatever comes behind the request's first message is dropped, as grpc-go leaves it alone.
 */
import { readUint32 } from '../http2/frames/frame.js';
import type { Http2Stream } from '../http2/types.js';
import type { Method } from '../lib/codec.js';
import { Pieces } from '../lib/pieces.js';
import { MessageReader, PREFIX_BYTES } from './message-reader.js';
import { type CallHead, type CallHost, RunningCall } from './server-call.js';
import { type Answer, Code, GrpcError, type UnaryHandler } from './types.js';

/** What a call takes up beside its message: stream, headers, closures. */
const CALL_BYTES = 1024;
const UNEXPECTED = 'unexpected EOF';

export class UnaryCall<I, O> extends RunningCall {
  #reader: MessageReader | undefined;

  /** There once the handler has been called. */
  requestBytes: Uint8Array | undefined;
  readonly #method: Method<I, O>;
  readonly #handler: UnaryHandler<I, O>;

  constructor(host: CallHost, stream: Http2Stream, head: CallHead, method: Method<I, O>, handler: UnaryHandler<I, O>) {
    super(host, stream, head, 'unary');
    this.#method = method;
    this.#handler = handler;
  }

  start(requestEnded: boolean): void {
    if (!this.holds(CALL_BYTES + this.head.extraBytes)) return;
    if (requestEnded) this.requestEnded();
  }

  data(bytes: Buffer, end: boolean): void {
    this.stream.consume(bytes.length);
    if (this.ended || this.requestBytes !== undefined) return;
    // Nearly always the whole request is one frame, and its message is taken where it lies.
    if (
      end &&
      this.#reader === undefined &&
      bytes.length >= PREFIX_BYTES &&
      bytes[0] === 0 &&
      readUint32(bytes, 1) === bytes.length - PREFIX_BYTES &&
      bytes.length - PREFIX_BYTES <= this.host.maxReceiveBytes
    ) {
      this.#invoke(bytes.subarray(PREFIX_BYTES));
      return;
    }
    this.#reader ??= new MessageReader(this.host.maxReceiveBytes, this.head.encoding);
    this.#reader.push(bytes);
    if (end) {
      this.#reader.keep();
      this.requestEnded();
      return;
    }
    this.keepRunning();
    if (!this.holds(bytes.length)) {
      this.#reader = undefined;
      return;
    }
    this.#reader.keep();
    this.#checkLength(this.#reader);
  }

  trailers(): void {
    this.requestEnded();
  }

  writable(): void {}

  /** An oversize message is refused as soon as its length is known, a whole one is taken as soon as it is there. */
  #checkLength(reader: MessageReader): void {
    const announced = reader.announced;
    if (announced === undefined) return;
    if (announced > this.host.maxReceiveBytes || reader.size >= PREFIX_BYTES + announced) this.requestEnded();
  }

  /** No more of the request is looked at: with a message in it, one hopes. */
  requestEnded(): void {
    if (this.ended || this.requestBytes !== undefined) return;
    const message = this.#takeMessage(this.#reader);
    if (message !== undefined) this.#invoke(message);
  }

  #takeMessage(reader: MessageReader | undefined): Buffer | undefined {
    try {
      const message = reader?.next();
      // Which of the two it is, clients see: grpc-go tells the error of its own reading.
      if (message === undefined)
        throw new GrpcError(Code.Unknown, reader?.announced === undefined ? 'EOF' : UNEXPECTED);
      return message;
    } catch (error) {
      this.failWith(error);
      return undefined;
    }
  }

  #invoke(message: Buffer): void {
    this.requestBytes = message;
    let answer: Answer<O> | Promise<Answer<O>>;
    try {
      const request = this.decoded(this.#method, message);
      this.started();
      this.received();
      answer = this.#handler(request, this);
    } catch (error) {
      this.failWith(error);
      return;
    }
    if (answer instanceof Promise) {
      this.keepRunning();
      if (!this.holds(message.length)) return;
      answer.then(
        (value) => this.#answer(value),
        (error: unknown) => this.failWith(error),
      );
    } else {
      this.#answer(answer);
    }
  }

  #answer(value: Answer<O>): void {
    if (this.ended) return;
    try {
      const isEncoded = value instanceof Uint8Array || value instanceof Pieces;
      this.sendMessage(isEncoded ? value : this.#method.output.encode(value));
      this.succeed();
    } catch (error) {
      this.failWith(error);
    }
  }
}
