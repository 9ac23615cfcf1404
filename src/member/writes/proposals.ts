/**
 * What goes into the log from here: each proposal gets an id, under which its proposer waits for what apply makes of it on this member.
 *
 * Bounds: entries that are committed but not applied, the bytes of proposals that wait, and what the backend holds in memory. Beyond any of them a proposal is
 * refused as one too many.
 */
import type { FileBackend } from '../../backend/options.js';
import type { Clock } from '../../lib/clock.js';
import {
  encodeOperation,
  type Operation,
  type OperationKind,
  type ProposeOptions,
  type RequestOf,
  type ResultOf,
} from '../apply/operation.js';
import { EtcdError, type Outcome } from '../etcd-error.js';
import type { RaftLoop } from '../loop/raft-loop.js';
import type { RequestIds } from './request-ids.js';
import type { Waiters } from './waiters.js';

/** Entries committed but not applied, from which on proposals are refused. */
const MAX_APPLY_LAG = 5000;
/** Proposals whose result is awaited: several hundred of the largest, or some hundred thousand ordinary ones. */
const MAX_PENDING_BYTES = 512 * 1024 * 1024;
/** What the backend holds in memory while its disk stalls: ten times what a commit takes up. */
const MAX_UNCOMMITTED_OPERATIONS = 100_000;

export interface ProposalsDeps {
  readonly ids: RequestIds;
  readonly waiters: Waiters<Outcome<unknown>>;
  readonly loop: Pick<RaftLoop, 'propose'>;
  readonly backend: Pick<FileBackend, 'pendingOperations'>;
  readonly clock: Clock;
  readonly maxRequestBytes: number;
  readonly timeoutMs: number;
  /** Entries that are committed and not applied yet. */
  readonly applyLag: () => number;
}

export class Proposals {
  failed = 0;
  #pendingBytes = 0;
  #stopped = false;

  constructor(readonly deps: ProposalsDeps) {}

  /** How many wait for their result. */
  get pending(): number {
    return this.deps.waiters.size;
  }

  /**
   * Resolves with what apply gave; rejects with its refusal, or when the log would not take it or nobody answered in time.
   */
  propose<K extends OperationKind>(
    operation: { readonly kind: K; readonly request: RequestOf<K> },
    { identity, encoded }: ProposeOptions = {},
  ): Promise<ResultOf<K>> {
    if (this.#stopped) return Promise.reject(new EtcdError('stopped'));
    if (this.deps.applyLag() > MAX_APPLY_LAG) return Promise.reject(new EtcdError('tooManyRequests'));
    const ID = this.deps.ids.next();
    const header = { ID, username: identity?.username ?? '', authRevision: identity?.revision ?? 0 };
    const data = encodeOperation(header, operation as Operation, encoded);
    if (data.length > this.deps.maxRequestBytes) return Promise.reject(new EtcdError('requestTooLarge'));
    // Apply gave it for this very operation.
    return this.proposeBytes(ID, data) as Promise<ResultOf<K>>;
  }

  /** An entry's data as it is, in which `id` stands as its request's. */
  proposeBytes(id: bigint, data: Uint8Array): Promise<unknown> {
    const { backend, clock, loop, timeoutMs, waiters } = this.deps;
    if (
      this.#pendingBytes + data.length > MAX_PENDING_BYTES ||
      backend.pendingOperations > MAX_UNCOMMITTED_OPERATIONS
    ) {
      return Promise.reject(new EtcdError('tooManyRequests'));
    }
    this.#pendingBytes += data.length;
    return new Promise((resolve, reject) => {
      waiters.register(id, clock.monotonicMs() + timeoutMs, (outcome) => {
        this.#pendingBytes -= data.length;
        if (outcome.ok) resolve(outcome.value);
        else reject(outcome.error);
      });
      loop.propose({
        data,
        refused: (error) => {
          this.failed++;
          waiters.settle(id, { ok: false, error });
        },
      });
    });
  }

  tick(nowMs: number): void {
    this.failed += this.deps.waiters.expire(nowMs, () => ({ ok: false, error: new EtcdError('timeout') }));
  }

  /** Refuses all that wait, and all that come. */
  stop(reason: Error): void {
    this.#stopped = true;
    this.deps.waiters.settleAll({ ok: false, error: reason });
  }
}
