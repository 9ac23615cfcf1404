/** HTTP/1 for whoever has accepted connections: Node's own parser, with bounds on headers, bodies and idle time. */
import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type HttpPeer, type HttpRequest, type HttpResponse, type HttpService, pourBody } from '../http.js';
import type { NetworkSocket } from '../network.js';
import { HttpConnections, type HttpLimits } from './http-connections.js';
import type { ParserError } from './http-malformed.js';
import { HttpRepairs } from './http-repairs.js';

const HEADERS_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 60_000;
/** How often these are looked at. */
const LOOK_MS = 5000;
/** As Go's. */
const ANSWER_READ_MS = 500;
const MAX_HEADER_BYTES = 1024 * 1024;

export interface HttpServer {
  /** Takes over a connection that speaks HTTP/1. */
  accept(connection: NetworkSocket): void;
  closeIdleConnections(): void;
  closeAllConnections(): void;
}

export interface HttpServerOptions extends Partial<HttpLimits> {
  /** Counts what waits to be sent, with that of other servers. */
  readonly backlog?: { bytes: number };
  readonly headersTimeoutMs?: number;
  readonly keepAliveMs?: number;
}

export function createHttpServer(service: HttpService, options: HttpServerOptions = {}): HttpServer {
  const { backlog = { bytes: 0 }, headersTimeoutMs = HEADERS_TIMEOUT_MS, keepAliveMs = KEEP_ALIVE_MS } = options;
  const connections = new HttpConnections(backlog, options);
  const repairs = new HttpRepairs();
  const upgraded = new Set<Duplex>();
  const server = createServer(
    {
      headersTimeout: headersTimeoutMs,
      // Long polls and streams last as long as they last; a request's head and body each have their own bound.
      requestTimeout: 0,
      connectionsCheckingInterval: Math.min(LOOK_MS, headersTimeoutMs),
      keepAliveTimeout: keepAliveMs,
      maxHeaderSize: MAX_HEADER_BYTES,
      noDelay: true,
      // Refused below, in Go's words.
      requireHostHeader: false,
    },
    (message, response) => {
      const refusal = repairs.admit(message);
      if (refusal !== undefined) {
        message.socket.end(refusal);
        return;
      }
      const gone = new AbortController();
      response.on('close', () => {
        if (!response.writableFinished) gone.abort(new Error('the client has gone away'));
      });
      connections.inTurn(message, response, () => {
        const body = connections.body(message, response);
        service(requestOf(message, body, connections.peerOf(message.socket), gone))
          .then((answer) => send(message, response, answer, { gone, count: connections.answer(response) }))
          .catch(() => response.destroy());
      });
    },
  );
  server.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (message.headers.upgrade?.toLowerCase() === 'h2c') {
      // Asked for by the way (`curl --http2`), and optional: the request is read again as an ordinary one.
      socket.unshift(Buffer.concat([headWithoutUpgrade(message), head]));
      server.emit('connection', socket);
      return;
    }
    const gone = new AbortController();
    socket.on('error', () => {});
    socket.on('close', () => {
      upgraded.delete(socket);
      gone.abort(new Error('the client has gone away'));
    });
    upgraded.add(socket);
    let taken = false;
    const upgrade = (): { socket: Duplex; head: Uint8Array } => {
      taken = true;
      return { socket, head };
    };
    service({ ...requestOf(message, message, connections.peerOf(socket), gone), upgrade }).then(
      (answer) => {
        if (!taken) refuseUpgrade(message, socket, answer);
      },
      () => socket.destroy(),
    );
  });
  server.on('clientError', (error: ParserError, socket: Duplex) => {
    const { address, tls } = connections.peerOf(socket);
    const stream = repairs.failed(socket, error, { isPlain: tls === undefined });
    if (stream === undefined) return;
    connections.add(stream, address, tls);
    server.emit('connection', stream);
  });
  // It listens nowhere itself, and would keep no list of its connections otherwise: neither time limits nor the ends
  // below would reach one.
  server.emit('listening');
  return {
    accept({ socket, remoteAddress, tls }) {
      connections.add(socket, remoteAddress, tls);
      server.emit('connection', socket);
    },
    closeIdleConnections: () => server.closeIdleConnections(),
    closeAllConnections() {
      server.closeAllConnections();
      // Ends the timer that looks after them.
      server.close();
      for (const socket of upgraded) socket.destroy();
    },
  };
}

function requestOf(
  message: IncomingMessage,
  body: AsyncIterable<Uint8Array>,
  peer: HttpPeer,
  gone: AbortController,
): HttpRequest {
  const { 'set-cookie': cookies, ...headers } = message.headers as Record<string, string | undefined> & {
    'set-cookie'?: readonly string[];
  };
  if (cookies !== undefined) headers['set-cookie'] = cookies.join(', ');
  return {
    method: message.method ?? 'GET',
    target: message.url ?? '/',
    protocol: message.httpVersion === '1.0' ? 'HTTP/1.0' : 'HTTP/1.1',
    headers,
    body,
    peer,
    // Node makes a signal when it is asked for one, at some cost: most requests need none.
    get signal() {
      return gone.signal;
    },
  };
}

function headWithoutUpgrade({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    const value = rawHeaders[index + 1] ?? '';
    if (!/^(?:upgrade|http2-settings|connection)$/i.test(name)) lines.push(`${name}: ${value}`);
    else if (/\bclose\b/i.test(value)) lines.push('Connection: close');
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

async function send(
  message: IncomingMessage,
  response: ServerResponse,
  answer: HttpResponse,
  { gone, count }: { readonly gone: AbortController; readonly count: (bytes: number) => () => void },
): Promise<void> {
  const { status, headers, body, trailers, broken } = answer;
  const headOnly = message.method === 'HEAD';
  // Of a connection that stays open nothing need be said in HTTP/1.1, and etcd says nothing.
  if (message.httpVersion === '1.1' && message.complete && response.shouldKeepAlive)
    response.removeHeader('Connection');
  // The rest of a request that nobody reads stands in the way of the next one: the connection ends with the answer.
  response.once('finish', () => {
    if (!message.complete) message.destroy();
  });
  if (typeof body === 'string' || body instanceof Uint8Array) {
    const size = Buffer.byteLength(body);
    const framing = { 'Content-Length': size, ...(message.complete ? {} : { Connection: 'close' }) };
    if (!headOnly) response.once('finish', count(size));
    response.writeHead(status, { ...copied(headers), ...framing });
    if (!message.complete && !headOnly) {
      response.write(body);
      await answerRead(response, gone.signal);
      response.end();
      return;
    }
    response.end(headOnly ? undefined : body);
    return;
  }
  response.writeHead(status, copied(headers));
  response.flushHeaders();
  if (headOnly) {
    response.end();
    return;
  }
  let wake: () => void = () => {};
  const onEvent = (): void => wake();
  const { socket } = response;
  socket?.on('drain', onEvent);
  response
    .on('drain', onEvent)
    .once('close', onEvent)
    .once('close', () => socket?.off('drain', onEvent));
  const breakOff = (): void => {
    response.destroy();
  };
  if (broken?.aborted === true) breakOff();
  else broken?.addEventListener('abort', breakOff, { once: true });
  const whole = await pourBody(body, {
    write: (chunk) => writeChunk(response, chunk, count(chunk.length)),
    writable: () =>
      new Promise((resolve) => {
        wake = resolve;
      }),
    gone: gone.signal,
  });
  if (!whole) return;
  const last = trailers?.() ?? {};
  if (Object.keys(last).length > 0) response.addTrailers(last);
  response.end();
}

/**
 * A connection that is closed with bytes of a request unread is reset, and the answer lost with it: as Go does, the
 * caller is given time to read it.
 */
function answerRead(response: ServerResponse, gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      gone.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ANSWER_READ_MS);
    gone.addEventListener('abort', done);
    if (gone.aborted || response.destroyed) done();
  });
}

/** Copying more than this costs more than it saves. */
const MAX_COPIED_BYTES = 16 * 1024;
const CRLF = 0x0d0a;

/**
 * A chunk of the chunked coding as one piece, which the system has when this returns. Node hands it four pieces at the
 * end of the turn: for raft's streams, with their small chunks, that is a third of the way's cost, and a leader's
 * messages would wait for the sync of its own log.
 */
function writeChunk(response: ServerResponse, chunk: Uint8Array, onWritten: () => void): boolean {
  const { socket } = response;
  // Without a socket the response waits behind another one.
  if (!response.chunkedEncoding || socket === null || chunk.length === 0 || chunk.length > MAX_COPIED_BYTES)
    return response.write(chunk, onWritten);
  const length = chunk.length.toString(16);
  const at = length.length + 2;
  const piece = Buffer.allocUnsafe(at + chunk.length + 2);
  piece.write(length, 0, 'latin1');
  piece.writeUInt16BE(CRLF, at - 2);
  piece.set(chunk, at);
  piece.writeUInt16BE(CRLF, at + chunk.length);
  return socket.write(piece, onWritten);
}

function copied(headers: HttpResponse['headers']): Record<string, string | string[]> {
  const copy: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) copy[name] = typeof value === 'string' ? value : [...value];
  return copy;
}

/** A request that asked for another protocol and got a plain answer; the connection ends with it. */
function refuseUpgrade(message: IncomingMessage, socket: Duplex, { status, headers, body }: HttpResponse): void {
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) {
    socket.destroy();
    return;
  }
  const lines = [`HTTP/${message.httpVersion} ${status} ${STATUS_CODES[status] ?? ''}`];
  for (const [name, value] of Object.entries(headers))
    for (const each of typeof value === 'string' ? [value] : value) lines.push(`${name}: ${each}`);
  lines.push(`Content-Length: ${Buffer.byteLength(body)}`, 'Connection: close', '', '');
  socket.write(lines.join('\r\n'));
  socket.end(body);
}
