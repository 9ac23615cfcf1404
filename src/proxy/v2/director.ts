/**
 * Where a v2 proxy sends requests: the cluster's client URLs in a random order that each refresh draws anew, so that
 * proxies spread. One that failed is left out for a while. As etcd's proxy/httpproxy/director.go.
 */
import type { Clock } from '../../lib/clock.js';
import type { Logger } from '../../lib/logger.js';
import type { Random } from '../../lib/random.js';

export interface Endpoint {
  readonly url: string;
}

interface Entry extends Endpoint {
  isAvailable: boolean;
  cancel: () => void;
}

export interface DirectorDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly failureWaitMs: number;
}

export class Director {
  #entries: readonly Entry[] = [];

  constructor(readonly deps: DirectorDeps) {}

  /** The list from now on; what failed before may be tried again. */
  refresh(urls: readonly string[]): void {
    this.close();
    const entries = urls.map((url): Entry => ({ url, isAvailable: true, cancel: () => {} }));
    for (const [at, entry] of entries.entries()) {
      const other = this.deps.random.below(at + 1);
      const swapped = entries[other];
      if (swapped === undefined) continue;
      entries[at] = swapped;
      entries[other] = entry;
    }
    this.#entries = entries;
  }

  available(): readonly Endpoint[] {
    return this.#entries.filter(({ isAvailable }) => isAvailable);
  }

  /** Leaves the endpoint out until some time has passed, or the next refresh. */
  failed({ url }: Endpoint): void {
    const { clock, logger, failureWaitMs } = this.deps;
    const entry = this.#entries.find((each) => each.url === url);
    if (entry === undefined || !entry.isAvailable) return;
    entry.isAvailable = false;
    logger.info('marked endpoint unavailable', { endpoint: url });
    entry.cancel = clock.after(failureWaitMs, () => {
      entry.isAvailable = true;
      logger.info('marked endpoint available, to retest connectivity', { endpoint: url });
    });
  }

  /** Nothing more happens by itself. */
  close(): void {
    for (const { cancel } of this.#entries) cancel();
  }
}
