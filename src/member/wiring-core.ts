/**
 * The way of a request: proposals, the raft loop, apply, reads, snapshots, membership and peers. What needs a part that
 * is made later is given a function that asks for it when it is called.
 */
import { AuthStore } from '../auth/store.js';
import { differenceOf } from '../lib/emulate.js';
import { inTurns } from '../lib/in-steps.js';
import type { Logger } from '../lib/logger.js';
import { WatchHub } from '../mvcc/watch/hub.js';
import type { Outcome } from '../proto/etcd-error.js';
import type { ResponseHeader } from '../proto/gen/etcdserverpb.js';
import { ConfChangeType } from '../raftpb/types.js';
import { savingInSteps } from '../v2/snapshot.js';
import { Applier } from './apply/applier.js';
import { EntryApplier } from './apply/entry-applier.js';
import type { Propose } from './apply/operation.js';
import { membershipIn } from './bootstrap/membership-at.js';
import type { Bootstrapped } from './bootstrap/types.js';
import { Applied } from './loop/applied.js';
import { Leadership } from './loop/leadership.js';
import { Outbox } from './loop/outbox.js';
import { RaftLoop } from './loop/raft-loop.js';
import { MembershipChanges } from './membership/changes.js';
import { Connections, timeoutError } from './membership/connections.js';
import { LeaderCalls } from './membership/leader-calls.js';
import { LeaderTransfer } from './membership/leader-transfer.js';
import { QuorumGuard } from './membership/quorum-guard.js';
import { PeerSet } from './peers/peer-set.js';
import { Receiver } from './peers/receiver.js';
import { Reads } from './reads/reads.js';
import { Authentication, bcryptCost, saltOf } from './services/authentication.js';
import { Space } from './services/space.js';
import { StoreWork } from './services/store-work.js';
import { WatchSync } from './services/watch-sync.js';
import { RaftSnapshots } from './snapshots/raft-snapshots.js';
import { v2RestoreInSteps } from './v2/restore-v2.js';
import { V2Stats } from './v2/v2-stats.js';
import { type MemberConfig, type MemberWorld, requestTimeoutMs } from './world/types.js';
import { Proposals } from './writes/proposals.js';
import { RequestIds } from './writes/request-ids.js';
import { Waiters } from './writes/waiters.js';

/** What the parts may do to the member's life. */
export interface Life {
  /** Something that must not happen did: the member stops. */
  readonly fail: (cause: unknown) => void;
  /** A leader's heartbeat has come. */
  readonly heard: () => void;
  /** The member is no part of its cluster any more. */
  readonly removed: () => void;
}

export type Core = ReturnType<typeof wireCore>;

export function wireCore(config: MemberConfig, world: MemberWorld, parts: Bootstrapped, life: Life) {
  const { clock, failpoints, logger } = world;
  /** Its records name the file that they come from. */
  const from = (caller: string): Logger => logger.with({ caller });
  const { alarms, backend, cluster, lessor, node, store } = parts;
  const timeoutMs = requestTimeoutMs(config);
  const { fail } = life;
  const propose: Propose = (operation, options) => proposals.propose(operation, options);
  const wake = (): void => loop.wake();
  const header = (revision: number): ResponseHeader => ({
    clusterId: cluster.id,
    memberId: cluster.localId,
    revision,
    raftTerm: node.term,
  });
  const ids = new RequestIds(cluster.localId, clock.wallMs());
  const waiters = new Waiters<Outcome<unknown>>();
  const leadership = new Leadership({
    node,
    clock,
    logger: from('member/loop/leadership.ts'),
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    wake,
  });
  const connections = new Connections(world.transport, cluster);
  const watchSync = new WatchSync(clock, () => hub, fail);
  const hub = new WatchHub(store, {
    wake: () => watchSync.wake(),
    refuseNegativeStart: differenceOf('refusesNegativeWatchStart', config.emulate),
  });
  const space = new Space({
    backend,
    alarms,
    memberId: cluster.localId,
    logger: from('member/services/space.ts'),
    quotaOption: config.quotaBackendBytes,
    propose,
  });
  const storeWork = new StoreWork({
    store,
    backend,
    clock,
    config,
    logger: from('member/services/store-work.ts'),
    failpoints,
    fail,
  });
  const cost = bcryptCost(config.bcryptCost, logger);
  const auth = new AuthStore(backend, {
    logger: from('auth/store.ts'),
    tokens: world.tokens,
    hashNow: (password, seed) => world.passwords.hashNow(password, { cost, salt: saltOf(seed) }),
  });
  const applier = new Applier({
    emulate: config.emulate,
    store,
    lessor,
    alarms,
    auth,
    nowMs: () => clock.monotonicMs(),
    fits: (costBytes) => space.fits(costBytes),
    onQuotaExceeded: () => space.exceeded(),
    onCompaction: (revision, done) => storeWork.track(revision, done),
  });
  const entries = new EntryApplier({
    node,
    backend,
    cluster,
    v2: parts.v2,
    applier,
    waiters,
    clock,
    logger: from('member/apply/entry-applier.ts'),
    warningApplyDurationMs: config.warningApplyDurationMs,
    leadership,
    maxLearners: config.maxLearners,
    onConfChange: (change) => {
      peers.applied(change);
      if (change.type === ConfChangeType.ConfChangeRemoveNode && change.nodeId === cluster.localId) life.removed();
    },
    onDowngraded: () => raftSnapshots.force(),
    start: parts.start,
  });
  const applied = new Applied(clock, () => ({ committed: node.committed, applied: entries.applied }));
  const reads = new Reads({
    store,
    applier,
    node,
    ids,
    leadership,
    clock,
    logger: from('member/reads/reads.ts'),
    timeoutMs,
    wake,
  });
  const raftSnapshots = new RaftSnapshots({
    parts,
    auth,
    v2: {
      v2Json: () => inTurns(savingInSteps(parts.v2), clock),
      restoreInSteps: (data) => v2RestoreInSteps(parts.v2, data, () => membershipIn(backend)),
    },
    entries,
    config,
    disk: world.disk,
    clock,
    logger: from('member/snapshots/raft-snapshots.ts'),
    failpoints,
    send: (message, database) => world.transport.sendSnapshot(message, database),
    failedToSend: (to) => loop.reportSnapshot(to, 'failed'),
    step: (message) => loop.receive(message),
    membershipRestored: () => peers.reconnect(),
    fail,
  });
  const v2Stats = new V2Stats({ name: config.name, cluster, store: parts.v2, leadership, clock });
  const outbox = new Outbox({
    send: (messages) => {
      const beganMs = clock.monotonicMs();
      world.transport.send(messages);
      v2Stats.sent(messages, clock.monotonicMs() - beganMs);
    },
    sendSnapshot: (message) => raftSnapshots.send(message),
    isRemoved: (id) => cluster.isRemoved(id),
    leadership,
    clock,
    logger: from('member/loop/outbox.ts'),
    heartbeatIntervalMs: config.heartbeatIntervalMs,
  });
  const loop = new RaftLoop({
    node,
    storage: parts.storage,
    log: parts.wal,
    reads: reads.rounds,
    leadership,
    clock,
    outbox,
    applyEntries: (committed) => {
      entries.apply(committed);
      applied.advance();
      authentication.afterApply(entries.applied);
      raftSnapshots.afterApply();
    },
    snapshots: raftSnapshots.installs,
    failpoints,
    onFatal: fail,
  });
  const proposals = new Proposals({
    ids,
    waiters,
    loop,
    backend,
    clock,
    maxRequestBytes: config.maxRequestBytes,
    timeoutMs,
    applyLag: () => node.committed - entries.applied,
    prioritizesRevokes: config.prioritizesRevokes,
    timeoutError: (startMs) =>
      timeoutError({ connections, leadership, electionTimeoutMs: config.electionTimeoutMs }, startMs),
  });
  const leaderTransfer = new LeaderTransfer({
    cluster,
    connections,
    leadership,
    logger: from('member/membership/leader-transfer.ts'),
    timeoutMs,
  });
  const leaderCalls = new LeaderCalls({ cluster, leadership, clock, timeoutMs });
  const changes = new MembershipChanges({
    node,
    leadership,
    applied,
    guard: new QuorumGuard({
      cluster,
      connections,
      clock,
      logger: from('member/membership/quorum-guard.ts'),
      emulate: config.emulate,
      isStrict: config.strictReconfigCheck,
    }),
    proposeChange: (change, caller) => proposals.proposeChange(change, caller),
    leaderCalls,
    calls: world.transport.calls,
    clock,
    logger: from('member/membership/changes.ts'),
  });
  const peers = new PeerSet({
    transport: world.transport,
    cluster,
    initialMembers: parts.initialMembers,
    peerUrls: config.initialAdvertisePeerUrls,
    receiver: new Receiver({
      cluster,
      loop,
      v2Stats,
      logger: from('member/peers/receiver.ts'),
      failpoints,
      receiveSnapshot: (message, database) => raftSnapshots.receive(message, database),
      onHeartbeat: () => life.heard(),
      onRemoved: () => life.removed(),
    }),
  });
  const authentication = new Authentication({
    ...world,
    logger: from('member/services/authentication.ts'),
    store: auth,
    bcryptCost: cost,
    timeoutMs,
    propose,
    linearizable: (caller) => reads.linearizable(caller),
    applied: () => entries.applied,
    clusterVersion: () => cluster.version,
  });
  return {
    from,
    timeoutMs,
    propose,
    ids,
    header,
    leadership,
    connections,
    watchSync,
    hub,
    space,
    storeWork,
    auth,
    applier,
    entries,
    applied,
    reads,
    raftSnapshots,
    outbox,
    loop,
    proposals,
    leaderTransfer,
    leaderCalls,
    changes,
    peers,
    authentication,
    v2Stats,
  };
}
