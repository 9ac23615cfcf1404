/**
 * One end of etcd's peer protocol in this process: a transport that listens on a port of loopback, and what it is told.
 */
import { createRouter } from '../../src/api/http/router.js';
import type { HttpHandler } from '../../src/api/http/types.js';
import { createHttpServer } from '../../src/http1/server.js';
import type { Clock } from '../../src/lib/clock.js';
import type { EmulatedVersion } from '../../src/lib/emulate.js';
import type { Logger } from '../../src/lib/logger.js';
import type { RefusedConnection } from '../../src/lib/network.js';
import { osClock } from '../../src/lib/os/clock.js';
import { createHttpClient } from '../../src/lib/os/http-client.js';
import { osNetwork } from '../../src/lib/os/net.js';
import type { TlsOptions } from '../../src/lib/tls.js';
import { PeerMetrics } from '../../src/peer/metrics.js';
import { createPeerTransport, type PeerTransport } from '../../src/peer/transport.js';
import type { RaftReceiver } from '../../src/peer/types.js';
import type { Message, NodeId } from '../../src/raftpb/types.js';
import { peerTls } from '../../src/start/peer-transport.js';
import { listenerTls } from '../../src/start/tls-server.js';
import { RecordingLogger } from './recording-logger.js';

/** Keeps what it is told; `process` and `processSnapshot` may be replaced. */
export class RecordingReceiver implements RaftReceiver {
  readonly messages: Message[] = [];
  readonly unreachable: NodeId[] = [];
  readonly snapshots: { readonly message: Message; readonly database: Buffer }[] = [];
  readonly outcomes: { readonly id: NodeId; readonly outcome: 'finished' | 'failed' }[] = [];
  readonly removed = new Set<NodeId>();
  toldRemoved = 0;
  onMessage: (message: Message) => Promise<void> = async () => {};
  onSnapshot: (message: Message, database: Buffer) => Promise<void> = async () => {};

  isRemoved(id: NodeId): boolean {
    return this.removed.has(id);
  }

  async process(message: Message): Promise<void> {
    this.messages.push(message);
    await this.onMessage(message);
  }

  async processSnapshot(message: Message, database: AsyncIterable<Uint8Array>): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of database) chunks.push(chunk);
    const whole = Buffer.concat(chunks);
    await this.onSnapshot(message, whole);
    this.snapshots.push({ message, database: whole });
  }

  reportUnreachable(id: NodeId): void {
    this.unreachable.push(id);
  }

  reportSnapshot(id: NodeId, outcome: 'finished' | 'failed'): void {
    this.outcomes.push({ id, outcome });
  }

  reportRemoved(): void {
    this.toldRemoved++;
  }
}

export interface PeerNode extends AsyncDisposable {
  readonly id: NodeId;
  readonly url: string;
  readonly port: number;
  readonly receiver: RecordingReceiver;
  readonly transport: PeerTransport;
  readonly metrics: PeerMetrics;
  readonly log: RecordingLogger;
  /** Why connections were refused. */
  readonly rejected: readonly string[];
  /** Whose they were. */
  readonly refused: readonly RefusedConnection[];
}

export interface PeerNodeOptions {
  readonly id: NodeId;
  readonly clusterId?: bigint;
  readonly emulate?: EmulatedVersion;
  readonly port?: number;
  readonly clock?: Clock;
  /** Its own URL is https then. */
  readonly tls?: TlsOptions;
  /** What the port answers besides raft. */
  readonly handlers?: readonly HttpHandler[];
  /** What is asked first. */
  readonly handlersBefore?: readonly HttpHandler[];
  /** For streams; 5 s when not given. */
  readonly readTimeoutMs?: number;
  /** Hears what the node logs, beside its own record. */
  readonly logger?: Logger;
}

export async function startPeerNode(options: PeerNodeOptions): Promise<PeerNode> {
  const { id, clusterId = 0xc1n, emulate = '3.5', port = 0, clock = osClock } = options;
  const metrics = new PeerMetrics();
  const log = new RecordingLogger();
  const { tls } = options;
  const http = createHttpClient({
    network: osNetwork,
    dialTimeoutMs: 2000,
    keepAliveMs: 4000,
    tls: tls && peerTls(tls),
  });
  const { readTimeoutMs } = options;
  const transport = createPeerTransport({
    clock,
    http,
    logger: options.logger ?? log,
    metrics,
    emulate,
    ...(readTimeoutMs !== undefined && { readTimeoutMs }),
  });
  const server = createHttpServer(
    createRouter({
      handlers: [
        ...(options.handlersBefore ?? []),
        (request, url) => transport.handle(request, url),
        ...(options.handlers ?? []),
      ],
    }),
    { clock },
  );
  const rejected: string[] = [];
  const refused: RefusedConnection[] = [];
  const listener = await osNetwork.listen({ t: 'tcp', host: '127.0.0.1', port }, (socket) => server.accept(socket), {
    tls: tls === undefined ? undefined : listenerTls(tls),
    onReject: (error, connection) => {
      rejected.push(error.message);
      refused.push(connection);
    },
  });
  const bound = listener.address.t === 'tcp' ? listener.address.port : 0;
  const url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${bound}`;
  const receiver = new RecordingReceiver();
  transport.start({ id, clusterId, peerUrls: [url] }, receiver);
  return {
    id,
    url,
    port: bound,
    receiver,
    transport,
    metrics,
    log,
    rejected,
    refused,
    async [Symbol.asyncDispose]() {
      await transport.close();
      await listener.close();
      server.closeAllConnections();
    },
  };
}

/** Resolves once it holds. */
export async function until(holds: () => boolean, what: string, timeoutMs = 15_000): Promise<void> {
  const endMs = Date.now() + timeoutMs;
  while (!holds()) {
    if (Date.now() > endMs) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
