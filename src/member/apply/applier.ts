/**
 * What a committed request does to the member's state. A function of the entry alone: no clock, no randomness, no look at who waits for the result.
 * Layers, in this order, each visible in `apply`:
 *
 *     CORRUPT alarm (refuses nearly all) → NOSPACE alarm (refuses what grows) → permissions → quota (applies, then raises NOSPACE) → store
 *
 * Source: etcd's server/etcdserver/apply.
 */
import type { AuthStore } from '../../auth/store.js';
import type { Identity } from '../../auth/types.js';
import type { Lessor } from '../../lease/lessor.js';
import type { MvccStore } from '../../mvcc/store.js';
import {
  AlarmRequest_AlarmAction as AlarmAction,
  type AlarmMember,
  type AlarmRequest,
  AlarmType,
  type CompactionRequest,
  type DeleteRangeRequest,
  type InternalRaftRequest,
  type LeaseCheckpointRequest,
  type LeaseGrantRequest,
  type PutRequest,
  type RangeRequest,
  type SplicedDeleteRangeResponse,
  type SplicedPutResponse,
  type SplicedRangeResponse,
  type SplicedTxnResponse,
  type TxnRequest,
} from '../../proto/gen/etcdserverpb.js';
import { EtcdError, type Outcome } from '../etcd-error.js';
import type { Alarms } from './alarms.js';
import { applyAuthRequest } from './auth-requests.js';
import { Authorizer } from './authorize.js';
import { LEASE_GRANT_COST_BYTES, putCost, txnCost } from './quota.js';
import { executeRange } from './range.js';
import { refusalOf } from './refusal.js';
import {
  checkedPath,
  checkPut,
  executeDeleteRange,
  executePut,
  executeReadOnlyTxn,
  executeTxn,
  innerHeader,
  isReadOnlyTxn,
  type TxnContext,
} from './txn.js';

export interface ApplierDeps {
  readonly store: MvccStore;
  readonly lessor: Lessor;
  readonly alarms: Alarms;
  readonly auth: AuthStore;
  /** For the deadlines that only a leader's lessor keeps; no result depends on it. */
  readonly nowMs: () => number;
  /** Whether the backend may still grow by so many bytes. */
  readonly fits: (costBytes: number) => boolean;
  /** Called when an applied request went over the quota: the member proposes the alarm. */
  readonly onQuotaExceeded: () => void;
  /** A compaction was scheduled; `done` resolves when its records are gone (false: interrupted). */
  readonly onCompaction: (revision: number, done: Promise<boolean>) => void;
}

/** Response messages carry the revision in their header; cluster, member and term are the API's to fill in. */
export class Applier {
  /** What was done since the start, for the metrics. */
  readonly counts = { puts: 0, putBytes: 0, deletes: 0, ranges: 0, txns: 0, leasesGranted: 0, leasesRevoked: 0 };

  /** Who may do what; reads that need no entry are checked by it too. */
  readonly authorizer: Authorizer;
  /** Of the entry that is being applied. */
  #identity: Identity | undefined;

  constructor(readonly deps: ApplierDeps) {
    this.authorizer = new Authorizer(deps.auth, deps.lessor);
  }

  /** `index` is the entry's. */
  apply(request: InternalRaftRequest, index: number): Outcome<unknown> {
    const { auth } = this.deps;
    this.#identity = auth.isEnabled ? identityOf(request) : undefined;
    try {
      return { ok: true, value: this.#dispatch(request, index) };
    } catch (cause) {
      const refusal = refusalOf(cause);
      if (refusal === undefined) throw cause;
      return { ok: false, error: refusal };
    }
  }

  /** Undefined for a request that concerns another part (membership, downgrade) or that this version does not know. */
  #dispatch(request: InternalRaftRequest, index: number): unknown {
    if (request.put !== undefined) return this.#put(request.put);
    if (request.range !== undefined) return this.#range(request.range);
    if (request.deleteRange !== undefined) return this.#deleteRange(request.deleteRange);
    if (request.txn !== undefined) return this.#txn(request.txn);
    if (request.compaction !== undefined) return this.#compact(request.compaction);
    if (request.leaseGrant !== undefined) return this.#leaseGrant(request.leaseGrant);
    if (request.leaseRevoke !== undefined) return this.#leaseRevoke(request.leaseRevoke.ID);
    if (request.leaseCheckpoint !== undefined) return this.#leaseCheckpoint(request.leaseCheckpoint);
    if (request.alarm !== undefined) return this.#alarm(request.alarm);
    return this.#authRequest(request, index);
  }

  /** Also the serving side of reads that need no entry. */
  range(request: RangeRequest): SplicedRangeResponse {
    this.counts.ranges++;
    const response = executeRange(this.deps.store, request);
    return { ...response, header: innerHeader(this.deps.store.currentRevision) };
  }

  readOnlyTxn(request: TxnRequest): SplicedTxnResponse {
    this.counts.txns++;
    const response = executeReadOnlyTxn(this.deps.store, request, this.#context());
    return { ...response, header: innerHeader(this.deps.store.currentRevision) };
  }

  #range(request: RangeRequest): SplicedRangeResponse {
    this.deps.auth.checkRead(this.#identity, request.key, request.rangeEnd);
    return this.range(request);
  }

  #put(request: PutRequest): SplicedPutResponse {
    this.#refuseCorrupt();
    this.#refuseNoSpace();
    if (this.deps.auth.isEnabled) this.authorizer.checkPut(this.#identity, request);
    const { store } = this.deps;
    checkPut(store, request, this.#context());
    this.counts.puts++;
    this.counts.putBytes += request.key.length + request.value.length;
    const fits = this.deps.fits(putCost(request));
    const write = store.write();
    const response = executePut(write, request);
    const revision = write.end();
    this.#settleQuota(fits);
    return { ...response, header: innerHeader(revision) };
  }

  #deleteRange(request: DeleteRangeRequest): SplicedDeleteRangeResponse {
    this.#refuseCorrupt();
    if (this.deps.auth.isEnabled) this.authorizer.checkDeleteRange(this.#identity, request);
    this.counts.deletes++;
    const write = this.deps.store.write();
    const response = executeDeleteRange(write, request);
    return { ...response, header: innerHeader(write.end()) };
  }

  #txn(request: TxnRequest): SplicedTxnResponse {
    this.#refuseCorrupt();
    const cost = txnCost(request);
    if (cost > 0) this.#refuseNoSpace();
    if (this.deps.auth.isEnabled) this.authorizer.checkTxn(this.#identity, request);
    if (isReadOnlyTxn(request)) return this.readOnlyTxn(request);
    const { store } = this.deps;
    const path = checkedPath(store, request, this.#context());
    this.counts.txns++;
    const fits = cost === 0 || this.deps.fits(cost);
    const write = store.write();
    const response = executeTxn(write, request, path);
    const revision = write.end();
    this.#settleQuota(fits);
    return { ...response, header: innerHeader(revision) };
  }

  #compact(request: CompactionRequest): { header: ReturnType<typeof innerHeader> } {
    this.#refuseCorrupt();
    this.deps.onCompaction(request.revision, this.deps.store.compact(request.revision));
    return { header: innerHeader(this.deps.store.currentRevision) };
  }

  #leaseGrant(request: LeaseGrantRequest): unknown {
    this.#refuseCorrupt();
    this.#refuseNoSpace();
    const fits = this.deps.fits(LEASE_GRANT_COST_BYTES);
    const lease = this.deps.lessor.grant(request.ID, request.TTL, this.deps.nowMs());
    this.counts.leasesGranted++;
    this.#settleQuota(fits);
    return { header: innerHeader(this.deps.store.currentRevision), ID: lease.id, TTL: lease.ttlSeconds, error: '' };
  }

  #leaseRevoke(id: bigint): unknown {
    this.#refuseCorrupt();
    this.authorizer.checkLeaseWrite(this.#identity, id);
    this.deps.lessor.revoke(id);
    this.counts.leasesRevoked++;
    return { header: innerHeader(this.deps.store.currentRevision) };
  }

  #leaseCheckpoint(request: LeaseCheckpointRequest): unknown {
    for (const checkpoint of request.checkpoints)
      this.deps.lessor.checkpoint(checkpoint.ID, checkpoint.remainingTTL, this.deps.nowMs());
    return { header: innerHeader(this.deps.store.currentRevision) };
  }

  #alarm(request: AlarmRequest): { header: ReturnType<typeof innerHeader>; alarms: AlarmMember[] } {
    return { header: innerHeader(this.deps.store.currentRevision), alarms: this.#changeAlarm(request) };
  }

  #changeAlarm(request: AlarmRequest): AlarmMember[] {
    const { alarms } = this.deps;
    switch (request.action) {
      case AlarmAction.GET:
        return alarms.list(request.alarm);
      case AlarmAction.ACTIVATE:
        if (request.alarm === AlarmType.NONE) return [];
        return [alarms.activate(request.memberID, request.alarm)];
      case AlarmAction.DEACTIVATE: {
        const cleared = alarms.deactivate(request.memberID, request.alarm);
        return cleared === undefined ? [] : [cleared];
      }
      default:
        return [];
    }
  }

  #authRequest(request: InternalRaftRequest, index: number): unknown {
    const at = { identity: this.#identity, index, nowMs: this.deps.nowMs() };
    return applyAuthRequest(this.deps.auth, this.authorizer, request, at);
  }

  #context(): TxnContext {
    const { store, lessor } = this.deps;
    return {
      hasLease: (lease) => lessor.lookup(lease) !== undefined,
      currentRevision: store.currentRevision,
      compactRevision: store.compactRevision,
    };
  }

  #refuseCorrupt(): void {
    if (this.deps.alarms.has(AlarmType.CORRUPT)) throw new EtcdError('corrupt');
  }

  #refuseNoSpace(): void {
    if (this.deps.alarms.has(AlarmType.NOSPACE)) throw new EtcdError('noSpace');
  }

  /** What is over the quota was applied all the same, as every member must: only its answer is a refusal. */
  #settleQuota(fits: boolean): void {
    if (fits) return;
    this.deps.onQuotaExceeded();
    throw new EtcdError('noSpace');
  }
}

/** Whom the member that took the request found behind it; without a name and with revision 0 where there was nobody. */
function identityOf({ header }: InternalRaftRequest): Identity | undefined {
  return header === undefined ? undefined : { username: header.username, revision: header.authRevision };
}
