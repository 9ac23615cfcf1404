/** What a member's metrics show, read at the moment. */
import type { Bootstrapped } from './bootstrap/types.js';
import type { Wired } from './wiring.js';

export function figuresOf(
  wired: Wired,
  { alarms, backend, cluster, node, store, v2 }: Bootstrapped,
  slowReads: number,
) {
  const { changes, entries, hub, leadership, proposals } = wired;
  return {
    alarms: alarms.states(),
    hasLeader: leadership.hasLeader,
    isLeader: leadership.isLeader,
    isLearner: cluster.local?.isLearner ?? false,
    leaderChanges: leadership.changesSeen,
    committedIndex: node.committed,
    appliedIndex: entries.applied,
    proposalsPending: proposals.pending,
    proposalsFailed: proposals.failed,
    readIndexesSlow: wired.reads.rounds.counters.slow,
    readIndexesFailed: wired.reads.rounds.counters.failed,
    slowApplies: entries.slowCount + slowReads,
    quotaBytes: wired.space.quotaBytes,
    clusterVersion: cluster.version,
    dbSizeBytes: backend.sizeBytes,
    dbSizeInUseBytes: backend.sizeInUseBytes,
    currentRevision: store.currentRevision,
    authRevision: wired.auth.revision,
    compactRevision: store.compactRevision,
    keys: store.keyCount,
    watchers: hub.watcherCount,
    watchStreams: hub.streamCount,
    slowWatchers: hub.slowWatcherCount,
    eventsSent: hub.events.sent,
    eventsPending: hub.events.pending,
    snapshotsInstalling: wired.raftSnapshots.installs.installing,
    openReads: backend.openReads,
    lastCompactionSeconds: wired.storeWork.lastCompactionSeconds,
    v2Reads: v2.stats.reads,
    v2Writes: v2.stats.writes,
    v2Expired: v2.stats.expired,
    v2WatchRequests: v2.stats.watchRequests,
    v2Watchers: v2.hub.count,
    ...store.counts,
    ...wired.applier.counts,
    defragsRunning: wired.maintenance.defragsRunning,
    promotions: changes.promotions,
    promotionsFailed: changes.promotionsFailed,
    lateHeartbeats: wired.outbox.lateHeartbeats,
    leasesRenewed: wired.leases.renewed,
    leasesExpired: wired.expiry.expiredCount,
  };
}
