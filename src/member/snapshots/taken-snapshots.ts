/**
 * Snapshots of what was applied, so that the log can be purged. Every `snapshotCount` entries, in this order, each
 * durable before the next:
 *
 *   1. the backend is committed: it then holds everything up to the snapshot's index;
 *   2. the `.snap` file (the v2 store, with the membership, and raft's configuration) is written;
 *   3. the log gets the snapshot's marker;
 *   4. segments before it lose their locks, entries before it (but for some that slow followers may need) leave memory.
 *
 * A crash between any two leaves a directory that starts (etcd #11888, #11949). One is taken at once where the next
 * start may be that of an older release, which would refuse an entry of before. Files beyond `maxWals` and
 * `maxSnapshots` are purged now and then.
 */
import type { Backend } from '../../backend/types.js';
import { differenceOf } from '../../lib/emulate.js';
import type { Logger } from '../../lib/logger.js';
import type { MemoryStorage } from '../../raft/log/memory-storage.js';
import type { ConfState } from '../../raftpb/types.js';
import type { SnapshotFiles, Wal } from '../../wal/types.js';
import type { Cluster } from '../membership/cluster.js';
import type { MemberConfig } from '../world/types.js';

const PURGE_MS = 30_000;

export interface TakenSnapshotsDeps {
  readonly backend: Backend;
  readonly cluster: Cluster;
  readonly wal: Wal;
  readonly snapshots: SnapshotFiles;
  readonly storage: MemoryStorage;
  readonly logger: Logger;
  readonly config: Pick<MemberConfig, 'emulate' | 'snapshotCount' | 'snapshotCatchupEntries'>;
  readonly start: { readonly snapshotIndex: number };
  readonly v2Json: () => Uint8Array | Promise<Uint8Array>;
  /** Followers are about to ask for entries that would go. */
  readonly holdsLog: () => boolean;
  readonly purge: (installed: number) => void;
  readonly fail: (cause: unknown) => void;
}

interface AppliedState {
  readonly applied: number;
  readonly appliedTerm: number;
  readonly confState: ConfState;
}

export class TakenSnapshots {
  #lastIndex: number;
  #running: Promise<void> | undefined;
  #forced = false;
  #nextPurgeMs = 0;

  constructor(readonly deps: TakenSnapshotsDeps) {
    this.#lastIndex = deps.start.snapshotIndex;
  }

  afterApply(state: AppliedState): void {
    const { config, logger, cluster } = this.deps;
    const forced = this.#forced && state.applied > this.#lastIndex;
    if (this.#running !== undefined || (!forced && state.applied - this.#lastIndex <= config.snapshotCount)) return;
    this.#forced = false;
    logger.info('triggering snapshot', {
      'local-member-id': cluster.localId.toString(16),
      'local-member-applied-index': state.applied,
      'local-member-snapshot-index': this.#lastIndex,
      'local-member-snapshot-count': config.snapshotCount,
      ...(differenceOf('canForceSnapshots', config.emulate) && { 'snapshot-forced': forced }),
    });
    this.#lastIndex = state.applied;
    // All that describes the state at this index is taken now; only writing it takes time.
    const taken = { index: state.applied, term: state.appliedTerm, confState: state.confState };
    this.#running = this.#take(taken, this.deps.v2Json())
      .catch((cause: unknown) => this.deps.fail(cause))
      .finally(() => {
        this.#running = undefined;
        if (this.#forced) this.afterApply(state);
      });
  }

  /** The next one comes with the entry being applied, however few there were since the last. */
  force(): void {
    this.#forced = true;
  }

  /** Of the last snapshot, ours or a leader's. */
  get lastIndex(): number {
    return this.#lastIndex;
  }

  /** A leader's snapshot at `index` took the place of all before it. */
  installed(index: number): void {
    this.#lastIndex = Math.max(this.#lastIndex, index);
  }

  /** Resolves when no snapshot is being taken. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  tick(nowMs: number): void {
    if (nowMs < this.#nextPurgeMs) return;
    this.#nextPurgeMs = nowMs + PURGE_MS;
    this.deps.purge(this.#lastIndex);
  }

  async #take(
    at: { index: number; term: number; confState: ConfState },
    v2Json: Uint8Array | Promise<Uint8Array>,
  ): Promise<void> {
    const { backend, snapshots, wal, storage, config, logger } = this.deps;
    await backend.commit();
    const data = v2Json instanceof Promise ? await v2Json : v2Json;
    // A leader's snapshot may have come meanwhile.
    if (at.index < this.#lastIndex) return;
    snapshots.save({ data, metadata: at });
    wal.saveSnapshot(at);
    wal.releaseTo(at.index);
    logger.info(differenceOf('savedSnapshot', config.emulate), { 'snapshot-index': at.index });
    storage.createSnapshot(at.index, { confState: at.confState, data });
    if (this.deps.holdsLog()) {
      logger.info('skip compaction since there is an inflight snapshot');
      return;
    }
    const compactIndex = Math.max(1, at.index - config.snapshotCatchupEntries);
    if (compactIndex < storage.firstIndex()) return;
    storage.compact(compactIndex);
    logger.info('compacted Raft logs', { 'compact-index': compactIndex });
  }
}
