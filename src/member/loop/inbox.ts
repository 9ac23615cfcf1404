/**
 * Messages of other members on their way into the core: those of a turn are stepped together, in the order in which
 * they came. Proposals that a follower forwarded wait while no leader is known, as our own do. Bounded in number and
 * bytes; beyond, messages are refused, which their sender learns and raft makes up for.
 */

import { EtcdError } from '../../proto/etcd-error.js';
import type { RawNode } from '../../raft/rawnode.js';
import { type Message, MessageType, NONE } from '../../raftpb/types.js';

/** As many as etcd's receiving buffer holds for each peer. */
const MAX_MESSAGES = 4096;
/** Some hundred appends of the largest size. */
const MAX_BYTES = 128 * 1024 * 1024;
/** What a message costs beside its entries. */
const MESSAGE_BYTES = 128;

interface Waiting {
  readonly message: Message;
  readonly taken: () => void;
  readonly refused: (cause: Error) => void;
}

type Core = Pick<RawNode, 'step' | 'lead'>;

export class Inbox {
  #waiting: Waiting[] = [];
  /** Forwarded proposals without a leader to go to. */
  #proposals: Message[] = [];
  #bytes = 0;
  #closed = false;

  /** Resolves when it has been stepped, or waits for a leader. */
  put(message: Message): Promise<void> {
    if (this.#closed) return Promise.reject(new EtcdError('stopped'));
    const bytes = sizeOf(message);
    const count = this.#waiting.length + this.#proposals.length;
    if (count >= MAX_MESSAGES || (this.#bytes > 0 && this.#bytes + bytes > MAX_BYTES))
      return Promise.reject(new Error('too many raft messages are waiting'));
    this.#bytes += bytes;
    return new Promise((taken, refused) => this.#waiting.push({ message, taken, refused }));
  }

  isReady({ lead }: Pick<RawNode, 'lead'>): boolean {
    return this.#waiting.length > 0 || (this.#proposals.length > 0 && lead !== NONE);
  }

  /**
   * Steps what waits, until `isEnough`. What the core refuses is not the sender's to know: it would take the connection
   * for broken.
   */
  take(node: Core, isEnough: () => boolean): void {
    this.#takeProposals(node);
    let count = 0;
    for (const { message, taken } of this.#waiting) {
      count++;
      if (message.type === MessageType.MsgProp && node.lead === NONE) this.#proposals.push(message);
      else this.#step(node, message);
      taken();
      if (isEnough()) break;
    }
    this.#waiting.splice(0, count);
  }

  close(): void {
    this.#closed = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#proposals = [];
    this.#bytes = 0;
    for (const { refused } of waiting) refused(new EtcdError('stopped'));
  }

  #takeProposals(node: Core): void {
    if (this.#proposals.length === 0 || node.lead === NONE) return;
    const proposals = this.#proposals;
    this.#proposals = [];
    for (const message of proposals) this.#step(node, message);
  }

  #step(node: Core, message: Message): void {
    this.#bytes -= sizeOf(message);
    node.step(message);
  }
}

function sizeOf({ entries }: Message): number {
  let bytes = MESSAGE_BYTES;
  for (const { data } of entries) bytes += data.length;
  return bytes;
}
