/**
 * Elections: who may stand, what is asked of the others, and to whom a vote is given (paper §5.2 and §5.4.1; thesis
 * §4.2.3 and §9.6 for the vote before the vote).
 */
import { hexId } from '../lib/ids.js';
import { messageTypeName } from '../raftpb/describe.js';
import { EntryType, type Message, MessageType, NO_BYTES, NONE, type Term } from '../raftpb/types.js';
import type { NodeState } from './node-state.js';
import { RaftPanic } from './world/logger.js';

type CampaignType = 'pre-election' | 'election' | 'transfer';

/** Marks the vote request of a leadership transfer: it is granted in spite of the present leader's lease. */
const transferContext: Uint8Array = Buffer.from('CampaignTransfer', 'latin1');

export const isTransfer = (message: Message): boolean => Buffer.compare(message.context, transferContext) === 0;

const voteResponseType = (type: MessageType): MessageType =>
  type === MessageType.MsgVote ? MessageType.MsgVoteResp : MessageType.MsgPreVoteResp;

export class Elections {
  readonly #node: NodeState;

  constructor(node: NodeState) {
    this.#node = node;
  }

  /** Whether this node may become leader: it votes, and no snapshot is about to change who does. */
  promotable(): boolean {
    const progress = this.#node.tracker.progress.get(this.#node.id);
    return progress !== undefined && !progress.isLearner && !this.#node.log.hasNextOrInProgressSnapshot;
  }

  hup(type: CampaignType): void {
    const me = hexId(this.#node.id);
    if (this.#node.state === 'StateLeader') {
      this.#node.logger.debug(`${me} ignoring MsgHup because already leader`);
      return;
    }
    if (!this.promotable()) {
      this.#node.logger.warn(`${me} is unpromotable and can not campaign`);
      return;
    }
    if (this.#hasUnappliedConfChanges()) {
      this.#node.logger.warn(
        `${me} cannot campaign at term ${this.#node.term} since there are still pending configuration changes to apply`,
      );
      return;
    }
    this.#node.logger.info(`${me} is starting a new election at term ${this.#node.term}`);
    this.campaign(type);
  }

  #hasUnappliedConfChanges(): boolean {
    const { log } = this.#node;
    // By pages, for there may be much to apply.
    for (let low = log.applied + 1; low <= log.committed; ) {
      const page = log.slice(low, log.committed + 1, log.maxApplyingSizeBytes);
      if (typeof page === 'string') throw new RaftPanic(`error scanning unapplied entries: ${page}`);
      if (page.some((entry) => entry.type !== EntryType.EntryNormal)) return true;
      low += page.length;
    }
    return false;
  }

  campaign(type: CampaignType): void {
    let term: Term;
    let request: MessageType;
    if (type === 'pre-election') {
      this.#node.becomePreCandidate();
      request = MessageType.MsgPreVote;
      term = this.#node.term + 1;
    } else {
      this.#node.becomeCandidate();
      request = MessageType.MsgVote;
      term = this.#node.term;
    }
    for (const id of this.#node.tracker.voterIds()) {
      if (id === this.#node.id) {
        // The vote for itself counts once it is on stable storage, like anyone else's.
        this.#node.mailbox.send({ type: voteResponseType(request), to: id, term });
        continue;
      }
      const last = this.#node.log.lastEntryId();
      this.#node.logger.info(
        `${hexId(this.#node.id)} [logterm: ${last.term}, index: ${last.index}] sent ${messageTypeName(request)} ` +
          `request to ${hexId(id)} at term ${this.#node.term}`,
      );
      const context = type === 'transfer' ? transferContext : NO_BYTES;
      this.#node.mailbox.send({ type: request, to: id, term, index: last.index, logTerm: last.term, context });
    }
  }

  voteDecision(decision: 'ignored' | 'rejected', message: Message): string {
    const last = this.#node.log.lastEntryId();
    return (
      `${hexId(this.#node.id)} [logterm: ${last.term}, index: ${last.index}, vote: ${hexId(this.#node.vote)}] ` +
      `${decision} ${messageTypeName(message.type)} from ${hexId(message.from)} [logterm: ${message.logTerm}, index: ` +
      `${message.index}] at term ${this.#node.term}`
    );
  }

  handleVoteRequest(message: Message): void {
    const { type, from, term } = message;
    const canVote =
      this.#node.vote === from ||
      (this.#node.vote === NONE && this.#node.lead === NONE) ||
      (type === MessageType.MsgPreVote && term > this.#node.term);
    if (!canVote || !this.#node.log.isUpToDate({ term: message.logTerm, index: message.index })) {
      this.#node.logger.info(this.voteDecision('rejected', message));
      this.#node.mailbox.send({ type: voteResponseType(type), to: from, term: this.#node.term, reject: true });
      return;
    }
    // Learners vote too when asked: the one who asks may know of a promotion that this node has not applied yet.
    const last = this.#node.log.lastEntryId();
    this.#node.logger.info(
      `${hexId(this.#node.id)} [logterm: ${last.term}, index: ${last.index}, vote: ${hexId(this.#node.vote)}] cast ` +
        `${messageTypeName(type)} for ${hexId(from)} [logterm: ${message.logTerm}, index: ${message.index}] at ` +
        `term ${this.#node.term}`,
    );
    // With the request's term: a pre-candidate asks about the next one, and would ignore an answer of the present one.
    this.#node.mailbox.send({ type: voteResponseType(type), to: from, term });
    if (type === MessageType.MsgVote) {
      this.#node.electionElapsed = 0;
      this.#node.vote = from;
    }
  }
}
