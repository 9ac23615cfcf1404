/** What a candidate does with what it gets: it counts votes, and follows whoever leads already. */
import { hexId } from '../lib/ids.js';
import { messageTypeName } from '../raftpb/describe.js';
import { type Message, MessageType, NONE } from '../raftpb/types.js';
import type { Elections } from './elections.js';
import { proposalDropped, type RaftError } from './errors.js';
import type { Follower } from './follower.js';
import type { NodeState } from './node-state.js';

export class Candidate {
  readonly #node: NodeState;
  readonly #elections: Elections;
  readonly #follower: Follower;

  constructor(node: NodeState, elections: Elections, follower: Follower) {
    this.#node = node;
    this.#elections = elections;
    this.#follower = follower;
  }

  step(message: Message): RaftError | undefined {
    const me = hexId(this.#node.id);
    const { type, from } = message;
    switch (type) {
      case MessageType.MsgProp:
        this.#node.logger.info(`${me} no leader at term ${this.#node.term}; dropping proposal`);
        return proposalDropped;
      case MessageType.MsgApp:
        this.#node.becomeFollower(message.term, from);
        this.#follower.handleAppend(message);
        return undefined;
      case MessageType.MsgHeartbeat:
        this.#node.becomeFollower(message.term, from);
        this.#follower.handleHeartbeat(message);
        return undefined;
      case MessageType.MsgSnap:
        this.#node.becomeFollower(message.term, from);
        this.#follower.handleSnapshot(message);
        return undefined;
      case MessageType.MsgVoteResp:
      case MessageType.MsgPreVoteResp: {
        // A late answer to the pre-vote says nothing about the vote, and the other way round.
        const mine = this.#node.state === 'StatePreCandidate' ? MessageType.MsgPreVoteResp : MessageType.MsgVoteResp;
        if (type === mine) this.#countVote(message);
        return undefined;
      }
      case MessageType.MsgTimeoutNow:
        this.#node.logger.debug(
          `${me} [term ${this.#node.term} state ${this.#node.state}] ignored MsgTimeoutNow from ${hexId(from)}`,
        );
        return undefined;
      default:
        return undefined;
    }
  }

  #countVote({ type, from, reject }: Message): void {
    const me = hexId(this.#node.id);
    const name = messageTypeName(type);
    this.#node.logger.info(
      `${me} received ${name}${reject ? ' rejection' : ''} from ${hexId(from)} at term ${this.#node.term}`,
    );
    this.#node.tracker.recordVote(from, !reject);
    const { granted, rejected, result } = this.#node.tracker.tallyVotes();
    this.#node.logger.info(`${me} has received ${granted} ${name} votes and ${rejected} vote rejections`);
    switch (result) {
      case 'VoteWon':
        if (this.#node.state === 'StatePreCandidate') {
          this.#elections.campaign('election');
        } else {
          this.#node.becomeLeader();
          this.#node.replication.broadcastAppend();
        }
        break;
      case 'VoteLost':
        this.#node.becomeFollower(this.#node.term, NONE);
        break;
      case 'VotePending':
        break;
    }
  }
}
