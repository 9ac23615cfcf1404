/**
 * What `--strict-reconfig-check` stands for: changes of the membership that could leave the cluster without a quorum
 * are refused before they are proposed. A member counts as started once it has published its name, and as connected
 * after five seconds without a failure. Source: etcd's server.go (mayAddMember, mayRemoveMember, mayPromoteMember) and
 * membership/cluster.go (IsReadyTo…).
 */
import type { ClusterMember } from '../../datadir/cluster-member.js';
import type { Clock } from '../../lib/clock.js';
import { differenceOf, type EmulatedVersion } from '../../lib/emulate.js';
import type { Logger } from '../../lib/logger.js';
import { EtcdError } from '../../proto/etcd-error.js';
import type { NodeId } from '../../raftpb/types.js';
import type { Cluster } from './cluster.js';
import type { Connections } from './connections.js';

export interface QuorumGuardDeps {
  readonly cluster: Cluster;
  readonly connections: Connections;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly emulate: EmulatedVersion;
  readonly isStrict: boolean;
}

const HEALTH_INTERVAL_MS = 5000;

const majorityOf = (count: number): number => Math.floor(count / 2) + 1;
const startedIn = (members: readonly ClusterMember[]): number => members.filter(({ name }) => name !== '').length;

export class QuorumGuard {
  constructor(readonly deps: QuorumGuardDeps) {}

  /** Throws the refusal, here and below. */
  checkUpdate(id: NodeId): void {
    if (this.deps.cluster.get(id) === undefined) throw new EtcdError('memberNotFound');
  }

  checkAdd(member: ClusterMember): void {
    const { isStrict, logger } = this.deps;
    if (!isStrict) return;
    const fields = { ...this.#local, 'requested-member-add': describe(member) };
    if (!member.isLearner && !this.#mayAddVoter()) {
      const error = new EtcdError('memberNotEnoughStarted');
      logger.warn('rejecting member add request; not enough healthy members', {
        ...fields,
        error: error.message,
      });
      throw error;
    }
    const needed = this.#connectionsToAdd();
    if (this.#connectedVoters >= needed.count) return;
    const error = new EtcdError('unhealthy');
    logger.warn(
      `rejecting member add request; local member has not been connected to ${needed.whom} peers, ` +
        'reconfigure breaks active quorum',
      { ...fields, error: error.message },
    );
    throw error;
  }

  checkRemove(id: NodeId): void {
    const { cluster, connections, isStrict, logger } = this.deps;
    if (!isStrict || cluster.get(id)?.isLearner === true) return;
    if (!this.#mayRemoveVoter(id)) {
      const error = new EtcdError('memberNotEnoughStarted');
      logger.warn('rejecting member remove request; not enough healthy members', {
        ...this.#local,
        'requested-member-remove-id': id.toString(16),
        error: error.message,
      });
      throw error;
    }
    // One that is down is no part of the active quorum.
    if (id !== cluster.localId && connections.activeSince(id) === undefined) return;
    const active = this.#connectedVoters;
    if (active - 1 >= 1 + Math.floor((cluster.voters.length - 1) / 2)) return;
    const error = new EtcdError('unhealthy');
    logger.warn(
      'rejecting member remove request; local member has not been connected to all peers, reconfigure breaks ' +
        'active quorum',
      {
        ...this.#local,
        'requested-member-remove': id.toString(16),
        'active-peers': active,
        error: error.message,
      },
    );
    throw error;
  }

  checkPromote(id: NodeId): void {
    const { cluster, isStrict, logger } = this.deps;
    if (!isStrict) return;
    // The learner to be promoted counts, as started.
    const started = startedIn(cluster.voters) + 1;
    const quorum = majorityOf(cluster.voters.length + 1);
    if (started >= quorum) return;
    const error = new EtcdError('memberNotEnoughStarted');
    this.#tell('rejecting member promote; started member will be less than quorum', started, quorum);
    logger.warn('rejecting member promote request; not enough healthy members', {
      ...this.#local,
      'requested-member-remove-id': id.toString(16),
      error: error.message,
    });
    throw error;
  }

  /** One started member may always get a second: that is how a cluster whose data was saved is rebuilt. */
  #mayAddVoter(): boolean {
    const { voters } = this.deps.cluster;
    const started = startedIn(voters);
    if (started === 1 && voters.length === 1) return true;
    const quorum = majorityOf(voters.length + 1);
    if (started >= quorum) return true;
    this.#tell('rejecting member add; started member will be less than quorum', started, quorum);
    return false;
  }

  #mayRemoveVoter(id: NodeId): boolean {
    const rest = this.deps.cluster.voters.filter((voter) => voter.id !== id);
    if (rest.length === 0) return false;
    const started = startedIn(rest);
    const quorum = majorityOf(rest.length);
    if (started >= quorum) return true;
    this.#tell('rejecting member remove; started member will be less than quorum', started, quorum);
    return false;
  }

  #connectionsToAdd(): { count: number; whom: string } {
    const count = this.deps.cluster.voters.length;
    if (differenceOf('memberAddNeedsAllConnected', this.deps.emulate)) return { count, whom: 'all' };
    return { count: count === 1 ? 0 : majorityOf(count + 1), whom: 'majority' };
  }

  get #connectedVoters(): number {
    const { clock, cluster, connections } = this.deps;
    return connections.countSince(clock.monotonicMs() - HEALTH_INTERVAL_MS, cluster.voters);
  }

  get #local(): Record<string, unknown> {
    return { 'local-member-id': this.deps.cluster.localId.toString(16) };
  }

  #tell(what: string, started: number, quorum: number): void {
    this.deps.logger.warn(what, {
      'number-of-started-member': started,
      quorum,
      'cluster-id': this.deps.cluster.id.toString(16),
      ...this.#local,
    });
  }
}

/** As Go prints its Member. */
function describe({ id, peerURLs, isLearner }: ClusterMember): string {
  return (
    `{ID:${id.toString(16)} RaftAttributes:{PeerURLs:[${peerURLs.join(' ')}] IsLearner:${isLearner}} ` +
    `Attributes:{Name: ClientURLs:[]}}`
  );
}
