/**
 * Frames that cost the sender nothing and us something. Each kind has a bucket of tokens, refilled with time; a peer
 * that empties one is ended with ENHANCE_YOUR_CALM. The figures lie far above what any client does
 * in earnest: a process that cancels a thousand calls at once, again and again each ten seconds, passes.
 */
import type { Clock } from '../lib/clock.js';
import { ConnectionError, ErrorCode } from './frames/error-code.js';

export interface Flood {
  readonly what: string;
  readonly burst: number;
  readonly perSecond: number;
}

/** Each stream is cheap to open and to reset, but the work begun for it is not (CVE-2023-44487). */
export const rapidReset: Flood = { what: 'stream resets', burst: 2000, perSecond: 200 };
/** A stream that is reset after that was not opened to be reset: calls whose deadlines pass together are many. */
export const RAPID_RESET_MS = 500;
/** Resets of streams that have ended: the call and its caller's deadline ended at the same time. */
export const lateResets: Flood = { what: 'resets of ended streams', burst: 100_000, perSecond: 10_000 };
/** Requests that break a rule and make us answer with RST_STREAM. */
export const streamErrors: Flood = { what: 'malformed or refused streams', burst: 2000, perSecond: 200 };
/** Each must be answered (CVE-2019-9515, CVE-2019-9512). */
export const settingsFlood: Flood = { what: 'SETTINGS frames', burst: 100, perSecond: 10 };
/**
 * grpc-go pings once a round trip while data flows, to measure bandwidth: thousands a second on loopback. Answers that
 * are not read are bounded by the outbox; this only bounds the work.
 */
export const pingFlood: Flood = { what: 'PING frames', burst: 20_000, perSecond: 20_000 };
/** DATA that carries nothing and ends nothing (CVE-2019-9518). */
export const emptyData: Flood = { what: 'empty DATA frames', burst: 1000, perSecond: 100 };
/** Frames without an answer; they only burn time. */
export const idleFrames: Flood = { what: 'PRIORITY and unknown frames', burst: 10_000, perSecond: 1000 };

/** The buckets of a connection; each made when the first such frame arrives, since most never see one. */
export class FloodGates {
  readonly #clock: Clock;
  readonly #gates = new Map<Flood, FloodGate>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws ConnectionError(ENHANCE_YOUR_CALM) when the flood's bucket is empty. */
  count(flood: Flood): void {
    let gate = this.#gates.get(flood);
    if (gate === undefined) {
      gate = new FloodGate(flood, this.#clock);
      this.#gates.set(flood, gate);
    }
    gate.count();
  }
}

class FloodGate {
  #tokens: number;
  #filledAtMs: number;
  readonly #flood: Flood;
  readonly #clock: Clock;

  constructor(flood: Flood, clock: Clock) {
    this.#flood = flood;
    this.#clock = clock;
    this.#tokens = flood.burst;
    this.#filledAtMs = clock.monotonicMs();
  }

  count(): void {
    if (this.#tokens < 1) {
      const now = this.#clock.monotonicMs();
      const gained = ((now - this.#filledAtMs) / 1000) * this.#flood.perSecond;
      this.#tokens = Math.min(this.#flood.burst, this.#tokens + gained);
      this.#filledAtMs = now;
    }
    if (this.#tokens < 1) throw new ConnectionError(ErrorCode.EnhanceYourCalm, `too many ${this.#flood.what}`);
    this.#tokens--;
  }
}
