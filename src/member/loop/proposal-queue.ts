/**
 * What is to be proposed. Ordinary entries of one turn are one append; configuration changes keep their place among
 * them. While no leader is known nothing is handed to the core, which would drop it. Whoever proposes keeps count of
 * what waits here.
 */

import { EtcdError } from '../../proto/etcd-error.js';
import type { RaftError } from '../../raft/errors.js';
import type { RawNode } from '../../raft/rawnode.js';
import { type ConfChange, NONE } from '../../raftpb/types.js';

/** Of one turn: what is appended, synced and applied together, so that nothing else waits for more than that. */
const MAX_ENTRIES = 4096;
const MAX_BYTES = 16 * 1024 * 1024;
/** What a follower puts into one message to its leader. */
const MAX_FORWARDED_BYTES = 1024 * 1024;

export interface Proposal {
  /** A normal entry's data, or a configuration change. */
  readonly content: Uint8Array | ConfChange;
  /** Its proposer waits no more. */
  readonly isAbandoned: boolean;
  /** It was abandoned before the core had it, and will not be applied. */
  dropped(): void;
  /** The core has it: it may be applied from now on. */
  taken(): void;
  /** The core would not take it; it will not be applied. */
  refused(error: Error): void;
}

type Core = Pick<RawNode, 'lead' | 'isLeader' | 'proposeAll' | 'proposeConfChange'>;

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
    let entries: Proposal[] = [];
    let data: Uint8Array[] = [];
    let bytes = 0;
    const flush = (): void => {
      if (entries.length === 0) return;
      answer(entries, node.proposeAll(data));
      [entries, data, bytes] = [[], [], 0];
    };
    let count = 0;
    let looked = 0;
    for (const proposal of this.#waiting) {
      if (count >= MAX_ENTRIES || bytes >= MAX_BYTES) break;
      looked++;
      if (proposal.isAbandoned) {
        proposal.dropped();
        continue;
      }
      count++;
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
    this.#waiting = this.#waiting.slice(looked);
  }

  forgetAbandoned(): void {
    if (!this.#waiting.some((proposal) => proposal.isAbandoned)) return;
    const wanted: Proposal[] = [];
    for (const proposal of this.#waiting) {
      if (proposal.isAbandoned) proposal.dropped();
      else wanted.push(proposal);
    }
    this.#waiting = wanted;
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
