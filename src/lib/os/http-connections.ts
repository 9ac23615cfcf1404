/**
 * What the clients of an HTTP/1 server may make it hold: the requests of a connection are served one after another (a
 * client may send any number at once), bodies that are being read count in all, and so do answers that are not taken.
 * What goes beyond ends the connection, or is refused.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { BodyTooLargeError, type HttpConnection, type HttpPeer } from '../http.js';

/** A body is to be whole, or its answer to begin, within so long: as etcd's server for peers. */
const BODY_MS = 300_000;
/** Of bodies whose answers have not begun, of all connections. */
const BODIES_BYTES = 256 * 1024 * 1024;
/** Requests of a connection behind the one that is served, and the bytes that came with them. */
const WAITING_REQUESTS = 1000;
const WAITING_BYTES = 8 * 1024 * 1024;

export interface HttpLimits {
  readonly bodyMs: number;
  readonly bodiesBytes: number;
}

interface Connection extends HttpConnection {
  readonly peer: HttpPeer;
  /** Requests that wait for the one that is served. */
  readonly waiting: (() => void)[];
  isBusy: boolean;
  /** Of the socket, when the one that is served began. */
  readBefore: number;
}

export class HttpConnections {
  readonly #limits: HttpLimits;
  readonly #connections = new WeakMap<Duplex, Connection>();
  #bodiesBytes = 0;

  constructor(
    /** What waits to be sent, of these connections and others. */
    readonly backlog: { bytes: number },
    limits: Partial<HttpLimits> = {},
  ) {
    this.#limits = { bodyMs: BODY_MS, bodiesBytes: BODIES_BYTES, ...limits };
  }

  add(socket: Duplex, address: string, tls: HttpPeer['tls']): void {
    const connection: Connection = {
      peer: {
        address,
        tls,
        get connection() {
          return connection;
        },
      },
      waiting: [],
      isBusy: false,
      readBefore: 0,
      get unsentBytes() {
        return socket.writableLength;
      },
      get sentBytes() {
        return (socket as Socket).bytesWritten - socket.writableLength;
      },
      giveUp: () => socket.destroy(),
    };
    this.#connections.set(socket, connection);
  }

  peerOf(socket: Duplex): HttpPeer {
    return this.#connections.get(socket)?.peer ?? { address: '', tls: undefined };
  }

  /** Serves the request once those before it on its connection have been answered. */
  inTurn(message: IncomingMessage, response: ServerResponse, serve: () => void): void {
    const { socket } = message;
    const connection = this.#connections.get(socket);
    if (connection === undefined) {
      serve();
      return;
    }
    response.once('close', () => {
      const next = connection.waiting.shift();
      connection.isBusy = next !== undefined;
      connection.readBefore = socket.bytesRead;
      if (!socket.destroyed) next?.();
      else connection.waiting.length = 0;
    });
    if (!connection.isBusy) {
      connection.isBusy = true;
      connection.readBefore = socket.bytesRead;
      serve();
      return;
    }
    connection.waiting.push(serve);
    const isTooMuch = socket.bytesRead - connection.readBefore > WAITING_BYTES;
    if (connection.waiting.length > WAITING_REQUESTS || isTooMuch) socket.destroy();
  }

  /**
   * A request's body, bounded in time and, with those of all others, in bytes until its answer begins: what is more
   * throws a BodyTooLargeError into its reader. A body that does not come ends the connection.
   */
  body(message: IncomingMessage, response: ServerResponse): AsyncIterable<Uint8Array> {
    const { 'content-length': length = '0', 'transfer-encoding': encoding } = message.headers;
    if (length === '0' && encoding === undefined) return message;
    const timer = setTimeout(() => {
      if (!message.complete && !response.headersSent) message.destroy();
    }, this.#limits.bodyMs).unref();
    let held = 0;
    const giveBack = (): void => {
      clearTimeout(timer);
      this.#bodiesBytes -= held;
      held = 0;
    };
    response.once('close', giveBack);
    message.once('end', () => clearTimeout(timer));
    const take = (bytes: number): boolean => {
      if (response.headersSent) {
        giveBack();
        return true;
      }
      if (this.#bodiesBytes + bytes > this.#limits.bodiesBytes) return false;
      this.#bodiesBytes += bytes;
      held += bytes;
      return true;
    };
    return counted(message, take);
  }

  /** Returns what counts pieces of the answer as waiting; the function it returns is called when one was taken. */
  answer(response: ServerResponse): (bytes: number) => () => void {
    let waiting = 0;
    const taken = (bytes: number): void => {
      const some = Math.min(waiting, bytes);
      waiting -= some;
      this.backlog.bytes -= some;
    };
    response.once('close', () => taken(waiting));
    return (bytes) => {
      if (response.destroyed) return () => {};
      waiting += bytes;
      this.backlog.bytes += bytes;
      return () => taken(bytes);
    };
  }
}

async function* counted(
  body: AsyncIterable<Uint8Array>,
  take: (bytes: number) => boolean,
): AsyncGenerator<Uint8Array, undefined> {
  for await (const chunk of body) {
    if (!take(chunk.length)) throw new BodyTooLargeError('too many bytes of requests wait');
    yield chunk;
  }
}
