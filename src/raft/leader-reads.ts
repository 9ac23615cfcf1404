/**
 * Linearizable reads on a leader: a read is answered with the commit index of the moment it came in, once a quorum has
 * confirmed that this is still the leader (thesis §6.4). Source of behaviour: etcd-io/raft raft.go,
 * sendMsgReadIndexResponse and responseToReadIndexReq.
 */
import { type Index, type Message, MessageType, NO_BYTES, NONE, type NodeId, type Term } from '../raftpb/types.js';
import type { ReadOnlyOption } from './config.js';
import type { RaftLog } from './log/raft-log.js';
import type { Mailbox } from './mailbox.js';
import { jointVoteResult } from './quorum/joint.js';
import { ReadOnlyQueue } from './read-only.js';
import type { ReadState } from './ready.js';
import type { Replication } from './replication.js';
import type { Tracker } from './tracker/tracker.js';

interface LeaderReadsParts {
  readonly id: NodeId;
  readonly log: RaftLog;
  readonly tracker: Tracker;
  readonly mailbox: Mailbox;
  readonly replication: Replication;
  readonly option: ReadOnlyOption;
  /** Takes the answers to this node's own reads; those of others leave as messages. */
  readonly answer: (state: ReadState) => void;
}

/** Each member has one round under way; more are a flood. Who is not heard asks again. */
const MAX_WAITING = 4096;

export class LeaderReads {
  readonly #parts: LeaderReadsParts;
  #queue = new ReadOnlyQueue();
  /**
   * Reads that came before this leader had committed an entry of its term: until then its commit index may be behind
   * (thesis §6.4).
   */
  #early: Message[] = [];

  constructor(parts: LeaderReadsParts) {
    this.#parts = parts;
  }

  /** The term is over: whoever waits for a quorum's word asks again. */
  reset(): void {
    this.#queue = new ReadOnlyQueue();
  }

  /** What the next heartbeat carries. */
  lastPendingContext(): Uint8Array | undefined {
    return this.#queue.lastPendingContext();
  }

  take(request: Message, term: Term): void {
    // A read before this term's first commit could miss entries that an earlier leader acknowledged (thesis §6.4).
    // etcd-diff: a single voter waits for it too. After a restart its commit index may be behind what it acknowledged.
    if (this.#committedIn(term)) this.#confirm(request);
    else if (this.#early.length < MAX_WAITING) this.#early.push(request);
  }

  /** Something was committed. */
  release(term: Term): void {
    if (this.#early.length === 0 || !this.#committedIn(term)) return;
    const reads = this.#early;
    this.#early = [];
    for (const read of reads) this.#confirm(read);
  }

  /** `from` answered the heartbeat that carried `context`. */
  receiveAck(from: NodeId, context: Uint8Array): void {
    if (this.#parts.option !== 'safe') return;
    const acks = this.#queue.receiveAck(from, context);
    if (acks === undefined || jointVoteResult(this.#parts.tracker.config.voters, acks) !== 'VoteWon') return;
    for (const { request, index } of this.#queue.advance(context)) this.#respond(request, index);
  }

  #committedIn(term: Term): boolean {
    const { log } = this.#parts;
    return log.termOrZero(log.committed) === term;
  }

  #confirm(request: Message): void {
    const { id, log, tracker, option, replication } = this.#parts;
    // Nobody else could have become leader without this node's vote, if the only voter is this node.
    // etcd-diff: there a leader that was removed and leads on takes itself for the only voter that is left, and answers
    // although it may be deposed.
    const onlyVoter = tracker.singleton && tracker.isVoter(id);
    if (onlyVoter || option === 'lease-based') {
      this.#respond(request, log.committed);
      return;
    }
    if (this.#queue.size >= MAX_WAITING) return;
    const context = request.entries[0]?.data ?? NO_BYTES;
    this.#queue.add(log.committed, request);
    this.#queue.receiveAck(id, context);
    replication.broadcastHeartbeat(context);
  }

  #respond(request: Message, index: Index): void {
    const { from, entries } = request;
    if (from === NONE || from === this.#parts.id) {
      this.#parts.answer({ index, requestContext: entries[0]?.data ?? NO_BYTES });
      return;
    }
    this.#parts.mailbox.send({ type: MessageType.MsgReadIndexResp, to: from, index, entries });
  }
}
