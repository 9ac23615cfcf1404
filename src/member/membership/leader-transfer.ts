/**
 * Handing leadership to another member: when asked to, and before this one stops. Source: etcd's EtcdServer.MoveLeader,
 * TryTransferLeadershipOnShutdown.
 */
import type { Logger } from '../../lib/logger.js';
import { EtcdError } from '../../proto/etcd-error.js';
import type { NodeId } from '../../raftpb/types.js';
import type { Leadership } from '../loop/leadership.js';
import type { Cluster } from './cluster.js';
import type { Connections } from './connections.js';

export interface LeaderTransferDeps {
  readonly cluster: Cluster;
  readonly connections: Connections;
  readonly leadership: Leadership;
  readonly logger: Logger;
  readonly timeoutMs: number;
}

export class LeaderTransfer {
  constructor(readonly deps: LeaderTransferDeps) {}

  /** Resolves when `target` leads. Rejects where this member does not lead, or the target is no voter. */
  async move(target: NodeId): Promise<void> {
    const { cluster, leadership, timeoutMs } = this.deps;
    if (!leadership.isLeader) throw new EtcdError('notLeader');
    const known = cluster.get(target);
    if (known === undefined || known.isLearner) throw new EtcdError('badLeaderTransferee');
    await leadership.transfer(target, timeoutMs);
  }

  /**
   * To whoever has been connected for longest, before this member stops. Never rejects: the others elect one all the
   * same, only later.
   */
  async handOver(): Promise<void> {
    const { cluster, connections, leadership, logger, timeoutMs } = this.deps;
    const local = { 'local-member-id': cluster.localId.toString(16) };
    const fields = { ...local, 'current-leader-member-id': leadership.lead.toString(16) };
    if (!leadership.isLeader) {
      logger.info('skipped leadership transfer; local server is not leader', fields);
      return;
    }
    if (cluster.voters.length < 2) {
      logger.info('skipped leadership transfer for single voting member cluster', fields);
      return;
    }
    try {
      const target = connections.longestConnectedVoter;
      if (target === undefined) throw new EtcdError('unhealthy');
      await leadership.transfer(target, timeoutMs);
    } catch (cause) {
      logger.warn('leadership transfer failed', { ...local, error: (cause as Error).message });
    }
  }
}
