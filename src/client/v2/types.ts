/** The shapes that the v2 API gives and takes. Indexes are plain numbers, as everywhere. */

import type { Clock } from '../../lib/clock.js';
import type { HttpClient } from '../../lib/http-client.js';
import type { Random } from '../../lib/random.js';
import type { AccessOptions } from '../options.js';

export interface V2Node {
  /** `''` for the root. */
  readonly key: string;
  readonly dir: boolean;
  /** `''` for directories. */
  readonly value: string;
  /** Children, where a directory was read and has some. */
  readonly nodes: readonly V2Node[];
  readonly createdIndex: number;
  readonly modifiedIndex: number;
  /** RFC 3339, as the server wrote it; undefined = for ever. */
  readonly expiration: string | undefined;
  /** Seconds left; 0 = for ever, or nothing is left. */
  readonly ttl: number;
}

export type V2Action =
  | 'get'
  | 'set'
  | 'create'
  | 'update'
  | 'delete'
  | 'expire'
  | 'compareAndSwap'
  | 'compareAndDelete';

export interface V2Response {
  readonly action: V2Action;
  /** Absent where `noValueOnSuccess` asked for that. */
  readonly node: V2Node | undefined;
  readonly prevNode: V2Node | undefined;
  /** The store's index when this was answered (`X-Etcd-Index`). */
  readonly index: number;
  /** `X-Etcd-Cluster-Id`, hex; `''` when it was not told. */
  readonly clusterId: string;
}

export interface V2Member {
  /** Hex. */
  readonly id: string;
  /** `''` until the member has started. */
  readonly name: string;
  readonly peerURLs: readonly string[];
  readonly clientURLs: readonly string[];
}

/** Every call takes these. */
export interface V2CallOptions {
  /** Aborting ends the call with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Longest time for the call as a whole, whatever number of endpoints it tries; then it ends with DeadlineError. */
  readonly timeoutMs?: number | undefined;
}

/** One HTTP request as it is about to leave; for debugging. */
export interface V2Sent {
  readonly method: string;
  readonly url: string;
  readonly body: string | undefined;
}

/** Name and password go with each request. */
export interface V2ClientOptions extends AccessOptions {
  /** URLs, at least one. Their order is shuffled, so that many clients spread. */
  readonly endpoints: readonly string[];
  /** Longest time for one endpoint to begin its answer, waits aside; 0 or undefined = none. */
  readonly requestTimeoutMs?: number | undefined;
  /** Default 30 s. */
  readonly dialTimeoutMs?: number | undefined;
  /** Called before each request. */
  readonly onSend?: ((sent: V2Sent) => void) | undefined;
}

/** What the client has of the outside. */
export interface V2World {
  readonly clock: Clock;
  readonly random: Random;
  readonly http: (options: V2ClientOptions) => HttpClient;
}
