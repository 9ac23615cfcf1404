/**
 * One node of the simulated group: a RawNode, its disk and state machine, and the loop that carries out what its Readys
 * ask for, in step or by asynchronous storage writes. A crash takes all but the disk away.
 *
 *     message, tick, request ──▶ RawNode ──▶ Ready, a little later ──▶ disk ──▶ send, apply ──▶ RawNode
 *
 * Every step of the way is an event of its own, so that others, and crashes, come in between.
 */
import type { Random } from '../../../src/lib/random.js';
import type { MemoryStorage } from '../../../src/raft/log/memory-storage.js';
import type { RawNode } from '../../../src/raft/rawnode.js';
import type { Ready } from '../../../src/raft/ready.js';
import type { RaftLogger } from '../../../src/raft/world/logger.js';
import { confChangeOf } from '../../../src/raftpb/describe.js';
import {
  type Entry,
  type HardState,
  type Index,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  makeConfChange,
} from '../../../src/raftpb/types.js';
import type { Checks } from './checks/checks.js';
import { LeaseWatch } from './checks/elections.js';
import { isConfChange } from './checks/history.js';
import type { BeforeReady, Observed } from './checks/observed.js';
import { TransferWatch } from './checks/transfers.js';
import type { Core } from './core.js';
import { between, chance } from './draws.js';
import type { EventQueue } from './event-queue.js';
import { leavesNoVoter } from './membership.js';
import { type Batch, NodeDisk } from './node-disk.js';
import { type Scenario, slowDiskDelay } from './scenario.js';
import { StateMachine } from './state-machine.js';
import type { Trace } from './trace.js';
import { must } from './violation.js';

/** Logs here are compacted long before they have the thousands of entries of which a member's packs the first. */
const PACK_SIZES = { pack: 3, recent: 1 };

export interface World {
  readonly core: Core;
  readonly scenario: Scenario;
  readonly queue: EventQueue;
  readonly trace: Trace;
  readonly checks: Checks;
  readonly stats: Stats;
  /** While calm, clocks are right and disks fast. */
  calm: boolean;
  send(message: Message): void;
  /** What became of a MsgSnap, for its sender. */
  snapshotFate(message: Message, fate: { readonly ok: boolean }): void;
}

export interface Stats {
  crashes: number;
  applied: number;
  snapshotsMade: number;
  snapshotsTaken: number;
}

/** What a crash takes away. */
interface Running extends Observed {
  /** What the core reads from: the log as it was written, synced or not. */
  readonly storage: MemoryStorage;
  readonly lease: LeaseWatch;
  readonly transfer: TransferWatch;
}

const calmTick = { low: 95, high: 105 };
const localTargets = new Set([LOCAL_APPEND_THREAD, LOCAL_APPLY_THREAD]);

export class SimNode {
  readonly disk = new NodeDisk();
  /** Undefined while the node is down. */
  running: Running | undefined;
  pausedUntil = 0;
  slowDiskUntil = 0;
  private tickUnits = 0;
  /** Counts starts and crashes: what was set going before the last one does not happen any more. */
  private life = 0;
  private readyScheduled = false;
  /** Configuration changes handed out and not applied yet. */
  private changesInHand = 0;
  private before: BeforeReady = { lastIndex: 0, lastTerm: 0, committed: 0 };
  /** Commit index when the last Ready was taken. */
  private committed: Index = 0;
  /** In step: the batch that is being written. */
  private underway: Batch | undefined;
  /** Asynchronous writes: what the two local targets have to do, in order. */
  private appends: Message[] = [];
  private applies: Message[] = [];

  constructor(
    readonly id: number,
    private readonly isAsync: boolean,
    private readonly world: World,
    private readonly random: Random,
  ) {}

  // Life and death

  start(): void {
    if (this.running !== undefined) return;
    const { world, disk, id } = this;
    const { scenario, core } = world;
    world.trace.note(
      id,
      `starts, term ${disk.hardState.term}, commit ${disk.hardState.commit}, log ends at ${disk.log.last}`,
    );
    this.life++;
    const storage = new core.MemoryStorage(PACK_SIZES);
    const machine = new StateMachine();
    if (disk.snapshot.metadata.index > 0) {
      storage.applySnapshot(disk.snapshot);
      machine.restore(disk.snapshot);
    }
    storage.append(disk.log.tail());
    storage.setHardState(disk.hardState);
    const raw = new core.RawNode({
      ...scenario,
      id: BigInt(id),
      storage,
      random: this.random,
      logger: this.logger(),
      applied: disk.snapshot.metadata.index,
      asyncStorageWrites: this.isAsync,
    });
    const lease = new LeaseWatch(scenario.checkQuorum, scenario.electionTicks);
    const transfer = new TransferWatch(scenario.electionTicks);
    this.running = { id, raw, disk, machine, storage, lease, transfer, view: disk.log.clone() };
    this.committed = 0;
    world.checks.started(this.running);
    this.drift();
    this.later(this.random.below(this.tickUnits), (node) => this.tick(node));
    this.settle(this.running);
  }

  /** Takes everything away that is not on the disk. What is being written may get there or not. */
  crash(): void {
    if (this.running === undefined) return;
    this.world.trace.note(this.id, 'crashes');
    this.world.stats.crashes++;
    this.life++;
    this.running = undefined;
    const written = this.isAsync ? this.appends.map(batchOf) : this.underway === undefined ? [] : [this.underway];
    this.disk.crash(this.random, written);
    this.readyScheduled = false;
    this.underway = undefined;
    this.appends = [];
    this.applies = [];
    this.changesInHand = 0;
    this.pausedUntil = 0;
  }

  /** The clock goes at another rate from now on. */
  drift(): void {
    this.tickUnits = between(this.random, this.world.scenario.tickUnits);
  }

  private logger(): RaftLogger {
    const note = (sentence: string): void => this.world.trace.note(this.id, `  ${sentence}`);
    return { debug() {}, expected: note, info: note, warn: note, error: note };
  }

  /** Runs `what` after `delay`, unless the node dies before; a paused node does it when it wakes up. */
  private later(delay: number, what: (node: Running) => void): void {
    const { queue } = this.world;
    const { life } = this;
    const guarded = (): void => {
      if (life !== this.life || this.running === undefined) return;
      if (queue.now < this.pausedUntil) queue.after(this.pausedUntil - queue.now, guarded);
      else what(this.running);
    };
    queue.after(delay, guarded);
  }

  // What comes in

  private tick(node: Running): void {
    this.world.trace.note(this.id, 'tick');
    node.lease.tick();
    node.raw.tick();
    node.transfer.ticked(this.id, node.raw);
    this.later(this.world.calm ? between(this.random, calmTick) : this.tickUnits, (each) => this.tick(each));
    this.settle(node);
  }

  /** Returns false when it is lost: the node is down, or cannot take it now. Not while the node is paused. */
  receive(message: Message): boolean {
    const { running } = this;
    if (running === undefined) return false;
    const isSnapshot = message.type === MessageType.MsgSnap;
    // The core takes over a snapshot's configuration at once. A change of before that is applied after it would be
    // applied to the wrong one, so the application must not let a snapshot in as long as it has one in hand.
    if (isSnapshot && this.changesInHand > 0) return false;
    this.world.trace.note(this.id, 'receives', message);
    const { raw, lease } = running;
    lease.around(this.id, raw, message, () => raw.step(message));
    if (isSnapshot) this.world.snapshotFate(message, { ok: true });
    this.settle(running);
    return true;
  }

  /** A request of the application; `what` goes into the trace. */
  request(what: string, ask: (raw: RawNode) => void): void {
    const { running } = this;
    if (running === undefined || this.world.queue.now < this.pausedUntil) return;
    this.world.trace.note(this.id, what);
    ask(running.raw);
    this.settle(running);
  }

  /** The node gets to know something after `delay`, if it lives that long. */
  inform(delay: number, what: string, tell: (raw: RawNode) => void): void {
    this.later(delay, () => this.request(what, tell));
  }

  /** Looks at what happened, and sees to it that a Ready is taken where there is one. */
  private settle(node: Running): void {
    this.world.checks.observe(node);
    node.transfer.observe(node.raw);
    if (this.readyScheduled || this.underway !== undefined || !node.raw.hasReady()) return;
    this.readyScheduled = true;
    const delay = this.world.calm ? 0 : between(this.random, this.world.scenario.readyDelay);
    this.later(delay, (each) => this.takeReady(each));
  }

  // What goes out

  private takeReady(node: Running): void {
    const { world } = this;
    const { raw, view } = node;
    this.readyScheduled = false;
    if (!raw.hasReady()) return;
    this.before = { lastIndex: view.last, lastTerm: view.term(view.last) ?? 0, committed: this.committed };
    this.committed = raw.committed;
    const ready = raw.ready();
    const { entries, committedEntries, hardState, snapshot, mustSync } = ready;
    world.trace.note(
      this.id,
      `Ready: ${entries.length} entries, ${committedEntries.length} ` +
        `committed${snapshot === undefined ? '' : `, snapshot ${snapshot.metadata.index}`}` +
        (hardState === undefined ? '' : `, term ${hardState.term} vote ${hardState.vote} commit ${hardState.commit}`) +
        (mustSync ? ', sync' : ''),
    );
    world.checks.readyTaken(node, ready);
    node.lease.readyTaken(this.id, ready);
    for (const entry of committedEntries) if (isConfChange(entry)) this.changesInHand++;
    if (this.isAsync) this.handOut(node, ready);
    else this.writeInStep(node, ready);
  }

  private send(node: Running, message: Message): void {
    this.world.checks.sending(node, message, this.before);
    this.world.send(this.withFreshSnapshot(node, message));
  }

  /** As etcd does: what is sent is the state as of now, not that of the stored snapshot. */
  private withFreshSnapshot({ machine, storage }: Running, message: Message): Message {
    const stored = message.snapshot;
    if (stored === undefined || !this.world.scenario.freshSnapshots) return message;
    const term = storage.term(machine.applied);
    if (typeof term === 'string' || machine.applied <= stored.metadata.index) return message;
    const metadata = { index: machine.applied, term, confState: machine.confState };
    return { ...message, snapshot: { data: machine.data(), metadata } };
  }

  private diskDelay(): number {
    const { scenario, queue, calm } = this.world;
    if (calm) return 0;
    if (queue.now < this.slowDiskUntil) return this.random.below(slowDiskDelay);
    return between(this.random, scenario.diskDelay);
  }

  private applyDelay(): number {
    return this.world.calm ? 0 : between(this.random, this.world.scenario.applyDelay);
  }

  // In step

  private writeInStep(node: Running, ready: Ready): void {
    const early = node.raw.isLeader && chance(this.random, 500);
    if (early) for (const message of ready.messages) this.send(node, message);
    this.underway = { snapshot: ready.snapshot, entries: ready.entries, hardState: ready.hardState };
    const done = (): void => this.finishInStep(node, ready, early);
    const delay = this.diskDelay();
    if (delay === 0) done();
    else this.later(delay, done);
  }

  private finishInStep(node: Running, ready: Ready, sent: boolean): void {
    const { snapshot, entries, hardState } = ready;
    this.underway = undefined;
    this.disk.write({ snapshot, entries, hardState });
    if (ready.mustSync || snapshot !== undefined) this.disk.sync();
    this.store(node, { snapshot, entries, hardState });
    if (!sent) for (const message of ready.messages) this.send(node, message);
    this.applyAll(node, ready.committedEntries);
    node.raw.advance();
    this.maybeSnapshot(node);
    this.settle(node);
  }

  // By asynchronous writes

  private handOut(node: Running, ready: Ready): void {
    for (const message of ready.messages) {
      if (!localTargets.has(message.to)) {
        this.send(node, message);
        continue;
      }
      const appends = message.to === LOCAL_APPEND_THREAD;
      const queue = appends ? this.appends : this.applies;
      queue.push(message);
      if (queue.length > 1) continue;
      if (appends) this.later(this.diskDelay(), (each) => this.finishAppend(each));
      else this.later(this.applyDelay(), (each) => this.finishApply(each));
    }
    this.settle(node);
  }

  private finishAppend(node: Running): void {
    const message = this.appends.shift();
    if (message === undefined) return;
    this.world.trace.note(this.id, `disk: ${message.entries.length} entries, ${message.responses.length} answers`);
    const batch = batchOf(message);
    this.disk.write(batch);
    if (message.responses.length > 0) this.disk.sync();
    this.store(node, batch);
    this.respond(node, message);
    if (this.appends.length > 0) this.later(this.diskDelay(), (each) => this.finishAppend(each));
  }

  private finishApply(node: Running): void {
    const message = this.applies.shift();
    if (message === undefined) return;
    this.applyAll(node, message.entries);
    this.respond(node, message);
    if (this.applies.length > 0) this.later(this.applyDelay(), (each) => this.finishApply(each));
  }

  private respond(node: Running, { responses }: Message): void {
    for (const response of responses) {
      if (response.to !== node.raw.id) {
        this.send(node, response);
        continue;
      }
      this.world.checks.sending(node, response, this.before);
      node.raw.step(response);
      this.world.checks.observe(node);
    }
    this.maybeSnapshot(node);
    this.settle(node);
  }

  // Storage and state machine

  /** Into what the core reads from, once it is written. */
  private store(node: Running, { snapshot, entries, hardState }: Batch): void {
    const { storage } = node;
    if (snapshot !== undefined) {
      const refused = storage.applySnapshot(snapshot);
      must(refused === undefined, 'a snapshot is newer than the last', () => `node ${this.id}: ${refused}`);
      this.world.stats.snapshotsTaken++;
      node.machine.restore(snapshot);
      this.world.checks.restored(node, snapshot);
    }
    storage.append(entries);
    if (hardState !== undefined) storage.setHardState(hardState);
  }

  private applyAll(node: Running, entries: readonly Entry[]): void {
    const { machine } = node;
    for (const entry of entries) {
      if (isConfChange(entry)) this.changesInHand--;
      // A snapshot overtook it.
      if (entry.index <= machine.applied) continue;
      const before = machine.applied;
      machine.apply(entry);
      this.world.stats.applied++;
      this.world.checks.applied(node, entry, before);
      if (isConfChange(entry)) this.applyChange(node, entry);
    }
  }

  private applyChange(node: Running, entry: Entry): void {
    const change = confChangeOf(entry);
    if (change === undefined) return;
    // The application refuses, everywhere alike, what would leave nobody to vote.
    const applied = leavesNoVoter(node.machine.confState, change) ? makeConfChange() : change;
    const conf = node.raw.applyConfChange(applied);
    node.machine.confState = conf;
    this.world.checks.confChanged(node, entry.index, conf);
    this.world.checks.observe(node);
  }

  /** A snapshot of now. One of before a node became a member does not help it. */
  snapshotNow(): void {
    if (this.running !== undefined) this.maybeSnapshot(this.running);
  }

  /** Makes a snapshot, and drops what it makes superfluous, when enough was applied since the last one. */
  private maybeSnapshot(node: Running): void {
    const { scenario } = this.world;
    const { machine, storage, raw } = node;
    const since = machine.applied - this.disk.snapshot.metadata.index;
    const every = this.world.calm ? 1 : scenario.snapshotEvery;
    // Not beyond what the core knows to be applied: it may still look at that.
    if (since < every || raw.applied !== machine.applied) return;
    const { confState, applied } = machine;
    const snapshot = storage.createSnapshot(applied, { confState, data: machine.data() });
    if (typeof snapshot === 'string') return;
    this.world.stats.snapshotsMade++;
    this.disk.compact(snapshot);
    const upTo = applied - (this.world.calm ? 0 : scenario.keepEntries);
    if (upTo >= storage.firstIndex()) storage.compact(upTo);
  }
}

/** What a MsgStorageAppend asks to write; all zero means that the hard state has not changed. */
function batchOf({ snapshot, entries, term, vote, commit }: Message): Batch {
  const hardState: HardState | undefined =
    term === 0 && vote === 0n && commit === 0 ? undefined : { term, vote, commit };
  return { snapshot, entries, hardState };
}
