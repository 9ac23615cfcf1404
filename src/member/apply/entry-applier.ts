/**
 * Committed entries, in order, onto everything they concern: store, leases, alarms, membership, raft's own
 * configuration.
 *
 * After a restart the log is read again from the last raft snapshot, while the backend may be further: entries up to
 * its consistent index touch memory (membership, configuration) only. The consistent index moves in the same backend
 * transaction as what the entry changed (etcd #13766).
 */

import { writeConfState, writeConsistentIndex } from '../../backend/schema/meta.js';
import type { Backend } from '../../backend/types.js';
import type { Clock } from '../../lib/clock.js';
import { DEFAULT_EMULATED_VERSION } from '../../lib/emulate.js';
import type { RequestId } from '../../lib/ids.js';
import type { Logger } from '../../lib/logger.js';
import { EtcdError, type Outcome } from '../../proto/etcd-error.js';
import type { RawNode } from '../../raft/rawnode.js';
import { confChangeCodec, confChangeV2Codec } from '../../raftpb/codec.js';
import { type ConfChange, type ConfState, type Entry, EntryType, NONE, type Snapshot } from '../../raftpb/types.js';
import { applyRequest } from '../../v2/apply.js';
import { V2Error } from '../../v2/error.js';
import type { Event } from '../../v2/event.js';
import type { V2Request } from '../../v2/request.js';
import type { V2Store } from '../../v2/store.js';
import type { Leadership } from '../loop/leadership.js';
import type { Cluster } from '../membership/cluster.js';
import { applyChange, refusal } from '../membership/conf-change.js';
import { compareMinor } from '../membership/minor-version.js';
import { applyV2Membership } from '../membership/v2-requests.js';
import { logApplied } from './applied-log.js';
import type { Applier } from './applier.js';
import { decodeEntryData } from './entry-data.js';
import type { ApplyContext } from './layer.js';
import {
  isMembershipOperation,
  type MembershipKind,
  type Operation,
  type OperationKind,
  type OperationOf,
  type StoreOperation,
} from './operation.js';

/** Versions differ in what they write, not in what they read. */
const changeCodec = confChangeCodec[DEFAULT_EMULATED_VERSION];
const changeV2Codec = confChangeV2Codec[DEFAULT_EMULATED_VERSION];

const NS_PER_MS = 1_000_000n;

const applied: Outcome<unknown> = { ok: true, value: undefined };

/** Whoever waits for the result of an entry gets it from here; nobody may. */
export interface ResultSink {
  isAwaited(id: RequestId): boolean;
  settle(id: RequestId, outcome: Outcome<unknown>): void;
}

/** How far a member had got when it started. */
export interface AppliedStart {
  readonly backendIndex: number;
  readonly snapshotIndex: number;
  readonly snapshotTerm: number;
  readonly confState: ConfState;
}

export interface EntryApplierDeps {
  readonly node: RawNode;
  readonly backend: Backend;
  readonly cluster: Cluster;
  readonly v2: V2Store;
  readonly applier: Applier;
  readonly waiters: ResultSink;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly warningApplyDurationMs: number;
  readonly maxLearners: number;
  readonly leadership: Pick<Leadership, 'firstCommit'>;
  /** A change of the configuration has been applied to raft and to the membership. */
  readonly onConfChange: (change: ConfChange) => void;
  /** The cluster's version was lowered. */
  readonly onDowngraded: () => void;
  /** Consistent index and configuration as found at the start. */
  readonly start: AppliedStart;
}

export class EntryApplier {
  #applied: number;
  #appliedTerm: number;
  /** Entries up to here are in the backend already. */
  #backendIndex: number;
  #confState: ConfState;
  #confStateChanged = false;
  slowCount = 0;
  /** Called for each request of the store's that is applied, with the TTL of a lease that was granted. */
  onApplied: ((kind: OperationKind, ok: boolean, tookMs: number, ttlSeconds: number | undefined) => void) | undefined;
  /** The same for each request of the v2 store's, by its method. */
  onV2Applied: ((method: string, ok: boolean, tookMs: number) => void) | undefined;

  constructor(readonly deps: EntryApplierDeps) {
    this.#applied = deps.start.snapshotIndex;
    this.#appliedTerm = deps.start.snapshotTerm;
    this.#backendIndex = deps.start.backendIndex;
    this.#confState = deps.start.confState;
    deps.backend.onBeforeCommit(() => this.#beforeCommit());
  }

  /** Index of the last entry applied. */
  get applied(): number {
    return this.#applied;
  }

  get appliedTerm(): number {
    return this.#appliedTerm;
  }

  get confState(): ConfState {
    return this.#confState;
  }

  /**
   * Everything was replaced by a leader's snapshot. Its database, `backendIndex`, may be further than its index (etcd
   * #13933).
   */
  restore({ metadata }: Snapshot, backendIndex: number): void {
    this.#applied = metadata.index;
    this.#appliedTerm = metadata.term;
    this.#confState = metadata.confState;
    this.#confStateChanged = false;
    this.#backendIndex = backendIndex;
  }

  apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.index <= this.#applied) continue;
      this.#applied = entry.index;
      this.#appliedTerm = entry.term;
      this.#one(entry, { persist: entry.index > this.#backendIndex });
    }
  }

  #one(entry: Entry, options: { persist: boolean }): void {
    switch (entry.type) {
      case EntryType.EntryNormal:
        this.#normal(entry, options);
        return;
      case EntryType.EntryConfChange:
        this.#confChange(changeCodec.decode(entry.data), options);
        return;
      case EntryType.EntryConfChangeV2:
        this.#setConfState(this.deps.node.applyConfChange(changeV2Codec.decode(entry.data)));
        return;
    }
  }

  #normal(entry: Entry, options: { persist: boolean }): void {
    const data = decodeEntryData(entry.data);
    switch (data.t) {
      case 'empty':
        this.deps.leadership.firstCommit(entry.term);
        return;
      case 'v2':
        this.deps.waiters.settle(data.request.id, this.#timedV2(data.request, options));
        return;
      case 'operation':
        this.deps.waiters.settle(data.id, this.#operation(data.operation, data, options));
        return;
    }
  }

  #timedV2(request: V2Request, options: { persist: boolean }): Outcome<Event | undefined> {
    const { clock } = this.deps;
    const beganMs = clock.monotonicMs();
    const outcome = this.#v2(request, options);
    this.onV2Applied?.(request.method, outcome.ok, clock.monotonicMs() - beganMs);
    return outcome;
  }

  /**
   * The v2 store is memory alone: after a restart it begins at the snapshot, and all entries since are applied to it
   * again.
   */
  #v2(request: V2Request, options: { persist: boolean }): Outcome<Event | undefined> {
    const { cluster, v2, clock } = this.deps;
    try {
      if (applyV2Membership(cluster, request, options)) return { ok: true, value: undefined };
      // The clock is for the seconds left that the answer shows: what becomes of the store does not depend on it.
      return { ok: true, value: applyRequest(v2, request, BigInt(clock.wallMs()) * NS_PER_MS) };
    } catch (error) {
      if (!(error instanceof V2Error)) throw error;
      return { ok: false, error };
    }
  }

  #operation(
    operation: Operation,
    { id, identity }: Pick<ApplyContext, 'id' | 'identity'>,
    options: { persist: boolean },
  ): Outcome<unknown> {
    if (isMembershipOperation(operation)) {
      const { clock } = this.deps;
      const beganMs = clock.monotonicMs();
      this.#membership(operation, options);
      this.onApplied?.(operation.kind, true, clock.monotonicMs() - beganMs, undefined);
      return applied;
    }
    if (!options.persist) return applied;
    const isAwaited = this.deps.waiters.isAwaited(id);
    return this.#toStore(operation, { index: this.#applied, id, identity, isAwaited });
  }

  #toStore(operation: StoreOperation, context: ApplyContext): Outcome<unknown> {
    const { applier, clock } = this.deps;
    const beganMs = clock.monotonicMs();
    const outcome = applier.apply(operation, context);
    const ttl = outcome.ok && operation.kind === 'leaseGrant' ? operation.request.TTL : undefined;
    const tookMs = clock.monotonicMs() - beganMs;
    // What is compacted already is as one wants it: to etcd, that has succeeded.
    const succeeded = outcome.ok || (outcome.error instanceof EtcdError && outcome.error.row === 'compacted');
    this.onApplied?.(operation.kind, succeeded, tookMs, ttl);
    const { warningApplyDurationMs, logger } = this.deps;
    if (logApplied({ operation, context, outcome, tookMs }, warningApplyDurationMs, logger)) this.slowCount++;
    return outcome;
  }

  /** Membership facts in the form 3.6 and later write; applied to memory after a restart too. */
  #membership({ kind, request }: OperationOf<MembershipKind>, options: { persist: boolean }): void {
    const { cluster } = this.deps;
    switch (kind) {
      case 'clusterVersionSet':
        this.#clusterVersion(request.ver, options);
        return;
      case 'clusterMemberAttrSet': {
        const attributes = request.memberAttributes;
        if (attributes === undefined) return;
        const { name, clientUrls: clientURLs } = attributes;
        cluster.updateAttributes(request.memberID, { name, clientURLs }, options);
        return;
      }
      case 'downgradeInfoSet':
        cluster.setDowngrade({ enabled: request.enabled, targetVersion: request.enabled ? request.ver : '' }, options);
        return;
      case 'downgradeVersionTest':
        return;
      default:
        kind satisfies never;
    }
  }

  /**
   * After a downgrade the next start may be one of the older release. It sets versions again from the log, and ends at
   * the one that is newer than itself: so a snapshot leaves those behind.
   */
  #clusterVersion(version: string, options: { persist: boolean }): void {
    const { cluster, logger, onDowngraded } = this.deps;
    const { version: from } = cluster;
    cluster.setVersion(version, options);
    if (from === undefined || compareMinor(version, from) >= 0) return;
    logger.info('Cluster version downgrade detected, forcing snapshot', {
      'prev-cluster-version': from,
      'new-cluster-version': version,
    });
    onDowngraded();
  }

  #confChange(change: ConfChange, options: { persist: boolean }): void {
    const { cluster, node, waiters } = this.deps;
    const refused = refusal(cluster, change, this.deps);
    if (refused !== undefined) {
      node.applyConfChange({ ...change, nodeId: NONE });
      waiters.settle(change.id, { ok: false, error: refused satisfies EtcdError });
      return;
    }
    this.#setConfState(node.applyConfChange(change));
    applyChange(cluster, change, options);
    this.deps.onConfChange(change);
    waiters.settle(change.id, { ok: true, value: cluster.members });
  }

  #setConfState(state: ConfState): void {
    this.#confState = state;
    this.#confStateChanged = true;
  }

  #beforeCommit(): void {
    const { backend } = this.deps;
    if (this.#applied <= this.#backendIndex) return;
    writeConsistentIndex(backend, { index: this.#applied, term: this.#appliedTerm });
    if (!this.#confStateChanged) return;
    this.#confStateChanged = false;
    writeConfState(backend, this.#confState);
  }
}
