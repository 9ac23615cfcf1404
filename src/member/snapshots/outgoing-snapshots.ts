/**
 * Snapshots to followers that lag behind the log. Raft asks with a MsgSnap of the last snapshot taken; what goes out is
 * newer: what is applied now, and the database of now behind it. Source: etcd's etcdserver/snapshot_merge.go and its
 * sendMergedSnap.
 *
 * While one is on its way, and for a while after, the log is not compacted, or the follower would need another when it
 * is done with this one. `etcd-diff:` not for one that stands still, nor for a follower that did not take the last one:
 * there one follower that takes nothing makes the log grow for as long as it likes.
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
/** A follower that takes nothing of its snapshot for so long may find the log compacted. */
const STALLED_MS = 30_000;

/** One that is on its way. */
interface Transfer {
  readonly to: NodeId;
  /** When something of it was taken last. */
  movedMs: number;
  /** The follower has all of it, and makes it durable. */
  isGiven: boolean;
}

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
  readonly #inFlight = new Set<Transfer>();
  /** Followers that got theirs a moment ago. */
  #catchingUp = 0;
  /** Followers whose last one failed. Who leaves the cluster stays in it: an id. */
  readonly #failed = new Set<NodeId>();
  #stopped = false;
  readonly #timers = new Set<() => void>();

  constructor(readonly deps: OutgoingSnapshotsDeps) {}

  /** Whether the log must keep what followers are about to ask for. */
  get holdsLog(): boolean {
    const sinceMs = this.deps.clock.monotonicMs() - STALLED_MS;
    const holds = ({ to, isGiven, movedMs }: Transfer): boolean =>
      !this.#failed.has(to) && (isGiven || movedMs > sinceMs);
    return this.#catchingUp > 0 || [...this.#inFlight].some(holds);
  }

  /** Takes a MsgSnap of raft; its outcome reaches raft as the transport reports it. */
  send(message: Message): void {
    if (this.#stopped) return;
    if (this.#inFlight.size >= MAX_IN_FLIGHT) {
      this.deps.failed(message.to);
      return;
    }
    const transfer = { to: message.to, movedMs: this.deps.clock.monotonicMs(), isGiven: false };
    this.#inFlight.add(transfer);
    void this.#read(message, transfer);
  }

  /** Neither of the two rests on the other, and either may fail: then the other is given back. */
  async #read(message: Message, transfer: Transfer): Promise<void> {
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
      this.deps.send({ ...message, snapshot }, this.#source(database.value, transfer));
      return;
    }
    if (database.status === 'fulfilled') database.value.close();
    else this.#complain('failed to read the database for a snapshot', database.reason);
    if (v2Json.status === 'rejected') this.#complain('failed to read the v2 store for a snapshot', v2Json.reason);
    this.#ended(transfer, 'failed');
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

  #source(database: BackendSnapshot, transfer: Transfer): DatabaseSource {
    const { clock } = this.deps;
    let open = true;
    return {
      sizeBytes: database.sizeBytes,
      async *chunks() {
        for await (const chunk of database.chunks()) {
          // Who asks for one has taken the one before.
          transfer.movedMs = clock.monotonicMs();
          yield chunk;
        }
        transfer.isGiven = true;
      },
      close: (outcome) => {
        if (!open) return;
        open = false;
        database.close();
        this.#ended(transfer, outcome);
      },
    };
  }

  #ended(transfer: Transfer, outcome: 'finished' | 'failed'): void {
    this.#inFlight.delete(transfer);
    if (outcome === 'failed') this.#failed.add(transfer.to);
    else this.#failed.delete(transfer.to);
    if (this.#stopped || outcome === 'failed') return;
    this.#catchingUp++;
    const cancel = this.deps.clock.after(RELEASE_DELAY_MS, () => {
      this.#timers.delete(cancel);
      this.#catchingUp--;
    });
    this.#timers.add(cancel);
  }
}

/** Begins now, and fails as its promise would. */
async function begun<T>(work: () => T | Promise<T>): Promise<T> {
  return work();
}
