/**
 * Messages that speak of entries which are not there: a leader that counts on more of this node's log than there is,
 * and a follower that has what this leader never wrote. Both come from something that is no member of the group, or
 * from one whose log, like ours, is not what it was. Taken, the first would commit what nobody has, the second would
 * count as written later what is not.
 *
 * `etcd-diff:` there the first is a panic ("tocommit(…) is out of range"), the second is taken. Refused, the node goes
 * on, and follows nobody who says so: it has no leader then, and says why.
 */
import { hexId } from '../lib/ids.js';
import { messageTypeName } from '../raftpb/describe.js';
import { type Message, MessageType } from '../raftpb/types.js';
import type { NodeState } from './node-state.js';

export class OutOfRange {
  readonly #node: NodeState;
  /** Heartbeats come ten times a second. */
  #said = '';

  constructor(node: NodeState) {
    this.#node = node;
  }

  /** Whether `message` is to be left alone; says so once for each sender and term. */
  refuses(message: Message): boolean {
    const { type, from, term, index, commit, reject } = message;
    if (type !== MessageType.MsgHeartbeat && type !== MessageType.MsgAppResp) return false;
    const node = this.#node;
    const last = node.log.lastIndex();
    let wrong: string | undefined;
    if (type === MessageType.MsgHeartbeat && commit > last && term >= node.term) wrong = `tocommit(${commit})`;
    if (type === MessageType.MsgAppResp && !reject && index > last && term === node.term)
      wrong = `acknowledged(${index})`;
    if (wrong === undefined) return false;
    const said = `${type} ${from} ${term}`;
    if (said !== this.#said) {
      this.#said = said;
      node.logger.error(
        `${hexId(node.id)} [term: ${node.term}] refused a ${messageTypeName(type)} message from ${hexId(from)} ` +
          `[term: ${term}]: ${wrong} is out of range [lastIndex(${last})]. Was the raft log corrupted, truncated, or ` +
          'lost? Then remove this member from its cluster, and add it anew with an empty data directory',
      );
    }
    return true;
  }
}
