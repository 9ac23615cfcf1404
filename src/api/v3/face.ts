/** What the v3 services need of a member. They know nothing of its log, its disk or its peers. */

import type { Access } from '../../auth/access.js';
import type { AuthStore } from '../../auth/store.js';
import type { Clock } from '../../lib/clock.js';
import type { EmulatedVersion } from '../../lib/emulate.js';
import type { Failpoints } from '../../lib/failpoints/failpoints.js';
import type { Authorizer } from '../../member/apply/authorize.js';
import type { Propose } from '../../member/apply/operation.js';
import type { Leadership } from '../../member/loop/leadership.js';
import type { MembershipChanges } from '../../member/membership/changes.js';
import type { Cluster } from '../../member/membership/cluster.js';
import type { LeaderTransfer } from '../../member/membership/leader-transfer.js';
import type { WatchTimes } from '../../member/metrics/call-metrics.js';
import type { Reads } from '../../member/reads/reads.js';
import type { Authentication } from '../../member/services/authentication.js';
import type { Downgrade } from '../../member/services/downgrade.js';
import type { Leases } from '../../member/services/leases.js';
import type { Maintenance } from '../../member/services/maintenance.js';
import type { SlowCall } from '../../member/services/slow-calls.js';
import type { Space } from '../../member/services/space.js';
import type { StoreWork } from '../../member/services/store-work.js';
import type { WatchStreamHandle, WatchStreamOptions } from '../../mvcc/watch/types.js';
import type { ResponseHeader } from '../../proto/gen/etcdserverpb.js';

type AuthCheck = 'checkRead' | 'checkKnown' | 'checkRoot' | 'checkUnchanged';

export interface MemberFace {
  readonly emulate: EmulatedVersion;
  readonly clock: Clock;
  readonly failpoints: Failpoints | undefined;
  readonly limits: {
    readonly maxTxnOps: number;
    readonly maxRequestBytes: number;
    readonly watchProgressNotifyIntervalMs: number;
    readonly warningUnaryRequestDurationMs: number;
    readonly warningApplyDurationMs: number;
    readonly electionTimeoutMs: number;
  };
  /** A header with this member's ids and term. */
  header(revision: number): ResponseHeader;
  readonly currentRevision: number;
  /** A call took longer than it should. */
  slowCall(call: SlowCall): void;
  /** Whether all calls are told to it, not slow ones alone. */
  readonly isDebugged: boolean;
  readonly isLearner: boolean;
  readonly leadership: Pick<Leadership, 'hasLeader'>;

  readonly auth: Pick<AuthStore, 'isEnabled' | 'revision'> & { readonly access: Pick<Access, AuthCheck> };
  readonly authorizer: Authorizer;
  readonly authentication: Pick<Authentication, 'identify' | 'checkKnown' | 'authenticate' | 'passwordForEntry'>;

  /**
   * Through the log, in the name of `identity`; resolves with what apply gave on this member, rejects with its refusal.
   */
  readonly propose: Propose;
  readonly reads: Pick<
    Reads,
    'linearizable' | 'range' | 'longRange' | 'openRange' | 'readOnlyTxn' | 'longReadOnlyTxn' | 'touchesMany'
  >;
  readonly space: Pick<Space, 'fits' | 'refuse'>;
  readonly storeWork: Pick<StoreWork, 'compacted'>;
  readonly hub: { openStream(options: WatchStreamOptions): WatchStreamHandle };
  readonly leases: Pick<Leases, 'nextId' | 'renew' | 'timeToLive' | 'hasManyKeys' | 'list' | 'hasMany'>;
  readonly maintenance: Pick<Maintenance, 'status' | 'hash' | 'hashKv' | 'defragment' | 'defragsRunning' | 'snapshot'>;

  readonly cluster: Pick<Cluster, 'members' | 'version'>;
  readonly changes: Pick<MembershipChanges, 'checkUrls' | 'add' | 'remove' | 'update' | 'promote'>;
  readonly downgrade: Pick<Downgrade, 'run'>;
  readonly leaderTransfer: Pick<LeaderTransfer, 'move'>;
  /** Who times the sending of what watches are told. */
  readonly watchTimes?: WatchTimes | undefined;
}
