/** What the v3 services need of a member. They know nothing of its log, its disk or its peers. */

import type { AuthStore } from '../../auth/store.js';
import type { Identity } from '../../auth/types.js';
import type { BackendSnapshot } from '../../backend/types.js';
import type { Clock } from '../../lib/clock.js';
import type { EmulatedVersion } from '../../lib/emulate.js';
import type { Authorizer } from '../../member/apply/authorize.js';
import type { Credentials } from '../../member/services/authentication.js';
import type { KvHash } from '../../mvcc/types.js';
import type { WatchStreamHandle, WatchStreamOptions } from '../../mvcc/watch/types.js';
import type {
  AlarmMember,
  AlarmRequest,
  LeaseTimeToLiveResponse,
  Member as MemberMessage,
  RangeRequest,
  ResponseHeader,
  SplicedInternalRaftRequest,
  SplicedRangeResponse,
  SplicedTxnResponse,
  StatusResponse,
  TxnRequest,
} from '../../proto/gen/etcdserverpb.js';

export interface MemberFace {
  readonly emulate: EmulatedVersion;
  readonly clock: Clock;
  readonly limits: {
    readonly maxTxnOps: number;
    readonly maxRequestBytes: number;
    readonly watchProgressNotifyIntervalMs: number;
    readonly warningUnaryRequestDurationMs: number;
  };
  /** A header with this member's ids and term. */
  header(revision: number): ResponseHeader;
  readonly currentRevision: number;
  /** A call took longer than it should. */
  slowCall(path: string, tookMs: number): void;
  readonly hasLeader: boolean;
  readonly isLearner: boolean;

  readonly auth: Pick<AuthStore, 'isEnabled' | 'checkRead' | 'checkKnown' | 'checkRoot' | 'checkUnchanged'>;
  readonly authorizer: Authorizer;
  /** Undefined when nobody is named. Throws AuthError; a promise where the token's login is still to be applied. */
  identify(credentials: Credentials): Identity | undefined | Promise<Identity | undefined>;
  /** A token, for a name and a password. Rejects with AuthError. */
  authenticate(name: string, password: string): Promise<string>;
  /** What an entry carries in place of a new password. */
  hashForEntry(password: string): Promise<string>;

  /** Through the log, in the name of `identity`; resolves with what apply gave on this member, rejects with its refusal. */
  propose(request: Partial<SplicedInternalRaftRequest>, identity?: Identity): Promise<unknown>;
  /** Resolves when a read of the applied state is linearizable. */
  linearizable(): Promise<void>;
  /** Whether the backend may grow by so many bytes. */
  hasSpace(costBytes: number): boolean;
  /** Rejects with "database space exceeded" once the alarm that says so has been raised: who was refused finds it there, also after a crash. */
  refuseForSpace(): Promise<never>;
  range(request: RangeRequest): SplicedRangeResponse;
  /** `range` in slices, for answers that may be long. */
  longRange(request: RangeRequest): Promise<SplicedRangeResponse>;
  readOnlyTxn(request: TxnRequest): SplicedTxnResponse;
  /** Resolves when the compaction of `revision` (scheduled by an entry already applied) has been carried out and is on disk. */
  compacted(revision: number): Promise<void>;

  openWatchStream(options: WatchStreamOptions): WatchStreamHandle;

  nextLeaseId(): bigint;
  /** TTL in seconds that the lease has now; 0 = there is no such lease. */
  renewLease(id: bigint): Promise<number>;
  leaseTimeToLive(id: bigint, keys: boolean): Promise<Omit<LeaseTimeToLiveResponse, 'header'>>;
  leases(): bigint[];

  members(): MemberMessage[];
  alarms(request: AlarmRequest): AlarmMember[];
  status(): StatusResponse;
  hash(): Promise<number>;
  hashKv(revision: number): Promise<KvHash>;
  defragment(): Promise<void>;
  snapshot(): Promise<{ snapshot: BackendSnapshot; storageVersion: string }>;
  moveLeader(target: bigint): Promise<void>;
}
