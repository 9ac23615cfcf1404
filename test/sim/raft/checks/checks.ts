/**
 * All rules together, as the nodes of the simulation report to them. Each call is O(what happened), so that a million
 * steps are affordable.
 */
import type { Ready } from '../../../../src/raft/ready.js';
import type { ConfState, Entry, Index, Message, Snapshot } from '../../../../src/raftpb/types.js';
import type { EventQueue } from '../event-queue.js';
import type { Genesis } from '../genesis.js';
import type { LogCopy } from '../log-copy.js';
import { hashIn } from '../state-machine.js';
import { Configurations } from './configurations.js';
import { Elections } from './elections.js';
import { History } from './history.js';
import type { BeforeReady, Observed, Peer } from './observed.js';
import { Promises } from './promises.js';
import { Reads } from './reads.js';

export class Checks {
  readonly history: History;
  readonly elections: Elections;
  readonly configurations: Configurations;
  readonly reads: Reads;
  private readonly promises = new Promises();
  private readonly peers = new Map<number, Peer>();
  private readonly holders: { readonly id: number; readonly log: LogCopy }[] = [];

  constructor(
    genesis: Genesis,
    private readonly queue: EventQueue,
    leaseStaleness: number,
  ) {
    this.history = new History(genesis.snapshot.metadata, hashIn(genesis.snapshot));
    this.history.begin(genesis.entries);
    this.elections = new Elections(this.history, this.promises);
    this.configurations = new Configurations(genesis);
    this.reads = new Reads(this.history, leaseStaleness);
  }

  /** All nodes there are, also those that are down: their disks count. */
  nodesAre(nodes: readonly Peer[]): void {
    for (const node of nodes) {
      this.peers.set(node.id, node);
      this.holders.push({ id: node.id, log: node.disk.log });
    }
  }

  /** After everything that happened to the node. */
  observe(node: Observed): void {
    this.elections.observe(node);
    if (node.raw.committed > this.history.committed) {
      this.history.commitMoved(node, this.holders, node.raw.confState(), this.queue.now);
    }
  }

  started(node: Observed): void {
    this.promises.started(node);
    this.history.started(node);
  }

  /** Brings the node's view up to date on the way. */
  readyTaken(node: Observed, ready: Ready): void {
    const { view } = node;
    if (ready.hardState !== undefined) this.promises.hardStateTaken(node, ready.hardState);
    if (ready.snapshot !== undefined) view.reset(ready.snapshot);
    const fresh = this.history.entriesTaken(node, ready.entries);
    view.append(ready.entries);
    this.history.readyTaken(node, ready);
    this.configurations.proposed(node, view, fresh, this.history.committed);
    for (const read of ready.readStates) this.reads.answer(node.id, read);
  }

  /** `before`: how the node was before the Ready that `message` came with. */
  sending(node: Observed, message: Message, before: BeforeReady): void {
    this.promises.sending(node, message, before, this.peers.get(Number(message.to)));
    this.configurations.sending(node, message, before);
  }

  applied(node: Observed, entry: Entry, before: Index): void {
    this.history.applied(node, entry, before);
  }

  confChanged(node: Observed, index: Index, conf: ConfState): void {
    this.configurations.applied(node.id, index, conf);
  }

  restored(node: Observed, { metadata }: Snapshot): void {
    this.configurations.restored(node.id, metadata.index, metadata.confState);
  }
}
