/** Which messages a member takes from the network. */

import { differenceOf } from '../lib/emulate.js';
import { neverFromPeers } from '../raftpb/local-messages.js';
import { type Message, MessageType } from '../raftpb/types.js';
import { hex, type PeerContext } from './context.js';
import { impossibleIn, lacksTerm } from './impossible.js';

const knownTypes: ReadonlySet<number> = new Set(Object.values(MessageType));

/**
 * `take` it; `ignore` it without a word, as etcd does with what is no business of peers; or `refuse` it, which its
 * sender may hear.
 */
export type Acceptance = { readonly t: 'take' | 'ignore' } | { readonly t: 'refuse'; readonly error: Error };

const taken: Acceptance = { t: 'take' };
const ignored: Acceptance = { t: 'ignore' };

export function acceptanceOf(message: Message, context: PeerContext): Acceptance {
  const { local, receiver, logger } = context;
  if (!knownTypes.has(message.type) || neverFromPeers.has(message.type)) return ignored;
  if (receiver.isRemoved(message.from)) {
    logger.warn('rejected Raft message from removed member', {
      'local-member-id': hex(local.id),
      'removed-member-id': hex(message.from),
    });
    return { t: 'refuse', error: new Error('cannot process message from removed member') };
  }
  if (message.to !== local.id) return meantForOthers(message, context);
  // Answered like any other, as by etcd, where it is obeyed.
  if (lacksTerm(message)) return ignored;
  const wrong = impossibleIn(message, local.id);
  if (wrong === undefined) return taken;
  logger.warn('rejected Raft message that no member sends', {
    'local-member-id': hex(local.id),
    from: hex(message.from),
    error: wrong,
  });
  return { t: 'refuse', error: new Error(`cannot process message: ${wrong}`) };
}

function meantForOthers(message: Message, { local, logger, emulate }: PeerContext): Acceptance {
  if (!differenceOf('refusesMessagesToOthers', emulate)) return ignored;
  logger.warn('rejected Raft message to mismatch member', {
    'local-member-id': hex(local.id),
    'mismatch-member-id': hex(message.to),
  });
  return { t: 'refuse', error: new Error('cannot process message to mismatch member') };
}
