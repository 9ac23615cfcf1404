/**
 * Asks the peers of a v2 proxy's cluster for its endpoints, now and then, and keeps their own addresses for the next
 * start. As etcd's etcdmain/etcd.go, startProxy, and proxy/httpproxy/director.go.
 */
import type { Clock } from '../../lib/clock.js';
import type { HttpClient } from '../../lib/http-client.js';
import type { Logger } from '../../lib/logger.js';
import type { ClusterFile } from './cluster-file.js';
import type { Director } from './director.js';
import { remoteCluster } from './remote-members.js';

/** A proxy that knows no endpoint yet asks this often, where it would ask less often than every 30 s otherwise. */
const IMPATIENT_MS = 1000;
const LONG_INTERVAL_MS = 30_000;

export interface EndpointRefreshDeps {
  readonly director: Director;
  readonly file: ClusterFile;
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly intervalMs: number;
  readonly signal: AbortSignal;
}

export class EndpointRefresh {
  #peers: readonly string[];
  #hasTold = false;
  #written: string | undefined;

  constructor(
    peers: readonly string[],
    readonly deps: EndpointRefreshDeps,
  ) {
    this.#peers = peers;
  }

  async refresh(): Promise<void> {
    const { director, clock, logger, http, signal } = this.deps;
    const cluster = await remoteCluster(this.#peers, { http, clock, logger, signal });
    if (cluster === undefined) {
      const error = 'could not retrieve cluster information from the given URLs';
      logger.warn('failed to get cluster from remote peers', { 'peer-urls': this.#peers, error });
      director.refresh([]);
      return;
    }
    if (this.#keep(cluster.peerUrls)) this.#peers = cluster.peerUrls;
    director.refresh(cluster.clientUrls);
    if (this.#hasTold || cluster.clientUrls.length === 0) return;
    this.#hasTold = true;
    logger.info('endpoints found', { endpoints: director.available().map(({ url }) => url) });
  }

  /** False where they could not be stored: the endpoints are of use all the same, and the next refresh tries again. */
  #keep(peerUrls: readonly string[]): boolean {
    const { file, logger } = this.deps;
    const text = peerUrls.join(',');
    if (text !== this.#written) {
      try {
        file.write(peerUrls);
      } catch (error) {
        logger.warn('proxy failed to write cluster file', { error });
        return false;
      }
      this.#written = text;
    }
    if (text !== this.#peers.join(',')) {
      logger.info('proxy updated peer URLs', { from: this.#peers, to: peerUrls });
    }
    return true;
  }

  /** Resolves when the signal has aborted. */
  async keepRefreshing(): Promise<void> {
    const { clock, director, intervalMs, logger, signal } = this.deps;
    while (!signal.aborted) {
      const isImpatient = intervalMs >= LONG_INTERVAL_MS && director.available().length === 0;
      await pause(isImpatient ? IMPATIENT_MS : Math.max(1, intervalMs), clock, signal);
      if (signal.aborted) return;
      try {
        await this.refresh();
      } catch (error) {
        if (!signal.aborted) logger.warn('failed to refresh the endpoints of the proxy', { error });
      }
    }
  }
}

function pause(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      cancel();
      signal.removeEventListener('abort', wake);
      resolve();
    };
    const cancel = clock.after(ms, wake);
    signal.addEventListener('abort', wake);
  });
}
