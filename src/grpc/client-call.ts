/**
 * One call of the client, from the moment it is made: it may wait for a connection, be sent, be tried once more on
 * another connection when the server says it never looked at it, and ends once: with OK, with the server's status, by
 * deadline, cancellation or loss. Texts and codes of what a client makes up itself are grpc-go's
 * (internal/transport/http2_client.go, stream.go).
 */

import { ErrorCode, errorCodeName } from '../http2/frames/error-code.js';
import type {
  HeaderField,
  HeaderList,
  Http2Session,
  Http2Stream,
  SessionEnd,
  StreamEnd,
  StreamListener,
} from '../http2/types.js';
import { type Method, ProtoDecodeError } from '../lib/codec.js';
import { goStatusText } from '../lib/go/http-status.js';
import { appendAll } from '../lib/long-lists.js';
import { type Encoding, encodingOf } from './compression.js';
import { contextCanceled, contextDeadlineExceeded } from './context-errors.js';
import type { Deadline, Deadlines } from './deadlines.js';
import { fieldsOf } from './metadata.js';
import { codeOfHttpStatus, errorOfReset, statusOf } from './status.js';
import { formatTimeout } from './timeout.js';
import { type CallOptions, Code, GrpcError } from './types.js';

/** The channel, as its calls need it. */
export interface CallChannel {
  readonly deadlines: Deadlines;
  readonly maxReceiveBytes: number;
  readonly maxSendBytes: number;
  monotonicMs(): number;
  /** The fields of a plain call of `path`: the same frozen list each time, so that its coding can be reused. */
  requestFields(path: string): HeaderList;
  /** Sends it, now or when connected; ends it with an error when that cannot be. */
  place(call: ClientCall): void;
  /** It is over: forget it. */
  ended(call: ClientCall): void;
}

export abstract class ClientCall implements StreamListener {
  protected done = false;
  protected stream: Http2Stream | undefined;
  #retried = false;
  #deadline: Deadline | undefined;
  #expiresAtMs: number | undefined;
  #metadataFields: readonly HeaderField[] | undefined;

  constructor(
    protected readonly channel: CallChannel,
    protected readonly path: string,
    protected readonly options: CallOptions,
  ) {}

  get waitForReady(): boolean {
    return this.options.waitForReady ?? false;
  }

  get isDone(): boolean {
    return this.done;
  }

  /** To be called once, by the maker. */
  begin(): void {
    const { signal, timeoutMs, metadata } = this.options;
    try {
      if (metadata !== undefined) this.#metadataFields = fieldsOf(metadata);
    } catch (error) {
      // Now, not when it is sent: it is this call's fault, not the connection's.
      this.finish(asGrpcError(error));
      return;
    }
    if (signal?.aborted === true) {
      this.finish(canceled(signal));
      return;
    }
    signal?.addEventListener('abort', this.#onAbort);
    if (timeoutMs !== undefined) {
      this.#expiresAtMs = this.channel.monotonicMs() + timeoutMs;
      this.#deadline = this.channel.deadlines.set(timeoutMs, () => this.abandon(deadlineExceeded()));
    }
    this.channel.place(this);
  }

  /** Opens the stream; false when the session takes no more just now. */
  sendOn(session: Http2Session): boolean {
    const stream = session.request(this.#fields(), false, this);
    if (stream === undefined) return false;
    this.stream = stream;
    this.sendBody(stream);
    return true;
  }

  /** Ends it here, and tells the server that nobody waits any more. */
  abandon(error: GrpcError): void {
    if (this.done) return;
    const { stream } = this;
    this.finish(error);
    stream?.reset(ErrorCode.Cancel);
  }

  protected abstract sendBody(stream: Http2Stream): void;
  protected abstract received(bytes: Buffer): void;
  /** The response is complete (undefined = OK) or the call has failed. Once. */
  protected abstract settled(error: GrpcError | undefined, by: 'server' | 'us'): void;
  /** The response has begun; its messages are coded so. */
  protected abstract responded(fields: HeaderList, encoding: Encoding): void;
  /** The whole request can be sent again. */
  protected abstract get repeatable(): boolean;

  /** Ends the call; further events are ignored. */
  protected finish(error: GrpcError | undefined, by: 'server' | 'us' = 'us'): void {
    if (this.done) return;
    this.done = true;
    this.options.signal?.removeEventListener('abort', this.#onAbort);
    if (this.#deadline !== undefined) this.channel.deadlines.clear(this.#deadline);
    this.channel.ended(this);
    this.settled(error, by);
  }

  readonly #onAbort = (): void => this.abandon(canceled(this.options.signal));

  #fields(): HeaderList {
    const usual = this.channel.requestFields(this.path);
    if (this.#metadataFields === undefined && this.#expiresAtMs === undefined) return usual;
    const fields: HeaderField[] = [...usual];
    if (this.#expiresAtMs !== undefined) {
      fields.push({ name: 'grpc-timeout', value: formatTimeout(this.#expiresAtMs - this.channel.monotonicMs()) });
    }
    if (this.#metadataFields !== undefined) appendAll(fields, this.#metadataFields);
    return fields;
  }

  // ── StreamListener ──

  headers(fields: HeaderList, end: boolean): void {
    if (this.done) return;
    const refusal = checkHead(fields);
    if (refusal !== undefined) {
      if (end) this.#finishByServer(refusal);
      else this.abandon(refusal);
      return;
    }
    if (end) {
      this.trailers(fields);
      return;
    }
    const encodingName = fields.find((field) => field.name === 'grpc-encoding')?.value;
    const encoding = encodingOf(encodingName);
    if (encoding === undefined) {
      const text = `grpc: Decompressor is not installed for grpc-encoding ${JSON.stringify(encodingName)}`;
      this.abandon(new GrpcError(Code.Internal, text));
      return;
    }
    this.responded(fields, encoding);
  }

  data(bytes: Buffer, end: boolean): void {
    if (this.done) {
      this.stream?.consume(bytes.length);
      return;
    }
    this.received(bytes);
    if (end) {
      this.#finishByServer(new GrpcError(Code.Internal, 'server closed the stream without sending trailers'));
    }
  }

  trailers(fields: HeaderList): void {
    if (this.done) return;
    this.#finishByServer(statusOf(fields, new GrpcError(Code.Unknown, '')));
  }

  get #expired(): boolean {
    return this.#expiresAtMs !== undefined && this.channel.monotonicMs() >= this.#expiresAtMs;
  }

  /** The server has said its last word; if we have not, it does not care. */
  #finishByServer(error: GrpcError | undefined): void {
    const { stream } = this;
    // Where both clocks have run out it is the caller's deadline, whoever says so first.
    this.finish(error?.code === Code.DeadlineExceeded && this.#expired ? deadlineExceeded() : error, 'server');
    if (stream !== undefined && !stream.localEnded) stream.reset(ErrorCode.NoError);
  }

  abstract writable(): void;

  closed(end: StreamEnd): void {
    if (this.done) return;
    const unprocessed = end.t !== 'done' && end.unprocessed;
    if (unprocessed && !this.#retried && this.repeatable) {
      this.#retried = true;
      this.stream = undefined;
      this.channel.place(this);
      return;
    }
    // What came before the connection broke is still good.
    this.finish(errorOfEnd(end, this.#expired), 'server');
  }
}

export function decodeAnswer<I, O>(method: Method<I, O>, message: Buffer): O {
  try {
    return method.output.decode(message);
  } catch (cause) {
    if (!(cause instanceof ProtoDecodeError)) throw cause;
    throw new GrpcError(Code.Internal, `grpc: failed to unmarshal the received message: ${cause.message}`, { cause });
  }
}

export function tooLarge(message: Uint8Array, channel: CallChannel): GrpcError | undefined {
  if (message.length <= channel.maxSendBytes) return undefined;
  const text = `trying to send message larger than max (${message.length} vs. ${channel.maxSendBytes})`;
  return new GrpcError(Code.ResourceExhausted, text);
}

/** What was thrown while a message was taken, as the call's error. */
export function asGrpcError(thrown: unknown): GrpcError {
  if (thrown instanceof GrpcError) return thrown;
  return new GrpcError(Code.Internal, thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
}

function canceled(signal: AbortSignal | undefined): GrpcError {
  return contextCanceled(signal?.reason);
}

function deadlineExceeded(): GrpcError {
  return contextDeadlineExceeded();
}

/** undefined when it is gRPC's. */
function checkHead(fields: HeaderList): GrpcError | undefined {
  const status = Number(fields.find((field) => field.name === ':status')?.value);
  const contentType = fields.find((field) => field.name === 'content-type')?.value;
  const isGrpcs = contentType !== undefined && /^application\/grpc($|[+;])/i.test(contentType);
  // What calls itself gRPC has a status of its own, whatever HTTP's.
  if (isGrpcs) return undefined;
  const ofHttp = `unexpected HTTP status code received from server: ${status} (${goStatusText(status)})`;
  const ofType =
    contentType === undefined
      ? 'malformed header: missing HTTP content-type'
      : `transport: received unexpected content-type ${JSON.stringify(contentType)}`;
  return new GrpcError(status === 200 ? Code.Unknown : codeOfHttpStatus(status), `${ofHttp}; ${ofType}`);
}

function errorOfEnd(end: StreamEnd, expired: boolean): GrpcError {
  switch (end.t) {
    case 'done':
      return new GrpcError(Code.Internal, 'server closed the stream without sending trailers');
    case 'reset':
      // The server's timer may be quicker than ours; it is the same deadline.
      return end.code === ErrorCode.Cancel && expired ? deadlineExceeded() : errorOfReset(end.code);
    case 'lost':
      return errorOfLoss(end.reason);
    default:
      return end satisfies never;
  }
}

/** As grpc-go words the loss of a connection with calls on it. */
export function errorOfLoss({ code, message, goAway }: SessionEnd): GrpcError {
  if (code !== ErrorCode.NoError && goAway === undefined) {
    return new GrpcError(Code.Unavailable, `connection error: desc = "${message}"`);
  }
  const reading = message === 'EOF' || message.startsWith('read ') ? `error reading from server: ${message}` : message;
  if (goAway === undefined) return new GrpcError(Code.Unavailable, reading);
  const debug = goAway.debug === '' ? '' : `, debug data: ${JSON.stringify(goAway.debug)}`;
  return new GrpcError(
    Code.Unavailable,
    `closing transport due to: connection error: desc = ${JSON.stringify(reading)}, ` +
      `received prior goaway: code: ${errorCodeName(goAway.code)}${debug}`,
  );
}
