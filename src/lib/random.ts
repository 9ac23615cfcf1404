/** Randomness as a part may see it; seeded in tests, so that a printed seed replays a failure. */
export interface Random {
  /** A uniformly drawn integer in `[0, bound)`; `1 <= bound <= 2^32`. */
  below(bound: number): number;
  /** A uniformly drawn unsigned 64-bit integer. */
  uint64(): bigint;
}
