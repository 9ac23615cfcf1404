/** What a client is made with. */

import type { Channel } from '../grpc/types.js';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/logger.js';
import type { Random } from '../lib/random.js';
import type { TlsContents } from '../lib/tls.js';
import type { Endpoint } from './endpoint.js';

/** What clients of both APIs need to get in. */
export interface AccessOptions {
  /** Used by endpoints that do not say otherwise by their scheme. */
  readonly tls?: TlsContents | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

/** With name and password it logs in; the token is renewed when the server no longer knows it. */
export interface ClientOptions extends AccessOptions {
  /**
   * `host:port`, `http(s)://host:port`, `unix(s)://path`; at least one. Calls go round robin over those that can be
   * reached.
   */
  readonly endpoints: readonly string[];
  /** Send this token (a JWT) instead of logging in. */
  readonly token?: string | undefined;
  /** For logging in while connecting; 0 = wait as long as it takes. */
  readonly dialTimeoutMs?: number | undefined;
  /**
   * Ping a silent connection after `timeMs` (10 s at the least: servers take more for abuse) while calls are running,
   * drop it when no answer came within `timeoutMs`.
   */
  readonly keepAlive?: { readonly timeMs: number; readonly timeoutMs: number } | undefined;
  /** Largest request; default 2 MiB. */
  readonly maxSendBytes?: number | undefined;
  /** Largest answer; default unlimited (2^31 - 1). */
  readonly maxReceiveBytes?: number | undefined;
  /**
   * So often the endpoints become the client URLs of the members that there are then; 0 = never, the default. Keeps the
   * process alive until the client is closed.
   */
  readonly autoSyncIntervalMs?: number | undefined;
  readonly logger?: Logger | undefined;
}

export interface ConnectOptions {
  readonly tls: TlsContents | undefined;
  readonly keepAlive:
    | {
        readonly timeMs: number;
        readonly timeoutMs: number;
        /** Ping also while no call is running. */
        readonly permitWithoutStream?: boolean | undefined;
      }
    | undefined;
  readonly maxSendBytes: number;
  readonly maxReceiveBytes: number;
}

/** What a client needs of the outside: the real ones by default, in-memory ones in tests. */
export interface ClientWorld {
  readonly clock: Clock;
  readonly random: Random;
  connect(endpoint: Endpoint, options: ConnectOptions): Channel;
}

/** For one call. Without `timeoutMs` a call waits as long as it takes for a server to become reachable. */
export interface CallLimits {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}
