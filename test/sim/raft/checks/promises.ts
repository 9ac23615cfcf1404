/**
 * What a node says to others it must not take back, crash or not. So it is checked against its disk when the message leaves.
 *
 * Rules checked:
 * - Hard state: the term never falls, the commit index never falls while it runs, the vote never changes within a term.
 * - A vote is on disk before it is given; the same term's vote is never given to two (paper §5.2).
 * - Entries are on disk before they are acknowledged.
 * - Leadership is only handed to a node that has the whole log (thesis §3.10).
 */
import {
  type HardState,
  type Index,
  type Message,
  MessageType,
  NONE,
  type NodeId,
  type Term,
} from '../../../../src/raftpb/types.js';
import type { LogCopy } from '../log-copy.js';
import type { NodeDisk } from '../node-disk.js';
import { must } from '../violation.js';
import type { Observed } from './observed.js';

const describe = ({ term, vote, commit }: HardState): string => `term ${term} vote ${vote} commit ${commit}`;

export class Promises {
  /** What each node wrote last, since it runs. */
  private readonly written = new Map<number, HardState>();
  /** Whom it voted for in the last term in which it gave its vote away, and that term. */
  private readonly votes = new Map<number, { readonly term: Term; readonly vote: NodeId }>();
  /** The highest term of its acknowledgements and votes. */
  private readonly terms = new Map<number, Term>();

  started({ id, disk }: Observed): void {
    const { hardState } = disk;
    this.written.set(id, hardState);
    const promised = this.terms.get(id) ?? 0;
    must(
      hardState.term >= promised,
      'terms never fall',
      () => `node ${id} restarts in ${hardState.term} after ${promised}`,
    );
    const given = this.votes.get(id);
    must(
      given === undefined || hardState.term > given.term || hardState.vote === given.vote,
      'a vote is kept',
      () => `node ${id} restarts with ${describe(hardState)} but voted for ${given?.vote} in term ${given?.term}`,
    );
  }

  hardStateTaken({ id }: Observed, next: HardState): void {
    const before = this.written.get(id);
    this.written.set(id, next);
    if (before === undefined) return;
    must(
      next.term >= before.term &&
        next.commit >= before.commit &&
        (next.term > before.term || before.vote === NONE || next.vote === before.vote),
      'term and commit never fall, a vote is kept',
      () => `node ${id} went from ${describe(before)} to ${describe(next)}`,
    );
  }

  /** `message` leaves the node. `lastBefore`: end of the log before the Ready that it came with; `target`: the disk it goes to. */
  sending(
    { id, disk }: Observed,
    message: Message,
    lastBefore: { index: Index; term: Term },
    target: NodeDisk | undefined,
  ): void {
    const { type, term, to } = message;
    switch (type) {
      case MessageType.MsgVoteResp:
        if (message.reject) return;
        this.voted(id, disk, { term, vote: to });
        this.promised(id, term);
        return;
      case MessageType.MsgAppResp:
        this.promised(id, term);
        // In a higher term by now, it may have replaced them. Then they were not committed, for that term's leader lacked them.
        if (message.reject || disk.hardState.term > term) return;
        must(
          disk.log.last >= message.index,
          'entries are durable before they are acknowledged',
          () => `node ${id} acknowledged ${message.index}, its disk ends at ${disk.log.last}`,
        );
        return;
      case MessageType.MsgTimeoutNow:
        if (target === undefined || target.hardState.term > term) return;
        must(
          has(target.log, lastBefore),
          'leadership goes to a node with the whole log',
          () => `node ${id} hands it to ${to}, which lacks ${lastBefore.term}/${lastBefore.index}`,
        );
        return;
    }
  }

  private promised(id: number, term: Term): void {
    const before = this.terms.get(id) ?? 0;
    must(term >= before, 'terms never fall', () => `node ${id} answers in term ${term} after ${before}`);
    this.terms.set(id, term);
  }

  private voted(id: number, { hardState }: NodeDisk, given: { readonly term: Term; readonly vote: NodeId }): void {
    must(
      hardState.term > given.term || (hardState.term === given.term && hardState.vote === given.vote),
      'a vote is durable before it is given',
      () => `node ${id} voted for ${given.vote} in term ${given.term}, its disk says ${describe(hardState)}`,
    );
    const before = this.votes.get(id);
    must(
      before === undefined || before.term < given.term || (before.term === given.term && before.vote === given.vote),
      'one vote a term',
      () =>
        `node ${id} voted for ${before?.vote} in term ${before?.term}, then for ${given.vote} in term ${given.term}`,
    );
    this.votes.set(id, given);
  }
}

const has = (log: LogCopy, { index, term }: { index: Index; term: Term }): boolean => log.holds(index, term);
