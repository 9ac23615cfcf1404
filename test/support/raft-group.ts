/**
 * A group of raft nodes in one process, with logs in memory and a network that can be cut. For tests of the core; every
 * step is made by the test.
 */
import type { RaftConfig } from '../../src/raft/config.js';
import { MemoryStorage } from '../../src/raft/log/memory-storage.js';
import { RawNode } from '../../src/raft/rawnode.js';
import type { ReadState, Ready } from '../../src/raft/ready.js';
import { silentRaftLogger } from '../../src/raft/world/logger.js';
import { confChangeOf } from '../../src/raftpb/describe.js';
import {
  type ConfState,
  type Entry,
  type Index,
  type Message,
  makeConfState,
  makeSnapshot,
  type NodeId,
  type Snapshot,
} from '../../src/raftpb/types.js';
import { seededRandom } from './seeded-random.js';

/** Asked for a snapshot, it makes one of what is applied: its data is `state`. */
export class GroupStorage extends MemoryStorage {
  /**
   * Last index applied, and the configuration as of that index: the core's own may be one change ahead of what it
   * counts as applied.
   */
  state: { readonly index: Index; readonly confState: ConfState } | undefined;

  override snapshot(): Snapshot | undefined {
    const newest = super.snapshot();
    const { state } = this;
    if (state !== undefined && newest !== undefined && newest.metadata.index < state.index) {
      this.createSnapshot(state.index, { data: Buffer.from('state'), confState: state.confState });
    }
    return super.snapshot();
  }

  /** The application starts again from the newest snapshot. */
  resetState(): void {
    this.state = undefined;
    this.state = super.snapshot()?.metadata;
  }
}

export interface GroupMember {
  raw: RawNode;
  readonly storage: GroupStorage;
  /** Everything applied, in order; configuration changes and empty entries too. */
  readonly applied: Entry[];
  readonly reads: ReadState[];
}

export class RaftGroup {
  readonly members = new Map<NodeId, GroupMember>();
  /** Sent and not delivered. */
  messages: Message[] = [];
  /** What does not get through. */
  drop: (message: Message) => boolean = () => false;
  /** Every Ready of a node before it is worked on. */
  onReady: (id: NodeId, ready: Ready) => void = () => undefined;
  private readonly options: Partial<RaftConfig>;

  /** Nodes 1…`voters`, and `learners` after them, that start from a snapshot at index 1 of term 1. */
  constructor(voters: number, options: Partial<RaftConfig> & { readonly learners?: number } = {}) {
    const { learners = 0, ...rest } = options;
    this.options = rest;
    const ids = Array.from({ length: voters + learners }, (_, at) => BigInt(at + 1));
    const confState = makeConfState({ voters: ids.slice(0, voters), learners: ids.slice(voters) });
    for (const id of ids)
      this.add(id, (storage) => storage.applySnapshot(makeSnapshot({ index: 1, term: 1, confState })));
  }

  /** A node; without `prepare` one that knows nothing yet. */
  add(id: NodeId, prepare: (storage: GroupStorage) => void = () => undefined): GroupMember {
    const storage = new GroupStorage();
    prepare(storage);
    const member = { raw: this.start(id, storage), storage, applied: [], reads: [] };
    this.members.set(id, member);
    return member;
  }

  private start(id: NodeId, storage: GroupStorage): RawNode {
    storage.resetState();
    return new RawNode({
      id,
      electionTicks: 10,
      heartbeatTicks: 1,
      storage,
      applied: storage.state?.index ?? 0,
      random: seededRandom(Number(id)),
      logger: silentRaftLogger,
      ...this.options,
    });
  }

  /** A crash: what was not persisted is gone. */
  restart(id: NodeId): void {
    const member = this.member(id);
    member.applied.length = 0;
    member.raw = this.start(id, member.storage);
  }

  member(id: NodeId): GroupMember {
    const member = this.members.get(id);
    if (member === undefined) throw new Error(`no member ${id}`);
    return member;
  }

  raw(id: NodeId): RawNode {
    return this.member(id).raw;
  }

  /** Data of what `id` applied, without configuration changes and empty entries. */
  data(id: NodeId): string[] {
    return this.member(id)
      .applied.filter((entry) => entry.type === 0 && entry.data.length > 0)
      .map(({ data }) => Buffer.from(data).toString());
  }

  leaders(): NodeId[] {
    return [...this.members].filter(([, { raw }]) => raw.isLeader).map(([id]) => id);
  }

  isolate(...ids: NodeId[]): void {
    this.drop = ({ from, to }) => ids.includes(from) || ids.includes(to);
  }

  heal(): void {
    this.drop = () => false;
  }

  /** Works off the Ready of one node. Returns whether there was one. */
  process(id: NodeId): boolean {
    const { raw, storage, applied, reads } = this.member(id);
    if (!raw.hasReady()) return false;
    const ready = raw.ready();
    this.onReady(id, ready);
    if (ready.snapshot !== undefined) {
      storage.applySnapshot(ready.snapshot);
      storage.state = ready.snapshot.metadata;
    }
    storage.append(ready.entries);
    if (ready.hardState !== undefined) storage.setHardState(ready.hardState);
    this.messages.push(...ready.messages);
    for (const entry of ready.committedEntries) {
      applied.push(entry);
      const change = confChangeOf(entry);
      const confState = change === undefined ? storage.state?.confState : raw.applyConfChange(change);
      storage.state = { index: entry.index, confState: confState ?? makeConfState() };
    }
    reads.push(...ready.readStates);
    raw.advance();
    return true;
  }

  /** Delivers what is on its way. */
  deliver(): void {
    const messages = this.messages;
    this.messages = [];
    for (const message of messages) {
      if (!this.drop(message)) this.members.get(message.to)?.raw.step(message);
    }
  }

  /** Until nothing is left to do. */
  settle(): void {
    for (let round = 0; round < 1000; round++) {
      let busy = false;
      for (const id of this.members.keys()) busy = this.process(id) || busy;
      busy ||= this.messages.length > 0;
      this.deliver();
      if (!busy) return;
    }
    throw new Error('the group does not come to rest');
  }

  tick(times: number, ids: Iterable<NodeId> = this.members.keys()): void {
    const chosen = [...ids];
    for (let count = 0; count < times; count++) {
      for (const id of chosen) this.raw(id).tick();
      this.settle();
    }
  }

  elect(id: NodeId): void {
    this.raw(id).campaign();
    this.settle();
    if (!this.raw(id).isLeader) throw new Error(`${id} was not elected`);
  }

  propose(id: NodeId, ...texts: string[]): void {
    this.raw(id).propose(...texts.map((text) => Buffer.from(text)));
    this.settle();
  }
}
