/**
 * The store at the bottom of the chain (`chain.ts`): requests onto keys, leases, alarms and users. Also the serving
 * side of reads that need no entry.
 */
import type { AuthStore } from '../../auth/store.js';
import type { Lessor } from '../../lease/lessor.js';
import { differenceOf } from '../../lib/emulate.js';
import type { MvccStore } from '../../mvcc/store.js';
import { operationsOf } from '../../mvcc/write-txn.js';
import type { Outcome } from '../../proto/etcd-error.js';
import {
  AlarmRequest_AlarmAction as AlarmAction,
  type AlarmMember,
  type AlarmRequest,
  AlarmType,
  type PutRequest,
  type RangeRequest,
  type SplicedPutResponse,
  type SplicedRangeResponse,
  type SplicedTxnResponse,
  type TxnRequest,
} from '../../proto/gen/etcdserverpb.js';
import type { Alarms } from './alarms.js';
import { authHandlers, type Handlers } from './auth-requests.js';
import { Authorizer } from './authorize.js';
import { chain } from './chain.js';
import type { Apply, ApplyContext } from './layer.js';
import type { Result, StoreKind, StoreOperation } from './operation.js';
import type { QuotaDeps } from './quota.js';
import { executeRange } from './range.js';
import { refusalOf } from './refusal.js';
import {
  checkedPath,
  checkedPut,
  executeDeleteRange,
  executePut,
  executeReadOnlyTxn,
  executeTxn,
  innerHeader,
  isReadOnlyTxn,
  type TxnContext,
} from './txn.js';

export interface ApplierDeps extends QuotaDeps {
  readonly store: MvccStore;
  readonly lessor: Lessor;
  readonly alarms: Alarms;
  readonly auth: AuthStore;
  /** For the deadlines that only a leader's lessor keeps; no result depends on it. */
  readonly nowMs: () => number;
  /** A compaction was scheduled; `done` resolves when its records are gone (false: interrupted). */
  readonly onCompaction: (revision: number, done: Promise<boolean>) => void;
}

/** Response messages carry the revision in their header; cluster, member and term are the API's to fill in. */
export class Applier {
  /** What was done since the start, for the metrics. */
  readonly counts = { leasesGranted: 0, leasesRevoked: 0 };

  /** Who may do what; reads that need no entry are checked by it too. */
  readonly authorizer: Authorizer;
  readonly #apply: Apply;

  constructor(readonly deps: ApplierDeps) {
    this.authorizer = new Authorizer(deps.auth, deps.lessor);
    const handlers = this.#handlers() as Record<StoreKind, (request: unknown, context: ApplyContext) => Result>;
    this.#apply = chain({ ...deps, authorizer: this.authorizer }, ({ kind, request }, context) =>
      handlers[kind](request, context),
    );
  }

  apply(operation: StoreOperation, context: ApplyContext): Outcome<Result> {
    try {
      const apply = () => this.#apply(operation, context);
      return { ok: true, value: operation.kind === 'txn' ? apply() : this.#counted(apply) };
    } catch (cause) {
      const refusal = refusalOf(cause);
      if (refusal === undefined) throw cause;
      return { ok: false, error: refusal };
    }
  }

  /**
   * What does more than one thing to keys counts as a transaction. What a transaction that writes looks at before it
   * does is one of its own.
   */
  #counted<T>(work: () => T): T {
    const { counts } = this.deps.store;
    const before = operationsOf(counts);
    try {
      return work();
    } finally {
      if (operationsOf(counts) - before > 1) counts.txns++;
    }
  }

  /** Also the serving side of reads that need no entry. */
  range(request: RangeRequest): SplicedRangeResponse {
    return { ...executeRange(this.deps.store, request), header: this.#header() };
  }

  readOnlyTxn(request: TxnRequest): SplicedTxnResponse {
    const response = this.#counted(() => executeReadOnlyTxn(this.deps.store, request, this.#context()));
    return { ...response, header: this.#header() };
  }

  #handlers(): Handlers<StoreKind> {
    const { store, lessor, auth, nowMs, onCompaction } = this.deps;
    const { counts } = this;
    const header = () => this.#header();
    return {
      range: (request) => this.range(request),
      put: (request) => this.#put(request),
      deleteRange(request, context) {
        const write = store.write();
        const response = executeDeleteRange(write, request, context);
        return { ...response, header: innerHeader(write.end()) };
      },
      txn: (request, context) => this.#txn(request, context),
      compaction({ revision }) {
        onCompaction(revision, store.compact(revision));
        // etcd reads a key for its answer's revision.
        store.counts.ranges++;
        return { header: header() };
      },
      leaseGrant({ ID, TTL }) {
        const lease = lessor.grant(ID, TTL, nowMs());
        counts.leasesGranted++;
        return { header: header(), ID: lease.id, TTL: lease.ttlSeconds, error: '' };
      },
      leaseRevoke({ ID }) {
        lessor.revoke(ID);
        counts.leasesRevoked++;
        return { header: header() };
      },
      leaseCheckpoint({ checkpoints }) {
        for (const { ID, remainingTTL } of checkpoints) lessor.checkpoint(ID, remainingTTL, nowMs());
        return { header: header() };
      },
      alarm: (request) => ({ header: header(), alarms: this.#alarm(request) }),
      ...authHandlers(auth, { header, nowMs }),
    };
  }

  #put(request: PutRequest): SplicedPutResponse {
    const { store } = this.deps;
    const previous = checkedPut(store, request, this.#context());
    const write = store.write();
    const response = executePut(write, request, previous);
    return { ...response, header: innerHeader(write.end()) };
  }

  #txn(request: TxnRequest, context: ApplyContext): SplicedTxnResponse {
    if (isReadOnlyTxn(request)) return this.readOnlyTxn(request);
    const { store } = this.deps;
    const path = this.#counted(() => checkedPath(store, request, this.#context()));
    return this.#counted(() => {
      const write = store.write();
      const response = executeTxn(write, request, path, context);
      return { ...response, header: innerHeader(write.end()) };
    });
  }

  #alarm(request: AlarmRequest): AlarmMember[] {
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

  #header(): ReturnType<typeof innerHeader> {
    return innerHeader(this.deps.store.currentRevision);
  }

  #context(): TxnContext {
    const { emulate, store, lessor } = this.deps;
    return {
      hasLease: (lease) => lessor.lookup(lease) !== undefined,
      currentRevision: store.currentRevision,
      compactRevision: store.compactRevision,
      checksInOrder: differenceOf('checksTxnInOrder', emulate),
    };
  }
}
