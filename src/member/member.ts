/**
 * One member: everything between an API call and the disk, put together and kept in step. It knows no socket; faces (`src/api`) call it, the
 * raft transport is handed in.
 *
 * Life: `openMember` (finds or makes the data directory, replays the log) → `start` (ticks; resolves once the member has published itself) → `stop`.
 */
import { AuthStore } from '../auth/store.js';
import type { Identity } from '../auth/types.js';
import type { FileBackend } from '../backend/options.js';
import { isOutsideHash, readStorageVersion } from '../backend/schema/meta.js';
import type { Lessor } from '../lease/lessor.js';
import { differenceOf, fullVersionOf } from '../lib/emulate.js';
import type { MvccStore } from '../mvcc/store.js';
import type { KvHash } from '../mvcc/types.js';
import { WatchHub } from '../mvcc/watch/hub.js';
import type { WatchStreamHandle, WatchStreamOptions } from '../mvcc/watch/types.js';
import {
  AlarmRequest_AlarmAction as AlarmAction,
  type AlarmMember,
  type AlarmRequest,
  AlarmType,
  InternalRaftRequest,
  type LeaseTimeToLiveResponse,
  type Member as MemberMessage,
  type RangeRequest,
  RangeRequest as RangeRequestCodec,
  type ResponseHeader,
  type SplicedInternalRaftRequest,
  type SplicedRangeResponse,
  type SplicedTxnResponse,
  type StatusResponse,
  type TxnRequest,
} from '../proto/gen/etcdserverpb.js';
import type { SoftState } from '../raft/ready.js';
import { NONE } from '../raftpb/types.js';
import { type Alarms, alarmName, alarmText } from './apply/alarms.js';
import { Applier } from './apply/applier.js';
import type { Authorizer } from './apply/authorize.js';
import { EntryApplier } from './apply/entry-applier.js';
import { quotaBytes } from './apply/quota.js';
import type { Bootstrapped } from './bootstrap/types.js';
import { EtcdError, type Outcome } from './etcd-error.js';
import { RaftLoop } from './loop/raft-loop.js';
import { RequestIds } from './loop/request-id.js';
import { Waiters } from './loop/waiters.js';
import type { Cluster } from './membership/cluster.js';
import { ReadIndexQueue } from './reads/read-index.js';
import { rangeInSlices } from './reads/sliced-range.js';
import { Authentication, bcryptCost, type Credentials, saltOf } from './services/authentication.js';
import { Compactor } from './services/compactor.js';
import { LeaseExpiry } from './services/lease-expiry.js';
import { Publisher } from './services/publisher.js';
import { RaftSnapshots } from './services/raft-snapshots.js';
import { StoreWork } from './services/store-work.js';
import { WatchSync } from './services/watch-sync.js';
import { type MemberConfig, type MemberWorld, requestTimeoutMs } from './types.js';

/** Entries committed but not applied, from which on proposals are refused. */
const MAX_APPLY_LAG = 5000;
/** Proposals whose result is awaited: several hundred of the largest, or some hundred thousand ordinary ones. */
const MAX_PENDING_BYTES = 512 * 1024 * 1024;
/** What the backend holds in memory while its disk stalls: ten times what a commit takes up. */
const MAX_UNCOMMITTED_OPERATIONS = 100_000;
/** Beyond election and heartbeat, the finest thing a member does by itself. */
const HOUSEKEEPING_MS = 100;
const HEALTH_PROBE_TIMEOUT_MS = 1000;

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
  readonly alarmsRaised: Alarms;
  readonly auth: AuthStore;
  readonly counters = { leaderChanges: 0, proposalsFailed: 0 };

  readonly #waiters = new Waiters<Outcome<unknown>>();
  readonly #ids: RequestIds;
  readonly #reads: ReadIndexQueue;
  readonly #loop: RaftLoop;
  readonly #applier: Applier;
  readonly #entries: EntryApplier;
  readonly #authentication: Authentication;
  readonly #expiry: LeaseExpiry;
  readonly #compactor: Compactor;
  readonly #publisher: Publisher;
  readonly #raftSnapshots: RaftSnapshots;
  readonly #storeWork: StoreWork;
  readonly #watchSync: WatchSync;
  readonly #quotaBytes: number;
  readonly #requestTimeoutMs: number;
  readonly #compactions = new Map<number, Promise<boolean>>();
  #soft: SoftState = { lead: NONE, raftState: 'StateFollower' };
  #stopTimers: (() => void)[] = [];
  #stopped = false;
  #raisingNoSpace: Promise<void> | undefined;
  #pendingBytes = 0;

  constructor(
    readonly config: MemberConfig,
    readonly world: MemberWorld,
    readonly parts: Bootstrapped,
  ) {
    const { clock, logger } = world;
    this.emulate = config.emulate;
    this.serverVersion = fullVersionOf[config.emulate];
    this.clock = clock;
    this.limits = config;
    this.store = parts.store;
    this.lessor = parts.lessor;
    this.#watchSync = new WatchSync(
      clock,
      () => this.hub,
      (cause) => this.#fatal(cause),
    );
    this.hub = new WatchHub(parts.store, {
      wake: () => this.#watchSync.wake(),
      refuseNegativeStart: differenceOf('refusesNegativeWatchStart', config.emulate),
    });
    this.cluster = parts.cluster;
    this.backend = parts.backend;
    this.alarmsRaised = parts.alarms;
    this.#quotaBytes = quotaBytes(config.quotaBackendBytes);
    this.#requestTimeoutMs = requestTimeoutMs(config);
    this.#ids = new RequestIds(parts.cluster.localId, clock.wallMs());
    const propose = (request: Partial<SplicedInternalRaftRequest>): Promise<unknown> => this.propose(request);

    this.#reads = new ReadIndexQueue(() => this.#askReadIndex());
    const cost = bcryptCost(config.bcryptCost, logger);
    this.auth = new AuthStore(this.backend, {
      logger,
      tokens: world.tokens,
      hashNow: (password, seed) => world.passwords.hashNow(password, { cost, salt: saltOf(seed) }),
    });
    this.#authentication = new Authentication({
      ...world,
      store: this.auth,
      bcryptCost: cost,
      timeoutMs: this.#requestTimeoutMs,
      propose,
      linearizable: () => this.linearizable(),
      applied: () => this.#entries.applied,
    });
    this.#applier = new Applier({
      store: this.store,
      lessor: this.lessor,
      alarms: this.alarmsRaised,
      auth: this.auth,
      nowMs: () => clock.monotonicMs(),
      fits: (costBytes) => this.backend.sizeBytes + costBytes < this.#quotaBytes,
      onQuotaExceeded: () => {
        void this.#raiseNoSpace();
      },
      onCompaction: (revision, done) => this.#trackCompaction(revision, done),
    });
    this.#entries = new EntryApplier({
      node: parts.node,
      backend: this.backend,
      cluster: this.cluster,
      lessor: this.lessor,
      applier: this.#applier,
      waiters: this.#waiters,
      clock,
      logger,
      warningApplyDurationMs: config.warningApplyDurationMs,
      isLeader: () => this.isLeader,
      start: parts.start,
    });
    this.#raftSnapshots = new RaftSnapshots({
      ...parts,
      logger,
      config,
      fail: (cause) => this.#fatal(cause),
    });
    this.#loop = new RaftLoop({
      node: parts.node,
      storage: parts.storage,
      log: parts.wal,
      reads: this.#reads,
      clock,
      send: () => {},
      applyEntries: (entries) => {
        this.#entries.apply(entries);
        this.#authentication.afterApply(this.#entries.applied);
        this.#raftSnapshots.afterApply(this.#entries);
      },
      onSoftState: (state) => this.#onSoftState(state),
      onFatal: (cause) => this.#fatal(cause),
    });
    this.#expiry = new LeaseExpiry({
      lessor: this.lessor,
      propose: (request) => this.propose(request, this.auth.rootIdentity()),
    });
    this.#compactor = new Compactor(config.autoCompaction, {
      logger,
      isLeader: () => this.isLeader,
      currentRevision: () => this.store.currentRevision,
      compact: async (revision) => {
        await this.propose({ compaction: { revision, physical: false } });
      },
    });
    this.#publisher = new Publisher({
      config,
      cluster: this.cluster,
      logger,
      nextId: () => this.#ids.next(),
      isLeader: () => this.isLeader,
      hasLeader: () => this.hasLeader,
      propose,
      proposeBytes: (id, data) => this.#proposeBytes(id, data),
    });
    this.#storeWork = new StoreWork({
      store: this.store,
      backend: this.backend,
      clock,
      config,
      fail: (cause) => this.#fatal(cause),
    });
  }

  // ---- life

  /** Resolves once this member is known to its cluster by name: from then on clients may be served. */
  async start(): Promise<void> {
    const { clock } = this;
    this.#stopTimers = [
      clock.every(this.config.heartbeatIntervalMs, () => this.#tick()),
      clock.every(HOUSEKEEPING_MS, () => this.#housekeep()),
    ];
    this.#loop.wake();
    await this.#publisher.published;
  }

  /** Refuses what waits, then makes durable what was applied and closes the files. Stopping twice is harmless. */
  async stop(): Promise<void> {
    if (!this.#halt(new EtcdError('stopped'))) return;
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
    this.#storeWork.stop();
    this.#watchSync.stop();
    this.#reads.close(reason);
    this.#authentication.stop();
    this.#waiters.settleAll({ ok: false, error: reason });
    this.#publisher.stop(reason);
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
      this.#reads.tick(nowMs);
      this.counters.proposalsFailed += this.#waiters.expire(nowMs, () => ({
        ok: false,
        error: new EtcdError('timeout'),
      }));
      this.backend.tick(nowMs);
      this.#authentication.tick(nowMs);
      this.#expiry.tick(nowMs);
      this.#compactor.tick(nowMs);
      this.#publisher.tick(nowMs);
      this.#raftSnapshots.tick(nowMs);
      this.#storeWork.wake();
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
    if (alone && this.#soft.lead === NONE && this.#entries.applied >= node.committed) {
      node.campaign();
      this.#loop.wake();
    }
  }

  #onSoftState(state: SoftState): void {
    const before = this.#soft;
    this.#soft = state;
    if (state.lead === before.lead) return;
    if (state.lead !== NONE) this.counters.leaderChanges++;
    if (before.lead === this.id) this.lessor.demote();
    if (before.lead !== NONE) this.#reads.leaderChanged();
    this.#logLeader(before.lead, state.lead);
  }

  #logLeader(before: bigint, now: bigint): void {
    const [me, from, to] = [this.id, before, now].map((id) => id.toString(16));
    const change =
      now === NONE
        ? `lost leader ${from}`
        : before === NONE
          ? `elected leader ${to}`
          : `changed leader from ${from} to ${to}`;
    this.world.logger.info(`raft.node: ${me} ${change} at term ${this.parts.node.term}`);
  }

  // ---- who we are

  get id(): bigint {
    return this.cluster.localId;
  }

  get hasLeader(): boolean {
    return this.#soft.lead !== NONE;
  }

  get isLeader(): boolean {
    return this.#soft.lead === this.id && this.#soft.raftState === 'StateLeader';
  }

  get isLearner(): boolean {
    return this.cluster.local?.isLearner ?? false;
  }

  header(revision: number): ResponseHeader {
    return { clusterId: this.cluster.id, memberId: this.id, revision, raftTerm: this.parts.node.term };
  }

  slowCall(path: string, tookMs: number): void {
    this.world.logger.warn('request stats', { 'time spent': `${tookMs.toFixed(3)}ms`, 'response type': path });
  }

  get currentRevision(): number {
    return this.store.currentRevision;
  }

  // ---- writes and reads

  /**
   * Resolves with what apply gave; rejects with its refusal, or when the log would not take it or nobody answered in time. `identity` is whom apply
   * will check permissions of.
   */
  propose(request: Partial<SplicedInternalRaftRequest>, identity?: Identity): Promise<unknown> {
    if (this.#stopped) return Promise.reject(new EtcdError('stopped'));
    if (this.parts.node.committed - this.#entries.applied > MAX_APPLY_LAG) {
      return Promise.reject(new EtcdError('tooManyRequests'));
    }
    const ID = this.#ids.next();
    const data = InternalRaftRequest.encode({
      ...emptyRaftRequest,
      ...request,
      header: { ID, username: identity?.username ?? '', authRevision: identity?.revision ?? 0 },
    });
    if (data.length > this.config.maxRequestBytes) return Promise.reject(new EtcdError('requestTooLarge'));
    return this.#proposeBytes(ID, data);
  }

  #proposeBytes(id: bigint, data: Uint8Array): Promise<unknown> {
    if (
      this.#pendingBytes + data.length > MAX_PENDING_BYTES ||
      this.backend.pendingOperations > MAX_UNCOMMITTED_OPERATIONS
    ) {
      return Promise.reject(new EtcdError('tooManyRequests'));
    }
    this.#pendingBytes += data.length;
    return new Promise((resolve, reject) => {
      this.#waiters.register(id, this.clock.monotonicMs() + this.#requestTimeoutMs, (outcome) => {
        this.#pendingBytes -= data.length;
        if (outcome.ok) resolve(outcome.value);
        else reject(outcome.error);
      });
      this.#loop.propose({
        data,
        refused: (error) => {
          this.counters.proposalsFailed++;
          this.#waiters.settle(id, { ok: false, error });
        },
      });
    });
  }

  linearizable(): Promise<void> {
    return this.#linearizable(this.#requestTimeoutMs);
  }

  #linearizable(timeoutMs: number): Promise<void> {
    if (this.#stopped) return Promise.reject(new EtcdError('stopped'));
    return new Promise((resolve, reject) => {
      this.#reads.wait((outcome) => {
        if (outcome.ok) resolve();
        else reject(outcome.error);
      }, this.clock.monotonicMs() + timeoutMs);
      this.#loop.wake();
    });
  }

  #askReadIndex(): bigint {
    const context = this.#ids.next();
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(context);
    this.parts.node.readIndex(bytes);
    return context;
  }

  range(request: RangeRequest): SplicedRangeResponse {
    return this.#applier.range(request);
  }

  /** The same for what may be long; the header's revision is that at the beginning, as is all that is read. */
  async longRange(request: RangeRequest): Promise<SplicedRangeResponse> {
    const header = this.header(this.store.currentRevision);
    return { ...(await rangeInSlices(this.store, this.clock, request)), header };
  }

  readOnlyTxn(request: TxnRequest): SplicedTxnResponse {
    return this.#applier.readOnlyTxn(request);
  }

  #trackCompaction(revision: number, done: Promise<boolean>): void {
    this.#compactions.set(revision, done);
    done.finally(() => this.#compactions.delete(revision)).catch(() => {});
    this.#storeWork.wake();
  }

  async compacted(revision: number): Promise<void> {
    await this.#compactions.get(revision);
    await this.backend.commit();
  }

  // ---- callers

  get authorizer(): Authorizer {
    return this.#applier.authorizer;
  }

  identify(credentials: Credentials): Identity | undefined | Promise<Identity | undefined> {
    return this.#authentication.identify(credentials);
  }

  authenticate(name: string, password: string): Promise<string> {
    return this.#authentication.authenticate(name, password);
  }

  hashForEntry(password: string): Promise<string> {
    return this.#authentication.hashForEntry(password);
  }

  // ---- space and alarms

  hasSpace(costBytes: number): boolean {
    return this.backend.sizeBytes + costBytes < this.#quotaBytes;
  }

  async refuseForSpace(): Promise<never> {
    await this.#raiseNoSpace();
    throw new EtcdError('noSpace');
  }

  /** Resolves when the alarm has been applied (or could not be raised: the next refusal tries again). */
  #raiseNoSpace(): Promise<void> {
    if (this.alarmsRaised.has(AlarmType.NOSPACE)) return Promise.resolve();
    this.#raisingNoSpace ??= this.#proposeNoSpace().finally(() => {
      this.#raisingNoSpace = undefined;
    });
    return this.#raisingNoSpace;
  }

  async #proposeNoSpace(): Promise<void> {
    this.world.logger.warn('exceeded backend quota; raising alarm', {
      'quota-size-bytes': this.#quotaBytes,
      'db-size-bytes': this.backend.sizeBytes,
    });
    try {
      await this.propose({ alarm: { action: AlarmAction.ACTIVATE, memberID: this.id, alarm: AlarmType.NOSPACE } });
    } catch (cause) {
      this.world.logger.warn('failed to raise alarm', { error: String(cause) });
    }
  }

  alarms(request: AlarmRequest): AlarmMember[] {
    return this.alarmsRaised.list(request.alarm);
  }

  alarmNames(): string[] {
    return this.alarmsRaised.list().map(({ alarm }) => alarmName(alarm));
  }

  /** A read of a key nobody has, as the health checks do it. */
  async probe(how: { serializable: boolean }): Promise<void> {
    if (!how.serializable) await this.#linearizable(HEALTH_PROBE_TIMEOUT_MS);
    this.range(RangeRequestCodec.create({ key: Buffer.from('health'), limit: 1 }));
  }

  // ---- watches and leases

  openWatchStream(options: WatchStreamOptions): WatchStreamHandle {
    return this.hub.openStream(options);
  }

  nextLeaseId(): bigint {
    return this.#ids.next() & 0x7fff_ffff_ffff_ffffn;
  }

  async renewLease(id: bigint): Promise<number> {
    if (this.lessor.lookup(id) === undefined) return 0;
    // What was proposed before this renewal may revoke the lease: only what is applied counts.
    const renewal = this.lessor.renew(id, this.clock.monotonicMs());
    switch (renewal.t) {
      case 'renewed':
        this.leasesRenewed++;
        return renewal.ttlSeconds;
      case 'expired':
        await new Promise<void>((resolve) => {
          this.lessor.onGone(id, () => resolve());
        });
        return 0;
      case 'checkpoint-first':
        await this.propose({ leaseCheckpoint: { checkpoints: [{ ID: id, remainingTTL: 0 }] } });
        return this.renewLease(id);
    }
  }

  leasesRenewed = 0;

  async leaseTimeToLive(id: bigint, keys: boolean): Promise<Omit<LeaseTimeToLiveResponse, 'header'>> {
    const lease = this.lessor.remaining(id, this.clock.monotonicMs());
    if (lease === undefined) return { ID: id, TTL: -1, grantedTTL: 0, keys: [] };
    return {
      ID: id,
      TTL: lease.remainingSeconds,
      grantedTTL: lease.grantedTtlSeconds,
      keys: keys ? lease.keys.map((key) => Buffer.from(key, 'latin1')) : [],
    };
  }

  leases(): bigint[] {
    return this.lessor.list().map(({ id }) => id);
  }

  // ---- cluster and maintenance

  members(): MemberMessage[] {
    return this.cluster.members.map((member) => ({
      ID: member.id,
      name: member.name,
      peerURLs: [...member.peerURLs],
      clientURLs: [...member.clientURLs],
      isLearner: member.isLearner,
    }));
  }

  get storageVersion(): string | undefined {
    return readStorageVersion(this.backend);
  }

  status(): StatusResponse {
    const errors = this.alarmsRaised.list().map(alarmText);
    if (!this.hasLeader) errors.unshift('etcdserver: no leader');
    return {
      header: this.header(this.currentRevision),
      version: this.serverVersion,
      dbSize: this.backend.sizeBytes,
      leader: this.#soft.lead,
      raftIndex: this.parts.node.committed,
      raftTerm: this.parts.node.term,
      raftAppliedIndex: this.#entries.applied,
      errors,
      dbSizeInUse: this.backend.sizeInUseBytes,
      isLearner: this.isLearner,
      ...(differenceOf('statusHasStorageVersion', this.emulate)
        ? {
            storageVersion: this.storageVersion ?? '',
            dbSizeQuota: this.#quotaBytes,
            downgradeInfo: { enabled: false, targetVersion: '' },
          }
        : { storageVersion: '', dbSizeQuota: 0, downgradeInfo: undefined }),
    };
  }

  async hash(): Promise<number> {
    await this.backend.commit();
    const termToo = differenceOf('hashIgnoresTerm', this.emulate);
    return this.backend.hash((bucket, key) => isOutsideHash(bucket, key, { termToo }));
  }

  async hashKv(revision: number): Promise<KvHash> {
    const { compactRevision } = this.store;
    if (revision === compactRevision && !differenceOf('hashkvAtCompactedRevision', this.emulate)) {
      throw new EtcdError('compacted');
    }
    const hash = this.store.hashKV(revision);
    this.#storeWork.wake();
    return hash;
  }

  async defragment(): Promise<void> {
    this.world.logger.info('starting defragment');
    await this.backend.defrag();
    this.world.logger.info('finished defragment');
  }

  async snapshot() {
    return { snapshot: await this.backend.snapshot(), storageVersion: this.storageVersion ?? '' };
  }

  async moveLeader(target: bigint): Promise<void> {
    if (!this.isLeader) throw new EtcdError('notLeader');
    const known = this.cluster.get(target);
    if (known === undefined || known.isLearner) throw new EtcdError('badLeaderTransferee');
    if (target === this.id) return;
    this.parts.node.transferLeader(target);
    this.#loop.wake();
  }

  // ---- for the metrics

  figures() {
    return {
      hasLeader: this.hasLeader,
      isLeader: this.isLeader,
      isLearner: this.isLearner,
      leaderChanges: this.counters.leaderChanges,
      committedIndex: this.parts.node.committed,
      appliedIndex: this.#entries.applied,
      proposalsPending: this.#waiters.size,
      proposalsFailed: this.counters.proposalsFailed,
      readIndexesSlow: this.#reads.counters.slow,
      readIndexesFailed: this.#reads.counters.failed,
      slowApplies: this.#entries.slowCount,
      quotaBytes: this.#quotaBytes,
      clusterVersion: this.cluster.version,
      dbSizeBytes: this.backend.sizeBytes,
      dbSizeInUseBytes: this.backend.sizeInUseBytes,
      currentRevision: this.store.currentRevision,
      authRevision: this.auth.revision,
      compactRevision: this.store.compactRevision,
      keys: this.store.keyCount,
      watchers: this.hub.watcherCount,
      watchStreams: this.hub.streamCount,
      slowWatchers: this.hub.slowWatcherCount,
      ...this.#applier.counts,
      leasesRenewed: this.leasesRenewed,
      leasesExpired: this.#expiry.expiredCount,
    };
  }
}

const emptyRaftRequest: SplicedInternalRaftRequest = InternalRaftRequest.create();
