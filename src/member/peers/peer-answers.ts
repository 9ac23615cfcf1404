/** What this member answers other members beside raft: the handlers on the peer port are faces of it. */

import type { AuthStore } from '../../auth/store.js';
import type { ClusterMember } from '../../datadir/cluster-member.js';
import type { Caller } from '../../lib/caller.js';
import type { EmulatedVersion } from '../../lib/emulate.js';
import type { LeaseId } from '../../lib/ids.js';
import { EtcdError } from '../../proto/etcd-error.js';
import type { NodeId } from '../../raftpb/types.js';
import { refusalOf } from '../apply/refusal.js';
import type { Applied } from '../loop/applied.js';
import type { MembershipChanges } from '../membership/changes.js';
import type { Cluster } from '../membership/cluster.js';
import type { Reads } from '../reads/reads.js';
import type { Authentication } from '../services/authentication.js';
import { type Leases, NotPrimaryError } from '../services/leases.js';
import type { Maintenance } from '../services/maintenance.js';

export interface PeerAnswersDeps {
  readonly emulate: EmulatedVersion;
  readonly cluster: Cluster;
  readonly initialMembers: readonly ClusterMember[];
  readonly changes: MembershipChanges;
  readonly leases: Leases;
  readonly maintenance: Maintenance;
  readonly reads: Reads;
  readonly applied: Applied;
  readonly auth: AuthStore;
  readonly authentication: Authentication;
}

export class PeerAnswers {
  constructor(readonly deps: PeerAnswersDeps) {}

  get emulate(): EmulatedVersion {
    return this.deps.emulate;
  }

  get clusterIdHex(): string {
    return this.deps.cluster.id.toString(16);
  }

  members(): readonly ClusterMember[] {
    const { cluster, initialMembers } = this.deps;
    // One that joins may ask before our log has named anybody; without an answer it would not start.
    return cluster.members.length > 0 ? cluster.members : initialMembers;
  }

  /** `token` is that of the client who asked the other member. */
  async promoteMember(id: NodeId, token: string | undefined): Promise<readonly ClusterMember[]> {
    const { auth, authentication, changes } = this.deps;
    auth.access.checkRoot(await authentication.identify({ token, commonName: undefined }));
    return changes.promoteHere(id);
  }

  /** Others look for etcd's words in a refusal: one whose revision is compacted here proves nothing. */
  async hashKv(revision: number) {
    try {
      const { revision: hashRevision, ...found } = await this.deps.maintenance.hashKv(revision);
      const { currentRevision, hash, compactRevision } = found;
      return { currentRevision, hash, compactRevision, hashRevision };
    } catch (cause) {
      throw refusalOf(cause) ?? cause;
    }
  }

  async downgradeEnabled(): Promise<boolean> {
    await this.deps.reads.linearizable();
    return this.deps.cluster.downgrade.enabled;
  }

  caughtUp(): Promise<boolean> {
    return this.deps.applied.untilCommitted();
  }

  async renewLease(id: LeaseId, signal: AbortSignal): Promise<number> {
    const ttlSeconds = await asPrimary(this.deps.leases.renewHere(id, { signal }));
    if (ttlSeconds === 0) throw new EtcdError('leaseNotFound');
    return ttlSeconds;
  }

  leaseTimeToLive(id: LeaseId, options: { readonly keys: boolean }, caller?: Caller) {
    return asPrimary(this.deps.leases.timeToLiveHere(id, options, 'beforeLookupWhenForwardLeaseTimeToLive', caller));
  }
}

/** In the words that followers know. */
async function asPrimary<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof EtcdError && cause.row === 'notLeader') throw new NotPrimaryError();
    throw cause;
  }
}
