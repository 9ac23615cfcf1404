/**
 * What a user of an HTTP/2 session sees. `session.ts` implements it for both roles over any Duplex.
 * Source: RFC 9113. Header names and values are latin1 text, one character a byte, as they cross the wire.
 */
import type { Duplex } from 'node:stream';
import type { BodyBound } from '../lib/body-bound.js';
import type { Clock } from '../lib/clock.js';
import type { Intake } from '../lib/intake.js';
import type { TlsPeer } from '../lib/tls.js';
import type { ErrorCode } from './frames/error-code.js';
import type { HeaderField, HeaderList } from './hpack/header-list.js';

export type { HeaderField, HeaderList };

/** Why a stream is no more. */
export type StreamEnd =
  /** Both sides have ended it in order. */
  | { readonly t: 'done' }
  /**
   * By RST_STREAM: `local` when we sent it. `unprocessed`: the peer says it never looked at it, so it is safe to try
   * again.
   */
  | { readonly t: 'reset'; readonly code: ErrorCode; readonly local: boolean; readonly unprocessed: boolean }
  /** The connection went away under it. */
  | { readonly t: 'lost'; readonly reason: SessionEnd; readonly unprocessed: boolean };

/**
 * Why a session is no more: `code` of the GOAWAY sent or received (NO_ERROR if the socket just ended), in words in
 * `message`.
 */
export interface SessionEnd {
  readonly code: ErrorCode;
  /** `error reading from server: EOF`-like text of what happened to the socket, or the rule that was broken. */
  readonly message: string;
  /** The peer's GOAWAY, if there was one. */
  readonly goAway: { readonly code: ErrorCode; readonly debug: string } | undefined;
}

/** What happens on a stream; called synchronously while frames are parsed, never after `closed`. */
export interface StreamListener {
  /** Client only: the final response's header fields (1xx are skipped). */
  headers(fields: HeaderList, end: boolean): void;
  /**
   * `bytes` is a view into the socket's buffer: copy what outlives the call by long. Give the window back with
   * `stream.consume`.
   */
  data(bytes: Buffer, end: boolean): void;
  trailers(fields: HeaderList): void;
  /** The queue of unsent bytes has fallen below the mark after `sendData` returned false. */
  writable(): void;
  closed(end: StreamEnd): void;
}

export interface Http2Stream {
  readonly id: number;
  readonly session: Http2Session;
  /** Must be set before the call that hands the stream over returns. */
  listener: StreamListener;
  /** Bytes accepted by `sendData` and not yet put on the wire (the peer's windows or the socket do not let them). */
  readonly queuedBytes: number;
  /** Our END_STREAM is on the wire. */
  readonly localEnded: boolean;
  sendHeaders(fields: HeaderList, end: boolean): void;
  /**
   * Queues `bytes`, preceded by the few bytes of `prefix` if given; both are copied or sent before the next turn unless
   * the windows are shut, and borrowed until then. `false`: enough is queued, wait for `writable`.
   */
  sendData(bytes: Uint8Array, end: boolean, prefix?: Uint8Array): boolean;
  /** The same for bytes that lie in several pieces, which must stay as they are until they are sent. */
  sendPieces(pieces: readonly Uint8Array[], prefix: Uint8Array): boolean;
  /** Ends our side with trailing fields, after all queued data. */
  sendTrailers(fields: HeaderList): void;
  reset(code: ErrorCode): void;
  /** Says that `count` received bytes have been dealt with, which reopens the peer's window. */
  consume(count: number): void;
}

export interface KeepaliveOptions {
  /** Ping when nothing was received for so long; 0 = never. Default: server 2 h, client never, and at least 10 s. */
  readonly timeMs?: number | undefined;
  /** Then close when nothing comes within. Default 20 s. */
  readonly timeoutMs?: number | undefined;
  /** Client: ping also while no stream is open. Server: let clients do so. Default false. */
  readonly permitWithoutStream?: boolean | undefined;
  /**
   * Server: pings closer together than this earn a strike; the third ends the connection ("too_many_pings"). Default 5
   * s; 0 = allow all.
   */
  readonly minTimeMs?: number | undefined;
}

/** Bounds on what a peer may make us hold or do. Each has a default that no orderly peer meets. */
export interface SessionLimits {
  /** Streams the peer may have open at once; more are answered with REFUSED_STREAM. Default 2^32 - 1, as etcd. */
  readonly maxConcurrentStreams?: number | undefined;
  /**
   * Of a decoded header list by RFC 9113's measure (name + value + 32 each). Default 16 MiB on the client, 1 MiB on the
   * server.
   */
  readonly maxHeaderListBytes?: number | undefined;
  readonly maxFrameBytes?: number | undefined;
  /** What we let the peer send ahead on one stream. Default 1 MiB. */
  readonly streamWindowBytes?: number | undefined;
  /** … and on all streams together before somebody consumes it. Default 16 MiB. */
  readonly connectionWindowBytes?: number | undefined;
  readonly headerTableBytes?: number | undefined;
  /** `sendData` answers false from this many unsent bytes of a stream on. Default 64 KiB. */
  readonly sendQueueBytes?: number | undefined;
}

export interface SessionOptions {
  readonly role: 'client' | 'server';
  readonly clock: Clock;
  readonly keepalive?: KeepaliveOptions | undefined;
  readonly limits?: SessionLimits | undefined;
  /** Server: a request has begun. Set `stream.listener` before returning. */
  readonly onStream?: ((stream: Http2Stream, fields: HeaderList, end: boolean) => void) | undefined;
  /** The peer will take no more streams. */
  readonly onGoAway?: ((code: ErrorCode, debug: string) => void) | undefined;
  /** Called once, after every stream's `closed`. */
  readonly onClose?: ((end: SessionEnd) => void) | undefined;
  /** The peer's first SETTINGS have arrived: the connection works. */
  readonly onReady?: (() => void) | undefined;
  /** Client: the peer has changed how many streams it takes; `request` may succeed where it gave undefined. */
  readonly onCapacity?: (() => void) | undefined;
  /** Who is at the other end; given on to handlers. */
  readonly peer?: SessionPeer | undefined;
  /** Shared by the connections of a server: what one turn takes in is bounded, the rest waits in the sockets. */
  readonly intake?: Intake | undefined;
  /** Shared likewise: what waits to be sent on all of them. */
  readonly backlog?: Backlog | undefined;
  /** Shared likewise: header blocks that wait for their rest count in it. */
  readonly bodies?: BodyBound | undefined;
  /** See `NetworkSocket`; false by default. */
  readonly copiesWrites?: boolean | undefined;
}

export interface SessionPeer {
  readonly address: string;
  /** Ours, that it is connected to. */
  readonly localAddress?: string | undefined;
  readonly tls: boolean;
  readonly commonName: string | undefined;
  /** Where `tls`: all that is known of it. */
  readonly tlsPeer?: TlsPeer | undefined;
}

/** Bytes that streams hold because the peer's windows or the socket do not let them out. */
export interface Backlog {
  bytes: number;
}

export interface Http2Session {
  readonly role: 'client' | 'server';
  readonly peer: SessionPeer;
  readonly socket: Duplex;
  readonly openStreams: number;
  /** What is still to be sent: by its streams, and in the socket. */
  readonly unsentBytes: number;
  /** Bytes of DATA that have left its streams. */
  readonly sentBytes: number;
  /** True from the first GOAWAY in either direction on. */
  readonly closing: boolean;
  readonly closed: boolean;
  /**
   * Client: opens a stream, or gives undefined when the peer's limit of concurrent streams is reached or the session is
   * closing.
   */
  request(fields: HeaderList, end: boolean, listener: StreamListener): Http2Stream | undefined;
  /** Resolves with the round trip in milliseconds; rejects when the session ends. */
  ping(): Promise<number>;
  /** Takes no new streams, lets the open ones finish, then ends the socket. */
  close(): void;
  /** GOAWAY with `code`, then the socket is destroyed and every stream is lost. */
  destroy(code?: ErrorCode, message?: string): void;
  /** The same with ENHANCE_YOUR_CALM: the peer makes us hold more than it may. */
  giveUp(reason: string): void;
}
