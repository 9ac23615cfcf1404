/**
 * Random sequences of requests of every RPC, valid and not, through gRPC (bytes that are no message among them) and
 * through the JSON gateway: our member and a real etcd answer each alike, their watches are told the same, and they
 * hold the same at every revision. Runs where REAL_ETCD names the folder with the binaries of 3.5, or of any other
 * version that ours can be. `DIFFERENTIAL_SEEDS` (`7`, `1-100`) and `DIFFERENTIAL_STEPS` try others and more,
 * `DIFFERENTIAL_PAIRS` (of at most 5) how many at once.
 */
import { afterAll, describe, test } from 'vitest';
import { Pairs } from '../support/differential/pairs.js';

const binaries = process.env.REAL_ETCD ?? '';
const steps = Number(process.env.DIFFERENTIAL_STEPS ?? 150);
const [first = 1, last = first] = (process.env.DIFFERENTIAL_SEEDS ?? '1-5').split('-').map(Number);
const seeds = Array.from({ length: last - first + 1 }, (_, index) => first + index);

/** Leases of a second are granted, and nobody waits for an election. */
const common = ['--bcrypt-cost=4', '--heartbeat-interval=50', '--election-timeout=500'];
/** Every third has narrow limits, so that what is drawn goes beyond them. */
const limited = [...common, '--max-txn-ops=3', '--max-request-bytes=500'];

/** Most of the time of a sequence somebody waits: several share the machine. */
const pairsAtOnce = Number(process.env.DIFFERENTIAL_PAIRS ?? 3);

describe.skipIf(binaries === '')('beside a real etcd', () => {
  const pairs = new Pairs(binaries, pairsAtOnce);
  afterAll(() => pairs.end());

  test.concurrent.each(seeds)('seed %d: the same answers', { timeout: 240_000 }, async (seed) => {
    const pair = await pairs.take(seed % 3 === 0 ? limited : common);
    try {
      await pair.follow(seed, steps);
    } finally {
      await pairs.giveBack(pair);
    }
  });
});
