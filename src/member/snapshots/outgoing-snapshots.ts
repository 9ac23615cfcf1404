/**
 * Snapshots to followers that lag behind the log. Raft asks with a MsgSnap of the last snapshot taken; what goes out is
 * newer: what is applied now, and the database of now behind it. Source: etcd's etcdserver/snapshot_merge.go and its
 * sendMergedSnap.
 *
 * While one is on its way, and for a while after, the log is not compacted, or the follower would need another when it
 * is done with this one.
 */
import type { BackendSnapshot } from '../../backend/types.js';
import type { Clock } from '../../lib/clock.js';
import type { Logger } from '../../lib/logger.js';
import type { DatabaseSource } from '../../peer/types.js';
import type { ConfState, Index, Message, NodeId, Term } from '../../raftpb/types.js';

/** etcd's maxInFlightMsgSnap. */
const MAX_IN_FLIGHT = 16;
/** How long a follower has to catch up from the log after it got the snapshot. */
const RELEASE_DELAY_MS = 30_000;

export interface AppliedState {
  readonly applied: Index;
  readonly appliedTerm: Term;
  readonly confState: ConfState;
}

export interface OutgoingSnapshotsDeps {
  readonly backend: { snapshot(): Promise<BackendSnapshot> };
  readonly applied: () => AppliedState;
  readonly v2Json: () => Uint8Array | Promise<Uint8Array>;
  readonly send: (message: Message, database: DatabaseSource) => void;
  /** It never left. */
  readonly failed: (to: NodeId) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class OutgoingSnapshots {
  #inFlight = 0;
  /** Those, and those that ended a moment ago. */
  #holding = 0;
  #stopped = false;
  readonly #timers = new Set<() => void>();

  constructor(readonly deps: OutgoingSnapshotsDeps) {}

  /** Whether the log must keep what followers are about to ask for. */
  get holdsLog(): boolean {
    return this.#holding > 0;
  }

  /** Takes a MsgSnap of raft; its outcome reaches raft as the transport reports it. */
  send(message: Message): void {
    if (this.#stopped) return;
    if (this.#inFlight >= MAX_IN_FLIGHT) {
      this.deps.failed(message.to);
      return;
    }
    this.#inFlight++;
    this.#holding++;
    void this.#read(message);
  }

  /** Neither of the two rests on the other, and either may fail: then the other is given back. */
  async #read(message: Message): Promise<void> {
    const { applied, appliedTerm, confState } = this.deps.applied();
    const metadata = { index: applied, term: appliedTerm, confState };
    // Both begin with what is applied now. The database may have more, which does no harm: a member passes over entries
    // that its database has.
    const [v2Json, database] = await Promise.allSettled([
      begun(() => this.deps.v2Json()),
      begun(() => this.deps.backend.snapshot()),
    ]);
    if (v2Json.status === 'fulfilled' && database.status === 'fulfilled' && !this.#stopped) {
      const snapshot = { data: v2Json.value, metadata };
      this.deps.send({ ...message, snapshot }, this.#source(database.value));
      return;
    }
    if (database.status === 'fulfilled') database.value.close();
    else this.#complain('failed to read the database for a snapshot', database.reason);
    if (v2Json.status === 'rejected') this.#complain('failed to read the v2 store for a snapshot', v2Json.reason);
    this.#ended();
    if (!this.#stopped) this.deps.failed(message.to);
  }

  #complain(sentence: string, cause: unknown): void {
    this.deps.logger.warn(sentence, { error: String(cause) });
  }

  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }

  #source(database: BackendSnapshot): DatabaseSource {
    let open = true;
    return {
      sizeBytes: database.sizeBytes,
      chunks: () => database.chunks(),
      close: () => {
        if (!open) return;
        open = false;
        database.close();
        this.#ended();
      },
    };
  }

  #ended(): void {
    this.#inFlight--;
    if (this.#stopped) return;
    const cancel = this.deps.clock.after(RELEASE_DELAY_MS, () => {
      this.#timers.delete(cancel);
      this.#holding--;
    });
    this.#timers.add(cancel);
  }
}

/** Begins now, and fails as its promise would. */
async function begun<T>(work: () => T | Promise<T>): Promise<T> {
  return work();
}
