/**
 * Who leads, as this member knows it: one object that all are given who act differently on a leader, wait for one, or
 * have to hear of a change. The loop reports what raft says; nobody else changes it.
 */
import type { Caller } from '../../lib/caller.js';
import type { Clock } from '../../lib/clock.js';
import { formatMs } from '../../lib/go/duration.js';
import type { Logger } from '../../lib/logger.js';
import { EtcdError } from '../../proto/etcd-error.js';
import type { RawNode } from '../../raft/rawnode.js';
import type { SoftState } from '../../raft/ready.js';
import { NONE, type NodeId, type Term } from '../../raftpb/types.js';

export interface LeaderChange {
  /** NONE where there was, or is, no leader. */
  readonly before: NodeId;
  readonly now: NodeId;
}

export interface LeadershipDeps {
  readonly node: Pick<RawNode, 'id' | 'term' | 'transferLeader' | 'campaign' | 'leadTransferee'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly heartbeatIntervalMs: number;
  /** The loop should take a turn. */
  readonly wake: () => void;
}

export class Leadership {
  /** New leaders seen, ourselves among them. */
  changesSeen = 0;
  /** When (monotonic milliseconds) this member last became the leader; undefined = never. */
  electedMs: number | undefined;
  #soft: SoftState = { lead: NONE, raftState: 'StateFollower' };
  readonly #listeners: ((change: LeaderChange) => void)[] = [];
  readonly #onFirstCommit: (() => void)[] = [];
  #established = false;

  constructor(readonly deps: LeadershipDeps) {}

  get localId(): NodeId {
    return this.deps.node.id;
  }

  /** NONE while there is none. */
  get lead(): NodeId {
    return this.#soft.lead;
  }

  get hasLeader(): boolean {
    return this.#soft.lead !== NONE;
  }

  get isLeader(): boolean {
    return this.#soft.lead === this.deps.node.id && this.#soft.raftState === 'StateLeader';
  }

  /** Leads, and has applied all entries of earlier terms. */
  get isEstablished(): boolean {
    return this.#established && this.isLeader;
  }

  /** Asks for something as the leader: it is gone as soon as this member leads no more, or again. */
  asLeader(): Caller {
    const { node } = this.deps;
    const { term } = node;
    const isGone = (): boolean => !this.isLeader || node.term !== term;
    return {
      get aborted() {
        return isGone();
      },
    };
  }

  /** Called when this member becomes established as a leader. */
  onFirstCommit(listener: () => void): void {
    this.#onFirstCommit.push(listener);
  }

  /**
   * An empty entry of `term` was applied, as a leader begins its term with. Changes of the configuration that a leader
   * refuses become empty, too: those of earlier terms come before the one that counts, those of its own after it.
   */
  firstCommit(term: Term): void {
    if (!this.isLeader || this.#established || term !== this.deps.node.term) return;
    this.#established = true;
    for (const listener of this.#onFirstCommit) listener();
  }

  /** Called at each change, in the order in which they were added, before anything of the new leader's is applied. */
  onChange(listener: (change: LeaderChange) => void): void {
    this.#listeners.push(listener);
  }

  /** From the loop. */
  update(state: SoftState): void {
    const before = this.#soft;
    this.#soft = state;
    if (!this.isLeader) this.#established = false;
    if (state.lead === before.lead) return;
    if (state.lead !== NONE) this.changesSeen++;
    if (this.isLeader) this.electedMs = this.deps.clock.monotonicMs();
    const change = { before: before.lead, now: state.lead };
    for (const listener of this.#listeners) listener(change);
    this.#log(change);
  }

  /** Stands for election at once. */
  campaign(): void {
    this.deps.node.campaign();
    this.deps.wake();
  }

  /** Resolves when `to` leads. Rejects when it does not in time; raft itself gives up after an election timeout. */
  async transfer(to: NodeId, timeoutMs: number): Promise<void> {
    const { clock, heartbeatIntervalMs, logger, node, wake } = this.deps;
    const startMs = clock.monotonicMs();
    const from = this.lead;
    const local = { 'local-member-id': node.id.toString(16) };
    logger.info('leadership transfer starting', {
      ...local,
      'current-leader-member-id': from.toString(16),
      'transferee-member-id': to.toString(16),
    });
    node.transferLeader(to);
    wake();
    while (this.lead !== to) {
      if (clock.monotonicMs() - startMs >= timeoutMs) throw new EtcdError('timeoutLeaderTransfer');
      await new Promise<void>((resolve) => clock.after(heartbeatIntervalMs, resolve));
    }
    logger.info('leadership transfer finished', {
      ...local,
      'old-leader-member-id': from.toString(16),
      'new-leader-member-id': to.toString(16),
      took: formatMs(clock.monotonicMs() - startMs),
    });
  }

  #log({ before, now }: LeaderChange): void {
    const { logger, node } = this.deps;
    const [me, from, to] = [node.id, before, now].map((id) => id.toString(16));
    const change =
      now === NONE
        ? `lost leader ${from}`
        : before === NONE
          ? `elected leader ${to}`
          : `changed leader from ${from} to ${to}`;
    logger.with({ logger: 'raft' }).info(`raft.node: ${me} ${change} at term ${node.term}`);
  }
}
