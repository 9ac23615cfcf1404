/**
 * What goes into the log from here: each proposal gets an id, under which its proposer waits for what apply makes of it
 * on this member.
 *
 * Bounds: entries that are committed but not applied, the bytes of proposals that wait, and what the backend holds in
 * memory. Beyond any of them a proposal is refused as one too many.
 */

import type { FileBackend } from '../../backend/options.js';
import type { ClusterMember } from '../../datadir/cluster-member.js';
import { AbandonedError, type Caller } from '../../lib/caller.js';
import type { Clock } from '../../lib/clock.js';
import type { RequestId } from '../../lib/ids.js';
import type { CallTrace } from '../../lib/spans.js';
import { EtcdError, type Outcome } from '../../proto/etcd-error.js';
import type { ConfChange } from '../../raftpb/types.js';
import type { Event } from '../../v2/event.js';
import { encodeOperation } from '../apply/entry-data.js';
import type { Operation, OperationKind, ProposeOptions, RequestOf, ResultOf } from '../apply/operation.js';
import { checkStorable } from '../apply/storable.js';
import type { Proposal } from '../loop/proposal-queue.js';
import type { RaftLoop } from '../loop/raft-loop.js';
import type { RequestIds } from './request-ids.js';
import type { Waiter, Waiters } from './waiters.js';

/** Entries committed but not applied, from which on proposals are refused. */
const MAX_APPLY_LAG = 5000;
/** What frees something may go further. As etcd's maxGapBetweenApplyAndCommitIndex for critical requests. */
const MAX_APPLY_LAG_OF_REVOKES = 10_000;
/** Proposals whose result is awaited: several hundred of the largest, or some hundred thousand ordinary ones. */
const MAX_PENDING_BYTES = 512 * 1024 * 1024;
/** What the backend holds in memory while its disk stalls: ten times what a commit takes up. */
const MAX_UNCOMMITTED_OPERATIONS = 100_000;

export interface ProposalsDeps {
  readonly ids: RequestIds;
  readonly waiters: Waiters<Outcome<unknown>>;
  readonly loop: Pick<RaftLoop, 'propose' | 'forgetAbandoned'>;
  readonly backend: Pick<FileBackend, 'pendingOperations'>;
  readonly clock: Clock;
  readonly maxRequestBytes: number;
  readonly timeoutMs: number;
  /** Entries that are committed and not applied yet. */
  readonly applyLag: () => number;
  readonly prioritizesRevokes: boolean;
  /** Why a proposal of that time (monotonic milliseconds) got no result. */
  readonly timeoutError: (startMs: number) => Error;
}

export class Proposals {
  failed = 0;
  /** Called for each operation that was proposed: whether the log took it, and how long it took to its result. */
  onEnded: ((kind: OperationKind, wasTaken: boolean, tookMs: number) => void) | undefined;
  #pendingBytes = 0;
  #stopped = false;
  readonly #owner: Owner;

  constructor(readonly deps: ProposalsDeps) {
    this.#owner = {
      deps,
      isStopped: () => this.#stopped,
      refused: () => {
        this.failed++;
      },
      settled: ({ bytes, kind, startMs, wasTaken }) => {
        this.#pendingBytes -= bytes;
        if (kind !== undefined) this.onEnded?.(kind, wasTaken, deps.clock.monotonicMs() - startMs);
      },
    };
  }

  /** How many wait for their result. */
  get pending(): number {
    return this.deps.waiters.size;
  }

  /**
   * Resolves with what apply gave; rejects with its refusal, or when the log would not take it or nobody answered in
   * time.
   */
  propose<K extends OperationKind>(
    operation: { readonly kind: K; readonly request: RequestOf<K> },
    { identity, caller, encoded, trace }: ProposeOptions = {},
  ): Promise<ResultOf<K>> {
    try {
      checkStorable(operation as Operation);
    } catch (refusal) {
      return Promise.reject(refusal);
    }
    const ID = this.deps.ids.next();
    const header = { ID, username: identity?.username ?? '', authRevision: identity?.revision ?? 0 };
    const data = encodeOperation(header, operation as Operation, encoded);
    const { kind } = operation;
    if (data.length > this.deps.maxRequestBytes) {
      // To etcd, it has ended well: it was not the log that refused it.
      this.onEnded?.(kind, true, 0);
      return refusedAs(new EtcdError('requestTooLarge'), trace);
    }
    // Apply gave it for this very operation.
    return this.#proposeBytes(ID, data, { maxLag: this.#lagFor(kind), kind, caller, trace }) as Promise<ResultOf<K>>;
  }

  /** The bytes of a v2 request, in which `id` stands. Its event; undefined for what changes no key. */
  proposeV2(id: RequestId, data: Uint8Array, caller?: Caller): Promise<Event | undefined> {
    return this.#proposeBytes(id, data, { maxLag: MAX_APPLY_LAG, caller }) as Promise<Event | undefined>;
  }

  #lagFor(kind: OperationKind): number {
    return this.deps.prioritizesRevokes && kind === 'leaseRevoke' ? MAX_APPLY_LAG_OF_REVOKES : MAX_APPLY_LAG;
  }

  #proposeBytes(id: RequestId, data: Uint8Array, how: Proposing): Promise<unknown> {
    const { maxLag, trace } = how;
    if (this.#stopped) return refusedAs(new EtcdError('stopped'), trace);
    if (
      this.deps.applyLag() > maxLag ||
      this.#pendingBytes + data.length > MAX_PENDING_BYTES ||
      this.deps.backend.pendingOperations > MAX_UNCOMMITTED_OPERATIONS
    ) {
      return refusedAs(new EtcdError('tooManyRequests'), trace);
    }
    trace?.event('Send raft proposal');
    return this.#enqueue(id, data, data.length, how);
  }

  /** Resolves with the members as they are then; rejects with why the change was not made. */
  proposeChange(change: Omit<ConfChange, 'id'>, caller?: Caller): Promise<readonly ClusterMember[]> {
    if (this.#stopped) return Promise.reject(new EtcdError('stopped'));
    const id = this.deps.ids.next();
    const members = this.#enqueue(id, { ...change, id }, change.context.length, { caller });
    return members as Promise<readonly ClusterMember[]>;
  }

  #enqueue(
    id: RequestId,
    content: Uint8Array | ConfChange,
    bytes: number,
    how: Omit<Proposing, 'maxLag'>,
  ): Promise<unknown> {
    const { clock, loop, waiters } = this.deps;
    return new Promise((resolve, reject) => {
      const pending = new Pending(this.#owner, id, content, bytes, clock.monotonicMs(), how, resolve, reject);
      this.#pendingBytes += bytes;
      waiters.register(id, pending);
      loop.propose(pending);
    });
  }

  tick(nowMs: number): void {
    const { loop, waiters } = this.deps;
    this.failed += waiters.expire(nowMs);
    loop.forgetAbandoned();
  }

  /** Refuses all that wait, and all that come. */
  stop(reason: Error): void {
    this.#stopped = true;
    this.deps.waiters.settleAll({ ok: false, error: reason });
  }
}

interface Proposing {
  readonly maxLag: number;
  /** Of an operation of the store's or of membership. */
  readonly kind?: OperationKind | undefined;
  readonly caller?: Caller | undefined;
  readonly trace?: CallTrace | undefined;
}

function refusedAs(error: Error, trace: CallTrace | undefined): Promise<never> {
  trace?.failed(error);
  return Promise.reject(error);
}

interface Owner {
  readonly deps: ProposalsDeps;
  readonly isStopped: () => boolean;
  readonly refused: () => void;
  readonly settled: (pending: Pending) => void;
}

/** One proposal, from its proposer's call until its result. */
class Pending implements Proposal, Waiter<Outcome<unknown>> {
  #state: 'waiting' | 'taken' | 'settled' = 'waiting';
  #wasTaken = false;
  /** It ended before apply came to it. */
  #isUnapplied = false;

  constructor(
    readonly owner: Owner,
    readonly id: RequestId,
    readonly content: Uint8Array | ConfChange,
    readonly bytes: number,
    readonly startMs: number,
    readonly how: Omit<Proposing, 'maxLag'>,
    readonly resolve: (value: unknown) => void,
    readonly reject: (error: Error) => void,
  ) {}

  get kind(): OperationKind | undefined {
    return this.how.kind;
  }

  /** Whether the log took it, here or at the leader. */
  get wasTaken(): boolean {
    return this.#wasTaken;
  }

  get deadlineMs(): number {
    return this.startMs + this.owner.deps.timeoutMs;
  }

  get isAbandoned(): boolean {
    return this.#state === 'settled' || this.how.caller?.aborted === true;
  }

  dropped(): void {
    if (this.#state !== 'settled') this.refused(new AbandonedError('the caller is gone'));
  }

  taken(): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'taken';
    this.#wasTaken = true;
  }

  refused(error: Error): void {
    this.#isUnapplied = true;
    this.owner.refused();
    this.owner.deps.waiters.settle(this.id, { ok: false, error });
  }

  settle(outcome: Outcome<unknown>): void {
    this.#state = 'settled';
    this.owner.settled(this);
    const { trace } = this.how;
    if (trace !== undefined) this.#tell(trace, outcome);
    if (outcome.ok) this.resolve(outcome.value);
    else this.reject(outcome.error);
  }

  /** What apply says is a result, a refusal of its as well. */
  #tell(trace: CallTrace, outcome: Outcome<unknown>): void {
    if (outcome.ok || !(this.#isUnapplied || this.owner.isStopped())) trace.event('Receive raft result');
    else trace.failed(outcome.error);
  }

  /**
   * Where there was no leader all the time, etcd never came as far as to wait for a result: its answer is the bare
   * deadline.
   */
  expired(): Outcome<unknown> {
    this.#isUnapplied = true;
    const error =
      this.#state === 'waiting' ? new EtcdError('contextDeadlineExceeded') : this.owner.deps.timeoutError(this.startMs);
    return { ok: false, error };
  }
}
