/**
 * What a leader counts of one follower for `/v2/stats/leader`: messages with entries, and how long handing them over
 * took, in milliseconds.
 */
export class FollowerFigures {
  #fails = 0;
  #successes = 0;
  #currentMs = 0;
  #sumMs = 0;
  #sumOfSquares = 0;
  #minimumMs = Number.POSITIVE_INFINITY;
  #maximumMs = 0;

  succeeded(tookMs: number): void {
    this.#successes++;
    this.#currentMs = tookMs;
    this.#sumMs += tookMs;
    this.#sumOfSquares += tookMs * tookMs;
    this.#minimumMs = Math.min(this.#minimumMs, tookMs);
    this.#maximumMs = Math.max(this.#maximumMs, tookMs);
  }

  failed(): void {
    this.#fails++;
  }

  toJson(): string {
    const count = this.#successes;
    const average = count === 0 ? 0 : this.#sumMs / count;
    const variance = count === 0 ? 0 : Math.max(0, this.#sumOfSquares / count - average * average);
    return JSON.stringify({
      latency: {
        current: this.#currentMs,
        average,
        standardDeviation: Math.sqrt(variance),
        minimum: count === 0 ? 0 : this.#minimumMs,
        maximum: this.#maximumMs,
      },
      counts: { fail: this.#fails, success: count },
    });
  }
}
