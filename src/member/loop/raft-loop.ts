/**
 * The loop around one raft node: takes what happened in a turn of the event loop, and carries out what the core asks
 * for.
 *
 *   1. Messages of other members that came in are stepped, in the order in which they came. Proposals of the turn
 *      become one append (on a follower, one message to the leader); while there is no leader they wait. Waiting
 *      linearizable reads share one read-index round.
 *   2. Each Ready: a leader sends first, so that its followers write while it does. Others send last: configuration
 *      changes of the same Ready are applied before anything leaves that answers for them (a vote counted with members
 *      that are removed already, say).
 *   3. Entries and hard state go to the log in the order the core gave them; what they answer (our own vote and
 *      acknowledgement, a follower's answer to its leader) is held back until the log is synced. So a single voter
 *      commits, hence applies, only after its sync.
 *   4. A leader's snapshot takes the place of the log before entries that come after it; its answer waits until its
 *      database is in place.
 *   5. Committed entries are applied in order; then whoever waits for them hears of it.
 *
 * Appends that come while a sync is under way are written behind it and share the next one: one sync a batch, however
 * many proposals. The core runs with asynchronous storage writes, so a slow disk holds up neither reads nor messages.
 * `etcd-diff:` etcd 3.5 drives its core with Ready/Advance; the order on disk and on the wire is the same.
 */

import type { Clock } from '../../lib/clock.js';
import type { Failpoints } from '../../lib/failpoints/failpoints.js';
import { HeldSteps, type Steps } from '../../lib/failpoints/held-steps.js';
import type { RequestId } from '../../lib/ids.js';
import { appendAll } from '../../lib/long-lists.js';
import type { RawNode } from '../../raft/rawnode.js';
import type { Ready } from '../../raft/ready.js';
import type { Storage } from '../../raft/world/storage.js';
import {
  type Entry,
  EntryType,
  type HardState,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  makeHardState,
  type NodeId,
  type Snapshot,
} from '../../raftpb/types.js';
import type { Wal } from '../../wal/types.js';
import { Inbox } from './inbox.js';
import type { Leadership } from './leadership.js';
import type { Outbox } from './outbox.js';
import { type Proposal, ProposalQueue } from './proposal-queue.js';

export interface LoopStorage extends Storage {
  append(entries: readonly Entry[]): void;
  setHardState(hardState: HardState): void;
}

/** The rounds of linearizable reads, as the loop drives them. */
export interface ReadRounds {
  /** Whether `begin` has something to do. */
  readonly wantsRound: boolean;
  /** Once a turn: starts the next round unless one is in flight. */
  begin(nowMs: number): void;
  /** Raft's answer: a read is linearizable once `index` is applied. */
  confirm(context: RequestId, index: number, applied: number): void;
  applied(index: number): void;
}

/** What a snapshot of the leader does to this member. */
export interface SnapshotInstalls {
  /** Puts it in the place of the log; durable on return, the hard state too. */
  persist(snapshot: Snapshot, hardState: HardState): void;
  /** Puts its database in the place of ours. Nothing is applied meanwhile. */
  install(snapshot: Snapshot): Promise<void>;
}

export interface LoopDeps {
  readonly node: RawNode;
  readonly storage: LoopStorage;
  readonly log: Wal;
  readonly reads: ReadRounds;
  readonly leadership: Leadership;
  readonly clock: Clock;
  readonly outbox: Outbox;
  readonly applyEntries: (entries: readonly Entry[]) => void;
  readonly snapshots: SnapshotInstalls;
  readonly failpoints?: Failpoints | undefined;
  /** Something that must not happen did (a write failed, an invariant broke): the member stops. */
  readonly onFatal: (cause: unknown) => void;
}

/** After so long in one turn, others get theirs. */
const TURN_BUDGET_MS = 10;
/** Less than it takes to start a program that reads the log. */
const WRITE_WITHIN_MS = 5;
const NO_STATE: HardState = makeHardState();
const stepped = Promise.resolve();

export class RaftLoop {
  readonly #inbox = new Inbox();
  readonly #proposals = new ProposalQueue();
  readonly #unreachable = new Set<NodeId>();
  readonly #snapshotsSent = new Map<NodeId, 'finished' | 'failed'>();
  #scheduled = false;
  #stopped = false;
  #tickedMs = Number.NEGATIVE_INFINITY;
  /** Answers held back until the next sync is through. */
  #unsynced: Message[] = [];
  #syncing = false;
  /** What the log holds back will be written. */
  #writing = false;
  /** Snapshots whose databases are being exchanged, one after another: until that is over nobody is answered. */
  #installing = 0;
  #installed: Promise<void> = Promise.resolve();
  /** A failpoint holds up the loop, or applying alone. */
  readonly #handling = new HeldSteps((goOn) => this.#resume(goOn));
  readonly #applying = new HeldSteps((goOn) => this.#resume(goOn));

  constructor(readonly deps: LoopDeps) {}

  /** Taken up at the end of this turn of the event loop, or as soon as there is a leader. */
  propose(proposal: Proposal): void {
    this.#proposals.add(proposal);
    this.wake();
  }

  /** Proposals that were given up while they waited for a leader need no room any more. */
  forgetAbandoned(): void {
    this.#proposals.forgetAbandoned();
  }

  /** A message from another member. Resolves when it has been stepped; rejects when too many wait. */
  receive(message: Message): Promise<void> {
    if (this.#isSettled && this.#isBeat(message)) {
      this.#run(() => this.deps.node.step(message));
      return stepped;
    }
    this.wake();
    return this.#inbox.put(message);
  }

  /** A message to `id` was lost. */
  reportUnreachable(id: NodeId): void {
    this.#unreachable.add(id);
    this.wake();
  }

  /** What became of the snapshot that was being sent to `id`. */
  reportSnapshot(id: NodeId, outcome: 'finished' | 'failed'): void {
    this.#snapshotsSent.set(id, outcome);
    this.wake();
  }

  /** Most ticks of a follower leave nothing to do. */
  tick(): void {
    // As in etcd's loop, which has the ticks.
    if (this.#handling.isHeld) return;
    const { clock, node, reads } = this.deps;
    this.#tickedMs = clock.monotonicMs();
    node.tick();
    if (!node.hasReady() && !reads.wantsRound && !this.#isReady()) return;
    // Heartbeats, which are no batch with anything.
    if (node.isLeader && this.#isSettled) this.#turn();
    else this.wake();
  }

  /** Whether it ticked within `ms`: one that did not may have missed that another member leads. */
  hasTicked(ms: number): boolean {
    return this.deps.clock.monotonicMs() - this.#tickedMs < ms;
  }

  /** Something may have become ready. */
  wake(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    this.deps.clock.soon(() => this.#turn());
  }

  /** Nothing is written, sent or applied after this. */
  stop(): void {
    this.#stopped = true;
    this.#proposals.close();
    this.#inbox.close();
  }

  /** Nothing waits for a turn, so that what comes need not wait for one either. */
  get #isSettled(): boolean {
    return !this.#scheduled && !this.#stopped && !this.#handling.isHeld;
  }

  /**
   * What members say to each other while nothing happens. It is stepped where it comes: a turn of the event loop for
   * each would be a quarter of what idle members do. Those that carry a read's context come with others.
   */
  #isBeat({ type, term, context }: Message): boolean {
    const isBeat = type === MessageType.MsgHeartbeat || type === MessageType.MsgHeartbeatResp;
    return isBeat && term === this.deps.node.term && context.length === 0;
  }

  #turn(): void {
    this.#scheduled = false;
    if (this.#stopped || this.#handling.isHeld) return;
    const { clock, node, reads } = this.deps;
    this.#run((untilMs) => {
      this.#takeReports();
      this.#inbox.take(node, () => clock.monotonicMs() > untilMs);
      this.#proposals.take(node);
      reads.begin(clock.monotonicMs());
    });
  }

  /** Steps something, and carries out what the core asks for then. */
  #run(step: (untilMs: number) => void): void {
    const { clock, reads } = this.deps;
    try {
      const untilMs = clock.monotonicMs() + TURN_BUDGET_MS;
      step(untilMs);
      this.#drain(untilMs);
      // A leader may have been found in this very turn, or the round of reads that others wait behind be over.
      if (this.#isReady() || reads.wantsRound) this.wake();
    } catch (cause) {
      this.stop();
      this.deps.onFatal(cause);
    }
  }

  #resume(goOn: () => void): void {
    if (this.#stopped) return;
    try {
      goOn();
    } catch (cause) {
      this.stop();
      this.deps.onFatal(cause);
    }
    this.#turn();
  }

  #isReady(): boolean {
    const { node } = this.deps;
    return this.#inbox.isReady(node) || this.#proposals.isReady(node);
  }

  /** Not where they are reported: that may be in the midst of sending. */
  #takeReports(): void {
    const { node } = this.deps;
    for (const id of this.#unreachable) node.reportUnreachable(id);
    this.#unreachable.clear();
    for (const [id, outcome] of this.#snapshotsSent) node.reportSnapshot(id, { ok: outcome === 'finished' });
    this.#snapshotsSent.clear();
  }

  #drain(untilMs: number): void {
    const { node, clock } = this.deps;
    while (!this.#stopped) {
      while (node.hasReady()) {
        this.#handling.run(this.#handle(node.ready()));
        if (this.#stopped || this.#handling.isHeld) return;
        if (clock.monotonicMs() > untilMs) {
          this.wake();
          break;
        }
      }
      if (!this.#sync()) return;
    }
  }

  *#handle(ready: Ready): Steps {
    const { deps } = this;
    if (ready.softState !== undefined) deps.leadership.update(ready.softState);
    for (const { index, requestContext } of ready.readStates) {
      deps.reads.confirm(Buffer.from(requestContext).readBigUInt64BE(), index, deps.node.applied);
    }
    const outgoing = ready.messages.filter(({ to }) => !isLocal(to));
    const leads = deps.node.isLeader;
    const { failpoints } = deps;
    if (leads) {
      failpoints?.hit('raftBeforeLeaderSend');
      deps.outbox.send(outgoing);
    }
    for (const message of ready.messages) {
      if (message.to === LOCAL_APPEND_THREAD) yield* this.#append(message);
      else if (message.to === LOCAL_APPLY_THREAD) this.#apply(message);
    }
    if (failpoints !== undefined && !ready.messages.some(({ to }) => to === LOCAL_APPEND_THREAD))
      yield* saveNothing(failpoints);
    if (!leads) {
      failpoints?.hit('raftBeforeFollowerSend');
      deps.outbox.send(outgoing);
    }
    failpoints?.hit('raftBeforeAdvance');
  }

  *#append(message: Message): Steps {
    const { node, storage, log, snapshots, failpoints } = this.deps;
    const hardState: HardState = { term: message.term, vote: message.vote, commit: message.commit };
    if (message.snapshot !== undefined) snapshots.persist(message.snapshot, hardState);
    if (failpoints !== undefined) {
      // Where etcd 3.5 saves before it hands over what is committed thereby.
      const commits = message.entries.length > 0 && node.isAlone;
      const held = commits ? failpoints.holdUp('raftBeforeSaveWaitWalSync') : undefined;
      if (held !== undefined) yield held;
      const heldAnyway = failpoints.holdUp('raftBeforeSave');
      if (heldAnyway !== undefined) yield heldAnyway;
    }
    const mustSync = log.save(message.snapshot === undefined ? hardState : NO_STATE, message.entries);
    if (!mustSync) {
      this.#writeSoon();
      const held = failpoints?.holdUp('raftAfterSave');
      if (held !== undefined) yield held;
    }
    if (hardState.term !== 0) storage.setHardState(hardState);
    if (message.entries.length > 0) storage.append(message.entries);
    // A commit index alone needs no sync, and nobody waits for an answer to it.
    appendAll(this.#unsynced, message.responses);
    if (message.snapshot !== undefined) this.#install(message.snapshot);
  }

  /** A commit index waits for entries that come with it, but not long: a copy of the folder should have it. */
  #writeSoon(): void {
    if (this.#writing) return;
    this.#writing = true;
    this.deps.clock.after(WRITE_WITHIN_MS, () => {
      this.#writing = false;
      if (this.#stopped) return;
      try {
        this.deps.log.writeBuffered();
      } catch (cause) {
        this.stop();
        this.deps.onFatal(cause);
      }
    });
  }

  /** The core hands out no entries to apply before it has the answer to the snapshot, and that waits in `#unsynced`. */
  #install(snapshot: Snapshot): void {
    const { deps } = this;
    this.#installing++;
    this.#installed = this.#installed
      .then(() => this.#applying.idle())
      .then(() => (this.#stopped ? undefined : deps.snapshots.install(snapshot)))
      .then(() => {
        this.#installing--;
        if (this.#stopped) return;
        deps.reads.applied(snapshot.metadata.index);
        this.#turn();
      })
      .catch((cause: unknown) => {
        // The database is closed under it where the member stops in order.
        if (this.#stopped) return;
        this.stop();
        deps.onFatal(cause);
      });
  }

  #apply(message: Message): void {
    const { failpoints, applyEntries } = this.deps;
    if (failpoints !== undefined) {
      this.#applying.run(this.#applyOneByOne(message, failpoints));
      return;
    }
    applyEntries(message.entries);
    this.#afterApply(message);
  }

  *#applyOneByOne(message: Message, failpoints: Failpoints): Steps {
    for (const entry of message.entries) {
      const isNormal = entry.type === EntryType.EntryNormal;
      const held = failpoints.holdUp(isNormal ? 'beforeApplyOneEntryNormal' : 'beforeApplyOneConfChange');
      if (held !== undefined) yield held;
      this.deps.applyEntries([entry]);
    }
    this.#afterApply(message);
  }

  #afterApply(message: Message): void {
    this.#deliver(message.responses);
    const last = message.entries.at(-1);
    if (last !== undefined) this.deps.reads.applied(last.index);
  }

  /** True when answers were released, so that more may be ready. */
  #sync(): boolean {
    if (this.#syncing || this.#installing > 0 || this.#unsynced.length === 0) return false;
    const answers = this.#unsynced;
    this.#unsynced = [];
    const pending = this.deps.log.sync();
    if (pending === undefined) {
      this.#handling.run(this.#synced(answers));
      return !this.#handling.isHeld;
    }
    this.#syncing = true;
    pending.then(
      () => {
        this.#syncing = false;
        if (this.#stopped) return;
        this.#resume(() => this.#handling.run(this.#synced(answers)));
      },
      (cause: unknown) => {
        this.stop();
        this.deps.onFatal(cause);
      },
    );
    return false;
  }

  *#synced(answers: readonly Message[]): Steps {
    const held = this.deps.failpoints?.holdUp('raftAfterSave');
    if (held !== undefined) yield held;
    this.#deliver(answers);
  }

  #deliver(answers: readonly Message[]): void {
    const { node, outbox } = this.deps;
    const outgoing: Message[] = [];
    for (const answer of answers) {
      if (answer.to === node.id) node.step(answer);
      else outgoing.push(answer);
    }
    outbox.send(outgoing);
  }
}

const isLocal = (id: NodeId): boolean => id === LOCAL_APPEND_THREAD || id === LOCAL_APPLY_THREAD;

/** etcd saves with each Ready, if nothing at all: a leader that is held up there sends no heartbeats any more. */
function* saveNothing(failpoints: Failpoints): Steps {
  for (const name of ['raftBeforeSave', 'raftAfterSave'] as const) {
    const held = failpoints.holdUp(name);
    if (held !== undefined) yield held;
  }
}
