/**
 * Rules checked:
 * - Election safety (paper §5.2): at most one leader a term, and it has the votes of a quorum of its configuration.
 * - Leader completeness (§5.4): a leader has all that was committed in terms before its own.
 * - Leases and pre-vote (thesis §4.2.3, §9.6): with check-quorum, a node that leads, or heard from its leader less than
 *   an election timeout ago, takes no higher term and grants no pre-vote because somebody campaigns; and a pre-vote
 *   changes no term anywhere.
 */
import type { RawNode } from '../../../../src/raft/rawnode.js';
import type { Ready } from '../../../../src/raft/ready.js';
import { type Message, MessageType, NONE, type Term } from '../../../../src/raftpb/types.js';
import { must } from '../violation.js';
import { describeConf } from './configurations.js';
import type { History } from './history.js';
import type { Observed } from './observed.js';
import type { Promises } from './promises.js';
import { hasQuorum } from './quorum.js';

export class Elections {
  /** Who led which term. */
  private readonly leaders = new Map<Term, number>();

  constructor(
    private readonly history: History,
    private readonly promises: Promises,
  ) {}

  get count(): number {
    return this.leaders.size;
  }

  /** To be called after everything that happens to a node. */
  observe({ raw, id, view }: Observed): void {
    if (!raw.isLeader) return;
    const { term } = raw;
    const known = this.leaders.get(term);
    if (known === id) return;
    must(known === undefined, 'one leader a term', () => `${known} and ${id} in term ${term}`);
    this.leaders.set(term, id);
    const voters = new Set(this.promises.votersFor({ term, vote: raw.id }));
    const conf = raw.confState();
    must(
      hasQuorum(conf, voters.add(id)),
      'a quorum elects',
      () => `node ${id} leads in term ${term} by the votes of [${[...voters]}] in ${describeConf(conf)}`,
    );
    const due = this.history.lastCommittedBefore(term);
    must(
      view.holds(due.index, due.term),
      'leaders are complete',
      () => `node ${id}, leader of term ${term}, lacks ${due.term}/${due.index}, which was committed before`,
    );
  }
}

const isCampaign = ({ type }: Message): boolean => type === MessageType.MsgVote || type === MessageType.MsgPreVote;

const isFromLeader = ({ type }: Message): boolean =>
  type === MessageType.MsgApp || type === MessageType.MsgHeartbeat || type === MessageType.MsgSnap;

const preVoteKey = (who: bigint, term: Term): string => `${who}/${term}`;

/** One node's lease, as its messages and ticks tell. */
export class LeaseWatch {
  /** Ticks since a message of the leader came in. */
  private heardTicks = Number.POSITIVE_INFINITY;
  /** Pre-votes asked for since the last Ready: whether at least one of its kind came outside of a lease. */
  private readonly asked = new Map<string, boolean>();

  constructor(
    private readonly checkQuorum: boolean,
    private readonly electionTicks: number,
  ) {}

  tick(): void {
    this.heardTicks++;
  }

  /** Hands `message` to the node, by `step`. */
  around(id: number, raw: RawNode, message: Message, step: () => void): void {
    if (isFromLeader(message) && message.term >= raw.term) this.heardTicks = 0;
    if (!isCampaign(message)) {
      step();
      return;
    }
    const { term } = raw;
    const transfer = message.context.length > 0;
    const inLease =
      this.checkQuorum &&
      !transfer &&
      message.term > term &&
      (raw.isLeader || (raw.lead !== NONE && this.heardTicks < this.electionTicks));
    if (message.type === MessageType.MsgPreVote) {
      const key = preVoteKey(message.from, message.term);
      this.asked.set(key, this.asked.get(key) === true || !inLease);
    }
    step();
    must(
      raw.term === term || message.type === MessageType.MsgVote,
      'a pre-vote changes no term',
      () => `node ${id} went from term ${term} to ${raw.term}`,
    );
    must(
      raw.term === term || !inLease,
      'a leader’s lease is respected',
      () => `node ${id} heard from its leader ${this.heardTicks} ticks ago, yet went from term ${term} to ${raw.term}`,
    );
  }

  readyTaken(id: number, ready: Ready): void {
    if (this.asked.size === 0) return;
    for (const { type, reject, to, term } of [...ready.messages, ...ready.messages.flatMap((each) => each.responses)]) {
      if (type !== MessageType.MsgPreVoteResp || reject) continue;
      must(
        this.asked.get(preVoteKey(to, term)) !== false,
        'a leader’s lease is respected',
        () => `node ${id} heard from its leader ${this.heardTicks} ticks ago, yet grants a pre-vote to ${to}`,
      );
    }
    this.asked.clear();
  }
}
