/**
 * Calls of the member's own gRPC services without a socket in between: the same handlers, with the same guard, errors
 * and counts. Invariant: each call that was started is counted as handled, once.
 */
import { contextCanceled, contextDeadlineExceeded } from '../../grpc/context-errors.js';
import {
  Code,
  type FollowedCall,
  GrpcError,
  type Metadata,
  type ObservedCall,
  type ServerCall,
  type ServerObserver,
  type ServerStream,
} from '../../grpc/types.js';
import type { Clock } from '../../lib/clock.js';
import type { Method } from '../../lib/codec.js';
import type { HttpRequest } from '../../lib/http.js';
import { joined } from '../../lib/pieces.js';
import type { CallTrace } from '../../lib/spans.js';
import { CallSlots } from './call-slots.js';
import { LocalStream } from './local-stream.js';

type AnyMethod = Method<unknown, unknown>;
type AnyHandler = (argument: never, call: never) => unknown;

export interface LocalCallsOptions {
  readonly clock: Clock;
  readonly observer: ServerObserver;
  readonly began?: ((call: ObservedCall) => FollowedCall) | undefined;
  /** Called for handlers that threw something other than a GrpcError. */
  readonly onError: (error: unknown, path: string) => void;
  /** At once; others wait. */
  readonly maxCalls: number;
  /** With which calls are refused where too many wait. */
  readonly refusal: () => GrpcError;
}

/** What the caller brings. */
export interface LocalCaller {
  readonly metadata: Metadata;
  readonly address: string;
  readonly localAddress?: string | undefined;
  /** What is to be sent waits there. */
  readonly connection: ServerCall['connection'] | undefined;
  readonly request: Pick<HttpRequest, 'signal' | 'isGone'>;
  readonly timeoutMs: number | undefined;
}

export interface LocalAnswer {
  readonly message: unknown;
  readonly sizeBytes: number;
  /** Set by the handler. */
  readonly headers: readonly (readonly [string, string])[];
}

export class LocalCalls {
  readonly #methods = new Map<string, { readonly method: AnyMethod; readonly handler: AnyHandler }>();

  readonly #slots: CallSlots;

  constructor(readonly options: LocalCallsOptions) {
    this.#slots = new CallSlots(options.maxCalls, options.refusal);
  }

  add(method: AnyMethod, handler: AnyHandler): void {
    this.#methods.set(method.path, { method, handler });
  }

  method(path: string): AnyMethod | undefined {
    return this.#methods.get(path)?.method;
  }

  /** Rejects with GrpcError. */
  async unary(path: string, request: unknown, caller: LocalCaller): Promise<LocalAnswer> {
    const { method, handler } = this.#entry(path);
    const { clock, observer } = this.options;
    const call = new LocalCall(path, caller, clock);
    const turn = this.#slots.take(call);
    if (turn !== undefined) await turn.catch((cause: unknown) => endedBefore(call, cause));
    const beganMs = clock.monotonicMs();
    const followed = this.#began(path, caller);
    call.trace = followed?.trace;
    observer.started?.(path, 'unary');
    observer.arrived?.(sizeOf(method.input, request));
    observer.received?.(path);
    let code: Code = Code.Ok;
    try {
      // A client of gRPC does not begin a call that is late already.
      call.checkWanted();
      const result = (handler as (request: unknown, call: ServerCall) => unknown)(request, call);
      // Without a deadline the handler's own end is soon enough, and needs no signal.
      const answer = joined(await (caller.timeoutMs === undefined ? result : call.inTime(result)));
      call.checkWanted();
      const bytes = answer instanceof Uint8Array ? answer : undefined;
      const sizeBytes = bytes?.length ?? sizeOf(method.output, answer);
      observer.sent?.(path, sizeBytes);
      const message = bytes === undefined ? answer : method.output.decode(bytes);
      return { message, sizeBytes, headers: call.headers };
    } catch (cause) {
      const error = this.#errorOf(cause, path);
      code = error.code;
      throw error;
    } finally {
      call.end();
      this.#slots.giveBack();
      observer.handled?.(path, 'unary', code, clock.monotonicMs() - beganMs);
      followed?.ended(code);
    }
  }

  /** Starts a call with streams; it ends when its handler does or the caller goes away. */
  stream(path: string, requests: AsyncIterable<unknown>, caller: LocalCaller): LocalStream {
    const { method, handler } = this.#entry(path);
    const { clock, observer } = this.options;
    const call = new LocalCall(path, caller, clock);
    const stream = new LocalStream(method, call, {
      requests,
      onSent: (bytes) => observer.sent?.(path, bytes),
      onReceived: (request) => {
        observer.arrived?.(sizeOf(method.input, request));
        observer.received?.(path);
      },
    });
    const turn = this.#slots.take(call);
    const run = async (): Promise<void> => {
      const beganMs = clock.monotonicMs();
      const followed = this.#began(path, caller);
      call.trace = followed?.trace;
      observer.started?.(path, method.kind);
      let code: Code = Code.Ok;
      try {
        await call.inTime((handler as (stream: ServerStream<unknown, unknown>) => unknown)(stream));
        stream.finish(undefined);
      } catch (cause) {
        const error = this.#errorOf(cause, path);
        code = error.code;
        stream.finish(error);
      } finally {
        call.end();
        this.#slots.giveBack();
        observer.handled?.(path, method.kind, code, clock.monotonicMs() - beganMs);
        followed?.ended(code);
      }
    };
    if (turn === undefined) void run();
    else
      turn.then(run, (cause: unknown) => {
        call.end();
        stream.finish(this.#errorOf(cause, path));
      });
    return stream;
  }

  #began(path: string, { metadata, address, localAddress = '' }: LocalCaller): FollowedCall | undefined {
    const header = (name: string): string | undefined => metadata.get(name)?.[0];
    return this.options.began?.({ path, header, peerAddress: address, localAddress });
  }

  #entry(path: string): { readonly method: AnyMethod; readonly handler: AnyHandler } {
    const entry = this.#methods.get(path);
    if (entry === undefined) throw new GrpcError(Code.Unimplemented, `unknown method ${path}`);
    return entry;
  }

  #errorOf(cause: unknown, path: string): GrpcError {
    if (cause instanceof GrpcError) return cause;
    this.options.onError(cause, path);
    return new GrpcError(Code.Unknown, cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** What it comes to on a connection, which is what counts. */
const sizeOf = (codec: AnyMethod['input'], message: unknown): number => codec.encode(message).length;

function endedBefore(call: LocalCall, cause: unknown): never {
  call.end();
  throw cause;
}

/** The gateway's own certificate says nothing of its caller (CVE-2018-16886): no call of its has a common name. */
class LocalCall implements ServerCall {
  readonly metadata: Metadata;
  readonly timeoutMs: number | undefined;
  readonly peer: ServerCall['peer'];
  readonly connection: ServerCall['connection'];
  agreedMs: number | undefined;
  trace: CallTrace | undefined;
  readonly headers: (readonly [string, string])[] = [];
  readonly #caller: LocalCaller['request'];
  readonly #clock: Clock;
  #own: AbortController | undefined;
  #clear: (() => void) | undefined;

  constructor(
    readonly path: string,
    caller: LocalCaller,
    clock: Clock,
  ) {
    this.metadata = caller.metadata;
    this.timeoutMs = caller.timeoutMs;
    this.connection = caller.connection ?? { unsentBytes: 0, sentBytes: 0, giveUp() {} };
    this.peer = { address: caller.address, tls: false, commonName: undefined };
    this.#caller = caller.request;
    this.#clock = clock;
    if (caller.timeoutMs !== undefined) this.#limit(caller.timeoutMs);
  }

  get signal(): AbortSignal {
    return this.#own?.signal ?? this.#caller.signal;
  }

  get aborted(): boolean {
    return this.#own?.signal.aborted ?? this.#caller.isGone;
  }

  setHeader(name: string, value: string): void {
    this.headers.push([name, value]);
  }

  /** Trailers have no place in an answer of the gateway. */
  setTrailer(): void {}

  /** A result that nobody waits for any more is an error, whatever it is. */
  checkWanted(): void {
    if (!this.aborted) return;
    const { reason } = this.signal;
    throw reason instanceof GrpcError ? reason : contextCanceled();
  }

  /** The handler's result, unless the deadline passes or the caller goes away before. */
  inTime(result: unknown): unknown {
    if (!(result instanceof Promise)) return result;
    const { signal } = this;
    return new Promise((resolve, reject) => {
      const stop = (): void => reject(signal.reason instanceof GrpcError ? signal.reason : contextCanceled());
      if (signal.aborted) {
        stop();
        result.catch(() => {});
        return;
      }
      signal.addEventListener('abort', stop, { once: true });
      result.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
    });
  }

  end(): void {
    this.#clear?.();
  }

  #limit(timeoutMs: number): void {
    const own = new AbortController();
    this.#own = own;
    const { signal } = this.#caller;
    const leave = (): void => own.abort(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    const late = (): void => own.abort(contextDeadlineExceeded());
    // Less than a clock can tell is over before it begins.
    if (timeoutMs < 1) late();
    const stopTimer = timeoutMs < 1 ? () => {} : this.#clock.after(timeoutMs, late);
    this.#clear = () => {
      stopTimer();
      signal.removeEventListener('abort', leave);
    };
  }
}
