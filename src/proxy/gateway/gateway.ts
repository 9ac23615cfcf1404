/**
 * `etcd gateway`: joins each connection it accepts to one of the endpoints, in turn. It knows nothing of what the bytes
 * mean, so TLS goes through it.
 *
 *   connection ──▶ whose turn? ──dial──▶ joined until both ends have closed
 *                     ▲           │ refused: the endpoint is set aside
 *                     └───────────┘ none is left: the connection is closed
 *
 * A connection for which there is no descriptor left here is closed, and no endpoint set aside for it.
 * Every `retryDelayMs` those set aside are dialed; who answers takes turns again. Behaviour and log lines: etcd's
 * server/proxy/tcpproxy. How many connections there are is bounded by the process's descriptors; each holds no more
 * than its sockets' buffers. `etcd-diff:` etcd closes both directions as soon as one ends, which cuts off an answer;
 * here each ends by itself.
 */
import type { Clock } from '../../lib/clock.js';
import { formatMs } from '../../lib/go/duration.js';
import type { Logger } from '../../lib/logger.js';
import type { Network, NetworkSocket } from '../../lib/network.js';
import { isOwnLack } from '../../lib/own-lack.js';
import { join } from './join.js';
import type { Remote, Remotes } from './remotes.js';

export interface GatewayDeps {
  readonly network: Pick<Network, 'dial'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Between two attempts to reach an endpoint that was set aside; 0 = five minutes. */
  readonly retryDelayMs: number;
}

const USUAL_RETRY_DELAY_MS = 5 * 60 * 1000;

export class Gateway {
  readonly #remotes: Remotes;
  readonly #deps: GatewayDeps;
  readonly #retryDelayMs: number;
  readonly #closing = new AbortController();
  readonly #open = new Set<NetworkSocket>();
  #cancelRetry: (() => void) | undefined;

  constructor(remotes: Remotes, deps: GatewayDeps) {
    this.#remotes = remotes;
    this.#deps = deps;
    this.#retryDelayMs = deps.retryDelayMs <= 0 ? USUAL_RETRY_DELAY_MS : deps.retryDelayMs;
  }

  /** Begins to look after endpoints that were set aside. */
  start(): void {
    const { clock, logger } = this.#deps;
    logger.info('ready to proxy client requests', { endpoints: this.#remotes.all.map(({ text }) => text) });
    this.#cancelRetry = clock.every(this.#retryDelayMs, () => void this.retry());
  }

  /** Takes an accepted connection; it is the gateway's from here on. The socket must be half-open. */
  readonly accept = (connection: NetworkSocket): void => {
    this.#open.add(connection);
    void this.#serve(connection).then(() => this.#open.delete(connection));
  };

  /** Connections under way. */
  get connections(): number {
    return this.#open.size;
  }

  /** Dials every endpoint that was set aside. Resolves when all have answered or not. */
  async retry(): Promise<void> {
    await Promise.all(this.#remotes.all.filter(({ isActive }) => !isActive).map((remote) => this.#retryOne(remote)));
  }

  /** Breaks all connections. */
  close(): void {
    this.#cancelRetry?.();
    this.#closing.abort();
    for (const { socket } of this.#open) socket.destroy();
  }

  /** Never rejects. */
  async #serve({ socket }: NetworkSocket): Promise<void> {
    const gone = new AbortController();
    const onGone = (): void => gone.abort();
    socket.once('close', onGone);
    if (this.#closing.signal.aborted) socket.destroy();
    let upstream: NetworkSocket | undefined;
    for (let remote = this.#remotes.pick(); remote !== undefined && !gone.signal.aborted; ) {
      const dialed = await this.#dial(remote, gone.signal);
      if (dialed === 'own lack') break;
      upstream = dialed;
      if (upstream !== undefined) break;
      if (!gone.signal.aborted) this.#remotes.deactivate(remote);
      remote = this.#remotes.pick();
    }
    socket.off('close', onGone);
    if (upstream === undefined) socket.destroy();
    else await join(socket, upstream.socket);
  }

  async #dial(remote: Remote, signal: AbortSignal): Promise<NetworkSocket | 'own lack' | undefined> {
    try {
      return await this.#deps.network.dial(addressOf(remote), { signal, halfOpen: true });
    } catch (error) {
      if (isOwnLack(error)) {
        this.#deps.logger.warn('failed to dial an endpoint', { address: remote.text, error: textOf(error) });
        return 'own lack';
      }
      if (!signal.aborted) this.#log('deactivated endpoint', remote, error);
      return undefined;
    }
  }

  async #retryOne(remote: Remote): Promise<void> {
    const { network, logger } = this.#deps;
    try {
      const probe = await network.dial(addressOf(remote), { signal: this.#closing.signal });
      probe.socket.destroy();
      this.#remotes.activate(remote);
      logger.info('activated', { address: remote.text });
    } catch (error) {
      if (!this.#closing.signal.aborted) {
        this.#log('failed to activate endpoint (stay inactive for another interval)', remote, error);
      }
    }
  }

  #log(message: string, remote: Remote, error: unknown): void {
    this.#deps.logger.warn(message, {
      address: remote.text,
      interval: formatMs(this.#retryDelayMs),
      error: textOf(error),
    });
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const addressOf = ({ host, port }: Remote) => ({ t: 'tcp', host, port }) as const;
