/** The machine's clock, entropy and network for a v2 client: what `new V2Client(options)` uses. */

import { osClock } from '../../lib/os/clock.js';
import { createHttpClient } from '../../lib/os/http-client.js';
import { osNetwork } from '../../lib/os/net.js';
import { osRandom } from '../../lib/os/random.js';
import type { V2World } from './types.js';

/** As etcd's client: long enough for most networks. */
const DIAL_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 30_000;

export const osV2World: V2World = {
  clock: osClock,
  random: osRandom,
  http: ({ dialTimeoutMs = DIAL_TIMEOUT_MS, tls = {} }) =>
    createHttpClient({
      network: osNetwork,
      dialTimeoutMs,
      tls: () => tls,
      keepAliveMs: KEEP_ALIVE_MS,
    }),
};
