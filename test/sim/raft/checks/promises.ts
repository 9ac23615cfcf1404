/**
 * What a node says to others it must not take back, crash or not. So it is checked against its disk when the message
 * leaves.
 *
 * Rules checked:
 * - Hard state: the term never falls, the commit index never falls while it runs, the vote never changes within a term.
 * - A vote is on disk before it is given; the same term's vote is never given to two (paper §5.2).
 * - Entries are on disk before they are acknowledged, and they are the leader's.
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
import type { BeforeReady, Observed, Peer } from './observed.js';

interface Vote {
  readonly term: Term;
  readonly vote: NodeId;
}

const voteKey = ({ term, vote }: Vote): string => `${term}/${vote}`;

const describe = ({ term, vote, commit }: HardState): string => `term ${term} vote ${vote} commit ${commit}`;

export class Promises {
  /** What each node wrote last, since it runs. */
  private readonly written = new Map<number, HardState>();
  /** Whom it voted for in the last term in which it gave its vote away, and that term. */
  private readonly votes = new Map<number, Vote>();
  /** Who voted for whom: by term and candidate. */
  private readonly voters = new Map<string, number[]>();
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

  /** `message` leaves the node; `target` is where it goes to. */
  sending({ id, disk }: Observed, message: Message, before: BeforeReady, target: Peer | undefined): void {
    const { type, term, to } = message;
    switch (type) {
      case MessageType.MsgVoteResp:
        if (message.reject) return;
        this.voted(id, disk, { term, vote: to });
        this.promised(id, term);
        return;
      case MessageType.MsgAppResp:
        this.promised(id, term);
        // In a higher term by now, it may have replaced them. Then they were not committed, for that term's leader
        // lacked them.
        if (message.reject || disk.hardState.term > term) return;
        must(
          disk.log.last >= message.index,
          'entries are durable before they are acknowledged',
          () => `node ${id} acknowledged ${message.index}, its disk ends at ${disk.log.last}`,
        );
        if (target?.running?.raw.isLeader && target.running.raw.term === term) {
          mustAgree(id, disk.log, target.running.view, message.index);
        }
        return;
      case MessageType.MsgTimeoutNow:
        if (target === undefined || target.disk.hardState.term > term) return;
        must(
          target.disk.log.holds(before.lastIndex, before.lastTerm),
          'leadership goes to a node with the whole log',
          () => `node ${id} hands it to ${to}, which lacks ${before.lastTerm}/${before.lastIndex}`,
        );
        return;
    }
  }

  private promised(id: number, term: Term): void {
    const before = this.terms.get(id) ?? 0;
    must(term >= before, 'terms never fall', () => `node ${id} answers in term ${term} after ${before}`);
    this.terms.set(id, term);
  }

  private voted(id: number, { hardState }: NodeDisk, given: Vote): void {
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
    if (before?.term === given.term) return;
    const key = voteKey(given);
    const voters = this.voters.get(key);
    if (voters === undefined) this.voters.set(key, [id]);
    else voters.push(id);
  }

  /** Nodes whose vote has left them; with writes in step that does not include the candidate. */
  votersFor(given: Vote): readonly number[] {
    return this.voters.get(voteKey(given)) ?? [];
  }
}

/** The two logs have the same at `index`, as far as both have it. */
function mustAgree(id: number, follower: LogCopy, leader: LogCopy, index: Index): void {
  const ours = follower.term(index);
  const theirs = leader.term(index);
  must(
    ours === theirs || ours === undefined || theirs === undefined,
    'what is acknowledged is what the leader has',
    () => `node ${id} acknowledged ${index} and has ${ours}/${index}, the leader ${theirs}/${index}`,
  );
}
