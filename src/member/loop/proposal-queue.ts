/**
 * What is to be proposed. Ordinary entries of one turn are one append; configuration changes keep their place among them. While no leader is known nothing is
 * handed to the core, which would drop it. Whoever proposes keeps count of what waits here.
 */
import type { RaftError } from '../../raft/errors.js';
import type { RawNode } from '../../raft/rawnode.js';
import { type ConfChange, NONE } from '../../raftpb/types.js';
import { EtcdError } from '../etcd-error.js';

/** What a follower puts into one message to its leader. */
const MAX_FORWARDED_BYTES = 1024 * 1024;

export interface Proposal {
  /** A normal entry's data, or a configuration change. */
  readonly content: Uint8Array | ConfChange;
  /** Its proposer waits no more. */
  readonly isAbandoned: boolean;
  /** The core has it: it may be applied from now on. */
  taken(): void;
  /** The core would not take it; it will not be applied. */
  refused(error: Error): void;
}

type Core = Pick<RawNode, 'lead' | 'isLeader' | 'propose' | 'proposeConfChange'>;

export class ProposalQueue {
  #waiting: Proposal[] = [];

  add(proposal: Proposal): void {
    this.#waiting.push(proposal);
  }

  isReady({ lead }: Pick<RawNode, 'lead'>): boolean {
    return this.#waiting.length > 0 && lead !== NONE;
  }

  take(node: Core): void {
    if (!this.isReady(node)) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    let entries: Proposal[] = [];
    let data: Uint8Array[] = [];
    let bytes = 0;
    const flush = (): void => {
      if (entries.length === 0) return;
      answer(entries, node.propose(...data));
      [entries, data, bytes] = [[], [], 0];
    };
    for (const proposal of waiting) {
      if (proposal.isAbandoned) continue;
      const { content } = proposal;
      if (!(content instanceof Uint8Array)) {
        flush();
        answer([proposal], node.proposeConfChange(content));
        continue;
      }
      if (!node.isLeader && bytes + content.length > MAX_FORWARDED_BYTES) flush();
      entries.push(proposal);
      data.push(content);
      bytes += content.length;
    }
    flush();
  }

  forgetAbandoned(): void {
    this.#waiting = this.#waiting.filter((proposal) => !proposal.isAbandoned);
  }

  close(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const proposal of waiting) proposal.refused(new EtcdError('stopped'));
  }
}

function answer(proposals: readonly Proposal[], error: RaftError | undefined): void {
  for (const proposal of proposals) {
    if (error === undefined) proposal.taken();
    else proposal.refused(new Error(error.message));
  }
}
