/** What the v2 API needs of a member. Small, so that v2 requests can be served over the v3 store as well. */

import type { ClusterMember } from '../../../datadir/cluster-member.js';
import type { MemberId } from '../../../lib/ids.js';
import type { Later, Soon } from '../../../lib/soon.js';
import type { Event } from '../../../v2/event.js';
import type { V2Request } from '../../../v2/request.js';
import type { Watcher } from '../../../v2/watcher-hub.js';

export interface V2Answer {
  readonly raftIndex: number;
  readonly raftTerm: number;
  readonly result:
    | { readonly t: 'event'; readonly event: Event }
    | { readonly t: 'watcher'; readonly watcher: EventSource };
}

/** What a watch sees. */
export type EventSource = Pick<Watcher, 'next' | 'remove' | 'startIndex'>;

/** Called for requests for keys that are no watches, by method. */
export interface V2Observer {
  /** Understood, and allowed. */
  received(method: string): void;
  failed(method: string, code: number): void;
  succeeded(method: string, tookMs: number): void;
}

export interface V2Server {
  readonly clusterIdHex: string;
  nowNs(): bigint;
  /** Of a clock that never goes back. */
  nowMs(): number;
  readonly observer: V2Observer;
  /** Throws or rejects with V2Error, or with what went wrong on the way. */
  do(request: V2Request): Soon<V2Answer> | Later<V2Answer>;
  /** Of a file as this member has it, read as by `do`; undefined where there is none, or it can't be said. */
  valueAt(path: string): Soon<string | undefined>;
}

/** Changes reject with an EtcdError that says why. */
export interface V2Members {
  members(): readonly ClusterMember[];
  /** undefined during an election. */
  leader(): ClusterMember | undefined;
  isRemoved(id: MemberId): boolean;
  /** Checked URLs. */
  add(peerURLs: readonly string[]): Promise<ClusterMember>;
  update(id: MemberId, peerURLs: readonly string[]): Promise<void>;
  remove(id: MemberId): Promise<void>;
}

/** JSON texts of `/v2/stats`. */
export interface V2Stats {
  self(): string;
  store(): string;
  /** undefined where this member does not lead. */
  leader(): string | undefined;
}

export interface V2Passwords {
  /** Text of a bcrypt hash. */
  hash(password: string): Promise<string>;
  verify(password: string, hash: string): Promise<boolean>;
}
