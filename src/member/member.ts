/**
 * One member: everything between an API call and the disk, put together and kept in step. It knows no socket; faces
 * (`src/api`) call it, the raft transport is handed in. What it does stands in its parts (`wiring.ts`
 * puts them together); here is their life.
 *
 * Life: `openParts` (finds or makes the data directory, replays the log) → `start` (ticks; resolves once the member has
 * published itself) → `stop`.
 */

import type { FileBackend } from '../backend/options.js';
import type { Lessor } from '../lease/lessor.js';
import { Cadence } from '../lib/cadence.js';
import { fullVersionOf } from '../lib/emulate.js';
import type { MemberId } from '../lib/ids.js';
import type { Logger } from '../lib/logger.js';
import type { MvccStore } from '../mvcc/store.js';
import { EtcdError } from '../proto/etcd-error.js';
import type { ResponseHeader } from '../proto/gen/etcdserverpb.js';
import type { Status } from '../raft/status.js';
import type { Authorizer } from './apply/authorize.js';
import type { EntryApplier } from './apply/entry-applier.js';
import type { OperationKind, ProposeOptions, RequestOf, ResultOf } from './apply/operation.js';
import type { Bootstrapped } from './bootstrap/types.js';
import { figuresOf } from './figures.js';
import type { Cluster } from './membership/cluster.js';
import type { WatchTimes } from './metrics/call-metrics.js';
import { type SlowCall, warnOfSlowCall } from './services/slow-calls.js';
import { type Wired, wire } from './wiring.js';
import type { MemberConfig, MemberWorld } from './world/types.js';

/** Beyond election and heartbeat, the finest thing a member does by itself. */
const HOUSEKEEPING_MS = 100;
/** Requests are given up late by so much where a leader is not heard any more: no longer than etcd's second. */
const MOST_LATE_PERIODS = 8;
/** As etcd's: ten of its default ticks. */
const REMOVED_DELAY_MS = 1000;

const CAPABLE_POLL_MS = 10;

export class Member {
  readonly emulate;
  readonly serverVersion: string;
  readonly clock;
  readonly failpoints;
  readonly #slowLog: Logger;
  readonly limits;
  readonly store: MvccStore;
  readonly lessor: Lessor;
  readonly cluster: Cluster;
  readonly backend: FileBackend;
  readonly leadership: Wired['leadership'];
  readonly connections: Wired['connections'];
  readonly hub: Wired['hub'];
  readonly space: Wired['space'];
  readonly storeWork: Wired['storeWork'];
  readonly auth: Wired['auth'];
  readonly reads: Wired['reads'];
  readonly proposals: Wired['proposals'];
  readonly leaderTransfer: Wired['leaderTransfer'];
  readonly changes: Wired['changes'];
  readonly authentication: Wired['authentication'];
  readonly leases: Wired['leases'];
  readonly v2Stats: Wired['v2Stats'];
  readonly v2: Wired['v2'];
  readonly downgrade: Wired['downgrade'];
  readonly maintenance: Wired['maintenance'];
  readonly peerAnswers: Wired['peerAnswers'];

  readonly #parts: Wired;
  readonly #cadence: Cadence;
  #stopped = false;
  #removed = false;

  constructor(
    readonly config: MemberConfig,
    readonly world: MemberWorld,
    readonly parts: Bootstrapped,
  ) {
    this.emulate = config.emulate;
    this.serverVersion = fullVersionOf[config.emulate];
    this.clock = world.clock;
    this.failpoints = world.failpoints;
    this.#slowLog = world.logger.with({ caller: 'member/services/slow-calls.ts' });
    this.limits = config;
    this.store = parts.store;
    this.lessor = parts.lessor;
    this.cluster = parts.cluster;
    this.backend = parts.backend;
    this.#parts = wire(config, world, parts, {
      fail: (cause) => this.#fatal(cause),
      heard: () => this.#cadence.ride(),
      removed: () => this.#stopAsRemoved(),
    });
    // The last tick of an election timeout, which has five at least, is in time.
    const spareTicks = Math.floor(config.electionTimeoutMs / config.heartbeatIntervalMs) - 2;
    const latePeriods = Math.max(0, Math.min(spareTicks, MOST_LATE_PERIODS));
    this.#cadence = new Cadence(world.clock, [
      { periodMs: config.heartbeatIntervalMs, latePeriods, run: (ticks) => this.#tick(ticks) },
      { periodMs: HOUSEKEEPING_MS, latePeriods, run: () => this.#housekeep() },
    ]);
    this.#parts.leadership.onChange(() => this.#cadence.restart());
    this.leadership = this.#parts.leadership;
    this.connections = this.#parts.connections;
    this.hub = this.#parts.hub;
    this.space = this.#parts.space;
    this.storeWork = this.#parts.storeWork;
    this.auth = this.#parts.auth;
    this.reads = this.#parts.reads;
    this.proposals = this.#parts.proposals;
    this.leaderTransfer = this.#parts.leaderTransfer;
    this.changes = this.#parts.changes;
    this.authentication = this.#parts.authentication;
    this.leases = this.#parts.leases;
    this.v2Stats = this.#parts.v2Stats;
    this.v2 = this.#parts.v2;
    this.downgrade = this.#parts.downgrade;
    this.maintenance = this.#parts.maintenance;
    this.peerAnswers = this.#parts.peerAnswers;
  }

  // ---- life

  /** Resolves once this member is known to its cluster by name: from then on clients may be served. */
  async start(): Promise<void> {
    this.#parts.peers.start();
    this.#parts.loop.wake();
    if (this.config.initialCorruptCheck) {
      // Before anything that the log holds is applied, nobody is known who could be asked.
      await this.#parts.applied.untilCommitted();
      await this.#parts.corruption.checkBeforeServing();
    }
    this.#cadence.start();
    await this.#parts.publisher.published;
    await this.#untilCapable();
  }

  /**
   * Calls are refused while the cluster has no version, which a new cluster's leader sees to just now. `etcd-diff:`
   * etcd serves all the same, so that the first calls may meet that refusal. No longer than an election takes.
   */
  async #untilCapable(): Promise<void> {
    const { clock, cluster } = this;
    const untilMs = clock.monotonicMs() + this.config.electionTimeoutMs;
    while (cluster.version === undefined && clock.monotonicMs() < untilMs && !this.#stopped)
      await new Promise<void>((resolve) => clock.after(CAPABLE_POLL_MS, resolve));
  }

  /** Refuses what waits, then makes durable what was applied and closes the files. Stopping twice is harmless. */
  async stop(): Promise<void> {
    if (!this.#halt(new EtcdError('stopped'))) return;
    await this.world.transport.close();
    await this.#parts.raftSnapshots.idle();
    this.hub.close();
    this.store.close();
    await this.backend.close();
    this.parts.wal.close();
  }

  /** False when that was done before. */
  #halt(reason: Error): boolean {
    if (this.#stopped) return false;
    this.#stopped = true;
    this.#cadence.stop();
    this.#parts.loop.stop();
    this.#parts.raftSnapshots.stop();
    this.storeWork.stop();
    this.#parts.watchSync.stop();
    this.reads.close(reason);
    this.authentication.stop();
    this.v2.stop();
    this.proposals.stop(reason);
    this.#parts.publisher.stop(reason);
    this.#parts.applied.close();
    this.#parts.leaderCalls.close();
    this.#parts.versions.stop();
    this.#parts.corruption.stop();
    return true;
  }

  /** Nothing more is written: what the disk has is what a restart will find. */
  #fatal(cause: unknown): void {
    this.#halt(new EtcdError('stopped'));
    this.world.onFatal(cause);
  }

  #tick(ticks: number): void {
    this.#guarded(() => {
      for (let at = 0; at < ticks; at++) this.#parts.loop.tick();
      this.#campaignIfAlone();
    });
  }

  #housekeep(): void {
    this.#guarded(() => {
      const nowMs = this.clock.monotonicMs();
      this.#parts.electionTicks.tick(nowMs, this.cluster.members.length);
      this.reads.tick(nowMs);
      this.proposals.tick(nowMs);
      this.backend.tick(nowMs);
      this.authentication.tick(nowMs);
      this.#parts.expiry.tick(nowMs);
      this.#parts.compactor.tick(nowMs);
      this.#parts.publisher.tick(nowMs);
      this.#parts.versions.tick(nowMs);
      this.v2.tick();
      this.#parts.corruption.tick(nowMs);
      this.#parts.raftSnapshots.tick(nowMs);
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
    const { voters, votersOutgoing } = this.#parts.entries.confState;
    if (!this.config.initialElectionTickAdvance) return;
    const alone = voters.length === 1 && votersOutgoing.length === 0 && voters[0] === node.id;
    // Once: an election that is begun anew with each tick never ends where a vote takes longer to write.
    const waits = node.isFollower && !this.leadership.hasLeader;
    if (alone && waits && this.#parts.entries.applied >= node.committed) this.leadership.campaign();
  }

  /** From its cluster: it stops, or has stopped, because of that. */
  get isRemoved(): boolean {
    return this.#removed;
  }

  /** In a while, so that others learn of the removal, and whoever asked for it gets an answer. */
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

  get id(): MemberId {
    return this.cluster.localId;
  }

  get isLearner(): boolean {
    return this.cluster.local?.isLearner ?? false;
  }

  get currentRevision(): number {
    return this.store.currentRevision;
  }

  header(revision: number): ResponseHeader {
    return this.#parts.header(revision);
  }

  /** Whether the log is so fine that all calls are of interest. */
  get isDebugged(): boolean {
    return this.#slowLog.isLogged?.('debug') === true;
  }

  /** A call took longer than it should. */
  slowCall(call: SlowCall): void {
    this.slowReads += warnOfSlowCall(
      call,
      { clock: this.clock, random: this.world.random, logger: this.#slowLog },
      this.config,
    );
  }

  get authorizer(): Authorizer {
    return this.#parts.applier.authorizer;
  }

  /** See `Proposals.propose`. */
  propose<K extends OperationKind>(
    operation: { readonly kind: K; readonly request: RequestOf<K> },
    options?: ProposeOptions,
  ): Promise<ResultOf<K>> {
    return this.proposals.propose(operation, options);
  }

  // ---- for operators

  /** Of ranges, in etcd's metric for slow applies. */
  slowReads = 0;

  raftStatus(): Status {
    return this.parts.node.status();
  }

  // ---- for the metrics

  /** Who times what watches are told. */
  watchTimes: WatchTimes | undefined;

  /** Called for each entry that is applied: its kind, whether it was refused, how long it took. */
  set onApplied(listener: EntryApplier['onApplied']) {
    this.#parts.entries.onApplied = listener;
  }

  /** The same of the v2 store's requests. */
  set onV2Applied(listener: EntryApplier['onV2Applied']) {
    this.#parts.entries.onV2Applied = listener;
  }

  /** Called for each database that a leader sent and that is durable. */
  set onDatabaseSave(listener: Wired['raftSnapshots']['onDatabaseSave']) {
    this.#parts.raftSnapshots.onDatabaseSave = listener;
  }

  figures() {
    return figuresOf(this.#parts, this.parts, this.slowReads);
  }
}
