/**
 * Is the peer still there, and does it ask that too often? As grpc-go's transport (internal/transport/http2_client.go
 * `keepalive`, http2_server.go `keepalive` and `handlePing`): a ping after `timeMs` without a byte received, the end
 * after `timeoutMs` without an answer.
 */
import type { Clock } from '../lib/clock.js';
import type { KeepaliveOptions } from './types.js';

const HOUR_MS = 3_600_000;
/**
 * Servers take a ping every 5 s for one too many, and end the connection at the third: so whoever wants to ping more
 * often than this (etcdctl's flag says every 2 s) does not. As grpc-go's KeepaliveMinPingTime.
 */
const MIN_CLIENT_PING_MS = 10_000;
/** Third strike ends the connection. */
const MAX_STRIKES = 2;

export interface KeepaliveHost {
  readonly openStreams: number;
  sendKeepalivePing(): void;
  keepaliveFailed(): void;
}

export class Keepalive {
  readonly #timeMs: number;
  readonly #timeoutMs: number;
  readonly #permitWithoutStream: boolean;
  #lastReadMs: number;
  #cancelTimer: (() => void) | undefined;
  /** The ping's time, while its answer is awaited. */
  #pingedAtMs: number | undefined;
  /** Client without streams: no timer runs until one is opened. */
  #dormant = false;
  readonly #clock: Clock;
  readonly #host: KeepaliveHost;

  constructor(role: 'client' | 'server', options: KeepaliveOptions, clock: Clock, host: KeepaliveHost) {
    this.#clock = clock;
    this.#host = host;
    const timeMs = options.timeMs ?? (role === 'server' ? 2 * HOUR_MS : 0);
    this.#timeMs = role === 'client' && timeMs > 0 ? Math.max(timeMs, MIN_CLIENT_PING_MS) : timeMs;
    this.#timeoutMs = options.timeoutMs ?? 20_000;
    this.#permitWithoutStream = role === 'server' || (options.permitWithoutStream ?? false);
    this.#lastReadMs = clock.monotonicMs();
  }

  start(): void {
    if (this.#timeMs > 0) this.#arm(this.#timeMs);
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /** Bytes have arrived, whatever they are. */
  heard(): void {
    if (this.#timeMs === 0) return;
    this.#lastReadMs = this.#clock.monotonicMs();
  }

  streamOpened(): void {
    if (!this.#dormant) return;
    this.#dormant = false;
    this.#check();
  }

  #arm(delayMs: number): void {
    this.#cancelTimer = this.#clock.after(delayMs, () => {
      this.#cancelTimer = undefined;
      this.#check();
    });
  }

  #check(): void {
    const now = this.#clock.monotonicMs();
    if (this.#pingedAtMs !== undefined && this.#lastReadMs < this.#pingedAtMs) {
      const leftMs = this.#pingedAtMs + this.#timeoutMs - now;
      if (leftMs <= 0) this.#host.keepaliveFailed();
      else this.#arm(leftMs);
      return;
    }
    this.#pingedAtMs = undefined;
    const quietMs = now - this.#lastReadMs;
    if (quietMs < this.#timeMs) {
      this.#arm(this.#timeMs - quietMs);
    } else if (this.#host.openStreams === 0 && !this.#permitWithoutStream) {
      this.#dormant = true;
    } else {
      this.#pingedAtMs = now;
      this.#host.sendKeepalivePing();
      this.#arm(Math.min(this.#timeMs, this.#timeoutMs));
    }
  }
}

/** The server's side of it: strikes for clients that ping more often than they may. */
export class PingPolicy {
  readonly #minTimeMs: number;
  readonly #permitWithoutStream: boolean;
  #lastPingMs = Number.NEGATIVE_INFINITY;
  #strikes = 0;
  /**
   * Set by the session with each HEADERS or DATA it sends: pings that answer our traffic (bandwidth probes) are no
   * offence.
   */
  sentSincePing = false;
  readonly #clock: Clock;

  constructor(options: KeepaliveOptions, clock: Clock) {
    this.#clock = clock;
    this.#minTimeMs = options.minTimeMs ?? 5000;
    this.#permitWithoutStream = options.permitWithoutStream ?? false;
  }

  /** A ping has come; false = one too many. */
  allows(openStreams: number): boolean {
    if (this.#minTimeMs === 0) return true;
    const now = this.#clock.monotonicMs();
    const sinceMs = now - this.#lastPingMs;
    this.#lastPingMs = now;
    if (this.sentSincePing) {
      this.sentSincePing = false;
      this.#strikes = 0;
      return true;
    }
    // Without streams a client that behaves does not ping at all, so whatever comes is held to TCP's own two hours.
    const leastMs = openStreams === 0 && !this.#permitWithoutStream ? 2 * HOUR_MS : this.#minTimeMs;
    if (sinceMs < leastMs) this.#strikes++;
    return this.#strikes <= MAX_STRIKES;
  }
}
