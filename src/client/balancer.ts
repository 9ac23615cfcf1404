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
 *
 * Endpoints may be exchanged. One that is dropped gets no more calls; those under way may end, as in grpc-go.
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

/** Dropped connections whose calls may still run; beyond these the oldest is closed with its calls. */
const MAX_RETIRED = 16;

interface Waiter {
  resolve(channel: Channel): void;
  reject(error: unknown): void;
}

export class Balancer {
  #slots: readonly Slot[];
  readonly #retired = new Set<Channel>();
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #waiters = new Set<Waiter>();
  #next = 0;
  #isClosed = false;
  #lastFailure: string | undefined;

  constructor(channels: readonly Channel[], world: { clock: Clock; random: Random }) {
    this.#slots = channels.map(idleSlot);
    this.#clock = world.clock;
    this.#random = world.random;
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

  /** From now on these; whoever waits for a connection may get one of them. */
  use(channels: readonly Channel[]): void {
    if (this.#isClosed) return;
    const known = new Map(this.#slots.map((slot) => [slot.channel, slot]));
    this.#slots = channels.map((channel) => known.get(channel) ?? idleSlot(channel));
    for (const channel of channels) known.delete(channel);
    for (const slot of known.values()) this.#retire(slot);
    if (this.#waiters.size > 0) for (const slot of this.#slots) this.#connect(slot);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const waiter of this.#waiters) waiter.reject(new GrpcError(1, 'grpc: the client connection is closing'));
    for (const slot of this.#slots) slot.cancelBackoff?.();
    await Promise.all([...this.#slots.map(({ channel }) => channel), ...this.#retired].map((each) => each.close()));
  }

  #retire({ cancelBackoff, channel }: Slot): void {
    cancelBackoff?.();
    this.#retired.add(channel);
    for (const each of this.#retired) {
      if (each.state === 'ready' && this.#retired.size <= MAX_RETIRED) continue;
      this.#retired.delete(each);
      void each.close();
    }
  }

  #connect(slot: Slot): void {
    if (slot.trying || slot.cancelBackoff !== undefined || this.#isClosed) return;
    slot.trying = true;
    slot.channel.connect().then(
      () => {
        slot.trying = false;
        slot.failures = 0;
        if (!this.#slots.includes(slot)) return;
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
        if (this.#isClosed || !this.#slots.includes(slot)) return;
        slot.cancelBackoff = this.#clock.after(reconnectDelayMs(slot.failures, this.#random), () => {
          slot.cancelBackoff = undefined;
          this.#connect(slot);
        });
      },
    );
  }
}

const idleSlot = (channel: Channel): Slot => ({ channel, failures: 0, trying: false, cancelBackoff: undefined });
