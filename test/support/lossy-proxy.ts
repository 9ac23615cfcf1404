/**
 * Before a port, as the proxies of etcd's own tests: passes bytes on, or takes them and drops them while the
 * connections stay, which neither end can tell from silence.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { ClusterPlace } from './cluster.js';
import { ourProgram } from './member-process.js';

export class LossyProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Whether what passes is dropped, either way. */
  loses = false;
  lostBytes = 0;

  private constructor(readonly targetPort: number) {
    this.#server = createServer((client) => this.#accept(client));
  }

  static async before(targetPort: number): Promise<LossyProxy> {
    const proxy = new LossyProxy(targetPort);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return address.port;
  }

  #accept(client: Socket): void {
    const server = connect(this.targetPort, '127.0.0.1');
    this.#pass(client, server);
    this.#pass(server, client);
  }

  #pass(source: Socket, target: Socket): void {
    this.#sockets.add(source);
    source.setNoDelay(true);
    source.on('data', (chunk: Buffer) => {
      if (this.loses) this.lostBytes += chunk.length;
      else if (!target.write(chunk)) source.pause();
    });
    source.on('drain', () => target.resume());
    source.on('error', () => {});
    source.on('close', () => {
      this.#sockets.delete(source);
      target.destroy();
    });
  }

  /** Ends all connections. */
  reset(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.reset();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/**
 * Members as processes, each behind a proxy by which the others know it, with flags of its own. Resolves when all are
 * healthy.
 */
export async function startBehind(
  proxies: readonly LossyProxy[],
  places: readonly ClusterPlace[],
  flagsOf: (place: ClusterPlace) => readonly string[] = () => [],
): Promise<void> {
  const urlOf = ({ peerUrl, peerPort }: ClusterPlace): string => {
    const proxy = proxies.find(({ targetPort }) => targetPort === peerPort);
    return peerUrl.replace(/\d+$/, String(proxy?.port));
  };
  const initialCluster = places.map((place) => `${place.name}=${urlOf(place)}`).join(',');
  await Promise.all(
    places.map((place) => {
      const { runner } = place;
      const program = typeof runner === 'object' ? join(runner.real, 'etcd') : ourProgram('etcd');
      const behind = [`--initial-cluster=${initialCluster}`, `--initial-advertise-peer-urls=${urlOf(place)}`];
      return place.run(program, [...behind, ...flagsOf(place)]);
    }),
  );
}
