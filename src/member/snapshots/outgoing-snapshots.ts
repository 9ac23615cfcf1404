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
    const { applied, appliedTerm, confState } = this.deps.applied();
    const metadata = { index: applied, term: appliedTerm, confState };
    const v2Json = this.deps.v2Json();
    // The database has at least what is applied now: more does no harm, since a member passes over entries that its
    // database has.
    this.deps.backend.snapshot().then(
      async (database) => {
        const data = v2Json instanceof Promise ? await v2Json : v2Json;
        if (this.#stopped) database.close();
        else this.deps.send({ ...message, snapshot: { data, metadata } }, this.#source(database));
      },
      (cause: unknown) => {
        this.deps.logger.warn('failed to read the database for a snapshot', { error: String(cause) });
        this.#ended();
        if (!this.#stopped) this.deps.failed(message.to);
      },
    );
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
