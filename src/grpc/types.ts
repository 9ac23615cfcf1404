/**
 * The calls that gRPC knows, neutral of the transport below. `server.ts` and `channel.ts` implement them over
 * `src/http2`. Protocol: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
import type { Duplex } from 'node:stream';
import type { HeaderList, Http2Stream, KeepaliveOptions, SessionLimits } from '../http2/types.js';
import type { Caller } from '../lib/caller.js';
import type { Clock } from '../lib/clock.js';
import type { Method } from '../lib/codec.js';
import type { Pieces } from '../lib/pieces.js';
import type { CallTrace } from '../lib/spans.js';
import { Code } from '../proto/code.js';

export { Code };

/** What a call ended with when that was not OK; thrown by handlers on the server, by calls on the client. */
export class GrpcError extends Error {
  override readonly name = 'GrpcError';
  constructor(
    readonly code: Code,
    message: string,
    readonly options: { details?: Uint8Array; trailers?: Metadata; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
  }
}

/**
 * Header fields by lower-case name; a name ending in `-bin` has raw bytes as latin1 text (base64 is the transport's
 * business).
 */
export type Metadata = ReadonlyMap<string, readonly string[]>;

/** The connection of a call, as far as it bounds what the call may take. */
export interface CallConnection {
  /** Bytes that are still to be sent. */
  readonly unsentBytes: number;
  /** All that were ever sent. */
  readonly sentBytes: number;
  /** Ends it: its peer makes us hold more than it may. */
  giveUp(reason: string): void;
}

/** What a handler may know of its call. */
export interface ServerCall extends Caller {
  readonly path: string;
  readonly metadata: Metadata;
  /** Aborted when the client cancels, the deadline passes, the connection ends, or the server is closed hard. */
  readonly signal: AbortSignal;
  /** Whether that has happened: much cheaper than the signal, which is made when it is first asked for. */
  readonly aborted: boolean;
  readonly connection: CallConnection;
  /** Milliseconds left by the client's deadline at the time of the call's arrival; undefined = none. */
  readonly timeoutMs: number | undefined;
  /** The one request of a unary call as its client encoded it. */
  readonly requestBytes?: Uint8Array | undefined;
  readonly peer: { readonly address: string; readonly tls: boolean; readonly commonName: string | undefined };
  /** Where the call is traced. */
  readonly trace?: CallTrace | undefined;
  /** Kept by the handler for the log: when, of the clock's monotonic milliseconds, the cluster had agreed to a read. */
  agreedMs?: number | undefined;
  /** Sent with the first message (or the trailers). */
  setHeader(name: string, value: string): void;
  setTrailer(name: string, value: string): void;
}

export interface ServerStream<I, O> extends ServerCall {
  /** The client's messages; ends at half-close, throws GrpcError(Canceled) when the call is aborted. */
  readonly messages: AsyncIterable<I>;
  /**
   * Queues one message; `false` means the output window or buffer is full: await `drained()` before more.
   * A `Uint8Array` is taken as an already encoded message, so stored bytes can be sent without decoding. It is copied
   * at once unless the client's window is shut; then it is kept until that opens, and must not change meanwhile. Throws
   * once the call is aborted.
   */
  send(message: O | Uint8Array): boolean;
  drained(): Promise<void>;
}

/**
 * May answer with already encoded bytes, in pieces too (which must not change afterwards, as with `ServerStream.send`).
 * A plain value (no promise) is the fast path. Throws GrpcError for a status other than OK.
 */
export type UnaryHandler<I, O> = (request: I, call: ServerCall) => Answer<O> | Promise<Answer<O>>;
export type Answer<O> = O | Uint8Array | Pieces;
/** Ends the call with OK when it returns. */
export type StreamHandler<I, O> = (stream: ServerStream<I, O>) => Promise<void>;

export interface CallOptions {
  readonly metadata?: Metadata | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
  /** Wait through failed connection attempts instead of ending with Unavailable. Default false, as grpc-go. */
  readonly waitForReady?: boolean | undefined;
}

export interface ClientStream<I, O> {
  /** Queues one message; `false` as in `ServerStream.send`. */
  send(message: I): boolean;
  drained(): Promise<void>;
  /** Half-close. */
  end(): void;
  /** Ends after OK trailers, throws GrpcError otherwise. Leaving its loop early cancels the call. */
  readonly messages: AsyncIterable<O>;
  /** Resolves with the response headers (rejects with the GrpcError if the call failed before). */
  readonly headers: Promise<Metadata>;
  cancel(): void;
}

/** One connection (or none yet) to one address; connects when first needed and again after a loss. */
export interface Channel {
  readonly target: string;
  readonly state: 'idle' | 'connecting' | 'ready' | 'transient-failure' | 'shutdown';
  /**
   * Resolves once calls can be sent, connecting first if need be (joins an attempt that is under way); rejects with
   * GrpcError(Unavailable, `connection error: desc = "…"`) as soon as that attempt failed, and starts a new attempt
   * when called again: pacing is the caller's. With it a client with several endpoints tells "never sent" (safe to send
   * elsewhere) from "lost underway".
   */
  connect(): Promise<void>;
  /** Why the state is `transient-failure`: the last attempt's error, in grpc-go's words. */
  readonly lastError: GrpcError | undefined;
  /** The ends of its connection, or of the one it had last. */
  readonly peer?: ConnectionPeer | undefined;
  /** Connects now if it is not connected; resolves when ready, rejects with the GrpcError of a failed attempt. */
  connect(): Promise<void>;
  unary<I, O>(method: Method<I, O>, request: I, options?: CallOptions): Promise<O>;
  stream<I, O>(method: Method<I, O>, options?: CallOptions): ClientStream<I, O>;
  /** Cancels what is running and closes the connection. */
  close(): Promise<void>;
}

/** An open connection; what is known of its two ends is for logs. */
export interface DialedConnection {
  readonly socket: Duplex;
  readonly peer?: ConnectionPeer | undefined;
}

export interface ConnectionPeer {
  readonly remoteAddress: string;
  readonly localAddress: string;
  readonly isSecure: boolean;
}

/** How `createChannel` (`channel.ts`) is to connect and what its calls may take. */
export interface ChannelOptions {
  /** What stands in errors and, unless `authority` says otherwise, in `:authority`: `127.0.0.1:2379`. */
  readonly target: string;
  readonly authority?: string | undefined;
  readonly scheme?: 'http' | 'https' | undefined;
  /**
   * Opens a socket; rejects with an error in Go's words (`dial tcp …: connect: connection refused`). The channel owns
   * what it gets.
   */
  readonly dial: (signal: AbortSignal) => Promise<DialedConnection>;
  readonly clock: Clock;
  readonly keepalive?: KeepaliveOptions | undefined;
  readonly limits?: SessionLimits | undefined;
  /** Largest message taken; default 4 MiB (clientv3 sets 2^31 - 1). */
  readonly maxReceiveBytes?: number | undefined;
  /** Largest message sent; default 2^31 - 1 (clientv3 sets 2 MiB). */
  readonly maxSendBytes?: number | undefined;
  /**
   * Waits between attempts: `baseMs`, then times 1.6 up to `maxMs`, each +-20 % by `jitter` (in [0, 1)). Default 1 s
   * and 120 s, as grpc-go.
   */
  readonly backoff?: { readonly baseMs?: number; readonly maxMs?: number; readonly jitter?: () => number } | undefined;
  readonly userAgent?: string | undefined;
}

/**
 * Called for every call; what the `grpc_server_*` and byte metrics are made of. All methods must be quick and must not
 * throw.
 */
/** What of a call is known when it begins. */
export interface ObservedCall {
  readonly path: string;
  /** The first value of the caller's metadata under a lower-case name. */
  header(name: string): string | undefined;
  readonly peerAddress: string;
  /** Ours, which the call came to. */
  readonly localAddress: string;
}

/** What follows a call to its end. */
export interface FollowedCall {
  ended(code: Code): void;
  readonly trace?: CallTrace | undefined;
}

export interface ServerObserver {
  /** A call of one request has when that is there and can be read: before, only its bytes count. */
  started?(path: string, kind: Method<unknown, unknown>['kind']): void;
  /** Of a call that has started. */
  handled?(path: string, kind: Method<unknown, unknown>['kind'], code: Code, tookMs?: number): void;
  /** `bytes` of an encoded message, without its frame, whatever it is. */
  arrived?(bytes: number): void;
  /** A message that could be read. */
  received?(path: string): void;
  sent?(path: string, bytes: number): void;
}

export interface GrpcServerOptions {
  readonly clock: Clock;
  /** What requests may take up at once, those that are not whole yet included; beyond it calls are refused. */
  readonly held?: Partial<HeldLimits> | undefined;
  /** Largest message taken; default 4 MiB (etcd sets max-request-bytes + 512 KiB). */
  readonly maxReceiveBytes?: number | undefined;
  readonly maxSendBytes?: number | undefined;
  /** Said of every malformed message, in place of what is wrong with it; strings are to be UTF-8 then. */
  readonly malformedText?: string | undefined;
  readonly observer?: ServerObserver | undefined;
  readonly began?: ((call: ObservedCall) => FollowedCall) | undefined;
  /** Called for handlers that threw something other than a GrpcError (the client gets Unknown with its message). */
  readonly onError?: ((error: unknown, path: string) => void) | undefined;
}

/** In bytes; see `held.ts`. */
export interface HeldLimits {
  readonly connectionBytes: number;
  readonly serverBytes: number;
  /** With which calls beyond are refused. */
  readonly refusal: () => GrpcError;
}

/** What `createGrpcServer` (`server.ts`) gives: a table of methods, fed with streams by whoever owns the port. */
export interface GrpcServer {
  unary<I, O>(method: Method<I, O>, handler: UnaryHandler<I, O>): void;
  /** For all three streaming kinds. */
  stream<I, O>(method: Method<I, O>, handler: StreamHandler<I, O>): void;
  /** Takes a stream whose content-type is gRPC's; fits `SessionOptions.onStream`. Others are answered with 415. */
  handle(stream: Http2Stream, fields: HeaderList, end: boolean): void;
  /** Ends every running call with Unavailable and aborts its signal. */
  cancelAll(message?: string): void;
  readonly runningCalls: number;
}
