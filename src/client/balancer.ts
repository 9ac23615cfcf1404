/**
 * Several endpoints as one: calls go round robin over the connections that are up; a call waits until there is one.
 *
 *        use        connect() ok
 *   idle ───▶ trying ───────────▶ ready ──(a pick finds it lost)──▶ trying
 *               ▲  │ failed
 *               └──┘ after gRPC's backoff
 *
 * Every endpoint is kept connected from the first call on, so that failover costs nothing. Invariant: a slot has at
 * most one attempt or one pending backoff at a time. A call is handed out only over a connection that was up, so "never
 * sent" needs no repetition elsewhere.
 */
import { type Channel, GrpcError } from '../grpc/types.js';
import type { Clock } from '../lib/clock.js';
import type { Random } from '../lib/random.js';
import { reconnectDelayMs } from './backoff.js';

interface Slot {
  readonly channel: Channel;
  failures: number;
  trying: boolean;
  cancelBackoff: (() => void) | undefined;
}

interface Waiter {
  resolve(channel: Channel): void;
  reject(error: unknown): void;
}

export class Balancer {
  readonly #slots: readonly Slot[];
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #waiters = new Set<Waiter>();
  #next = 0;
  #isClosed = false;
  #lastFailure: string | undefined;

  constructor(channels: readonly Channel[], edges: { clock: Clock; random: Random }) {
    this.#slots = channels.map((channel) => ({ channel, failures: 0, trying: false, cancelBackoff: undefined }));
    this.#clock = edges.clock;
    this.#random = edges.random;
  }

  /** How many endpoints there are. */
  get size(): number {
    return this.#slots.length;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Why the latest connection attempt failed, as grpc-go words it. */
  get lastFailure(): string | undefined {
    return this.#lastFailure;
  }

  /** The next connection that is up, if any: the fast path. */
  pick(): Channel | undefined {
    const count = this.#slots.length;
    for (let i = 0; i < count; i++) {
      const slot = this.#slots[(this.#next + i) % count];
      if (slot === undefined) continue;
      if (slot.channel.state === 'ready') {
        this.#next = (this.#next + i + 1) % count;
        return slot.channel;
      }
      this.#connect(slot);
    }
    return undefined;
  }

  /**
   * As `pick`, waiting for a connection; rejects with the signal's reason when it aborts, and when the balancer is
   * closed.
   */
  async ready(signal: AbortSignal | undefined): Promise<Channel> {
    if (this.#isClosed) throw new GrpcError(1, 'grpc: the client connection is closing');
    signal?.throwIfAborted();
    const channel = this.pick();
    if (channel !== undefined) return channel;
    return new Promise<Channel>((resolve, reject) => {
      const onAbort = () => waiter.reject(signal?.reason);
      const settle = () => {
        this.#waiters.delete(waiter);
        signal?.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter = {
        resolve: (found) => {
          settle();
          resolve(found);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      this.#waiters.add(waiter);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const waiter of this.#waiters) waiter.reject(new GrpcError(1, 'grpc: the client connection is closing'));
    for (const slot of this.#slots) slot.cancelBackoff?.();
    await Promise.all(this.#slots.map((slot) => slot.channel.close()));
  }

  #connect(slot: Slot): void {
    if (slot.trying || slot.cancelBackoff !== undefined || this.#isClosed) return;
    slot.trying = true;
    slot.channel.connect().then(
      () => {
        slot.trying = false;
        slot.failures = 0;
        for (const waiter of this.#waiters) {
          const channel = this.pick();
          if (channel === undefined) return;
          waiter.resolve(channel);
        }
      },
      (error: unknown) => {
        slot.trying = false;
        slot.failures++;
        this.#lastFailure = error instanceof Error ? error.message : String(error);
        if (this.#isClosed) return;
        slot.cancelBackoff = this.#clock.after(reconnectDelayMs(slot.failures, this.#random), () => {
          slot.cancelBackoff = undefined;
          this.#connect(slot);
        });
      },
    );
  }
}
