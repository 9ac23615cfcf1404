/**
 * Taking part in a cluster through a registry:
 *
 *   1. Read size and members. Full, and we are not among the first `size`: there is no place for us.
 *   2. Register.
 *   3. Read again, then wait until `size` members are there. The first `size` in order are the cluster, late ones are
 *      none of it.
 *
 * A service that cannot be reached is asked again, after 2, 4, 8 … at most 256 seconds, for ever: an operator who
 * starts members before the service is right, not wrong. Source: etcd's v2discovery/discovery.go and
 * v3discovery/discovery.go.
 */
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/logger.js';
import { DiscoveryError, type DiscoveryProblem, UnavailableError } from './errors.js';
import type { Listing, Registration, Registry } from './registry.js';

/** Larger ones are a mistake: raft is not made for them, and nobody should wait for a million members. */
const MAX_SIZE = 1000;
const MAX_BACKOFF_STEPS = 8;

/** The two protocols log the same steps under different sentences. */
export interface DiscoveryWords {
  readonly self: string;
  readonly peer: string;
  readonly waiting: string;
  readonly complete: string;
  /** The service could not be asked. */
  readonly unreachable: string;
  /** What is wrong with a registration that is none. */
  readonly badRegistration: DiscoveryProblem;
}

export interface JoinDeps {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly words: DiscoveryWords;
  /** Where the service is, for the log. */
  readonly service: string;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
}

export interface Self {
  /** Hex. */
  readonly id: string;
  readonly value: string;
}

/**
 * The text of `--initial-cluster`. Rejects with `DiscoveryError`; `full` comes as `FullError`, with the cluster that
 * is.
 */
export async function joinThrough(self: Self, deps: JoinDeps): Promise<string> {
  const attempt = new Attempt(self.id, deps);
  const seen = await attempt.check();
  if (!attempt.hasPlace(seen)) throw new FullError(clusterOf(seen.registrations.slice(0, seen.size), deps));
  await attempt.retrying('register', () => deps.registry.register(self.id, self.value, deps.signal));
  return clusterOf(await attempt.wait(), deps);
}

/** The cluster of a token, whose members need not have come yet, for one that takes no part in it. */
export async function clusterThrough(deps: JoinDeps): Promise<string> {
  return clusterOf(await new Attempt('', deps).wait(), deps);
}

/** The cluster has all its members. */
export class FullError extends DiscoveryError {
  constructor(readonly cluster: string) {
    super('full');
  }
}

interface Seen extends Listing {
  readonly size: number;
}

class Attempt {
  #retries = 0;

  constructor(
    readonly id: string,
    readonly deps: JoinDeps,
  ) {}

  hasPlace({ registrations, size }: Seen): boolean {
    return registrations.length < size || registrations.slice(0, size).some(({ id }) => id === this.id);
  }

  check(): Promise<Seen> {
    const { registry, signal } = this.deps;
    return this.retrying('cluster status check', async () => {
      const text = await registry.size(signal);
      if (text === undefined) throw new DiscoveryError('sizeNotFound');
      const size = parseSize(text);
      return { ...(await registry.list(signal)), size };
    });
  }

  async wait(): Promise<readonly Registration[]> {
    const { logger, service, words, signal, registry } = this.deps;
    const logged = new Set<string>();
    for (;;) {
      const { size, registrations, revision } = await this.check();
      const all = registrations.slice(0, size);
      for (const registration of all) this.#logFound(registration, logged);
      try {
        if (all.length < size) {
          this.#logWaiting(all.length, size);
          for await (const registration of registry.watch(revision, signal)) {
            if (all.some(({ id }) => id === registration.id)) continue;
            this.#logFound(registration, logged);
            all.push(registration);
            if (all.length === size) break;
            this.#logWaiting(all.length, size);
          }
        }
        if (all.length === size) {
          logger.info(words.complete, { 'discovery-url': service, 'found-peers': all.length });
          return all;
        }
      } catch (cause) {
        if (!(cause instanceof UnavailableError)) throw cause;
        logger.warn('error while waiting for peers', { 'discovery-url': service, error: cause.message });
      }
      await this.#backOff('waiting for other nodes');
    }
  }

  async retrying<T>(step: string, run: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await run();
      } catch (cause) {
        if (!(cause instanceof UnavailableError)) throw cause;
        const { logger, service, words } = this.deps;
        logger.warn(words.unreachable, { 'discovery-url': service, error: cause.message });
        await this.#backOff(step);
      }
    }
  }

  #logFound({ id, value }: Registration, logged: Set<string>): void {
    if (logged.has(id)) return;
    logged.add(id);
    const { logger, service, words } = this.deps;
    if (id === this.id) logger.info(words.self, { 'discovery-url': service, self: id });
    else logger.info(words.peer, { 'discovery-url': service, peer: id, value });
  }

  #logWaiting(found: number, size: number): void {
    const { logger, service, words } = this.deps;
    logger.info(words.waiting, { 'discovery-url': service, 'found-peers': found, 'needed-peers': size - found });
  }

  async #backOff(step: string): Promise<void> {
    const { clock, logger, service, signal } = this.deps;
    this.#retries++;
    const seconds = 2 ** Math.min(this.#retries, MAX_BACKOFF_STEPS);
    logger.info('retry connecting to discovery service', {
      'discovery-url': service,
      reason: step,
      backoff: `${seconds}s`,
    });
    await new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        cancel();
        reject(signal.reason);
      };
      const cancel = clock.after(seconds * 1000, () => {
        signal.removeEventListener('abort', leave);
        resolve();
      });
      if (signal.aborted) leave();
      else signal.addEventListener('abort', leave, { once: true });
    });
  }
}

/** As Go's ParseUint: digits alone. Nought and what no cluster has are refused too (GHSA-9gp7-6833-wv89). */
function parseSize(text: string): number {
  const size = /^\d{1,19}$/.test(text) ? Number(text) : 0;
  if (size < 1 || size > MAX_SIZE) throw new DiscoveryError('badSize');
  return size;
}

/** Joined as `--initial-cluster` takes it. Each must be names with URLs, and no name may come twice. */
function clusterOf(registrations: readonly Registration[], { words }: JoinDeps): string {
  const names = new Set<string>();
  for (const { value } of registrations) {
    const own = new Set<string>();
    for (const item of value.split(',')) {
      const [, name = '', url = ''] = /^([^=]*)=(.+)$/.exec(item) ?? [];
      if (!/^(https?|unixs?):\/\/[^/?#]+$/.test(url)) throw new DiscoveryError(words.badRegistration);
      own.add(name);
    }
    for (const name of own) {
      if (names.has(name)) throw new DiscoveryError('duplicateName');
      names.add(name);
    }
  }
  return registrations.map(({ value }) => value).join(',');
}
