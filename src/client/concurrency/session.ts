/**
 * A lease that is kept alive for as long as its owner lives: what locks and candidacies hang on. When the session ends,
 * for whatever reason, the server deletes their keys.
 */
import type { LeaseId } from '../../lib/ids.js';
import type { Client } from '../client.js';
import type { KeepAlive } from '../lease.js';

export const DEFAULT_SESSION_TTL_SECONDS = 60;

export class Session implements AsyncDisposable {
  readonly client: Client;
  readonly lease: LeaseId;
  /** Resolves when the lease is no longer kept: lost, revoked, or given up by `orphan` or `close`. */
  readonly done: Promise<void>;
  readonly #kept: KeepAlive;
  readonly #ttlSeconds: number;

  private constructor(client: Client, lease: LeaseId, ttlSeconds: number) {
    this.client = client;
    this.lease = lease;
    this.#ttlSeconds = ttlSeconds;
    this.#kept = client.keepAlive(lease);
    this.done = drain(this.#kept);
  }

  /** Grants a lease, unless one is given, and keeps it alive. Throws EtcdError. */
  static async open(
    client: Client,
    options: { ttlSeconds?: number; lease?: LeaseId; signal?: AbortSignal } = {},
  ): Promise<Session> {
    const { ttlSeconds = DEFAULT_SESSION_TTL_SECONDS, signal } = options;
    const lease = options.lease ?? (await client.lease.grant(ttlSeconds, { ...(signal && { signal }) })).ID;
    return new Session(client, lease, ttlSeconds);
  }

  /** No longer keeps the lease alive: it ends by itself when its time is over. */
  orphan(): void {
    this.#kept.cancel();
  }

  /** Ends the lease, and with it all keys that hang on it. Throws EtcdError. */
  async close(): Promise<void> {
    this.orphan();
    await this.client.lease.revoke(this.lease, { timeoutMs: this.#ttlSeconds * 1000 });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function drain(kept: KeepAlive): Promise<void> {
  for await (const _ of kept);
}
