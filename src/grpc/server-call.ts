/**
 * What the server's calls of all kinds share: the neutral call a handler sees, headers, the one end of it.
 * Hot path: a call allocates this object and nothing that its handler does not ask for; AbortController, Metadata and
 * extra headers are made at first use. Invariant: `end` runs once, by whatever comes first: the handler's answer, the
 * deadline, the client, the connection.
 */

import type { HeaderField, HeaderList, Http2Stream, StreamEnd, StreamListener } from '../http2/types.js';
import type { Method, MethodKind } from '../lib/codec.js';
import type { Intake } from '../lib/intake.js';
import { appendAll } from '../lib/long-lists.js';
import { Pieces } from '../lib/pieces.js';
import type { CallTrace } from '../lib/spans.js';
import { compress, type Encoding } from './compression.js';
import { contextCanceled, contextDeadlineExceeded } from './context-errors.js';
import type { Deadline, Deadlines } from './deadlines.js';
import { decodeRequest } from './decode-request.js';
import type { Held } from './held.js';
import { messagePrefix } from './message-reader.js';
import { metadataField, metadataOf } from './metadata.js';
import { statusFields } from './status.js';
import {
  type CallConnection,
  Code,
  type FollowedCall,
  GrpcError,
  type GrpcServerOptions,
  type Metadata,
  type ServerCall,
} from './types.js';

interface HeadOptions {
  readonly path: string;
  readonly timeoutMs: number | undefined;
  readonly encoding: Encoding;
  readonly subtype: string;
  /** What its fields take up beyond those of a usual request. */
  readonly extraBytes: number;
}

/** What was found in the request's fields, be it one request's or many that say the same. */
export class CallHead {
  readonly path: string;
  readonly timeoutMs: number | undefined;
  readonly encoding: Encoding;
  /** Behind the `+` of the request's content type: answers have it as well. */
  readonly subtype: string;
  readonly extraBytes: number;
  #metadata: Metadata | undefined;

  constructor(
    readonly fields: HeaderList,
    { path, timeoutMs, encoding, subtype, extraBytes }: HeadOptions,
  ) {
    this.path = path;
    this.timeoutMs = timeoutMs;
    this.encoding = encoding;
    this.subtype = subtype;
    this.extraBytes = extraBytes;
  }

  get metadata(): Metadata {
    this.#metadata ??= metadataOf(this.fields);
    return this.#metadata;
  }
}

/** The server, as its calls need it. */
export interface CallHost {
  readonly options: GrpcServerOptions;
  readonly deadlines: Deadlines;
  readonly held: Held;
  /** Of messages of streams; whole frames have their own. */
  readonly intake: Intake;
  readonly running: Set<RunningCall>;
  readonly maxReceiveBytes: number;
  readonly maxSendBytes: number;
}

const plainHeaders: HeaderList = Object.freeze([
  { name: ':status', value: '200' },
  { name: 'content-type', value: 'application/grpc' },
]);
const gzipHeaders: HeaderList = Object.freeze([...plainHeaders, { name: 'grpc-encoding', value: 'gzip' }]);
const usualHeaders = { identity: plainHeaders, gzip: gzipHeaders };
const okTrailers: HeaderList = Object.freeze([{ name: 'grpc-status', value: '0' }]);

/** Most streams end so, and an error's trace of the stack costs more than the rest of a stream's end. */
const CANCELED = contextCanceled();

export function contentTypeOf(subtype: string): string {
  return subtype === '' ? 'application/grpc' : `application/grpc+${subtype}`;
}

function headersOf({ subtype }: CallHead, encoding: Encoding): HeaderList {
  const usual = usualHeaders[encoding];
  if (subtype === '') return usual;
  return usual.map((field) => (field.name === 'content-type' ? { ...field, value: contentTypeOf(subtype) } : field));
}

export abstract class RunningCall implements ServerCall, StreamListener {
  protected ended = false;
  agreedMs: number | undefined;
  #heldBytes = 0;
  #headersSent = false;
  #extraHeaders: HeaderField[] | undefined;
  #extraTrailers: HeaderField[] | undefined;
  #controller: AbortController | undefined;
  #abortReason: GrpcError | undefined;
  #deadline: Deadline | undefined;
  readonly #beganMs: number;
  #hasStarted = false;
  readonly #followed: FollowedCall | undefined;
  readonly #kind: MethodKind;

  constructor(
    protected readonly host: CallHost,
    protected readonly stream: Http2Stream,
    protected readonly head: CallHead,
    kind: MethodKind,
  ) {
    this.#kind = kind;
    this.#beganMs = host.options.clock.monotonicMs();
    const { began } = host.options;
    if (began === undefined) return;
    this.#followed = began({
      path: head.path,
      header: (name) => head.fields.find((field) => field.name === name)?.value,
      peerAddress: stream.session.peer.address,
      localAddress: stream.session.peer.localAddress ?? '',
    });
  }

  get path(): string {
    return this.head.path;
  }

  get trace(): CallTrace | undefined {
    return this.#followed?.trace;
  }

  get timeoutMs(): number | undefined {
    return this.head.timeoutMs;
  }

  get connection(): CallConnection {
    return this.stream.session;
  }

  get aborted(): boolean {
    return this.#abortReason !== undefined;
  }

  get peer(): ServerCall['peer'] {
    return this.stream.session.peer;
  }

  get metadata(): Metadata {
    return this.head.metadata;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  setHeader(name: string, value: string): void {
    this.#extraHeaders ??= [];
    this.#extraHeaders.push(metadataField(name, value));
  }

  setTrailer(name: string, value: string): void {
    this.#extraTrailers ??= [];
    this.#extraTrailers.push(metadataField(name, value));
  }

  /** The call outlives this turn: it gets its deadline and can be cancelled from outside. Again is harmless. */
  protected keepRunning(): void {
    if (this.host.running.has(this)) return;
    this.host.running.add(this);
    const { timeoutMs } = this.head;
    if (timeoutMs === undefined) return;
    this.#deadline = this.host.deadlines.set(timeoutMs, () => {
      this.abort(contextDeadlineExceeded());
    });
  }

  /** Ends the call with `error` without waiting for its handler, whose signal is aborted. */
  abort(error: GrpcError): void {
    if (this.ended) return;
    this.fail(error);
    this.onAbort(error);
  }

  protected sendMessage(message: Uint8Array | Pieces): boolean {
    if (this.ended) return true;
    const size = message instanceof Pieces ? message.size : message.length;
    if (size > this.host.maxSendBytes) {
      const text = `trying to send message larger than max (${size} vs. ${this.host.maxSendBytes})`;
      throw new GrpcError(Code.ResourceExhausted, text);
    }
    if (!this.#headersSent) this.#sendHeaders();
    this.host.options.observer?.sent?.(this.head.path, size);
    if (this.head.encoding === 'identity') {
      const prefix = messagePrefix(size, false);
      if (message instanceof Pieces) return this.stream.sendPieces(message.list, prefix);
      return this.stream.sendData(message, false, prefix);
    }
    const packed = compress(message instanceof Pieces ? Buffer.concat(message.list) : message);
    return this.stream.sendData(packed, false, messagePrefix(packed.length, true));
  }

  protected succeed(): void {
    if (this.ended) return;
    this.#finish(Code.Ok);
    if (!this.#headersSent) this.#sendHeaders();
    this.stream.sendTrailers(this.#extraTrailers === undefined ? okTrailers : [...okTrailers, ...this.#extraTrailers]);
  }

  protected fail(error: GrpcError): void {
    if (this.ended) return;
    this.#finish(error.code);
    const trailers = statusFields(error);
    if (this.#extraTrailers !== undefined) appendAll(trailers, this.#extraTrailers);
    if (this.#headersSent) this.stream.sendTrailers(trailers);
    else
      this.stream.sendHeaders([...headersOf(this.head, 'identity'), ...(this.#extraHeaders ?? []), ...trailers], true);
  }

  /** For whatever a handler has thrown. */
  protected failWith(thrown: unknown): void {
    if (this.ended) return;
    if (thrown instanceof GrpcError) {
      this.fail(thrown);
      return;
    }
    this.host.options.onError?.(thrown, this.head.path);
    this.fail(new GrpcError(Code.Unknown, thrown instanceof Error ? thrown.message : String(thrown)));
  }

  #sendHeaders(): void {
    this.#headersSent = true;
    const usual = headersOf(this.head, this.head.encoding);
    this.stream.sendHeaders(this.#extraHeaders === undefined ? usual : [...usual, ...this.#extraHeaders], false);
  }

  /** Bytes of its request that it holds from now on; false when that is too much, and the call has been ended. */
  protected holds(bytes: number): boolean {
    if (this.host.held.take(this.stream.session, bytes)) {
      this.#heldBytes += bytes;
      return true;
    }
    this.abort(this.host.held.refusal());
    return false;
  }

  protected release(bytes: number): void {
    const given = Math.min(bytes, this.#heldBytes);
    this.#heldBytes -= given;
    this.host.held.giveBack(this.stream.session, given);
  }

  #finish(code: Code): void {
    this.ended = true;
    if (this.#heldBytes > 0) this.release(this.#heldBytes);
    if (this.#deadline !== undefined) this.host.deadlines.clear(this.#deadline);
    this.host.running.delete(this);
    this.#followed?.ended(code);
    if (!this.#hasStarted) return;
    const { observer, clock } = this.host.options;
    observer?.handled?.(this.head.path, this.#kind, code, clock.monotonicMs() - this.#beganMs);
  }

  /** It counts as a call from here on. */
  protected started(): void {
    this.#hasStarted = true;
    this.host.options.observer?.started?.(this.head.path, this.#kind);
  }

  /** As read from `message`; throws GrpcError. */
  protected decoded<I, O>(method: Method<I, O>, message: Buffer): I {
    this.host.options.observer?.arrived?.(message.length);
    return decodeRequest(method, message, this.host.options);
  }

  protected received(): void {
    this.host.options.observer?.received?.(this.head.path);
  }

  /** The handler is to learn that nobody waits for it. */
  protected onAbort(error: GrpcError): void {
    this.#abortReason = error;
    this.#controller?.abort(error);
  }

  // ── StreamListener ──

  headers(): void {
    // A server's stream begins with its headers: the session never calls this.
  }

  abstract data(bytes: Buffer, end: boolean): void;
  abstract trailers(): void;
  abstract writable(): void;

  closed(end: StreamEnd): void {
    if (this.ended) {
      this.gone();
      return;
    }
    // grpc-go's server sees its context cancelled in all these cases.
    const error = end.t === 'lost' ? contextCanceled(new Error(end.reason.message)) : CANCELED;
    this.#finish(error.code);
    this.onAbort(error);
    this.gone();
  }

  /** No more can be sent or received. */
  protected gone(): void {}
}
