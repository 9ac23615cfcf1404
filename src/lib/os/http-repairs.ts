/**
 * A connection on which the parser stumbled over a request that can be written anew (http-malformed.ts) is read on as
 * another stream. What cannot is answered, and the connection ends.
 */
import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import {
  answerToMalformed,
  type ParserError,
  plain,
  repaired,
  STAND_IN_METHOD,
  unsupportedCoding,
} from './http-malformed.js';

export class HttpRepairs {
  /** Connections on which a request was understood. */
  readonly #understood = new WeakSet<Duplex>();
  /** Connections that are read on as others; their own parser is past help. */
  readonly #replaced = new WeakSet<Duplex>();
  /** What the first request of a connection is truly called. */
  readonly #methods = new WeakMap<Duplex, string>();

  /** Gives a request its method back. Returns the answer to one that Go's server refuses and the parser let through. */
  admit(message: IncomingMessage): string | undefined {
    const { socket } = message;
    this.#understood.add(socket);
    if (message.method === STAND_IN_METHOD) {
      message.method = this.#methods.get(socket) ?? STAND_IN_METHOD;
      this.#methods.delete(socket);
    }
    const { host, 'transfer-encoding': coding } = message.headers;
    if (coding !== undefined && coding.toLowerCase() !== 'chunked') return unsupportedCoding;
    if (host !== undefined)
      return hostHeader.test(host) ? undefined : plain(400, 'Bad Request', 'malformed Host header');
    return message.httpVersion === '1.1' ? plain(400, 'Bad Request', 'missing required Host header') : undefined;
  }

  /** The stream to read on; undefined where the connection has come to its end. */
  failed(socket: Duplex, error: ParserError, { isPlain }: { readonly isPlain: boolean }): Duplex | undefined {
    if (this.#replaced.has(socket)) return undefined;
    const wasUnderstood = this.#understood.has(socket);
    const anew = repaired(error);
    if (anew === undefined) {
      if (socket.writable) socket.write(answerToMalformed(error, { isFirst: isPlain && !wasUnderstood }));
      // At once, and not when all is read: what else comes on it would be read as before.
      socket.end(() => socket.destroy());
      return undefined;
    }
    this.#replaced.add(socket);
    if (socket instanceof Socket) socket.setTimeout(0);
    const stream = new Rewound(socket, anew.bytes);
    if (wasUnderstood) this.#understood.add(stream);
    if (anew.method !== undefined) this.#methods.set(stream, anew.method);
    return stream;
  }
}

/** As Go's httpguts.ValidHostHeader. */
const hostHeader = /^[\w!$%&'()*+,\-.:;=@[\]~]*$/;

/** What is left of a connection of which `bytes` were read already. */
class Rewound extends Duplex {
  readonly #socket: Duplex;

  constructor(socket: Duplex, bytes: Buffer) {
    super();
    this.#socket = socket;
    this.push(bytes);
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause();
    });
    socket.on('end', () => this.push(null));
    socket.on('close', () => this.destroy());
  }

  get bytesRead(): number {
    return (this.#socket as Socket).bytesRead;
  }

  get bytesWritten(): number {
    return (this.#socket as Socket).bytesWritten;
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const socket = this.#socket;
    if (socket.write(chunk)) {
      done();
      return;
    }
    const go = (): void => {
      socket.off('drain', go);
      socket.off('close', go);
      done();
    };
    socket.on('drain', go);
    socket.on('close', go);
  }

  override _final(done: () => void): void {
    this.#socket.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
