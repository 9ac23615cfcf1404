/** Which messages a member takes from the network. */

import { differenceOf } from '../lib/emulate.js';
import { neverFromPeers } from '../raftpb/local-messages.js';
import { EntryType, type Message, MessageType } from '../raftpb/types.js';
import { hex, type PeerContext } from './context.js';

const knownTypes: ReadonlySet<number> = new Set(Object.values(MessageType));
const knownEntries: ReadonlySet<number> = new Set(Object.values(EntryType));

/**
 * `take` it; `ignore` it without a word, as etcd does with what is no business of peers; or `refuse` it, which its
 * sender may hear.
 */
export type Acceptance = { readonly t: 'take' | 'ignore' } | { readonly t: 'refuse'; readonly error: Error };

/** No cluster comes to such a term or index; one step more, and a member could not count on. */
const MOST = 2 ** 52;

const taken: Acceptance = { t: 'take' };
const ignored: Acceptance = { t: 'ignore' };

export function acceptanceOf(message: Message, { local, receiver, logger, emulate }: PeerContext): Acceptance {
  if (!knownTypes.has(message.type) || neverFromPeers.has(message.type)) return ignored;
  if (receiver.isRemoved(message.from)) {
    logger.warn('rejected Raft message from removed member', {
      'local-member-id': hex(local.id),
      'removed-member-id': hex(message.from),
    });
    return { t: 'refuse', error: new Error('cannot process message from removed member') };
  }
  const wrong = impossibleIn(message);
  if (wrong !== undefined) {
    logger.warn('rejected Raft message that no member sends', {
      'local-member-id': hex(local.id),
      from: hex(message.from),
      error: wrong,
    });
    return { t: 'refuse', error: new Error(`cannot process message: ${wrong}`) };
  }
  if (message.to === local.id) return taken;
  if (!differenceOf('refusesMessagesToOthers', emulate)) return ignored;
  logger.warn('rejected Raft message to mismatch member', {
    'local-member-id': hex(local.id),
    'mismatch-member-id': hex(message.to),
  });
  return { t: 'refuse', error: new Error('cannot process message to mismatch member') };
}

/**
 * What would stop this member, or its log, for good. `etcd-diff:` etcd takes any term, and panics at entries with gaps
 * and at unknown ones.
 */
function impossibleIn({ type, term, logTerm, index, commit, rejectHint, entries }: Message): string | undefined {
  if (Math.max(term, logTerm, index, commit, rejectHint) > MOST) return 'a term or an index that no cluster comes to';
  if (type !== MessageType.MsgApp) return undefined;
  for (const [at, entry] of entries.entries()) {
    if (entry.index !== index + 1 + at) return `entry ${entry.index} does not follow ${index + at}`;
    if (entry.term > term) return `entry of term ${entry.term} in a message of term ${term}`;
    if (!knownEntries.has(entry.type)) return `entry of unknown type ${entry.type}`;
  }
  return undefined;
}
