/** Reads that need no entry in the log: of the applied state, after a barrier where they are to be linearizable. */

import type { Caller } from '../../lib/caller.js';
import type { Clock } from '../../lib/clock.js';
import { logTrace, TRACE_MS, TRACE_NUMBERS } from '../../lib/go/trace-record.js';
import type { RequestId } from '../../lib/ids.js';
import type { Logger } from '../../lib/logger.js';
import type { Pieces } from '../../lib/pieces.js';
import type { RangeCursor } from '../../mvcc/range-cursor.js';
import type { MvccStore } from '../../mvcc/store.js';
import { EtcdError, type Outcome } from '../../proto/etcd-error.js';
import {
  type RangeRequest,
  RangeRequest as RangeRequestCodec,
  type ResponseHeader,
  type SplicedRangeResponse,
  type SplicedTxnResponse,
  type TxnRequest,
} from '../../proto/gen/etcdserverpb.js';
import type { RawNode } from '../../raft/rawnode.js';
import { NONE } from '../../raftpb/types.js';
import type { Applier } from '../apply/applier.js';
import type { Leadership } from '../loop/leadership.js';
import type { RequestIds } from '../writes/request-ids.js';
import { type LongRangeOptions, longRange } from './long-range.js';
import { longReadOnlyTxn, touchesMany } from './long-txn.js';
import { RangePieces, type RangePiecesOptions } from './range-pieces.js';
import { ReadIndexQueue } from './read-index.js';

export interface ReadsDeps {
  readonly store: MvccStore;
  readonly applier: Applier;
  readonly node: Pick<RawNode, 'readIndex'>;
  readonly ids: RequestIds;
  readonly leadership: Leadership;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly timeoutMs: number;
  /** The loop should take a turn. */
  readonly wake: () => void;
}

export class Reads {
  /** The rounds that readers share; the loop begins and confirms them. */
  readonly rounds: ReadIndexQueue;
  #closed = false;
  /** Called for each range that was read, or refused, on its own. */
  onRange: ((ok: boolean, tookMs: number) => void) | undefined;

  constructor(readonly deps: ReadsDeps) {
    this.rounds = new ReadIndexQueue(
      () => this.#askReadIndex(),
      deps.logger,
      (beganMs, index, applied) => this.#trace(beganMs, index, applied),
    );
    deps.leadership.onChange(({ now }) => {
      if (now !== NONE) this.rounds.leaderChanged();
    });
  }

  /** Resolves when a read of the applied state is linearizable; rejects when the caller is gone before. */
  linearizable(caller?: Caller, timeoutMs = this.deps.timeoutMs): Promise<void> {
    if (this.#closed) return Promise.reject(new EtcdError('stopped'));
    return new Promise((resolve, reject) => {
      const done = (outcome: Outcome<void>): void => {
        if (outcome.ok) resolve();
        else reject(outcome.error);
      };
      this.rounds.wait(done, this.deps.clock.monotonicMs() + timeoutMs, caller);
      this.deps.wake();
    });
  }

  range(request: RangeRequest): SplicedRangeResponse {
    const { applier, clock } = this.deps;
    const beganMs = clock.monotonicMs();
    let ok = false;
    try {
      const response = applier.range(request);
      ok = true;
      return response;
    } finally {
      this.onRange?.(ok, clock.monotonicMs() - beganMs);
    }
  }

  /**
   * The same in slices, for answers that may be long, as the whole response's bytes. All of it, the header's revision
   * too, is as of the beginning. `hold` gets what an unfinished one takes up.
   */
  longRange(
    request: RangeRequest,
    options: Pick<LongRangeOptions, 'caller' | 'hold'> & { readonly header: (revision: number) => ResponseHeader },
  ): Pieces | Promise<Pieces> {
    const { clock, store } = this.deps;
    const beganMs = clock.monotonicMs();
    const made = longRange(request, { ...options, store, clock, header: options.header(store.currentRevision) });
    const told = (ok: boolean): void => this.onRange?.(ok, clock.monotonicMs() - beganMs);
    if (!(made instanceof Promise)) told(true);
    else
      made.then(
        () => told(true),
        () => told(false),
      );
    return made;
  }

  /** A range to be read piece by piece, all as of one revision; to be closed. */
  openRange(key: Uint8Array, rangeEnd: Uint8Array, revision: number): RangePieces {
    const { clock, store } = this.deps;
    const beganMs = clock.monotonicMs();
    let cursor: RangeCursor;
    try {
      cursor = store.openRange(key, rangeEnd, revision);
    } catch (error) {
      this.onRange?.(false, clock.monotonicMs() - beganMs);
      throw error;
    }
    const onPiece: RangePiecesOptions['onPiece'] = (tookMs, { isFirst }) => {
      if (!isFirst) store.counts.ranges++;
      this.onRange?.(true, tookMs);
    };
    return new RangePieces(cursor, { clock, onPiece });
  }

  readOnlyTxn(request: TxnRequest): SplicedTxnResponse {
    return this.deps.applier.readOnlyTxn(request);
  }

  /** The same in slices, as `longRange`. */
  longReadOnlyTxn(
    request: TxnRequest,
    options: Pick<LongRangeOptions, 'caller' | 'hold'> & { readonly header: (revision: number) => ResponseHeader },
  ): Promise<Pieces> {
    const { clock, store } = this.deps;
    return longReadOnlyTxn(request, { ...options, store, clock, header: options.header(store.currentRevision) });
  }

  /** Whether applying the transaction looks at more keys than a slice of a long range has. */
  touchesMany(request: TxnRequest): boolean {
    return touchesMany(request, this.deps.store);
  }

  /** A read of a key nobody has, as the health checks do it. */
  async probe(options: { serializable: boolean; timeoutMs?: number | undefined }): Promise<void> {
    if (!options.serializable) await this.linearizable(undefined, options.timeoutMs);
    this.range(RangeRequestCodec.create({ key: Buffer.from('health'), limit: 1 }));
  }

  tick(nowMs: number): void {
    this.rounds.tick(nowMs);
  }

  close(reason: Error): void {
    this.#closed = true;
    this.rounds.close(reason);
  }

  #trace(beganMs: number, index: number, applied: number): () => void {
    const { clock, ids, logger } = this.deps;
    const receivedMs = clock.monotonicMs();
    return () => {
      const nowMs = clock.monotonicMs();
      if (nowMs - beganMs <= TRACE_MS) return;
      const steps = [
        { text: 'read index received', ms: receivedMs - beganMs },
        // Its words are etcd's; it is not.
        { text: 'applied index is now lower than readState.Index', ms: nowMs - receivedMs },
      ];
      const detail = `{readStateIndex:${index}; appliedIndex:${applied}; }`;
      const number = Number(ids.next() % BigInt(TRACE_NUMBERS));
      logTrace(
        { number, operation: 'linearizableReadLoop', detail, tookMs: nowMs - beganMs, steps },
        { clock, logger },
      );
    };
  }

  #askReadIndex(): RequestId {
    const context = this.deps.ids.next();
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(context);
    this.deps.node.readIndex(bytes);
    return context;
  }
}
