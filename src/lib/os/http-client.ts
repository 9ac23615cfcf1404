/**
 * HTTP/1.1 by undici, and for streams by `http-stream.ts`, over a Network, which makes the connections: so errors of
 * dialing have Go's words, TLS options are read anew for each connection, and peers are verified in one place.
 */
import { setMaxListeners } from 'node:events';
import type net from 'node:net';
import type { Readable } from 'node:stream';
import type { Pool } from 'undici';
import type { Clock } from '../clock.js';
import type { HttpAnswer, HttpAsk, HttpClient } from '../http-client.js';
import type { Network, NetworkAddress } from '../network.js';
import type { TlsContents } from '../tls.js';
import { HttpExchange } from './http-exchange.js';
import { askForStream } from './http-stream.js';
import { hostPort } from './net-error.js';

export interface HttpClientOptions {
  readonly network: Network;
  readonly dialTimeoutMs: number;
  /** Where to call from; undefined = the system chooses. */
  readonly localAddress?: string | undefined;
  /** For https, asked before each connection. */
  readonly tls?: (() => TlsContents) | undefined;
  /** An idle connection is kept so long. */
  readonly keepAliveMs: number;
  /** Breaks connections that stand still, as a connection of Go's with deadlines does. */
  readonly stalls?: StallLimits | undefined;
}

export interface StallLimits {
  readonly clock: Clock;
  /** Longest time without a byte from the other side, requests under way or not; 0 = any. */
  readonly readTimeoutMs: number;
  /** Longest time in which nothing of what is to be sent leaves; 0 = any. */
  readonly writeTimeoutMs: number;
}

export function createHttpClient(options: HttpClientOptions): HttpClient {
  const closing = new AbortController();
  // Each dial listens while it lasts, and there may be many.
  setMaxListeners(0, closing.signal);
  /** By scheme, host and port. */
  const pools = new Map<string, Promise<Pool>>();
  return {
    async ask(request) {
      closing.signal.throwIfAborted();
      const target = targetOf(request.url);
      if (request.isStream === true) return stream(options, target, request, closing.signal);
      let pool = pools.get(target.key);
      if (pool === undefined) {
        pool = makePool(options, target, closing.signal);
        pools.set(target.key, pool);
      }
      return ask(await pool, target.path, request);
    },
    async close() {
      closing.abort(new Error('the client is closed'));
      const all = [...pools.values()];
      pools.clear();
      await Promise.all(all.map(async (pool) => (await pool).destroy()));
    },
  };
}

async function makePool(options: HttpClientOptions, target: Target, closing: AbortSignal): Promise<Pool> {
  const { Pool } = await import('undici');
  return new Pool(target.origin, {
    connect: (_about, callback) => {
      connect(options, target, closing).then(
        (socket) => callback(null, socket),
        (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), null),
      );
    },
    keepAliveTimeout: options.keepAliveMs,
    keepAliveMaxTimeout: options.keepAliveMs,
    maxHeaderSize: MAX_HEADER_BYTES,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
}

function ask(pool: Pool, path: string, request: HttpAsk): Promise<HttpAnswer> {
  const { method, headers = {}, body = null, signal, headersTimeoutMs, bodyTimeoutMs } = request;
  signal?.throwIfAborted();
  const exchange = new HttpExchange(signal);
  pool.dispatch(
    {
      path,
      method: method as 'GET',
      headers: mutable(headers),
      body: body as Readable | null,
      headersTimeout: headersTimeoutMs,
      bodyTimeout: bodyTimeoutMs,
    },
    exchange,
  );
  return exchange.answer;
}

async function stream(
  options: HttpClientOptions,
  target: Target,
  request: HttpAsk,
  closing: AbortSignal,
): Promise<HttpAnswer> {
  const { body, method, headers = {}, headersTimeoutMs, bodyTimeoutMs } = request;
  if (body !== undefined) throw new Error('a request for a stream has no body');
  const signal = request.signal === undefined ? closing : AbortSignal.any([request.signal, closing]);
  signal.throwIfAborted();
  const socket = await connect(options, target, signal);
  const { path, authority: host } = target;
  return askForStream(socket, { method, path, host, headers, signal, headersTimeoutMs, bodyTimeoutMs });
}

/** Connections to idle servers break by the number, so a measure this coarse does. */
const LONGEST_CHECK_MS = 1000;
const MAX_HEADER_BYTES = 1024 * 1024;

interface Target {
  readonly key: string;
  /** What undici takes the pool to be for; the connection is made to `address`. */
  readonly origin: string;
  readonly address: NetworkAddress;
  readonly secure: boolean;
  /** Whom the request names as its host. */
  readonly authority: string;
  readonly path: string;
}

const schemes: Readonly<Record<string, { readonly secure: boolean; readonly unix: boolean }>> = {
  http: { secure: false, unix: false },
  https: { secure: true, unix: false },
  unix: { secure: false, unix: true },
  unixs: { secure: true, unix: true },
};

/** Cut by hand: the path goes out as it is given, and the host of a socket may be anything. */
function targetOf(url: string): Target {
  const [, scheme = '', host = '', path = ''] = /^([^:]*):\/\/([^/?#]*)([^#]*)/.exec(url) ?? [];
  const kind = Object.hasOwn(schemes, scheme) ? schemes[scheme] : undefined;
  if (kind === undefined) {
    const shown = scheme === '' ? url.slice(0, Math.max(0, url.indexOf(':'))) : scheme;
    throw new Error(`unsupported protocol scheme "${shown}"`);
  }
  const { secure, unix } = kind;
  const authority = host.slice(host.lastIndexOf('@') + 1);
  const [, name = authority, given] = /^(.*):(\d+)$/.exec(authority) ?? [];
  const port = given ?? (secure && !unix ? '443' : '80');
  return {
    key: `${scheme}://${authority}`,
    origin: `${secure ? 'https' : 'http'}://${unix ? 'localhost' : authority}`,
    address: unix
      ? { t: 'unix', path: `${name}:${port}` }
      : { t: 'tcp', host: name.replace(/^\[(.*)\]$/, '$1'), port: Number(port) },
    secure,
    authority: unix ? 'localhost' : authority,
    path: path.startsWith('/') ? path : `/${path}`,
  };
}

function mutable(headers: NonNullable<HttpAsk['headers']>): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]),
  );
}

async function connect(
  { network, dialTimeoutMs, localAddress, tls, stalls }: HttpClientOptions,
  { address, secure }: Target,
  signal: AbortSignal,
): Promise<net.Socket> {
  const contents = secure ? { ...tls?.(), alpn: ['http/1.1'] } : undefined;
  const connection = await network.dial(address, { tls: contents, timeoutMs: dialTimeoutMs, localAddress, signal });
  // undici asks for a socket of Node's; the simulated ones are streams alone and never come here.
  const socket = connection.socket as net.Socket;
  if (stalls !== undefined) watchStalls(socket, stalls);
  tellEnds(socket);
  return socket;
}

/** What breaks the connection tells between whom it was, as Go's errors do: `ends`, which `httpFailure` reads. */
function tellEnds(socket: net.Socket): void {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  if (localAddress === undefined) return;
  const ends = `${hostPort(localAddress, localPort)}->${hostPort(remoteAddress, remotePort)}`;
  socket.prependOnceListener('error', (error) => Object.assign(error, { ends }));
}

class StallError extends Error {
  override readonly name = 'StallError';
  readonly code = 'ETIMEDOUT';
}

/**
 * etcd renews the deadlines at each read and write (client/pkg/transport/timeout_conn.go): what counts is whether
 * anything moves.
 */
function watchStalls(socket: net.Socket, { clock, readTimeoutMs, writeTimeoutMs }: StallLimits): void {
  const limits = [readTimeoutMs, writeTimeoutMs].filter((limit) => limit > 0);
  if (limits.length === 0) return;
  let read = { bytes: 0, sinceMs: clock.monotonicMs() };
  let sent = { bytes: 0, sinceMs: clock.monotonicMs() };
  const check = (): void => {
    const nowMs = clock.monotonicMs();
    if (socket.bytesRead !== read.bytes) read = { bytes: socket.bytesRead, sinceMs: nowMs };
    const sentBytes = socket.bytesWritten - socket.writableLength;
    if (sentBytes !== sent.bytes || socket.writableLength === 0) sent = { bytes: sentBytes, sinceMs: nowMs };
    if (writeTimeoutMs > 0 && nowMs - sent.sinceMs >= writeTimeoutMs)
      socket.destroy(new StallError('write tcp: i/o timeout'));
    else if (readTimeoutMs > 0 && nowMs - read.sinceMs >= readTimeoutMs)
      socket.destroy(new StallError('read tcp: i/o timeout'));
  };
  const stop = clock.every(
    Math.max(
      1,
      limits.reduce((least, limit) => Math.min(least, limit / 4), LONGEST_CHECK_MS),
    ),
    check,
  );
  socket.once('close', stop);
}
