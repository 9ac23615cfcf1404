/**
 * HTTP/1.1 by undici over a Network, which makes the connections: so errors of dialing have Go's words, TLS options are read anew for each connection, and
 * peers are verified in one place.
 */
import { setMaxListeners } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import type net from 'node:net';
import type { Readable } from 'node:stream';
import type { Agent } from 'undici';
import type { HttpAnswer, HttpAsk, HttpClient } from '../http-client.js';
import type { Network, NetworkAddress, TlsClientOptions, TlsPeer } from '../network.js';

export interface HttpClientOptions {
  readonly network: Network;
  readonly dialTimeoutMs: number;
  /** For https, asked before each connection. */
  readonly tls?: (() => TlsClientOptions) | undefined;
  /** A reason to refuse a server whose certificate has passed. */
  readonly verifyPeer?: ((peer: TlsPeer) => string | undefined) | undefined;
  /** An idle connection is kept so long. */
  readonly keepAliveMs: number;
}

export function createHttpClient(options: HttpClientOptions): HttpClient {
  const closing = new AbortController();
  // Each dial listens while it lasts, and there may be many.
  setMaxListeners(0, closing.signal);
  let agent: Promise<Agent> | undefined;
  return {
    async ask(request) {
      closing.signal.throwIfAborted();
      agent ??= makeAgent(options, closing.signal);
      return ask(await agent, request);
    },
    async close() {
      closing.abort(new Error('the client is closed'));
      await (await agent)?.destroy();
    },
  };
}

async function makeAgent(options: HttpClientOptions, closing: AbortSignal): Promise<Agent> {
  const { Agent } = await import('undici');
  return new Agent({
    connect: (target, callback) => {
      connect(options, target, closing).then(
        (socket) => callback(null, socket),
        (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), null),
      );
    },
    keepAliveTimeout: options.keepAliveMs,
    keepAliveMaxTimeout: options.keepAliveMs,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
}

async function ask(agent: Agent, request: HttpAsk): Promise<HttpAnswer> {
  const { statusCode, headers, body } = await agent.request({
    ...originAndPath(request.url),
    method: request.method as 'GET',
    headers: { ...request.headers },
    body: (request.body ?? null) as Readable | null,
    signal: request.signal ?? null,
    headersTimeout: request.headersTimeoutMs,
    bodyTimeout: request.bodyTimeoutMs,
  });
  return {
    status: statusCode,
    headers: joined(headers),
    body,
    discard() {
      body.on('error', () => {}).destroy();
    },
  };
}

function originAndPath(text: string): { readonly origin: string; readonly path: string } {
  const { origin, pathname, search } = new URL(text);
  return { origin, path: `${pathname}${search}` };
}

function joined(headers: IncomingHttpHeaders): Record<string, string | undefined> {
  const plain: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(headers)) plain[name] = Array.isArray(value) ? value.join(', ') : value;
  return plain;
}

async function connect(
  { network, dialTimeoutMs, tls, verifyPeer }: HttpClientOptions,
  target: {
    readonly hostname: string;
    readonly port: string;
    readonly protocol: string;
    readonly socketPath?: unknown;
  },
  signal: AbortSignal,
): Promise<net.Socket> {
  const secure = target.protocol === 'https:';
  const material = secure ? { ...tls?.(), alpn: ['http/1.1'] } : undefined;
  const connection = await network.dial(addressOf(target, secure), { tls: material, timeoutMs: dialTimeoutMs, signal });
  const refusal = connection.tls === undefined ? undefined : verifyPeer?.(connection.tls);
  if (refusal !== undefined) {
    connection.socket.destroy();
    throw new Error(refusal);
  }
  // undici asks for a socket of Node's; the simulated ones are streams alone and never come here.
  return connection.socket as net.Socket;
}

function addressOf(target: { readonly hostname: string; readonly port: string }, secure: boolean): NetworkAddress {
  const host = target.hostname.replace(/^\[|\]$/g, '');
  return { t: 'tcp', host, port: target.port === '' ? (secure ? 443 : 80) : Number(target.port) };
}
