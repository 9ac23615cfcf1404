/**
 * Rule checked (thesis §3.10): a leader that hands over waits for one election timeout at most; then it takes proposals
 * again.
 */
import type { RawNode } from '../../../../src/raft/rawnode.js';
import { NONE, type NodeId } from '../../../../src/raftpb/types.js';
import { must } from '../violation.js';

export class TransferWatch {
  private to: NodeId = NONE;
  private ticks = 0;

  constructor(private readonly electionTicks: number) {}

  /** After everything that happened to the node: another transfer has its own timeout. */
  observe({ leadTransferee }: RawNode): void {
    if (leadTransferee === this.to) return;
    this.to = leadTransferee;
    this.ticks = 0;
  }

  /** After each tick of the node. */
  ticked(id: number, raw: RawNode): void {
    this.observe(raw);
    this.ticks++;
    must(
      this.to === NONE || this.ticks <= this.electionTicks,
      'a transfer of leadership ends',
      () => `node ${id} has waited for ${this.to} for ${this.ticks} ticks`,
    );
  }
}
