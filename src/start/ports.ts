/**
 * The ports of a member: bound early, served once there is something to serve, closed in order. One HTTP/2 and HTTP/1
 * port per listening address; what it answers depends on its kind.
 */

import type { ListenUrl } from '../config/member-options.js';
import { isGrpc } from '../grpc/server.js';
import type { GrpcServer } from '../grpc/types.js';
import { createHttpServer, type HttpServer } from '../http1/server.js';
import { openPort, type Port } from '../http2/port.js';
import { type PlainFace, serveRequest } from '../http2/request.js';
import type { Backlog, HeaderList, Http2Stream, KeepaliveOptions } from '../http2/types.js';
import { BodyBound } from '../lib/body-bound.js';
import type { Clock } from '../lib/clock.js';
import type { HttpService } from '../lib/http.js';
import { HttpDate } from '../lib/http-date.js';
import { Intake } from '../lib/intake.js';
import type { Logger } from '../lib/logger.js';
import type { Network, NetworkAddress, NetworkListener, NetworkSocket } from '../lib/network.js';
import type { TlsOptions } from '../lib/tls.js';
import { wireErrors } from '../proto/errors.js';
import type { ConnectionLimits } from './connection-limit.js';
import { Gate } from './gate.js';
import { listenerTls } from './tls-server.js';

export type PortKind = 'peer' | 'client' | 'http' | 'metrics';

/**
 * What is answered on a port. Without `grpc`, gRPC calls are refused; without `http`, plain requests are (415), and
 * HTTP/1 in clear is hung up on, as etcd does with split listeners.
 */
export interface PortFaces {
  readonly grpc?: GrpcServer | undefined;
  readonly http?: HttpService | undefined;
}

export interface PortsDeps {
  readonly network: Network;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly keepalive: KeepaliveOptions;
  readonly maxConcurrentStreams: number;
  readonly reusePort?: boolean | undefined;
  readonly limits?: ConnectionLimits | undefined;
  /** A peer that sends nothing for so long in the midst of a request is hung up on. */
  readonly peerSilenceMs?: number | undefined;
}

interface OpenPort {
  readonly kind: PortKind;
  readonly listener: NetworkListener;
  readonly gate: Gate<NetworkSocket>;
  readonly secure: boolean;
  readonly plain: boolean;
  /** Set once it is served. */
  served?: { readonly port: Port; readonly http1: HttpServer; readonly faces: PortFaces };
}

const limitOf = { peer: 'peers', client: 'clients', http: 'clients', metrics: 'metrics' } as const;

/** Connections that may wait for a member to become ready; those beyond are closed. */
const MAX_WAITING = 1000;
const POLL_MS = 20;

export class Ports {
  /** What waits to be sent on all connections. */
  readonly backlog: Backlog = { bytes: 0 };
  readonly #open: OpenPort[] = [];
  readonly #intake: Intake;
  readonly #date = new HttpDate();

  constructor(readonly deps: PortsDeps) {
    this.#intake = new Intake(deps.clock);
  }

  /** One port for each address, with TLS, in clear or both. Throws in Go's words when an address cannot be had. */
  async listen(kind: PortKind, urls: readonly ListenUrl[], tls?: TlsOptions): Promise<void> {
    for (const [url, { secure, plain }] of byAddress(urls)) {
      const gate = new Gate<NetworkSocket>(MAX_WAITING, ({ socket }) => socket.destroy());
      const listener = await this.deps.network.listen(addressOf(url), (connection) => gate.enter(connection), {
        tls: secure && tls !== undefined ? listenerTls(tls) : undefined,
        plaintext: plain,
        reusePort: this.deps.reusePort,
        admission: this.deps.limits?.[limitOf[kind]],
        onReject: (error, { names, remoteAddress, serverName }) => {
          const port = kind === 'peer' ? 'peer' : 'client';
          this.deps.logger.warn(`rejected connection on ${port} endpoint`, {
            'remote-addr': remoteAddress,
            'server-name': serverName,
            ...(names !== undefined && { 'ip-addresses': names.addresses, 'dns-names': names.dns }),
            error: error.message,
          });
        },
      });
      this.#open.push({ kind, listener, gate, secure, plain });
    }
  }

  addresses(kind: PortKind): NetworkAddress[] {
    return this.#open.filter((port) => port.kind === kind).map((port) => port.listener.address);
  }

  /** Lets the connections in that came so far, and all later ones. */
  serve(kind: PortKind, faces: PortFaces): void {
    for (const open of this.#open) {
      if (open.kind !== kind) continue;
      const { clock } = this.deps;
      const bodies = new BodyBound();
      const plain: PlainFace = {
        service: faces.http ?? refusePlain,
        clock,
        bodies,
        date: () => this.#date.at(clock.wallMs()),
      };
      const http1 = createHttpServer(plain.service, {
        clock,
        backlog: this.backlog,
        bodies,
        // A database takes its time.
        bodySilenceMs: kind === 'peer' ? this.deps.peerSilenceMs : undefined,
      });
      const port = openPort({
        clock,
        session: {
          keepalive: this.deps.keepalive,
          limits: { maxConcurrentStreams: this.deps.maxConcurrentStreams },
          intake: this.#intake,
          backlog: this.backlog,
          bodies,
          onStream: (stream, fields, end) => dispatch(faces, plain, stream, fields, end),
        },
        http1: {
          accept: (connection) => {
            if (faces.http === undefined && connection.tls === undefined) connection.socket.destroy();
            else http1.accept(connection);
          },
        },
      });
      open.served = { port, http1, faces };
      open.gate.open(port.accept);
    }
  }

  tellServingPeers(): void {
    for (const address of this.addresses('peer').map(textOf)) {
      this.deps.logger.info('serving peer traffic', { address });
      this.deps.logger.info('cmux::serve', { address });
    }
  }

  /** Where clients are served, in etcd's words: supervisors and test harnesses wait for them. */
  tellServing(kind: 'client' | 'http'): void {
    for (const { kind: each, listener, secure, plain, served } of this.#open) {
      if (each !== kind || served === undefined) continue;
      const { grpc, http } = served.faces;
      const { address } = listener;
      const traffic = [...(grpc === undefined ? [] : ['grpc']), ...(http === undefined ? [] : ['http'])].join('+');
      const fields = { traffic, address: textOf(address) };
      if (plain) this.deps.logger.info('serving client traffic insecurely; this is strongly discouraged!', fields);
      if (secure) this.deps.logger.info('serving client traffic securely', fields);
    }
  }

  /** Streams to other members that have been ended reach them as ended, not as broken off. */
  async closePeers(): Promise<void> {
    const { logger } = this.deps;
    const addresses = this.addresses('peer').map(textOf);
    for (const address of addresses) logger.info('stopping serving peer traffic', { address });
    await this.close({ graceMs: 0, busy: () => false, kinds: ['peer'] });
    for (const address of addresses) logger.info('stopped serving peer traffic', { address });
  }

  /**
   * Only these kinds, or all: no new connections and calls; answers under way get up to `graceMs` as long as `busy`
   * says so. Streams that never end by themselves (watches, keep-alives) are then ended with Unavailable, at which
   * clients go elsewhere.
   * `etcd-diff:` etcd lets an open watch delay its stop for the whole grace time.
   */
  async close(options: { graceMs: number; busy: () => boolean; kinds?: readonly PortKind[] }): Promise<void> {
    const ports = this.#open.filter(({ kind }) => options.kinds?.includes(kind) ?? true);
    await Promise.all(ports.map(({ listener }) => listener.close()));
    for (const { gate, served } of ports) {
      gate.close();
      served?.port.close();
      served?.http1.closeIdleConnections();
    }
    const untilMs = this.deps.clock.monotonicMs() + options.graceMs;
    while (options.busy() && this.deps.clock.monotonicMs() < untilMs) {
      await new Promise<void>((resolve) => this.deps.clock.after(POLL_MS, resolve));
    }
    for (const { served } of ports) served?.faces.grpc?.cancelAll(wireErrors.stopped.message);
    // What was just said has to reach the sockets before they go.
    await new Promise<void>((resolve) => this.deps.clock.after(POLL_MS, resolve));
    for (const { served } of ports) {
      served?.port.destroy();
      served?.http1.closeAllConnections();
    }
  }
}

/** Without TLS whatever comes over HTTP/2 is gRPC's, who refuses what is no call (415), as with etcd. */
function dispatch(
  { grpc, http }: PortFaces,
  plain: PlainFace,
  stream: Http2Stream,
  fields: HeaderList,
  end: boolean,
): void {
  if (grpc !== undefined && (http === undefined || !stream.session.peer.tls || isGrpc(fields))) {
    grpc.handle(stream, fields, end);
  } else serveRequest(stream, fields, end, plain);
}

/** As grpc-go answers what is no gRPC call. */
const refusePlain: HttpService = async ({ headers }) => ({
  status: 415,
  headers: { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
  body: `invalid gRPC request content-type ${JSON.stringify(headers['content-type'] ?? '')}\n`,
});

/** An address may be given with both kinds of scheme. */
function byAddress(urls: readonly ListenUrl[]): Map<ListenUrl, { secure: boolean; plain: boolean }> {
  const first = new Map<string, ListenUrl>();
  const ports = new Map<ListenUrl, { secure: boolean; plain: boolean }>();
  for (const url of urls) {
    const isSecure = url.scheme === 'https' || url.scheme === 'unixs';
    const where = url.text.replace(/^\w+:/, '');
    const port = ports.get(first.get(where) ?? url) ?? { secure: false, plain: false };
    if (isSecure) port.secure = true;
    else port.plain = true;
    if (!first.has(where)) {
      first.set(where, url);
      ports.set(url, port);
    }
  }
  return ports;
}

const textOf = (address: NetworkAddress): string =>
  address.t === 'tcp' ? `${address.host}:${address.port}` : address.path;

function addressOf(url: ListenUrl): NetworkAddress {
  return url.socketPath === undefined
    ? { t: 'tcp', host: url.host, port: url.port }
    : { t: 'unix', path: url.socketPath };
}
