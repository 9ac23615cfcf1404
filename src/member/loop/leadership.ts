/**
 * Who leads, as this member knows it: one object that all are given who act differently on a leader, wait for one, or have to hear of a change. The loop
 * reports what raft says; nobody else changes it.
 */
import type { Logger } from '../../lib/logger.js';
import type { RawNode } from '../../raft/rawnode.js';
import type { SoftState } from '../../raft/ready.js';
import { NONE, type NodeId } from '../../raftpb/types.js';

export interface LeaderChange {
  /** NONE where there was, or is, no leader. */
  readonly before: NodeId;
  readonly now: NodeId;
}

export class Leadership {
  /** New leaders seen, ourselves among them. */
  changesSeen = 0;
  #soft: SoftState = { lead: NONE, raftState: 'StateFollower' };
  readonly #listeners: ((change: LeaderChange) => void)[] = [];

  constructor(
    readonly node: Pick<RawNode, 'id' | 'term' | 'transferLeader' | 'campaign'>,
    readonly logger: Logger,
  ) {}

  /** NONE while there is none. */
  get lead(): NodeId {
    return this.#soft.lead;
  }

  get hasLeader(): boolean {
    return this.#soft.lead !== NONE;
  }

  get isLeader(): boolean {
    return this.#soft.lead === this.node.id && this.#soft.raftState === 'StateLeader';
  }

  /** Called at each change, in the order in which they were added, before anything of the new leader's is applied. */
  onChange(listener: (change: LeaderChange) => void): void {
    this.#listeners.push(listener);
  }

  /** From the loop. */
  update(state: SoftState): void {
    const before = this.#soft;
    this.#soft = state;
    if (state.lead === before.lead) return;
    if (state.lead !== NONE) this.changesSeen++;
    const change = { before: before.lead, now: state.lead };
    for (const listener of this.#listeners) listener(change);
    this.#log(change);
  }

  #log({ before, now }: LeaderChange): void {
    const [me, from, to] = [this.node.id, before, now].map((id) => id.toString(16));
    const change =
      now === NONE
        ? `lost leader ${from}`
        : before === NONE
          ? `elected leader ${to}`
          : `changed leader from ${from} to ${to}`;
    this.logger.info(`raft.node: ${me} ${change} at term ${this.node.term}`);
  }
}
