/** Waiting times between attempts. Pure: randomness is handed in. */
import type { Random } from '../lib/random.js';

const RETRY_WAIT_MS = 25;
const RETRY_JITTER_PERCENT = 10;

/**
 * How long to wait before the `attempt`-th repetition of a call (1 = the first). As clientv3: the attempts of one round
 * over a quorum of the endpoints follow each other at once, then there is a short pause.
 */
export function retryDelayMs(attempt: number, endpointCount: number, random: Random): number {
  const quorum = Math.floor(endpointCount / 2) + 1;
  if (attempt === 0 || attempt % quorum !== 0) return 0;
  const spread = random.below(2 * RETRY_JITTER_PERCENT * 10 + 1) - RETRY_JITTER_PERCENT * 10;
  return RETRY_WAIT_MS * (1 + spread / 1000);
}

const CONNECT_BASE_MS = 1000;
const CONNECT_GROWTH = 1.6;
const CONNECT_MAX_MS = 120_000;

/**
 * gRPC's connection backoff before the attempt after `failures` failed ones in a row: 1 s, × 1.6, at most 120 s, ± 20
 * %.
 */
export function reconnectDelayMs(failures: number, random: Random): number {
  const delay = Math.min(CONNECT_BASE_MS * CONNECT_GROWTH ** Math.max(0, failures - 1), CONNECT_MAX_MS);
  return delay * (0.8 + random.below(401) / 1000);
}
