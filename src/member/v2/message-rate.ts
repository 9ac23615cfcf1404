/**
 * How many messages went one way, and how many a second of late: over the last two hundred, as long as the newest is no
 * older than a second.
 */
import type { Clock } from '../../lib/clock.js';

const WINDOW = 200;
const FRESH_MS = 1000;

interface Sample {
  readonly atMs: number;
  readonly bytes: number;
}

export class MessageRate {
  #total = 0;
  readonly #samples: Sample[] = [];
  /** Where the next sample goes, once the window is full. */
  #oldest = 0;

  constructor(readonly clock: Clock) {}

  count(bytes: number): void {
    this.#total++;
    this.#samples[this.#oldest] = { atMs: this.clock.monotonicMs(), bytes };
    this.#oldest = (this.#oldest + 1) % WINDOW;
  }

  /** Fields of `/v2/stats/self`; rates that are nothing are left out. */
  toJson(direction: 'recv' | 'send'): string {
    const fields: Record<string, number> = { [`${direction}AppendRequestCnt`]: this.#total };
    const { messages, bytes } = this.#rates();
    if (messages > 0) fields[`${direction}PkgRate`] = messages;
    if (bytes > 0) fields[`${direction}BandwidthRate`] = bytes;
    return JSON.stringify(fields).slice(1, -1);
  }

  #rates(): { readonly messages: number; readonly bytes: number } {
    let firstMs = Number.POSITIVE_INFINITY;
    let lastMs = Number.NEGATIVE_INFINITY;
    let sum = 0;
    for (const { atMs, bytes } of this.#samples) {
      firstMs = Math.min(firstMs, atMs);
      lastMs = Math.max(lastMs, atMs);
      sum += bytes;
    }
    const seconds = (lastMs - firstMs) / 1000;
    if (!(seconds > 0)) return { messages: 0, bytes: 0 };
    if (this.clock.monotonicMs() - lastMs > FRESH_MS) {
      this.#samples.length = 0;
      this.#oldest = 0;
      return { messages: 0, bytes: 0 };
    }
    return { messages: this.#samples.length / seconds, bytes: sum / seconds };
  }
}
