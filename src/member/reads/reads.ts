/** Reads that need no entry in the log: of the applied state, after a barrier where they are to be linearizable. */
import type { Clock } from '../../lib/clock.js';
import type { Logger } from '../../lib/logger.js';
import type { MvccStore } from '../../mvcc/store.js';
import {
  type RangeRequest,
  RangeRequest as RangeRequestCodec,
  type SplicedRangeResponse,
  type SplicedTxnResponse,
  type TxnRequest,
} from '../../proto/gen/etcdserverpb.js';
import type { RawNode } from '../../raft/rawnode.js';
import { NONE } from '../../raftpb/types.js';
import type { Applier } from '../apply/applier.js';
import { innerHeader } from '../apply/txn.js';
import { EtcdError } from '../etcd-error.js';
import type { Leadership } from '../loop/leadership.js';
import type { RequestIds } from '../writes/request-ids.js';
import { ReadIndexQueue } from './read-index.js';
import { rangeInSlices } from './sliced-range.js';

const HEALTH_PROBE_TIMEOUT_MS = 1000;

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

  constructor(readonly deps: ReadsDeps) {
    this.rounds = new ReadIndexQueue(() => this.#askReadIndex(), deps.logger);
    deps.leadership.onChange(({ now }) => {
      if (now !== NONE) this.rounds.leaderChanged();
    });
  }

  /** Resolves when a read of the applied state is linearizable. */
  linearizable(timeoutMs = this.deps.timeoutMs): Promise<void> {
    if (this.#closed) return Promise.reject(new EtcdError('stopped'));
    return new Promise((resolve, reject) => {
      this.rounds.wait((outcome) => {
        if (outcome.ok) resolve();
        else reject(outcome.error);
      }, this.deps.clock.monotonicMs() + timeoutMs);
      this.deps.wake();
    });
  }

  range(request: RangeRequest): SplicedRangeResponse {
    return this.deps.applier.range(request);
  }

  /** The same in slices, for answers that may be long. All of it, the header's revision too, is as of the beginning. */
  async longRange(request: RangeRequest): Promise<SplicedRangeResponse> {
    const { clock, store } = this.deps;
    const header = innerHeader(store.currentRevision);
    return { ...(await rangeInSlices(store, clock, request)), header };
  }

  readOnlyTxn(request: TxnRequest): SplicedTxnResponse {
    return this.deps.applier.readOnlyTxn(request);
  }

  /** A read of a key nobody has, as the health checks do it. */
  async probe(options: { serializable: boolean }): Promise<void> {
    if (!options.serializable) await this.linearizable(HEALTH_PROBE_TIMEOUT_MS);
    this.range(RangeRequestCodec.create({ key: Buffer.from('health'), limit: 1 }));
  }

  tick(nowMs: number): void {
    this.rounds.tick(nowMs);
  }

  close(reason: Error): void {
    this.#closed = true;
    this.rounds.close(reason);
  }

  #askReadIndex(): bigint {
    const context = this.deps.ids.next();
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(context);
    this.deps.node.readIndex(bytes);
    return context;
  }
}
