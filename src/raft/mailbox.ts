/**
 * What the core wants sent, until it is handed out. `messages` may be sent at once. `afterAppend` are promises — votes
 * and acknowledgements, also the node's own to itself — and leave only when all that was handed out before is on stable
 * storage.
 */
import { messageTypeName } from '../raftpb/describe.js';
import { type Message, MessageType, makeMessage, NONE, type NodeId, type Term } from '../raftpb/types.js';
import { RaftPanic } from './world/logger.js';

export class Mailbox {
  messages: Message[] = [];
  afterAppend: Message[] = [];
  readonly #sender: { readonly id: NodeId; readonly term: Term };

  /** `sender`: whose id and term messages carry that name no other. */
  constructor(sender: { readonly id: NodeId; readonly term: Term }) {
    this.#sender = sender;
  }

  /** `message` carries a term only where it is about votes; all others get the present one. */
  send(init: Partial<Message> & { readonly type: MessageType; readonly to: NodeId }): void {
    const { type } = init;
    let term = init.term ?? 0;
    switch (type) {
      case MessageType.MsgVote:
      case MessageType.MsgVoteResp:
      case MessageType.MsgPreVote:
      case MessageType.MsgPreVoteResp:
        // Pre-votes and their answers may speak of the next term, so the sender has to say which it means.
        if (term === 0) throw new RaftPanic(`term should be set when sending ${messageTypeName(type)}`);
        break;
      case MessageType.MsgProp:
      case MessageType.MsgReadIndex:
        // On their way to the leader these count as local to it, whatever its term.
        break;
      default:
        if (term !== 0)
          throw new RaftPanic(`term should not be set when sending ${messageTypeName(type)} (was ${term})`);
        term = this.#sender.term;
    }
    const from = init.from === undefined || init.from === NONE ? this.#sender.id : init.from;
    const message = makeMessage(init, from, term);
    if (type === MessageType.MsgAppResp || type === MessageType.MsgVoteResp || type === MessageType.MsgPreVoteResp) {
      this.afterAppend.push(message);
      return;
    }
    if (message.to === this.#sender.id)
      throw new RaftPanic(`message should not be self-addressed when sending ${messageTypeName(type)}`);
    this.messages.push(message);
  }
}
