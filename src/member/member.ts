/**
 * One member: everything between an API call and the disk, put together and kept in step. It knows no socket; faces (`src/api`) call it, the
 * raft transport is handed in. What it does stands in its parts; here is how they are wired, and their life.
 *
 * Life: `openParts` (finds or makes the data directory, replays the log) → `start` (ticks; resolves once the member has published itself) → `stop`.
 */
import { AuthStore } from '../auth/store.js';
import type { FileBackend } from '../backend/options.js';
import type { Lessor } from '../lease/lessor.js';
import { differenceOf, fullVersionOf } from '../lib/emulate.js';
import type { MvccStore } from '../mvcc/store.js';
import { WatchHub } from '../mvcc/watch/hub.js';
import type { ResponseHeader } from '../proto/gen/etcdserverpb.js';
import { type ConfChange, ConfChangeType } from '../raftpb/types.js';
import { saveStore } from '../v2/snapshot.js';
import { Applier } from './apply/applier.js';
import type { Authorizer } from './apply/authorize.js';
import { EntryApplier } from './apply/entry-applier.js';
import type { OperationKind, Propose, ProposeOptions, RequestOf, ResultOf } from './apply/operation.js';
import { membershipIn } from './bootstrap/membership-at.js';
import type { Bootstrapped } from './bootstrap/types.js';
import { EtcdError, type Outcome } from './etcd-error.js';
import { Applied } from './loop/applied.js';
import { Leadership } from './loop/leadership.js';
import { Outbox } from './loop/outbox.js';
import { RaftLoop } from './loop/raft-loop.js';
import { MembershipChanges } from './membership/changes.js';
import type { Cluster } from './membership/cluster.js';
import { Connections, timeoutError } from './membership/connections.js';
import { LeaderCalls } from './membership/leader-calls.js';
import { LeaderTransfer } from './membership/leader-transfer.js';
import { QuorumGuard } from './membership/quorum-guard.js';
import { ElectionTicks } from './peers/election-ticks.js';
import { PeerAnswers } from './peers/peer-answers.js';
import { PeerSet } from './peers/peer-set.js';
import { Receiver } from './peers/receiver.js';
import { Reads } from './reads/reads.js';
import { Authentication, bcryptCost, saltOf } from './services/authentication.js';
import { Compactor } from './services/compactor.js';
import { Corruption } from './services/corruption.js';
import { Downgrade } from './services/downgrade.js';
import { LeaseExpiry } from './services/lease-expiry.js';
import { Leases } from './services/leases.js';
import { Maintenance } from './services/maintenance.js';
import { Publisher } from './services/publisher.js';
import { Space } from './services/space.js';
import { StoreWork } from './services/store-work.js';
import { Versions } from './services/versions.js';
import { WatchSync } from './services/watch-sync.js';
import { RaftSnapshots } from './snapshots/raft-snapshots.js';
import { type MemberConfig, type MemberWorld, requestTimeoutMs } from './types.js';
import { restoreV2 } from './v2/restore-v2.js';
import { V2Service } from './v2/v2-service.js';
import { V2Stats } from './v2/v2-stats.js';
import { Proposals } from './writes/proposals.js';
import { RequestIds } from './writes/request-ids.js';
import { Waiters } from './writes/waiters.js';

/** Beyond election and heartbeat, the finest thing a member does by itself. */
const HOUSEKEEPING_MS = 100;
/** As etcd's: ten of its default ticks. */
const REMOVED_DELAY_MS = 1000;

export class Member {
  readonly emulate;
  readonly serverVersion: string;
  readonly clock;
  readonly limits;
  readonly store: MvccStore;
  readonly lessor: Lessor;
  readonly hub: WatchHub;
  readonly cluster: Cluster;
  readonly backend: FileBackend;
  readonly auth: AuthStore;
  readonly leadership: Leadership;
  readonly connections: Connections;
  readonly proposals: Proposals;
  readonly reads: Reads;
  readonly leases: Leases;
  readonly space: Space;
  readonly storeWork: StoreWork;
  readonly maintenance: Maintenance;
  readonly authentication: Authentication;
  readonly v2: V2Service;
  readonly v2Stats: V2Stats;

  readonly leaderTransfer: LeaderTransfer;
  readonly changes: MembershipChanges;
  readonly downgrade: Downgrade;
  readonly peerAnswers: PeerAnswers;

  readonly #loop: RaftLoop;
  readonly #applied: Applied;
  readonly #leaderCalls: LeaderCalls;
  readonly #versions: Versions;
  readonly #corruption: Corruption;
  readonly #peers: PeerSet;
  readonly #electionTicks: ElectionTicks;
  readonly #applier: Applier;
  readonly #entries: EntryApplier;
  readonly #expiry: LeaseExpiry;
  readonly #compactor: Compactor;
  readonly #publisher: Publisher;
  readonly #raftSnapshots: RaftSnapshots;
  readonly #watchSync: WatchSync;
  #stopTimers: (() => void)[] = [];
  #stopped = false;
  #removed = false;

  constructor(
    readonly config: MemberConfig,
    readonly world: MemberWorld,
    readonly parts: Bootstrapped,
  ) {
    const { clock, logger } = world;
    const { alarms, backend, cluster, lessor, node, store } = parts;
    const timeoutMs = requestTimeoutMs(config);
    this.emulate = config.emulate;
    this.serverVersion = fullVersionOf[config.emulate];
    this.clock = clock;
    this.limits = config;
    this.store = store;
    this.lessor = lessor;
    this.cluster = cluster;
    this.backend = backend;
    const fail = (cause: unknown): void => this.#fatal(cause);
    const propose: Propose = (operation, options) => this.propose(operation, options);
    const wake = (): void => this.#loop.wake();
    const ids = new RequestIds(cluster.localId, clock.wallMs());
    const waiters = new Waiters<Outcome<unknown>>();
    this.leadership = new Leadership({
      node,
      clock,
      logger,
      heartbeatIntervalMs: config.heartbeatIntervalMs,
      wake,
    });
    this.connections = new Connections(world.transport, cluster);
    this.#watchSync = new WatchSync(clock, () => this.hub, fail);
    this.hub = new WatchHub(store, {
      wake: () => this.#watchSync.wake(),
      refuseNegativeStart: differenceOf('refusesNegativeWatchStart', config.emulate),
    });
    this.space = new Space({
      backend,
      alarms,
      memberId: cluster.localId,
      logger,
      quotaOption: config.quotaBackendBytes,
      propose,
    });
    this.storeWork = new StoreWork({ store, backend, clock, config, fail });
    const cost = bcryptCost(config.bcryptCost, logger);
    this.auth = new AuthStore(backend, {
      logger,
      tokens: world.tokens,
      hashNow: (password, seed) => world.passwords.hashNow(password, { cost, salt: saltOf(seed) }),
    });
    this.#applier = new Applier({
      store,
      lessor,
      alarms,
      auth: this.auth,
      nowMs: () => clock.monotonicMs(),
      fits: (costBytes) => this.space.fits(costBytes),
      onQuotaExceeded: () => {
        void this.space.raiseAlarm();
      },
      onCompaction: (revision, done) => this.storeWork.track(revision, done),
    });
    this.#entries = new EntryApplier({
      node,
      backend,
      cluster,
      v2: parts.v2,
      applier: this.#applier,
      waiters,
      clock,
      logger,
      warningApplyDurationMs: config.warningApplyDurationMs,
      leadership: this.leadership,
      maxLearners: config.maxLearners,
      onConfChange: (change) => this.#onConfChange(change),
      start: parts.start,
    });
    this.#applied = new Applied(clock, () => ({ committed: node.committed, applied: this.#entries.applied }));
    this.reads = new Reads({
      store,
      applier: this.#applier,
      node,
      ids,
      leadership: this.leadership,
      clock,
      logger,
      timeoutMs,
      wake,
    });
    this.#raftSnapshots = new RaftSnapshots({
      parts,
      auth: this.auth,
      v2: {
        v2Json: () => saveStore(parts.v2),
        restore: (data) => restoreV2(parts.v2, data, () => membershipIn(backend)),
      },
      entries: this.#entries,
      config,
      disk: world.disk,
      clock,
      logger,
      send: (message, database) => world.transport.sendSnapshot(message, database),
      failedToSend: (to) => this.#loop.reportSnapshot(to, 'failed'),
      step: (message) => this.#loop.receive(message),
      membershipRestored: () => this.#peers.reconnect(),
      fail,
    });
    this.#loop = new RaftLoop({
      node,
      storage: parts.storage,
      log: parts.wal,
      reads: this.reads.rounds,
      leadership: this.leadership,
      clock,
      outbox: new Outbox({
        send: (messages) => world.transport.send(messages),
        sendSnapshot: (message) => this.#raftSnapshots.send(message),
        isRemoved: (id) => cluster.isRemoved(id),
        leadership: this.leadership,
        clock,
        logger,
        heartbeatIntervalMs: config.heartbeatIntervalMs,
      }),
      applyEntries: (entries) => {
        this.#entries.apply(entries);
        this.#applied.advance();
        this.authentication.afterApply(this.#entries.applied);
        this.#raftSnapshots.afterApply();
      },
      snapshots: this.#raftSnapshots.installs,
      onFatal: fail,
    });
    this.proposals = new Proposals({
      ids,
      waiters,
      loop: this.#loop,
      backend,
      clock,
      maxRequestBytes: config.maxRequestBytes,
      timeoutMs,
      applyLag: () => node.committed - this.#entries.applied,
      timeoutError: (startMs) => timeoutError({ ...this, electionTimeoutMs: config.electionTimeoutMs }, startMs),
    });
    this.leaderTransfer = new LeaderTransfer({ ...this, logger, timeoutMs });
    this.#leaderCalls = new LeaderCalls({ cluster, leadership: this.leadership, clock, timeoutMs });
    this.changes = new MembershipChanges({
      node,
      leadership: this.leadership,
      applied: this.#applied,
      guard: new QuorumGuard({
        cluster,
        connections: this.connections,
        clock,
        logger,
        emulate: config.emulate,
        isStrict: config.strictReconfigCheck,
      }),
      proposeChange: (change) => this.proposals.proposeChange(change),
      leaderCalls: this.#leaderCalls,
      calls: world.transport.calls,
      clock,
      logger,
    });
    this.#peers = new PeerSet({
      transport: world.transport,
      cluster,
      initialMembers: parts.initialMembers,
      peerUrls: config.initialAdvertisePeerUrls,
      receiver: new Receiver({
        cluster,
        loop: this.#loop,
        logger,
        receiveSnapshot: (message, database) => this.#raftSnapshots.receive(message, database),
        onRemoved: () => this.#stopAsRemoved(),
      }),
    });
    this.#electionTicks = new ElectionTicks({
      connections: this.connections,
      logger,
      isWanted: config.initialElectionTickAdvance,
      electionTicks: Math.floor(config.electionTimeoutMs / config.heartbeatIntervalMs),
      heartbeatIntervalMs: config.heartbeatIntervalMs,
      advance: (ticks) => {
        for (let i = 0; i < ticks; i++) this.#loop.tick();
      },
    });
    this.authentication = new Authentication({
      ...world,
      store: this.auth,
      bcryptCost: cost,
      timeoutMs,
      propose,
      linearizable: () => this.reads.linearizable(),
      applied: () => this.#entries.applied,
    });
    this.leases = new Leases({
      lessor,
      clock,
      ids,
      leadership: this.leadership,
      applied: this.#applied,
      leaderCalls: this.#leaderCalls,
      calls: world.transport.calls,
      propose,
    });
    this.v2Stats = new V2Stats({ name: config.name, cluster, store: parts.v2, leadership: this.leadership, clock });
    this.v2 = new V2Service({
      store: parts.v2,
      node,
      applied: () => this.#entries.applied,
      proposals: this.proposals,
      ids,
      leadership: this.leadership,
      clock,
    });
    this.#expiry = new LeaseExpiry({
      lessor,
      leadership: this.leadership,
      reads: this.reads,
      logger,
      propose: (operation) => this.propose(operation, { identity: this.auth.rootIdentity() }),
    });
    this.#compactor = new Compactor(config.autoCompaction, {
      logger,
      leadership: this.leadership,
      currentRevision: () => store.currentRevision,
      compact: async (revision) => {
        await propose({ kind: 'compaction', request: { revision, physical: false } });
      },
    });
    this.#publisher = new Publisher({
      config,
      cluster,
      logger,
      ids,
      leadership: this.leadership,
      proposals: this.proposals,
    });
    this.downgrade = new Downgrade({ cluster, reads: this.reads, propose, logger });
    this.#versions = new Versions({
      config,
      cluster,
      leadership: this.leadership,
      calls: world.transport.calls,
      proposals: this.proposals,
      ids,
      clock,
      logger,
      endDowngrade: () => this.downgrade.cancel(),
    });
    this.maintenance = new Maintenance({
      clock,
      emulate: config.emulate,
      node,
      backend,
      store,
      storeWork: this.storeWork,
      cluster,
      alarms,
      space: this.space,
      leadership: this.leadership,
      logger,
      applied: () => this.#entries.applied,
      header: (revision) => this.header(revision),
    });
    this.#corruption = new Corruption({
      config,
      cluster,
      leadership: this.leadership,
      maintenance: this.maintenance,
      store,
      reads: this.reads,
      calls: world.transport.calls,
      propose,
      clock,
      logger,
      timeoutMs,
    });
    this.peerAnswers = new PeerAnswers({
      initialMembers: parts.initialMembers,
      ...this,
      applied: this.#applied,
    });
  }

  // ---- life

  /** Resolves once this member is known to its cluster by name: from then on clients may be served. */
  async start(): Promise<void> {
    const { clock } = this;
    this.#peers.start();
    this.#loop.wake();
    if (this.config.initialCorruptCheck) {
      // Before anything that the log holds is applied, nobody is known who could be asked.
      await this.#applied.untilCommitted();
      await this.#corruption.checkBeforeServing();
    }
    this.#stopTimers = [
      clock.every(this.config.heartbeatIntervalMs, () => this.#tick()),
      clock.every(HOUSEKEEPING_MS, () => this.#housekeep()),
    ];
    await this.#publisher.published;
  }

  /** Refuses what waits, then makes durable what was applied and closes the files. Stopping twice is harmless. */
  async stop(): Promise<void> {
    if (!this.#halt(new EtcdError('stopped'))) return;
    await this.world.transport.close();
    await this.#raftSnapshots.idle();
    this.hub.close();
    this.store.close();
    await this.backend.close();
    this.parts.wal.close();
    this.world.logger.info('closed etcd server', { 'data-dir': this.config.dataDir });
  }

  /** False when that was done before. */
  #halt(reason: Error): boolean {
    if (this.#stopped) return false;
    this.#stopped = true;
    for (const stopTimer of this.#stopTimers) stopTimer();
    this.#loop.stop();
    this.#raftSnapshots.stop();
    this.storeWork.stop();
    this.#watchSync.stop();
    this.reads.close(reason);
    this.authentication.stop();
    this.v2.stop();
    this.proposals.stop(reason);
    this.#publisher.stop(reason);
    this.#applied.close();
    this.#leaderCalls.close();
    this.#versions.stop();
    this.#corruption.stop();
    return true;
  }

  /** Nothing more is written: what the disk has is what a restart will find. */
  #fatal(cause: unknown): void {
    this.#halt(new EtcdError('stopped'));
    this.world.onFatal(cause);
  }

  #tick(): void {
    this.#guarded(() => {
      this.#loop.tick();
      this.#campaignIfAlone();
    });
  }

  #housekeep(): void {
    this.#guarded(() => {
      const nowMs = this.clock.monotonicMs();
      this.#electionTicks.tick(nowMs, this.cluster.members.length);
      this.reads.tick(nowMs);
      this.proposals.tick(nowMs);
      this.backend.tick(nowMs);
      this.authentication.tick(nowMs);
      this.#expiry.tick(nowMs);
      this.#compactor.tick(nowMs);
      this.#publisher.tick(nowMs);
      this.#versions.tick(nowMs);
      this.v2.tick();
      this.parts.wal.writeBuffered();
      this.#corruption.tick(nowMs);
      this.#raftSnapshots.tick(nowMs);
      this.storeWork.wake();
    });
  }

  #guarded(run: () => void): void {
    try {
      run();
    } catch (cause) {
      this.#fatal(cause);
    }
  }

  /** `etcd-diff:` a single voter has nobody to wait for; etcd lets up to a whole election timeout pass. */
  #campaignIfAlone(): void {
    const { node } = this.parts;
    const { voters, votersOutgoing } = this.#entries.confState;
    if (!this.config.initialElectionTickAdvance) return;
    const alone = voters.length === 1 && votersOutgoing.length === 0 && voters[0] === node.id;
    if (alone && !this.leadership.hasLeader && this.#entries.applied >= node.committed) this.leadership.campaign();
  }

  #onConfChange(change: ConfChange): void {
    this.#peers.applied(change);
    if (change.type === ConfChangeType.ConfChangeRemoveNode && change.nodeId === this.id) this.#stopAsRemoved();
  }

  /** In a while, so that others hear of the removal, and whoever asked for it gets an answer. */
  #stopAsRemoved(): void {
    if (this.#removed) return;
    this.#removed = true;
    const { clock, logger, onRemoved } = this.world;
    clock.after(REMOVED_DELAY_MS, () => {
      if (this.#stopped) return;
      logger.warn('server error', { error: 'the member has been permanently removed from the cluster' });
      logger.warn('data-dir used by this member must be removed');
      this.stop().then(onRemoved, (cause: unknown) => this.world.onFatal(cause));
    });
  }

  // ---- who we are

  get id(): bigint {
    return this.cluster.localId;
  }

  get isLearner(): boolean {
    return this.cluster.local?.isLearner ?? false;
  }

  get currentRevision(): number {
    return this.store.currentRevision;
  }

  header(revision: number): ResponseHeader {
    return { clusterId: this.cluster.id, memberId: this.id, revision, raftTerm: this.parts.node.term };
  }

  /** A call took longer than it should. */
  slowCall(path: string, tookMs: number): void {
    this.world.logger.warn('request stats', { 'time spent': `${tookMs.toFixed(3)}ms`, 'response type': path });
  }

  get authorizer(): Authorizer {
    return this.#applier.authorizer;
  }

  /** See `Proposals.propose`. */
  propose<K extends OperationKind>(
    operation: { readonly kind: K; readonly request: RequestOf<K> },
    options?: ProposeOptions,
  ): Promise<ResultOf<K>> {
    return this.proposals.propose(operation, options);
  }

  // ---- for the metrics

  /** Told of each entry that is applied: its kind, whether it was refused, how long it took. */
  set onApplied(told: EntryApplier['onApplied']) {
    this.#entries.onApplied = told;
  }

  figures() {
    const { backend, cluster, hub, leadership, proposals, store } = this;
    return {
      hasLeader: leadership.hasLeader,
      isLeader: leadership.isLeader,
      isLearner: this.isLearner,
      leaderChanges: leadership.changesSeen,
      committedIndex: this.parts.node.committed,
      appliedIndex: this.#entries.applied,
      proposalsPending: proposals.pending,
      proposalsFailed: proposals.failed,
      readIndexesSlow: this.reads.rounds.counters.slow,
      readIndexesFailed: this.reads.rounds.counters.failed,
      slowApplies: this.#entries.slowCount,
      quotaBytes: this.space.quotaBytes,
      clusterVersion: cluster.version,
      dbSizeBytes: backend.sizeBytes,
      dbSizeInUseBytes: backend.sizeInUseBytes,
      currentRevision: store.currentRevision,
      authRevision: this.auth.revision,
      compactRevision: store.compactRevision,
      keys: store.keyCount,
      watchers: hub.watcherCount,
      watchStreams: hub.streamCount,
      slowWatchers: hub.slowWatcherCount,
      ...store.counts,
      ...this.#applier.counts,
      defragsRunning: this.maintenance.defragsRunning,
      leasesRenewed: this.leases.renewed,
      leasesExpired: this.#expiry.expiredCount,
    };
  }
}
